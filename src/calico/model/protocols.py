"""IP protocols that rules may name, and what may be asked of each (IANA protocol numbers)."""

from calico.model.errors import ValidationError

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "dccp": 33, "icmpv6": 58, "sctp": 132, "udplite": 136}
PORT_PROTOCOLS = frozenset({"tcp", "udp", "dccp", "sctp", "udplite"})
_NAMES = {number: name for name, number in PROTOCOLS.items()}
FAMILY_OF = {"icmp": 4, "icmpv6": 6}
"""Protocols that exist in one IP version only."""


def canonical_protocol(value: object) -> str:
    """A protocol by name, or by number 1..255 (int or text), as the one spelling we keep."""
    if isinstance(value, str) and value.lower() in PROTOCOLS:
        return value.lower()
    number = value if isinstance(value, int) and not isinstance(value, bool) else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 3:
        number = int(value)
    if number is None or not 1 <= number <= 255:
        raise ValidationError(f"{value!r} is not a protocol: use {', '.join(PROTOCOLS)} or a number 1..255")
    return _NAMES.get(number, str(number))


def protocol_number(protocol: str) -> int:
    """The IANA number of a canonical protocol."""
    return PROTOCOLS[protocol] if protocol in PROTOCOLS else int(protocol)
