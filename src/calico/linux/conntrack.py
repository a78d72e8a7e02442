"""The connection tracker: forgetting what it knows of an address.

A connection that is tracked passes as established, whoever holds its address by now. So an address that changes hands
must be forgotten first.

Source: linux/netfilter/nfnetlink_conntrack.h.
"""

import struct
from collections.abc import Collection, Iterator

from calico.linux.messages import (
    NLM_F_ACK,
    Message,
    Request,
    pack_attribute,
    pack_nested,
    parse_attributes,
)
from calico.linux.netlink import NETLINK_NETFILTER, NetlinkSocket, SocketOwner, open_netlink
from calico.linux.routes import pack_address, unpack_address
from calico.model.errors import NotFoundError
from calico.model.net import parse_address

_SUBSYSTEM = 1 << 8
_NEW, _GET, _DELETE = _SUBSYSTEM | 0, _SUBSYSTEM | 1, _SUBSYSTEM | 2

_TUPLES = (1, 2)
"""CTA_TUPLE_ORIG and CTA_TUPLE_REPLY."""

_TUPLE_IP = 1
_ENDS = (1, 2, 3, 4)
"""CTA_IP_V4_SRC, CTA_IP_V4_DST, CTA_IP_V6_SRC, CTA_IP_V6_DST."""

_ID = 12
_NFGENMSG = struct.Struct("!BBH")


class ConnectionTracker(SocketOwner):
    """Reads and deletes tracked connections of the network namespace in which the object was made.

    Each call walks the kernel's whole table once. It has no index by address, and its own filter costs a walk for
    each end of each direction.
    """

    def __init__(self, sock: NetlinkSocket | None = None) -> None:
        super().__init__(sock or open_netlink(NETLINK_NETFILTER))

    def addresses(self) -> frozenset[str]:
        """Every address that takes part in a tracked connection, on either side of a translation."""
        found = {end for message in self._connections() for end in _ends(message)}
        return frozenset(unpack_address(4 if len(end) == 4 else 6, end) for end in found)

    def forget(self, addresses: Collection[str]) -> int:
        """Delete every connection that one of these addresses takes part in, on either side of a translation.

        Returns how many there were. Established packets of theirs are judged as new ones from now on.
        """
        if not addresses:
            return 0
        wanted = {pack_address(address, parse_address(address)[0]) for address in addresses}
        requests = [_deletion(message) for message in self._connections() if not wanted.isdisjoint(_ends(message))]
        for answer in self._socket.ask_all(requests):
            error = answer.error("delete a tracked connection")
            if error is not None and not isinstance(error, NotFoundError):  # it may have ended by itself
                raise error
        return len(requests)

    def _connections(self) -> Iterator[Message]:
        messages = self._socket.dump(Request(_GET, _NFGENMSG.pack(0, 0, 0)), "list tracked connections")
        return (message for message in messages if message.kind == _NEW)


def _ends(message: Message) -> Iterator[bytes]:
    """The addresses at both ends of both directions of a connection."""
    attributes = parse_attributes(message.payload, _NFGENMSG.size)
    for kind in _TUPLES:
        ends = parse_attributes(parse_attributes(attributes.get(kind, b"")).get(_TUPLE_IP, b""))
        yield from (value for end, value in ends.items() if end in _ENDS)


def _deletion(message: Message) -> Request:
    """The request to delete the connection of a listed message; its id keeps a later one of the same ends alive."""
    attributes = parse_attributes(message.payload, _NFGENMSG.size)
    payload = message.payload[: _NFGENMSG.size] + pack_nested(_TUPLES[0], attributes.get(_TUPLES[0], b""))
    if _ID in attributes:
        payload += pack_attribute(_ID, attributes[_ID])
    return Request(_DELETE, payload, NLM_F_ACK)
