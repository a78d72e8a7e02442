"""The part of a host that routes: links, routes, addresses and kernel settings, without a kernel.

It has the kernel's habits that matter: a link that goes, or goes down, takes its routes along without a word; a
forwarding switch of the whole host sets those of all interfaces; a setting exists as long as its interface does.
"""

import contextlib
import os
from collections.abc import Sequence

from calico.linux.addresses import Address
from calico.linux.links import Link
from calico.linux.monitor import Event, LinkEvent
from calico.linux.netlink import Lost
from calico.linux.routes import ROUTE_PROTOCOL, Route
from calico.linux.sysctl import Key
from calico.model.errors import AlreadyExistsError, ApplyError, CalicoError, NotFoundError, UnavailableError
from calico.model.net import parse_network

_DEFAULTS: dict[Key, str] = {
    ("net", "ipv4", "conf", "*", "rp_filter"): "0",
    ("net", "ipv4", "conf", "*", "proxy_arp"): "0",
    ("net", "ipv4", "conf", "*", "forwarding"): "0",
    ("net", "ipv4", "neigh", "*", "proxy_delay"): "80",
    ("net", "ipv6", "conf", "*", "forwarding"): "0",
    ("net", "ipv6", "conf", "*", "proxy_ndp"): "0",
    ("net", "ipv6", "conf", "*", "accept_ra"): "1",
}


