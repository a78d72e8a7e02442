"""Routes: where the host sends packets for a destination. Only the main table is read and written.

Source: rtnetlink(7), ip-route(8).
"""

import errno
import functools
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from calico.linux.messages import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    Message,
    Request,
    pack_attribute,
    pack_u32,
    parse_attributes,
    unpack_struct,
    unpack_uint,
)
from calico.linux.netlink import NETLINK_ROUTE, NetlinkSocket, SocketOwner, open_netlink
from calico.model.errors import CalicoError, NotFoundError, ValidationError
from calico.model.net import bits, format_address, parse_address, parse_network

ROUTE_PROTOCOL = 67
"""The mark of our routes: unassigned in iproute2's rt_protos, and none of a known routing daemon."""

RTM_NEWROUTE = 24
RTM_DELROUTE = 25
DEFAULT_METRIC = {4: 0, 6: 1024}
"""What a metric of 0 means, by IP version."""

_RTM_GETROUTE = 26

_RTA_DST = 1
_RTA_OIF = 4
_RTA_GATEWAY = 5
_RTA_PRIORITY = 6
_RTA_PREFSRC = 7
_RTA_MULTIPATH = 9
_RTA_CACHE_INFO = 12
_RTA_TABLE = 15

_MAIN_TABLE = 254
_SCOPE_GLOBAL = 0
_SCOPE_LINK = 253
_SCOPE_NOWHERE = 255
_CLONED = 0x200
_ON_LINK = 0x4
_FAMILY = {4: 2, 6: 10}
_VERSION = {2: 4, 10: 6}
_KINDS = {
    "unicast": 1,
    "local": 2,
    "broadcast": 3,
    "anycast": 4,
    "multicast": 5,
    "blackhole": 6,
    "unreachable": 7,
    "prohibit": 8,
    "throw": 9,
}
_DROPPING = frozenset({"blackhole", "unreachable", "prohibit"})
_KIND_NAMES = {number: name for name, number in _KINDS.items()}
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL})
"""What the kernel answers to a lookup that ends nowhere, or at a blackhole (EINVAL)."""

_RTMSG = struct.Struct("=BBBBBBBBI")
"""rtmsg: family, destination length, source length, tos, table, protocol, scope, type, flags."""

_NEXTHOP = struct.Struct("=HBBi")
"""rtnexthop: length with its attributes, flags, hops, interface index."""

IndexOf = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Route:
    """One route; as listed from the kernel it equals the value that was given to it.

    ``destination`` is canonical CIDR text. Without a ``gateway`` it is directly on the link. ``device`` is
    the interface's name, ``None`` for a ``kind`` that drops (``blackhole``, ``unreachable``, ``prohibit``)
    and for a route over several devices. ``metric`` 0 is the family's default. ``source`` is the address
    that the host's own packets take.
    """

    destination: str
    device: str | None = None
    gateway: str | None = None
    kind: str = "unicast"
    protocol: int = ROUTE_PROTOCOL
    metric: int = 0
    source: str | None = None


