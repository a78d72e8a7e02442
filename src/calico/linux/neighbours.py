"""Neighbours: which MAC address answers for an IP address on a link.

Source: rtnetlink(7), linux/neighbour.h.
"""

import struct
from dataclasses import dataclass
from types import TracebackType

from calico.linux.devices import index_of
from calico.linux.messages import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    Request,
    pack_attribute,
    parse_attributes,
    unpack_struct,
)
from calico.linux.netlink import NETLINK_ROUTE, NetlinkSocket
from calico.linux.routes import pack_address, unpack_address
from calico.model.names import canonical_mac
from calico.model.net import parse_address

_RTM_NEWNEIGH = 28
_RTM_DELNEIGH = 29
_RTM_GETNEIGH = 30

_NDA_DST = 1
_NDA_LLADDR = 2
_PERMANENT = 0x80

_FAMILY = {4: 2, 6: 10}
_VERSION = {2: 4, 10: 6}

_NDMSG = struct.Struct("=BxxxiHBB")
"""ndmsg: family, interface index, state, flags, type."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """``address`` on ``device`` has this MAC; ``permanent`` entries are never asked for nor forgotten."""

    device: str
    address: str
    mac: str
    permanent: bool = True


class Neighbours:
    """Sets, deletes and lists neighbours in the network namespace in which the object was made."""

    def __init__(self, sock: NetlinkSocket | None = None) -> None:
        self._socket = sock or NetlinkSocket(NETLINK_ROUTE)

    def __enter__(self) -> "Neighbours":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def replace(self, device: str, address: str, mac: str) -> None:
        """Make a permanent entry, in place of any other for the address."""
        lladdr = bytes.fromhex(canonical_mac(mac).replace(":", ""))
        payload = self._payload(device, address, _PERMANENT) + pack_attribute(_NDA_LLADDR, lladdr)
        flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE
        self._socket.call(Request(_RTM_NEWNEIGH, payload, flags), f"set neighbour {address} on {device}")

    def delete(self, device: str, address: str) -> None:
        """Forget an entry; NotFoundError when there is none."""
        payload = self._payload(device, address, 0)
        self._socket.call(Request(_RTM_DELNEIGH, payload), f"delete neighbour {address} on {device}")

    def list(self, device: str) -> tuple[Neighbour, ...]:
        """The entries of a device whose MAC is known; NotFoundError when there is no such device."""
        index = index_of(self._socket, device)
        messages = self._socket.dump(
            Request(_RTM_GETNEIGH, _NDMSG.pack(0, 0, 0, 0, 0)), f"list neighbours of {device}"
        )
        found = []
        for message in messages:
            family, number, state, _, _ = unpack_struct(_NDMSG, message.payload)
            attributes = parse_attributes(message.payload, _NDMSG.size)
            mac = attributes.get(_NDA_LLADDR)
            if number == index and family in _VERSION and mac and _NDA_DST in attributes:
                address = unpack_address(_VERSION[family], attributes[_NDA_DST])
                found.append(Neighbour(device, address, mac.hex(":"), bool(state & _PERMANENT)))
        return tuple(found)

    def _payload(self, device: str, address: str, state: int) -> bytes:
        version, _ = parse_address(address)
        header = _NDMSG.pack(_FAMILY[version], index_of(self._socket, device), state, 0, 0)
        return header + pack_attribute(_NDA_DST, pack_address(address, version))
