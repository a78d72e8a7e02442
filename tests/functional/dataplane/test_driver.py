"""A driver on the real kernel: real interfaces, real packets."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from calico.linux.links import Links
from calico.model.errors import UnavailableError
from calico.model.values import ProfileRules, Rule
from calico.updates import EndpointUpdate, IPSetDelta, ProfileUpdate
from tests.functional.dataplane.host import (
    DROPPED_AFTER,
    OPEN,
    PATIENCE,
    PORT,
    Container,
    Host,
    connects,
    network,
    removal,
)

pytestmark = pytest.mark.kernel

SETTINGS = {
    "net.ipv4.conf.{}.rp_filter": "1",
    "net.ipv4.conf.{}.proxy_arp": "1",
    "net.ipv4.conf.{}.forwarding": "1",
    "net.ipv4.neigh.{}.proxy_delay": "0",
    "net.ipv6.conf.{}.forwarding": "1",
    "net.ipv6.conf.{}.proxy_ndp": "1",
    "net.ipv6.conf.{}.accept_ra": "0",
}


def settings(host: Host, container: Container) -> dict[str, str]:
    return {name: host.setting(name.format(container.interface.replace(".", "/"))) for name in SETTINGS}


def test_packets_flow_as_policy_says_once_an_endpoint_is_up(host: Host) -> None:
    a, b, c = host.container(1, ["one"]), host.container(2, ["one"]), host.container(3, ["two"])
    with host.driver() as driver:
        driver.start(*network("one", a, b), *network("two", c))
        for container in (a, b, c):
            host.plug(container)
            driver.wait_up(container)

        assert connects(a.netns, b.netns, b.address)
        assert connects(b.netns, a.netns, a.address)
        assert not connects(c.netns, a.netns, a.address)
        assert not connects(a.netns, c.netns, c.address)

        # The other network gets in by a tag, and out again.
        rules = ProfileRules((Rule("allow", src_tag="one"), Rule("allow", src_tag="two")), (Rule("allow"),))
        driver.send(ProfileUpdate("one", rules))
        driver.wait_up(a)
        assert connects(c.netns, a.netns, a.address)
        driver.send(IPSetDelta("two", frozenset(), frozenset({c.address})))
        driver.wait_up(a)
        assert not connects(c.netns, a.netns, a.address)

        assert settings(host, a) == SETTINGS
        assert host.routes() == {(container.address, container.interface) for container in (a, b, c)}


def test_ipv6_is_policed_and_routed_alike(host: Host) -> None:
    a, b = (host.container(number, ["one"], ipv6=True) for number in (1, 2))
    c = host.container(3, ["two"], ipv6=True)
    with host.driver() as driver:
        driver.start(*network("one", a, b), *network("two", c))
        for container in (a, b, c):
            host.plug(container)
            driver.wait_up(container)

        assert host.setting("net.ipv6.conf.all.forwarding") == "1"
        assert host.routes(6) == {(f"fd00:65::{n}", container.interface) for n, container in enumerate((a, b, c), 1)}
        assert connects(a.netns, b.netns, "fd00:65::2")
        assert not connects(c.netns, b.netns, "fd00:65::2")

        host.unplug(b)
        driver.send(removal(b))
        driver.wait_up(a)
        assert "fd00:65::2" not in {destination for destination, _ in host.routes(6)}


def test_host_keeps_its_address_and_its_gateway(host: Host) -> None:
    own, gateway, other = (host.container(number, ["one"]) for number in (1, 2, 3))
    lan = host.container(9, [])
    with host.netns.entered(), Links() as links:
        links.create_veth("eth0", "lan0", peer_namespace=lan.netns.namespace.fileno())
    lan.netns.run("ip", "link", "set", "lan0", "up")
    host.netns.run("ip", "address", "add", f"{own.address}/24", "dev", "eth0")
    host.netns.run("ip", "route", "add", "default", "via", gateway.address)
    with host.driver() as driver:
        driver.start(*network("one", own, gateway, other))
        for container in (own, gateway, other):
            host.plug(container)
        driver.wait_up(other)
        for container, use in ((own, "an address of this host itself"), (gateway, "a gateway of this host")):
            with pytest.raises(UnavailableError, match=f"{container.address}/32 is {use}: "):
                driver.wait_up(container, timeout=DROPPED_AFTER)

        assert host.routes() == {(other.address, other.interface)}
        (default,) = host.netns.ip("-4", "route", "get", gateway.address)
        assert default["dev"] == "eth0"


def test_profile_that_the_kernel_refuses_drops_alone(host: Host) -> None:
    a, b = host.container(1, ["one"]), host.container(2, ["one"])
    poisoned = host.container(3, ["poison", "one"])
    with host.driver() as driver:
        driver.start(*network("one", a, poisoned))
        # It looks into a set that nobody sent.
        rules = ProfileRules((Rule("allow", src_tag="nowhere"),), (Rule("allow"),))
        driver.send(ProfileUpdate("poison", rules), EndpointUpdate(poisoned.key, poisoned.endpoint))
        driver.send(EndpointUpdate(b.key, b.endpoint), IPSetDelta("one", frozenset({b.address}), frozenset()))
        for container in (a, b, poisoned):
            host.plug(container)
            driver.wait_up(container)

        assert driver.statuses.snapshot().blocked_profiles == ("poison",)
        assert connects(a.netns, b.netns, b.address)
        assert not connects(a.netns, poisoned.netns, poisoned.address)

        driver.send(ProfileUpdate("poison", OPEN))
        driver.wait_up(a)
        assert driver.statuses.snapshot().blocked_profiles == ()
        assert connects(a.netns, poisoned.netns, poisoned.address)


def test_interface_before_its_endpoint_is_closed(host: Host) -> None:
    a, b = host.container(1, ["one"]), host.container(2, ["one"])
    with host.driver() as driver:
        driver.start(*network("one", a))
        for container in (a, b):
            host.plug(container)
        driver.wait_up(a)
        with pytest.raises(UnavailableError, match="no valid, active endpoint"):
            driver.wait_up(b, timeout=0.0)
        host.netns.run("ip", "route", "add", b.endpoint.ipv4_nets[0], "dev", b.interface)
        assert not connects(b.netns, a.netns, a.address)

        driver.send(EndpointUpdate(b.key, b.endpoint), IPSetDelta("one", frozenset({b.address}), frozenset()))
        driver.wait_up(b)
        assert connects(b.netns, a.netns, a.address)


def test_endpoint_removed_is_closed_and_made_again_is_open(host: Host) -> None:
    a, b = host.container(1, ["one"]), host.container(2, ["one"])
    with host.driver() as driver:
        driver.start(*network("one", a, b))
        host.plug(a)
        host.plug(b)
        driver.wait_up(b)

        driver.send(removal(b))
        driver.wait_up(a)
        assert host.routes() == {(a.address, a.interface)}
        assert not connects(b.netns, a.netns, a.address)

        host.unplug(b)
        driver.send(EndpointUpdate(b.key, b.endpoint))
        host.plug(b)
        driver.wait_up(b)
        assert connects(b.netns, a.netns, a.address)


def test_interface_made_anew_or_down_and_up_works_again(host: Host) -> None:
    a, b = host.container(1, ["one"]), host.container(2, ["one"])
    with host.driver() as driver:
        driver.start(*network("one", a, b))
        for container in (a, b):
            host.plug(container)
            driver.wait_up(container)

        host.unplug(b)
        host.plug(b)
        driver.wait_up(b)
        assert settings(host, b) == SETTINGS
        assert connects(a.netns, b.netns, b.address)

        host.netns.run("ip", "link", "set", b.interface, "down")
        host.netns.run("ip", "link", "set", b.interface, "up")
        driver.send()
        driver.wait_up(b)
        wait_for(lambda: (b.address, b.interface) in host.routes())
        assert connects(a.netns, b.netns, b.address)


def test_nothing_is_written_before_in_sync(host: Host) -> None:
    a = host.container(1, ["one"])
    host.plug(a)
    before = settings(host, a)
    with host.driver() as driver:
        driver.send(*network("one", a), in_sync=False)
        with pytest.raises(UnavailableError, match="has not read the whole datastore yet"):
            driver.wait_up(a, timeout=0.2)

        assert host.netns.run("nft", "list", "ruleset") == ""
        assert host.setting("net.ipv4.ip_forward") == "0"
        assert (settings(host, a), host.routes()) == (before, set())
        assert host.netns.ip("address", "show", "lo", "scope", "host")[0]["addr_info"][0]["local"] == "127.0.0.1"

        driver.start()
        driver.wait_up(a)
        assert host.setting("net.ipv4.ip_forward") == "1"


def test_stopping_is_quick_and_leaves_all_in_the_kernel(host: Host) -> None:
    a, b = host.container(1, ["one"]), host.container(2, ["one"])
    with host.driver() as driver:
        driver.start(*network("one", a, b))
        for container in (a, b):
            host.plug(container)
            driver.wait_up(container)
        ruleset = host.netns.run("nft", "list", "ruleset")
        started = time.monotonic()
    assert time.monotonic() - started < 1.0

    assert host.netns.run("nft", "list", "ruleset") == ruleset
    assert connects(a.netns, b.netns, b.address)


@pytest.mark.parametrize("default_route", [True, False])
def test_containers_reach_their_gateway(host: Host, default_route: bool) -> None:
    a, b = host.container(1, ["one"]), host.container(2, ["one"])
    if default_route:
        host.netns.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
        host.netns.run("ip", "address", "add", "192.0.2.2/24", "dev", "up0")
        host.netns.run("ip", "link", "set", "up0", "up")
        host.netns.run("ip", "route", "add", "default", "via", "192.0.2.1")
    with host.driver() as driver:
        driver.start(*network("one", a, b))
        for container in (a, b):
            host.plug(container)
            driver.wait_up(container)

        assert ("169.254.1.1/32" in host.netns.run("ip", "address", "show", "lo")) is not default_route
        assert connects(a.netns, b.netns, b.address)


def test_check_puts_back_what_a_stranger_changed(host: Host) -> None:
    a, b = host.container(1, ["one"]), host.container(2, ["one"])
    with host.driver(check_interval=0.1) as driver:
        driver.start(*network("one", a, b))
        for container in (a, b):
            host.plug(container)
            driver.wait_up(container)

        host.netns.run("ip", "route", "del", b.endpoint.ipv4_nets[0])
        host.netns.run("ip", "route", "add", "10.65.9.9/32", "dev", a.interface, "protocol", "67")
        host.netns.run("sysctl", "-qw", f"net.ipv4.conf.{a.interface}.proxy_arp=0", "net.ipv4.ip_forward=0")

        wanted = {(a.address, a.interface), (b.address, b.interface)}
        wait_for(lambda: host.routes() == wanted)
        wait_for(lambda: settings(host, a) == SETTINGS)
        wait_for(lambda: host.setting("net.ipv4.ip_forward") == "1")
        assert connects(a.netns, b.netns, b.address)
        wait_for(lambda: driver.statuses.snapshot().repairs >= 4)


@pytest.mark.parametrize(
    "command",
    [
        ("flush", "ruleset"),
        ("delete", "table", "inet", "calico"),
        ("flush", "chain", "inet", "calico", "cali-forward-to"),
        ("flush", "map", "inet", "calico", "cali-to"),
        ("insert", "rule", "inet", "calico", "cali-forward-to", "accept"),
    ],
)
def test_what_others_do_to_our_table_is_put_right_at_once(host: Host, command: tuple[str, ...]) -> None:
    a, b = host.container(1, ["one"]), host.container(2, ["two"])
    with host.driver(check_interval=3600.0) as driver:
        driver.start(*network("one", a), *network("two", b))
        for container in (a, b):
            host.plug(container)
            driver.wait_up(container)
        ruleset = host.netns.run("nft", "list", "ruleset")

        host.netns.run("nft", *command)

        wait_for(lambda: host.netns.run("nft", "list", "ruleset") == ruleset)
        assert not connects(b.netns, a.netns, a.address)
        wait_for(lambda: driver.statuses.snapshot().repairs > 0)


def test_take_over_neither_opens_nor_cuts(host: Host) -> None:
    a, b, c = host.container(1, ["one"]), host.container(2, ["one"]), host.container(3, ["two"])
    gone = host.container(4, ["one"])
    snapshot = *network("one", a, b), *network("two", c)
    with host.driver() as driver:
        driver.start(*snapshot, EndpointUpdate(gone.key, gone.endpoint))
        for container in (a, b, c, gone):
            host.plug(container)
            driver.wait_up(container)
        assert (gone.address, gone.interface) in host.routes()

    with new_connections(a, b) as permitted, probes(c, b) as forbidden, one_connection(a, b) as lasting:
        for _ in range(3):
            with host.driver() as driver:
                driver.start(*snapshot)
                driver.wait_up(b)
                assert driver.statuses.snapshot().repairs == 0
                assert host.routes() == {(item.address, item.interface) for item in (a, b, c)}
        wait_for(lambda: permitted.done > 20 and forbidden.done > 20 and lasting.done > 20)

    assert (permitted.lost, lasting.lost) == (0, 0)
    assert forbidden.lost == forbidden.done
    assert gone.interface not in host.netns.run("nft", "list", "table", "inet", "calico")


class Stream:
    """Exchanges that go on until the block ends: how many were ``done``, and how many of them ``lost``."""

    def __init__(self) -> None:
        self.done = 0
        self.lost = 0
        self.stopping = threading.Event()


@contextmanager
def streaming(exchange: Callable[[], bool], stream: Stream) -> Iterator[Stream]:
    def loop() -> None:
        # The pause is the stream's rate.
        while not stream.stopping.wait(0.002):
            stream.lost += not exchange()
            stream.done += 1

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield stream
    finally:
        stream.stopping.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


@contextmanager
def new_connections(client: Container, server: Container) -> Iterator[Stream]:
    """One new TCP connection after the other."""
    with server.netns.entered():
        listener = socket.create_server((server.address, PORT))

    def connect() -> bool:
        with closing(client_socket(client, socket.SOCK_STREAM)) as sender:
            sender.settimeout(PATIENCE)
            try:
                sender.connect((server.address, PORT))
            except OSError:
                return False
            listener.accept()[0].close()
            return True

    with closing(listener), streaming(connect, Stream()) as stream:
        yield stream


@contextmanager
def one_connection(client: Container, server: Container) -> Iterator[Stream]:
    """Words to and fro on one TCP connection."""
    with server.netns.entered():
        listener = socket.create_server((server.address, PORT + 1))
    near = client_socket(client, socket.SOCK_STREAM)
    near.connect((server.address, PORT + 1))
    far = listener.accept()[0]
    for end in (near, far):
        end.settimeout(PATIENCE)

    def exchange() -> bool:
        near.sendall(b"ping")
        far.sendall(far.recv(4))
        return near.recv(4) == b"ping"

    with closing(listener), closing(near), closing(far), streaming(exchange, Stream()) as stream:
        yield stream


@contextmanager
def probes(client: Container, server: Container) -> Iterator[Stream]:
    """Datagrams that should all be lost; each from a new port, so that each meets policy."""
    with server.netns.entered():
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind((server.address, PORT + 2))

    def probe() -> bool:
        with closing(client_socket(client, socket.SOCK_DGRAM)) as sender:
            sender.sendto(b"probe", (server.address, PORT + 2))
        return False

    with closing(receiver):
        with streaming(probe, Stream()) as stream:
            yield stream
        stream.lost -= arrivals(receiver)


def arrivals(receiver: socket.socket) -> int:
    """How many datagrams have come and still come."""
    receiver.settimeout(DROPPED_AFTER)
    count = 0
    with suppress(TimeoutError):
        while receiver.recv(16):
            count += 1
    return count


def client_socket(container: Container, kind: int) -> socket.socket:
    with container.netns.entered():
        return socket.socket(socket.AF_INET, kind)


def wait_for(condition: Callable[[], bool]) -> None:
    """Return when it holds; fails the test when that takes too long. For what nobody announces."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)