class Routes(SocketOwner):
    """Reads and writes the main table of the network namespace in which the object was made."""

    def __init__(self, sock: NetlinkSocket | None = None) -> None:
        super().__init__(sock or open_netlink(NETLINK_ROUTE))

    def replace(self, route: Route) -> None:
        """Put the route in, in place of one with the same destination and metric.

        Raises NotFoundError when its device does not exist, ApplyError when the kernel refuses it (the
        device is down, the gateway is not reachable).
        """
        self._socket.call(_replacement(route, self._socket.index_of), f"set route {route.destination}")

    def delete(self, route: Route) -> None:
        """Take the route out; NotFoundError when there is none with all these properties."""
        self._socket.call(_removal(route, self._socket.index_of), f"delete route {route.destination}")

    def replace_all(self, routes: Sequence[Route]) -> tuple[CalicoError | None, ...]:
        """``replace`` for many, far cheaper than one by one; for each its error or ``None``, in order."""
        return self._each(routes, _replacement, "set")

    def add_all(self, routes: Sequence[Route]) -> tuple[CalicoError | None, ...]:
        """Put many in; AlreadyExistsError for each whose destination has a route of this metric, which stays."""
        return self._each(routes, _addition, "add")

    def delete_all(self, routes: Sequence[Route]) -> tuple[CalicoError | None, ...]:
        """``delete`` for many; for each its error or ``None``, in order."""
        return self._each(routes, _removal, "delete")

    def set_metric(self, route: Route, metric: int) -> None:
        """Give a route another metric; all else that the kernel knows of it, such as more next hops, stays.

        The new one is there before the old one goes, so packets always find a way. Raises NotFoundError when
        there is no such route, AlreadyExistsError when its destination has one with this metric.
        """
        what = f"set the metric of route {route.destination} to {metric}"
        version = parse_network(route.destination).version
        for message in self._dump(version, route.protocol):
            if message.kind == RTM_NEWROUTE and parse_route(message, self._socket.name_of) == route:
                break
        else:
            raise NotFoundError(f"cannot {what}: there is no such route")
        flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
        self._socket.call(Request(RTM_NEWROUTE, _with_metric(message.payload, metric), flags), what)
        old = route.metric or DEFAULT_METRIC[version]
        self._socket.call(Request(RTM_DELROUTE, _with_metric(message.payload, old)), what)

    def list(
        self, version: int, *, protocol: int | None = None, device_prefix: str | None = None
    ) -> tuple[Route, ...]:
        """The routes of IPv4 or IPv6, of one ``protocol`` and of devices with a name prefix if given."""
        messages = self._dump(version, protocol)
        device_name = functools.cache(self._socket.name_of)
        routes = (parse_route(message, device_name) for message in messages if message.kind == RTM_NEWROUTE)
        # A kernel without IPv6 answers with all families that it has.
        return tuple(
            route
            for route in routes
            if route is not None
            and (":" in route.destination) == (version == 6)
            and protocol in (None, route.protocol)
            and (device_prefix is None or (route.device or "").startswith(device_prefix))
        )

    def gateways(self, version: int) -> frozenset[str]:
        """The addresses that routes of IPv4 or IPv6 pass packets on to, those of several next hops too."""
        return frozenset(
            unpack_address(version, gateway)
            for message in self._dump(version, None)
            if message.kind == RTM_NEWROUTE
            for gateway in _gateways(message, version)
        )

    def get(self, address: str) -> Route | None:
        """The route that a packet of this host to ``address`` takes; ``None`` when it goes nowhere.

        Its destination is the address alone; ``kind`` is ``local`` for an address of the host itself.
        """
        version, value = parse_address(address)
        length = bits(version)
        payload = _RTMSG.pack(_FAMILY[version], length, 0, 0, 0, 0, 0, 0, 0)
        payload += pack_attribute(_RTA_DST, value.to_bytes(length // 8, "big"))
        answer = self._socket.ask(Request(_RTM_GETROUTE, payload, flags=0))
        if answer.errno in _NO_ROUTE:
            return None
        error = answer.error(f"find the route to {address}")
        if error is not None:
            raise error
        return _parse(answer.messages[0], self._socket.name_of)

    def _dump(self, version: int, protocol: int | None) -> Sequence[Message]:
        payload = _RTMSG.pack(_FAMILY[version], 0, 0, 0, _MAIN_TABLE, protocol or 0, 0, 0, 0)
        try:
            return self._socket.dump(Request(_RTM_GETROUTE, payload), f"list IPv{version} routes")
        except NotFoundError:
            return ()  # the kernel makes the table with its first route

    def _each(
        self, routes: Sequence[Route], make: Callable[[Route, IndexOf], Request], verb: str
    ) -> tuple[CalicoError | None, ...]:
        index_of = functools.cache(self._socket.index_of)
        outcomes: dict[int, CalicoError | None] = {}
        requests: dict[int, Request] = {}
        for position, route in enumerate(routes):
            try:
                requests[position] = make(route, index_of)
            except CalicoError as error:
                outcomes[position] = error
        answers = self._socket.ask_all(tuple(requests.values()))
        for position, answer in zip(requests, answers, strict=True):
            outcomes[position] = answer.error(f"{verb} route {routes[position].destination}")
        return tuple(outcomes[position] for position in range(len(routes)))


def pack_address(text: str, version: int) -> bytes:
    """Address text in network order; ValidationError when it is of the other family."""
    found, value = parse_address(text)
    if found != version:
        raise ValidationError(f"{text!r} is not an IPv{version} address")
    return value.to_bytes(bits(version) // 8, "big")


def unpack_address(version: int, value: bytes) -> str:
    """An address attribute as canonical text."""
    if len(value) != bits(version) // 8:
        raise ValidationError(f"IPv{version} address of {len(value)} bytes")
    return format_address(version, int.from_bytes(value, "big"))


def parse_route(message: Message, device_name: Callable[[int], str | None]) -> Route | None:
    """The route of an RTM_NEWROUTE or RTM_DELROUTE message; ``None`` when it is not in the main table.

    ``device_name`` gives the name of an index.
    """
    family, *_, table, _, _, _, flags = unpack_struct(_RTMSG, message.payload)
    if family not in _VERSION or flags & _CLONED:
        return None
    attributes = parse_attributes(message.payload, _RTMSG.size)
    if _RTA_TABLE in attributes:
        table = unpack_uint(attributes[_RTA_TABLE])
    return _parse(message, device_name) if table == _MAIN_TABLE else None


def _gateways(message: Message, version: int) -> Iterator[bytes]:
    """The gateways of a listed route of the main table and of this IP version."""
    family, *_, table, _, _, _, _ = unpack_struct(_RTMSG, message.payload)
    attributes = parse_attributes(message.payload, _RTMSG.size)
    if _RTA_TABLE in attributes:
        table = unpack_uint(attributes[_RTA_TABLE])
    if family != _FAMILY[version] or table != _MAIN_TABLE:
        return
    if _RTA_GATEWAY in attributes:
        yield attributes[_RTA_GATEWAY]
    hops = attributes.get(_RTA_MULTIPATH, b"")
    while hops:
        length, *_ = unpack_struct(_NEXTHOP, hops)
        if not _NEXTHOP.size <= length <= len(hops):
            raise ValidationError(f"next hop says {length} bytes, {len(hops)} are there")
        hop = parse_attributes(hops[:length], _NEXTHOP.size)
        if _RTA_GATEWAY in hop:
            yield hop[_RTA_GATEWAY]
        hops = hops[(length + 3) & ~3 :]


def _parse(message: Message, device_name: Callable[[int], str | None]) -> Route:
    family, length, _, _, _, protocol, _, kind, _ = unpack_struct(_RTMSG, message.payload)
    attributes = parse_attributes(message.payload, _RTMSG.size)
    if family not in _VERSION or length > bits(_VERSION[family]):
        raise ValidationError(f"route of family {family} with a prefix of {length} bits")
    version = _VERSION[family]
    base = unpack_address(version, attributes.get(_RTA_DST, bytes(bits(version) // 8)))
    gateway, source = attributes.get(_RTA_GATEWAY), attributes.get(_RTA_PREFSRC)
    metric = unpack_uint(attributes[_RTA_PRIORITY]) if _RTA_PRIORITY in attributes else 0
    name = _KIND_NAMES.get(kind, str(kind))
    device = device_name(unpack_uint(attributes[_RTA_OIF])) if _RTA_OIF in attributes else None
    if version == 6:
        metric = 0 if metric == DEFAULT_METRIC[6] else metric
        # The kernel lists a route that drops under the loopback device, whatever was asked.
        device = None if name in _DROPPING else device
    return Route(
        destination=f"{base}/{length}",
        device=device,
        gateway=unpack_address(version, gateway) if gateway else None,
        kind=name,
        protocol=protocol,
        metric=metric,
        source=unpack_address(version, source) if source else None,
    )


def _replacement(route: Route, index_of: IndexOf) -> Request:
    return _new(route, index_of, NLM_F_REPLACE)


def _addition(route: Route, index_of: IndexOf) -> Request:
    return _new(route, index_of, NLM_F_EXCL)


def _new(route: Route, index_of: IndexOf, if_present: int) -> Request:
    # IPv4 wants to be told what is on the link; IPv6 knows no scopes of routes.
    on_link = route.gateway is None and route.kind == "unicast" and ":" not in route.destination
    scope = _SCOPE_LINK if on_link else _SCOPE_GLOBAL
    return Request(RTM_NEWROUTE, _payload(route, scope, index_of), NLM_F_ACK | NLM_F_CREATE | if_present)


def _with_metric(payload: bytes, metric: int) -> bytes:
    """A route as the kernel listed it, as a request for one with this metric; what only a listing has is left out."""
    *header, flags = unpack_struct(_RTMSG, payload)
    attributes = parse_attributes(payload, _RTMSG.size)
    kept = {kind: value for kind, value in attributes.items() if kind not in (_RTA_PRIORITY, _RTA_CACHE_INFO)}
    parts = [pack_attribute(kind, value) for kind, value in kept.items()]
    return _RTMSG.pack(*header, flags & _ON_LINK) + b"".join(parts) + pack_u32(_RTA_PRIORITY, metric)


def _removal(route: Route, index_of: IndexOf) -> Request:
    return Request(RTM_DELROUTE, _payload(route, _SCOPE_NOWHERE, index_of))


def _payload(route: Route, scope: int, index_of: IndexOf) -> bytes:
    network = parse_network(route.destination)
    if route.kind not in _KINDS:
        raise ValidationError(f"{route.kind!r} is not a kind of route")
    if not 0 <= route.protocol <= 255:
        raise ValidationError(f"{route.protocol} is not a route protocol number: 0 to 255")
    family, kind = _FAMILY[network.version], _KINDS[route.kind]
    destination = network.base.to_bytes(bits(network.version) // 8, "big")
    parts = [
        _RTMSG.pack(family, network.length, 0, 0, _MAIN_TABLE, route.protocol, scope, kind, 0),
        pack_attribute(_RTA_DST, destination),
    ]
    if route.device is not None:
        parts.append(pack_u32(_RTA_OIF, index_of(route.device)))
    for attribute, address in ((_RTA_GATEWAY, route.gateway), (_RTA_PREFSRC, route.source)):
        if address is not None:
            parts.append(pack_attribute(attribute, pack_address(address, network.version)))
    if route.metric:
        parts.append(pack_u32(_RTA_PRIORITY, route.metric))
    return b"".join(parts)