class FakeEvents:
    """A monitor: what ``add`` is given, ``read`` gives once; readable for a selector meanwhile."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK)
        self._events: list[Event] = []
        self._faults: list[CalicoError] = []

    def fail_next(self, fault: CalicoError) -> None:
        """Be readable, and then fail."""
        self._faults.append(fault)
        os.eventfd_write(self._fd, 1)

    def add(self, *events: Event) -> None:
        self._events += events
        os.eventfd_write(self._fd, 1)

    def fileno(self) -> int:
        return self._fd

    def read(self, timeout: float = 0.0) -> Sequence[Event]:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._fd)
        if self._faults:
            raise self._faults.pop()
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        os.close(self._fd)


class FakeSettings:
    """Kernel settings by key; ``writes`` keeps every write; ``faults`` maps a key to what its write raises."""

    def __init__(self, *, ipv6: bool = True) -> None:
        self.values: dict[Key, str] = {("net", "ipv4", "ip_forward"): "0"}
        if ipv6:
            self.values["net", "ipv6", "conf", "all", "forwarding"] = "0"
        self.writes: list[tuple[Key, str]] = []
        self.faults: dict[Key, CalicoError] = {}
        self._ipv6 = ipv6

    def add_interface(self, name: str) -> None:
        for key, value in _DEFAULTS.items():
            if self._ipv6 or "ipv6" not in key:
                self.values[tuple(name if part == "*" else part for part in key)] = value

    def remove_interface(self, name: str) -> None:
        for key in [key for key in self.values if name in key]:
            del self.values[key]

    def read(self, key: Key) -> str:
        if key not in self.values:
            raise NotFoundError(f"there is no setting {'/'.join(key)}")
        return self.values[key]

    def write(self, key: Key, value: str | int) -> None:
        self.read(key)
        if key in self.faults:
            raise self.faults[key]
        self.writes.append((key, str(value)))
        self.values[key] = str(value)


class FakeRouter:
    """Links with their settings and routes. What happens to a link is told to ``events`` unless it is said not to."""

    def __init__(self, *, ipv6: bool = True) -> None:
        self.settings = FakeSettings(ipv6=ipv6)
        self.events = FakeEvents()
        self.links = FakeLinks()
        self.routes = FakeRoutes(self.links)
        self.addresses = FakeAddresses(self.routes)
        self._next_index = 1

    def close(self) -> None:
        self.events.close()

    def add_link(self, name: str, *, up: bool = True, told: bool = True) -> int:
        """Make a link; one that exists under the name is replaced."""
        if name in self.links.all:
            self.remove_link(name, told=told)
        self._next_index += 1
        self.links.all[name] = Link(name, self._next_index, None, up, up, 1500, "veth")
        self.settings.add_interface(name)
        self._tell(name, told=told)
        return self._next_index

    def remove_link(self, name: str, *, told: bool = True) -> None:
        link = self.links.all.pop(name)
        self.settings.remove_interface(name)
        self.routes.drop_device(name)
        if told:
            self.events.add(LinkEvent(name, link.index, link.up, link.running, None, deleted=True))

    def set_link(self, name: str, *, up: bool, told: bool = True) -> None:
        link = self.links.all[name]
        self.links.all[name] = Link(name, link.index, None, up, up, 1500, "veth")
        if not up:
            self.routes.drop_device(name)
        self._tell(name, told=told)

    def rename_link(self, name: str, new: str) -> None:
        link = self.links.all.pop(name)
        self.settings.remove_interface(name)
        self.settings.add_interface(new)
        self.links.all[new] = Link(new, link.index, None, link.up, link.running, 1500, "veth")
        self._tell(new, told=True)

    def lose_events(self) -> None:
        self.events.read()
        self.events.add(Lost())

    def index(self, name: str) -> int | None:
        link = self.links.all.get(name)
        return link.index if link else None

    def _tell(self, name: str, *, told: bool) -> None:
        link = self.links.all[name]
        if told:
            self.events.add(LinkEvent(name, link.index, link.up, link.running, None, deleted=False))


class FakeLinks:
    """``down`` makes every call fail."""

    def __init__(self) -> None:
        self.all: dict[str, Link] = {}
        self.down = False

    def list(self, prefix: str = "") -> tuple[Link, ...]:
        if self.down:
            raise UnavailableError("the kernel does not answer (test)")
        return tuple(link for name, link in self.all.items() if name.startswith(prefix))


class FakeRoutes:
    """The main table. ``changes`` counts what was asked to be set or deleted; ``faults`` are by destination."""

    def __init__(self, links: FakeLinks) -> None:
        self.all: set[Route] = set()
        self.changes = 0
        self.faults: dict[str, CalicoError] = {}
        self._links = links

    @property
    def ours(self) -> dict[str, str | None]:
        """Destination and device of the routes that carry our mark."""
        return {route.destination: route.device for route in self.all if route.protocol == ROUTE_PROTOCOL}

    def drop_device(self, name: str) -> None:
        self.all = {route for route in self.all if route.device != name}

    def replace_all(self, routes: Sequence[Route]) -> tuple[CalicoError | None, ...]:
        return tuple(map(self._replace, routes))

    def add_all(self, routes: Sequence[Route]) -> tuple[CalicoError | None, ...]:
        return tuple(map(self._add, routes))

    def delete_all(self, routes: Sequence[Route]) -> tuple[CalicoError | None, ...]:
        return tuple(map(self._delete, routes))

    def list(
        self, version: int, *, protocol: int | None = None, device_prefix: str | None = None
    ) -> tuple[Route, ...]:
        self._links.list()
        family = {route for route in self.all if parse_network(route.destination).version == version}
        return tuple(
            route
            for route in family
            if protocol in (None, route.protocol) and (route.device or "").startswith(device_prefix or "")
        )

    def get(self, address: str) -> Route | None:
        wanted = parse_network(address)
        found = [route for route in self.all if parse_network(route.destination).covers(wanted)]
        return max(found, key=lambda route: parse_network(route.destination).length, default=None)

    def gateways(self, version: int) -> frozenset[str]:
        return frozenset(route.gateway for route in self.list(version) if route.gateway)

    def _add(self, route: Route) -> CalicoError | None:
        if any((other.destination, other.metric) == (route.destination, route.metric) for other in self.all):
            self.changes += 1
            return AlreadyExistsError(f"cannot add route {route.destination}: file exists")
        return self._replace(route)

    def _replace(self, route: Route) -> CalicoError | None:
        self.changes += 1
        link = self._links.all.get(route.device or "")
        if link is None:
            return NotFoundError(f"cannot set route {route.destination}: no such device")
        if not link.up:
            return ApplyError(f"cannot set route {route.destination}: network is down")
        if route.destination in self.faults:
            return self.faults[route.destination]
        self.all = {other for other in self.all if other.destination != route.destination} | {route}
        return None

    def _delete(self, route: Route) -> CalicoError | None:
        self.changes += 1
        if route.destination in self.faults:
            return self.faults[route.destination]
        if route not in self.all:
            return NotFoundError(f"cannot delete route {route.destination}: no such process")
        self.all.discard(route)
        return None


class FakeAddresses:
    """Addresses of the host, each with its route; ``fault`` is what the next ``add`` raises."""

    def __init__(self, routes: FakeRoutes) -> None:
        self.all: list[Address] = []
        self.fault: CalicoError | None = None
        self._routes = routes

    def add(self, address: Address, *, nodad: bool = False) -> None:
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        if address in self.all:
            raise AlreadyExistsError(f"cannot add address {address.cidr}: file exists")
        self.all.append(address)
        self._routes.all.add(Route(address.cidr, address.device, kind="local", protocol=2))
