"""Neighbours: which MAC address answers for an IP address on a link.

Source: rtnetlink(7), linux/neighbour.h.
"""

import struct
from dataclasses import dataclass

from calico.linux.messages import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    Message,
    Request,
    pack_attribute,
    parse_attributes,
    unpack_struct,
)
from calico.linux.netlink import NETLINK_ROUTE, NetlinkSocket, SocketOwner, open_netlink
from calico.linux.routes import pack_address, unpack_address
from calico.model.names import canonical_mac
from calico.model.net import parse_address

_RTM_NEWNEIGH = 28
_RTM_DELNEIGH = 29
_RTM_GETNEIGH = 30

_NDA_DST = 1
_NDA_LLADDR = 2
_NOARP = 0x40
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


class Neighbours(SocketOwner):
    """Sets, deletes and lists neighbours in the network namespace in which the object was made."""

    def __init__(self, sock: NetlinkSocket | None = None) -> None:
        super().__init__(sock or open_netlink(NETLINK_ROUTE))

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
        """The entries of a device whose MAC is known, without multicast; NotFoundError for no such device."""
        index = self._socket.index_of(device)
        messages = self._socket.dump(
            Request(_RTM_GETNEIGH, _NDMSG.pack(0, 0, 0, 0, 0)), f"list neighbours of {device}"
        )
        entries = (parse_neighbour(message, device) for message in messages if message.kind == _RTM_NEWNEIGH)
        return tuple(entry for number, entry in entries if number == index and entry is not None)

    def _payload(self, device: str, address: str, state: int) -> bytes:
        version, _ = parse_address(address)
        header = _NDMSG.pack(_FAMILY[version], self._socket.index_of(device), state, 0, 0)
        return header + pack_attribute(_NDA_DST, pack_address(address, version))


def parse_neighbour(message: Message, device: str) -> tuple[int, Neighbour | None]:
    """The interface index and the entry of an RTM_NEWNEIGH message; no entry without a MAC of a host."""
    family, index, state, _, _ = unpack_struct(_NDMSG, message.payload)
    attributes = parse_attributes(message.payload, _NDMSG.size)
    address, mac = attributes.get(_NDA_DST), attributes.get(_NDA_LLADDR)
    if family not in _VERSION or not mac or not address or state & _NOARP:
        return index, None
    text = unpack_address(_VERSION[family], address)
    return index, Neighbour(device, text, mac.hex(":"), bool(state & _PERMANENT))
