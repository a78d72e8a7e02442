"""The connection tracker: forgetting what it knows of an address.

A connection that is tracked passes as established, whoever holds its address by now. So an address that changes hands
must be forgotten first.

Source: linux/netfilter/nfnetlink_conntrack.h, and the kernel's nf_conntrack_netlink.c for filtered dumps. A kernel
before 5.8 knows no filter and sends everything; what it sends is compared here in any case.
"""

import struct
from collections.abc import Collection, Iterator

from calico.linux.messages import (
    NLM_F_ACK,
    Message,
    Request,
    pack_attribute,
    pack_nested,
    pack_u32,
    parse_attributes,
)
from calico.linux.netlink import NETLINK_NETFILTER, NetlinkSocket, SocketOwner, open_netlink
from calico.linux.routes import pack_address
from calico.model.errors import NotFoundError
from calico.model.net import parse_address

_SUBSYSTEM = 1 << 8
_NEW, _GET, _DELETE = _SUBSYSTEM | 0, _SUBSYSTEM | 1, _SUBSYSTEM | 2

_TUPLES = (1, 2)
"""CTA_TUPLE_ORIG and CTA_TUPLE_REPLY; the attributes for the flags of a filter have the same numbers."""

_TUPLE_IP = 1
_ENDS = {4: (1, 2), 6: (3, 4)}
"""CTA_IP_V4_SRC and CTA_IP_V4_DST; the same for IPv6."""

_END_FLAGS = (1 << 0, 1 << 1)
"""Flags of a filter that ask for the source and for the destination."""

_ID, _FILTER = 12, 25
_AF = {4: 2, 6: 10}
_NFGENMSG = struct.Struct("!BBH")


class ConnectionTracker(SocketOwner):
    """Deletes tracked connections of the network namespace in which the object was made."""

    def __init__(self, sock: NetlinkSocket | None = None) -> None:
        super().__init__(sock or open_netlink(NETLINK_NETFILTER))

    def forget(self, addresses: Collection[str]) -> int:
        """Delete every connection that one of these addresses takes part in, on either side of a translation.

        Returns how many there were. Established packets of theirs are judged as new ones from now on.
        """
        found: dict[bytes, Request] = {}
        for address in addresses:
            for message in self._connections_of(address):
                request = _deletion(message)
                found[request.payload] = request  # one connection is listed for each of its ends
        requests = tuple(found.values())
        for answer in self._socket.ask_all(requests):
            error = answer.error("delete a tracked connection")
            if error is not None and not isinstance(error, NotFoundError):  # it may have ended by itself
                raise error
        return len(requests)

    def _connections_of(self, address: str) -> Iterator[Message]:
        version, _ = parse_address(address)
        wanted = pack_address(address, version)
        for tuple_kind in _TUPLES:
            for end_kind, flag in zip(_ENDS[version], _END_FLAGS, strict=True):
                end = pack_nested(_TUPLE_IP, pack_attribute(end_kind, wanted))
                payload = _NFGENMSG.pack(_AF[version], 0, 0) + pack_nested(tuple_kind, end)
                if version == 4:  # the filter for IPv6 sends what does not match, in every kernel that was tried
                    payload += pack_nested(_FILTER, pack_u32(tuple_kind, flag))
                for message in self._socket.dump(Request(_GET, payload), "list tracked connections"):
                    if message.kind == _NEW and _end(message, tuple_kind, end_kind) == wanted:
                        yield message


def _end(message: Message, tuple_kind: int, end_kind: int) -> bytes | None:
    """The address at one end of one direction of a connection."""
    ends = parse_attributes(message.payload, _NFGENMSG.size).get(tuple_kind, b"")
    return parse_attributes(parse_attributes(ends).get(_TUPLE_IP, b"")).get(end_kind)


def _deletion(message: Message) -> Request:
    """The request to delete the connection of a listed message; its id keeps a later one of the same ends alive."""
    attributes = parse_attributes(message.payload, _NFGENMSG.size)
    payload = message.payload[: _NFGENMSG.size] + pack_nested(_TUPLES[0], attributes.get(_TUPLES[0], b""))
    if _ID in attributes:
        payload += pack_attribute(_ID, attributes[_ID])
    return Request(_DELETE, payload, NLM_F_ACK)
