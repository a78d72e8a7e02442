"""Routes: where the host sends packets for a destination. Only the main table is read and written.

Source: rtnetlink(7), ip-route(8).
"""

import errno
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from calico.linux.devices import DeviceNames, index_of
from calico.linux.messages import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    Message,
    Request,
    pack_attribute,
    pack_u32,
    parse_attributes,
    unpack_struct,
    unpack_uint,
)
from calico.linux.netlink import NETLINK_ROUTE, NetlinkSocket
from calico.model.errors import CalicoError, NotFoundError, ValidationError
from calico.model.net import address_of, bits, canonical_address, format_address, parse_address, parse_network

ROUTE_PROTOCOL = 67
"""The mark of our routes: unassigned in iproute2's rt_protos, and none of a known routing daemon."""

RTM_NEWROUTE = 24
RTM_DELROUTE = 25
_RTM_GETROUTE = 26

_RTA_DST = 1
_RTA_OIF = 4
_RTA_GATEWAY = 5
_RTA_PRIORITY = 6
_RTA_PREFSRC = 7
_RTA_TABLE = 15

_MAIN_TABLE = 254
_SCOPE_GLOBAL = 0
_SCOPE_LINK = 253
_CLONED = 0x200
_IPV6_METRIC = 1024
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
_KIND_NAMES = {number: name for name, number in _KINDS.items()}
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL})
"""What the kernel answers to a lookup that ends nowhere, or at a blackhole (EINVAL)."""

_RTMSG = struct.Struct("=BBBBBBBBI")
"""rtmsg: family, destination length, source length, tos, table, protocol, scope, type, flags."""


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


class Routes:
    """Reads and writes the main table of the network namespace in which the object was made."""

    def __init__(self, sock: NetlinkSocket | None = None) -> None:
        self._socket = sock or NetlinkSocket(NETLINK_ROUTE)

    def __enter__(self) -> "Routes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def replace(self, route: Route) -> None:
        """Put the route in, in place of one with the same destination and metric.

        Raises NotFoundError when its device does not exist, ApplyError when the kernel refuses it (the
        device is down, the gateway is not reachable).
        """
        self._socket.call(self._replacement(route), f"set route {route.destination}")

    def delete(self, route: Route) -> None:
        """Take the route out; NotFoundError when there is none with all these properties."""
        self._socket.call(self._removal(route), f"delete route {route.destination}")

    def replace_all(self, routes: Sequence[Route]) -> tuple[CalicoError | None, ...]:
        """``replace`` for many, far cheaper than one by one; for each its error or ``None``, in order."""
        return self._each(routes, self._replacement, "set")

    def delete_all(self, routes: Sequence[Route]) -> tuple[CalicoError | None, ...]:
        """``delete`` for many; for each its error or ``None``, in order."""
        return self._each(routes, self._removal, "delete")
