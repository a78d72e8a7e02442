"""Packets as bytes: RFC 791, 8200, 9293, 768, 792, 4443; just enough of each for a connection tracker to believe."""

import socket
import struct

from calico.model.record import replace
from calico.rules.packet import Packet

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
_SYN, _ACK = 0x02, 0x10
_FLAGS = {"new": _SYN, "answered": _SYN | _ACK, "continued": _ACK}
_CLIENT_SEQUENCE, _SERVER_SEQUENCE = 1000, 5000
_ECHO_ID = 0x1234
_UNREACHABLE = {4: (3, 3), 6: (1, 4)}
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


def packet_bytes(packet: Packet, kind: str, token: bytes) -> bytes:
    """An IP packet that carries ``token``; ``kind`` is that of a probe.

    A ``refused`` one is the ICMP error about the packet that went the other way.
    """
    if kind != "refused":
        return _ip(packet, _transport(packet, kind, token))
    original = replace(packet, src=packet.dst, dst=packet.src, src_port=packet.dst_port, dst_port=packet.src_port)
    number = ICMP if packet.version == 4 else ICMPV6
    icmp_type, code = _UNREACHABLE[packet.version]
    error = Packet(packet.version, packet.src, packet.dst, number, icmp_type=icmp_type, icmp_code=code)
    return _ip(error, _icmp(error, bytes(4) + _ip(original, _transport(original, "new", token))))


def source_of(data: bytes) -> str:
    """The source address of an IP packet."""
    return socket.inet_ntop(*((socket.AF_INET, data[12:16]) if data[0] >> 4 == 4 else (socket.AF_INET6, data[8:24])))


def _transport(packet: Packet, kind: str, payload: bytes) -> bytes:
    if packet.protocol == TCP:
        return _tcp(packet, kind, payload)
    if packet.protocol == UDP:
        header = struct.pack("!HHHH", packet.src_port, packet.dst_port, 8 + len(payload), 0)
        return _with_checksum(packet, header + payload, 6)
    if packet.icmp_type is not None:
        return _icmp(packet, struct.pack("!HH", _ECHO_ID, 1) + payload)
    return payload


def _tcp(packet: Packet, kind: str, payload: bytes) -> bytes:
    sequence, acknowledged = {
        "new": (_CLIENT_SEQUENCE, 0),
        "answered": (_SERVER_SEQUENCE, _CLIENT_SEQUENCE + 1),
        "continued": (_CLIENT_SEQUENCE + 1 + len(payload), _SERVER_SEQUENCE + 1),
    }[kind]
    ports = (packet.src_port, packet.dst_port)
    header = struct.pack("!HHIIBBHHH", *ports, sequence, acknowledged, 5 << 4, _FLAGS[kind], 64000, 0, 0)
    return _with_checksum(packet, header + payload, 16)


def _icmp(packet: Packet, rest: bytes) -> bytes:
    data = struct.pack("!BBH", packet.icmp_type, packet.icmp_code, 0) + rest
    if packet.protocol == ICMPV6:
        return _with_checksum(packet, data, 2)
    return data[:2] + struct.pack("!H", _checksum(data)) + data[4:]


def _ip(packet: Packet, payload: bytes) -> bytes:
    addresses = b"".join(_packed(packet.version, address) for address in (packet.src, packet.dst))
    if packet.version == 6:
        hop_limit = 255
        return struct.pack("!IHBB", 6 << 28, len(payload), packet.protocol, hop_limit) + addresses + payload
    start = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, packet.protocol, 0)
    checksum = struct.pack("!H", _checksum(start + addresses))
    return start[:10] + checksum + addresses + payload


def _with_checksum(packet: Packet, data: bytes, offset: int) -> bytes:
    addresses = b"".join(_packed(packet.version, address) for address in (packet.src, packet.dst))
    pseudo_header = addresses + struct.pack("!II", len(data), packet.protocol)
    return data[:offset] + struct.pack("!H", _checksum(pseudo_header + data)) + data[offset + 2 :]


def _packed(version: int, address: str) -> bytes:
    return socket.inet_pton(_FAMILY[version], address)


def _checksum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
