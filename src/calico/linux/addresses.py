"""IP addresses on the host's own interfaces.

Source: rtnetlink(7), linux/if_addr.h.
"""

import functools
import struct
from collections.abc import Callable
from dataclasses import dataclass

from calico.linux.messages import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    Message,
    Request,
    pack_attribute,
    pack_u32,
    parse_attributes,
    unpack_struct,
)
from calico.linux.netlink import NETLINK_ROUTE, NetlinkSocket, SocketOwner, open_netlink
from calico.linux.routes import pack_address, unpack_address
from calico.model.errors import ValidationError
from calico.model.net import format_address, split_cidr

_RTM_NEWADDR = 20
_RTM_DELADDR = 21
_RTM_GETADDR = 22

_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_FLAGS = 8
_NODAD = 0x02

_FAMILY = {4: 2, 6: 10}
_VERSION = {2: 4, 10: 6}
_SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254}
_SCOPE_NAMES = {number: name for name, number in _SCOPES.items()}

_IFADDR = struct.Struct("=BBBBI")
"""ifaddrmsg: family, prefix length, flags, scope, interface index."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address of the host: canonical ``cidr`` with host bits, on ``device``, valid within ``scope``."""

    device: str
    cidr: str
    scope: str = "global"


class Addresses(SocketOwner):
    """Adds, deletes and lists addresses in the network namespace in which the object was made."""

    def __init__(self, sock: NetlinkSocket | None = None) -> None:
        super().__init__(sock or open_netlink(NETLINK_ROUTE))

    def add(self, address: Address, *, nodad: bool = False) -> None:
        """Put an address on a device; AlreadyExistsError when it is there.

        ``nodad`` makes an IPv6 address usable at once, without the second that duplicate detection takes.
        """
        payload = self._payload(address) + (pack_u32(_IFA_FLAGS, _NODAD) if nodad else b"")
        flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
        self._socket.call(Request(_RTM_NEWADDR, payload, flags), f"add address {address.cidr} to {address.device}")

    def delete(self, address: Address) -> None:
        """Take an address off a device; NotFoundError when it is not there."""
        self._socket.call(
            Request(_RTM_DELADDR, self._payload(address)),
            f"delete address {address.cidr} from {address.device}",
        )

    def list(self, device: str | None = None) -> tuple[Address, ...]:
        """The addresses of one device (NotFoundError when there is none), or of all."""
        index = 0 if device is None else self._socket.index_of(device)
        messages = self._socket.dump(Request(_RTM_GETADDR, _IFADDR.pack(0, 0, 0, 0, index)), "list addresses")
        names = functools.cache(self._socket.name_of)
        found = []
        for message in messages:
            if message.kind != _RTM_NEWADDR:
                continue
            number, address = parse_address_message(message, names)
            if address is not None and index in (0, number):
                found.append(address)
        return tuple(found)

    def _payload(self, address: Address) -> bytes:
        version, value, length = split_cidr(address.cidr)
        if address.scope not in _SCOPES:
            raise ValidationError(f"{address.scope!r} is not a scope: use {', '.join(_SCOPES)}")
        index = self._socket.index_of(address.device)
        packed = pack_address(format_address(version, value), version)
        header = _IFADDR.pack(_FAMILY[version], length, 0, _SCOPES[address.scope], index)
        return header + pack_attribute(_IFA_LOCAL, packed) + pack_attribute(_IFA_ADDRESS, packed)


def parse_address_message(message: Message, device_name: Callable[[int], str | None]) -> tuple[int, Address | None]:
    """The interface index and the address of an RTM_NEWADDR message; no address when it is no IP address.

    ``device_name`` gives the name of an index, ``None`` for a device that is gone: then its address is too.
    """
    family, length, _, scope, index = unpack_struct(_IFADDR, message.payload)
    attributes = parse_attributes(message.payload, _IFADDR.size)
    local = attributes.get(_IFA_LOCAL, attributes.get(_IFA_ADDRESS))
    name = device_name(index)
    if family not in _VERSION or local is None or name is None:
        return index, None
    text = unpack_address(_VERSION[family], local)
    return index, Address(name, f"{text}/{length}", _SCOPE_NAMES.get(scope, str(scope)))
