"""The packet that policy is held against: the first one of a connection, all later ones follow it."""

from dataclasses import dataclass

from calico.model.protocols import protocol_number


@dataclass(frozen=True, slots=True)
class Packet:
    """Addresses are canonical text of one IP version; ``protocol`` is the IANA number.

    Ports exist for protocols that have them, ``icmp_type`` and ``icmp_code`` for ICMP and ICMPv6.
    """

    version: int
    src: str
    dst: str
    protocol: int
    src_port: int | None = None
    dst_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None


def tcp(src: str, dst: str, dst_port: int, src_port: int = 40000) -> Packet:
    """The first segment of a TCP connection."""
    return Packet(_version(src), src, dst, protocol_number("tcp"), src_port, dst_port)


def udp(src: str, dst: str, dst_port: int, src_port: int = 40000) -> Packet:
    """A UDP datagram."""
    return Packet(_version(src), src, dst, protocol_number("udp"), src_port, dst_port)


def ping(src: str, dst: str) -> Packet:
    """An echo request: ICMP type 8 (RFC 792) or ICMPv6 type 128 (RFC 4443)."""
    if _version(src) == 4:
        return Packet(4, src, dst, protocol_number("icmp"), icmp_type=8, icmp_code=0)
    return Packet(6, src, dst, protocol_number("icmpv6"), icmp_type=128, icmp_code=0)


def _version(address: str) -> int:
    return 6 if ":" in address else 4
