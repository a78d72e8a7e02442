"""The packet that policy is held against: the first one of a connection, all later ones follow it."""

from __future__ import annotations

from calico.model.net import parse_address, parse_network
from calico.model.protocols import protocol_number
from calico.model.record import record

_ICMP, _UDP, _ICMPV6 = 1, 17, 58
_REQUESTS = {(_ICMP, 8), (_ICMP, 13), (_ICMP, 15), (_ICMP, 17), (_ICMPV6, 128), (_ICMPV6, 139)}
_UNTRACKED = {130, 131, 132, 133, 134, 135, 136, 137, 143}

NEIGHBOUR_TYPES = (130, 131, 132, 133, 135, 136)
"""MLD query, report and done; router solicitation; neighbour solicitation and advertisement (RFC 4890, 4.4.1)."""
MLDV2_REPORT = 143
_LINK_SOURCES = tuple(map(parse_network, ("::/128", "fe80::/10")))


@record
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


def begins_connection(packet: Packet) -> bool:
    """Whether the kernel's connection tracker lets the packet stand at the beginning of a connection.

    Of ICMP only requests do, and what it leaves alone; the rest passes as part of a connection or drops as invalid
    (Linux, nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c).
    """
    if packet.icmp_type is None or (packet.protocol, packet.icmp_type) in _REQUESTS:
        return True
    return packet.protocol == _ICMPV6 and packet.icmp_type in _UNTRACKED


def always_reaches_host(packet: Packet) -> bool:
    """Whether a packet of an endpoint to its own host passes whatever policy says: what a network needs to work.

    Neighbour discovery, DHCP (RFC 2131), DHCPv6 (RFC 8415) and DNS over UDP.
    """
    if packet.protocol == _ICMPV6 and packet.version == 6:
        return packet.icmp_type in NEIGHBOUR_TYPES
    dhcp = (68, 67) if packet.version == 4 else (546, 547)
    return packet.protocol == _UDP and (packet.dst_port == 53 or (packet.src_port, packet.dst_port) == dhcp)


def is_neighbour_discovery(packet: Packet) -> bool:
    """Whether a host on a link may send the packet before it has an address of its own (RFC 4861, RFC 3810)."""
    if packet.version != 6 or packet.protocol != _ICMPV6 or packet.icmp_type not in (*NEIGHBOUR_TYPES, MLDV2_REPORT):
        return False
    return any(network.contains(parse_address(packet.src)[1]) for network in _LINK_SOURCES)


def _version(address: str) -> int:
    return 6 if ":" in address else 4
