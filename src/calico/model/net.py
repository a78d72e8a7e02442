"""Addresses and networks: strict parsing to one canonical text form, and to integers for arithmetic.

Text is the form kept in values and in the datastore; integers are for the engine's inner loops, where
``ipaddress`` objects cost several times as much.
"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton  # socket adds enumerations that take 4 ms to make

from calico.model.errors import ValidationError
from calico.model.record import ordered_record

_BITS = {4: 32, 6: 128}
_AF = {4: AF_INET, 6: AF_INET6}


@ordered_record
class Network:
    """An IP network: ``version`` 4 or 6, ``base`` the masked network address, ``length`` the prefix length."""

    version: int
    base: int
    length: int

    @property
    def size(self) -> int:
        """How many addresses the network holds."""
        return 1 << (_BITS[self.version] - self.length)

    @property
    def last(self) -> int:
        """The highest address, as an integer."""
        return self.base + self.size - 1

    def contains(self, address: int) -> bool:
        """Whether ``address`` (of the same family) lies in the network."""
        return self.base <= address <= self.last

    def covers(self, other: Network) -> bool:
        """Whether ``other`` lies wholly inside this network."""
        return self.version == other.version and self.length <= other.length and self.contains(other.base)

    def overlaps(self, other: Network) -> bool:
        """Whether the two networks share an address."""
        return self.covers(other) or other.covers(self)

    def __str__(self) -> str:
        return f"{format_address(self.version, self.base)}/{self.length}"


def bits(version: int) -> int:
    """Length of an address of this IP version, in bits."""
    return _BITS[version]


def format_address(version: int, value: int) -> str:
    """The canonical text of an address given as an integer."""
    return inet_ntop(_AF[version], value.to_bytes(_BITS[version] // 8, "big"))


def parse_address(text: str) -> tuple[int, int]:
    """Text to ``(version, integer)``.

    Strict: four decimal octets, or IPv6 text of RFC 4291 without a zone; ``10`` or ``192.168`` are refused.
    """
    version = 6 if ":" in text else 4
    try:
        return version, int.from_bytes(inet_pton(_AF[version], text), "big")
    except (OSError, ValueError, UnicodeError):
        raise ValidationError(f"{text!r} is not an IP address") from None


def canonical_address(text: str, version: int | None = None) -> str:
    """The one spelling we keep of an address; refuses another family when ``version`` is given."""
    found, value = parse_address(text)
    if version is not None and found != version:
        raise ValidationError(f"{text!r} is not an IPv{version} address")
    return format_address(found, value)


def split_cidr(text: str) -> tuple[int, int, int]:
    """``"10.1.2.3/8"`` to ``(version, address, length)``; a bare address gets the host length."""
    address, slash, length_text = text.partition("/")
    version, value = parse_address(address)
    if not slash:
        return version, value, _BITS[version]
    if not (length_text.isascii() and length_text.isdigit() and len(length_text) <= 3):
        raise ValidationError(f"{text!r} is not a CIDR")
    length = int(length_text)
    if length > _BITS[version]:
        raise ValidationError(f"{text!r} is not a CIDR: prefix length above {_BITS[version]}")
    return version, value, length


def parse_network(text: str) -> Network:
    """CIDR text to a :class:`Network`, host bits masked away; a bare address is a network of one."""
    version, value, length = split_cidr(text)
    shift = _BITS[version] - length
    return Network(version, value >> shift << shift, length)


def canonical_cidr(text: str, version: int | None = None) -> str:
    """The one spelling we keep of an address with its prefix length; host bits stay as they are."""
    found, value, length = split_cidr(text)
    if version is not None and found != version:
        raise ValidationError(f"{text!r} is not an IPv{version} CIDR")
    return f"{format_address(found, value)}/{length}"


def address_of(cidr: str) -> str:
    """The address part of canonical CIDR text."""
    return cidr.partition("/")[0]
