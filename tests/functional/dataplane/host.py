"""A host in a network namespace with containers in others, policed by a real driver in a thread of its own."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from calico.dataplane.assembly import Dataplane, open_dataplane
from calico.linux.links import Links
from calico.model.keys import EndpointKey
from calico.model.values import Endpoint, ProfileRules, Rule, default_profile
from calico.updates import (
    EndpointRemove,
    EndpointUpdate,
    Flushed,
    HostConfigUpdate,
    IPSetUpdate,
    ProfileUpdate,
    Update,
)
from tests.functional.netns import Netns

PORT = 4000
PATIENCE = 10.0
"""Seconds for what must happen."""
DROPPED_AFTER = 0.4
"""Seconds after which a packet that did not arrive was dropped: the hosts are one machine."""

OPEN = ProfileRules((Rule("allow"),), (Rule("allow"),))


@dataclass(frozen=True)
class Container:
    """A namespace with one interface, as Docker would leave it."""

    key: EndpointKey
    endpoint: Endpoint
    netns: Netns

    @property
    def address(self) -> str:
        return self.endpoint.nets[0].partition("/")[0]

    @property
    def interface(self) -> str:
        return self.endpoint.name


class Host:
    """Everything inside the namespace ``netns``; ``revision`` counts the flushes."""

    def __init__(self, netns: Netns, make_netns: Callable[[], Netns]) -> None:
        self.netns = netns
        self.revision = 0
        self._make_netns = make_netns
        # A new namespace inherits the machine's own setting.
        netns.run("sysctl", "-qw", "net.ipv4.ip_forward=0")

    # The dataplane

    @contextmanager
    def driver(self, check_interval: float = PATIENCE) -> Iterator["RunningDriver"]:
        """A driver that runs until the block ends."""
        with self.netns.entered(), open_dataplane(check_interval=check_interval) as dataplane:
            stop = threading.Event()
            thread = threading.Thread(target=dataplane.driver.run, args=(stop,))
            thread.start()
            try:
                yield RunningDriver(self, dataplane)
            finally:
                stop.set()
                dataplane.driver.wake()
                thread.join(PATIENCE)
                assert not thread.is_alive()

    # Containers

    def container(self, number: int, profiles: Sequence[str], *, ipv6: bool = False) -> Container:
        """A container that is not attached yet."""
        name = f"{number:x}" * 12
        endpoint = Endpoint(
            "active",
            f"cali{name[:11]}",
            "ee:ee:ee:ee:ee:ee",
            tuple(profiles),
            (f"10.65.0.{number}/32",),
            (f"fd00:65::{number:x}/128",) if ipv6 else (),
        )
        return Container(EndpointKey("host", "libnetwork", "libnetwork", name), endpoint, self._make_netns())

    def plug(self, container: Container) -> None:
        """Make the veth pair as Join and Docker do; again, if there is one."""
        for netns in (self.netns, container.netns):
            # Link-local addresses are good at once, without the second that the search for duplicates takes.
            netns.run("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")
        with self.netns.entered(), Links() as links:
            links.create_veth(container.interface, "eth0", peer_namespace=container.netns.namespace.fileno())
        inside = container.netns.run
        inside("ip", "address", "add", container.endpoint.ipv4_nets[0], "dev", "eth0")
        inside("ip", "link", "set", "eth0", "up")
        inside("ip", "route", "add", "169.254.1.1", "dev", "eth0", "scope", "link")
        inside("ip", "route", "add", "default", "via", "169.254.1.1")
        for net in container.endpoint.ipv6_nets:
            inside("ip", "address", "add", net, "dev", "eth0")
            inside("ip", "route", "add", "default", "via", self._link_local(container), "dev", "eth0")

    def _link_local(self, container: Container) -> str:
        """The address of the host's end, which is the container's IPv6 gateway."""
        (link,) = self.netns.ip("-6", "address", "show", "dev", container.interface, "scope", "link")
        return str(link["addr_info"][0]["local"])

    def unplug(self, container: Container) -> None:
        with self.netns.entered(), Links() as links:
            links.delete(container.interface)

    def routes(self, version: int = 4) -> set[tuple[str, str]]:
        """Our routes: destination and device."""
        listed = self.netns.ip(f"-{version}", "route", "show", "proto", "67")
        return {(route["dst"], route["dev"]) for route in listed}

    def setting(self, name: str) -> str:
        return self.netns.run("sysctl", "-n", name).strip()


class RunningDriver:
    """Feeds a driver and waits for it."""

    def __init__(self, host: Host, dataplane: Dataplane) -> None:
        self.host = host
        self.dataplane = dataplane
        self.statuses = dataplane.statuses

    def send(self, *updates: Update, in_sync: bool = True) -> int:
        """Submit updates as one flush; gives its revision."""
        self.host.revision += 1
        self.dataplane.driver.submit((*updates, Flushed(self.host.revision, in_sync)), PATIENCE)
        return self.host.revision

    def start(self, *updates: Update) -> int:
        """The first snapshot: a host that lets its endpoints in, and these updates."""
        return self.send(HostConfigUpdate("RETURN"), *updates)

    def wait_up(self, container: Container, timeout: float = PATIENCE) -> None:
        self.statuses.wait_up(container.key, self.host.revision, timeout)


def network(name: str, *members: Container) -> list[Update]:
    """A network's default profile, and its members' endpoints."""
    addresses = frozenset(net.partition("/")[0] for member in members for net in member.endpoint.nets)
    updates: list[Update] = [IPSetUpdate(name, addresses), ProfileUpdate(name, default_profile(name).rules)]
    return updates + [EndpointUpdate(member.key, member.endpoint) for member in members]


def removal(container: Container) -> EndpointRemove:
    return EndpointRemove(container.key)


def connects(client: Netns, server: Netns, address: str, port: int = PORT) -> bool:
    """Whether a new TCP connection gets through and data with it."""
    with ExitStack() as stack:
        with server.entered():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listener = stack.enter_context(closing(socket.create_server((address, port), family=family)))
        with client.entered():
            sender = stack.enter_context(closing(socket.socket(family)))
        sender.settimeout(DROPPED_AFTER)
        listener.settimeout(PATIENCE)
        try:
            sender.connect((address, port))
        except TimeoutError:
            return False
        accepted = stack.enter_context(closing(listener.accept()[0]))
        sender.sendall(b"data")
        accepted.settimeout(PATIENCE)
        return accepted.recv(4) == b"data"
