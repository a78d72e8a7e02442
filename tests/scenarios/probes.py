"""Probes as text: ``SENDER>RECEIVER WHAT [OPTION …] yes|no``.

    WHAT      tcp/80   udp/53:4000 (from source port 4000)   icmp/8   icmp/3.1 (code 1)   icmpv6/128   proto/99
    v6        use the IPv6 addresses
    as A      the sender claims the address A
    at A      the packet goes to the address A
    seen A    the packet must arrive with source address A
    answered  the receiver's reply to an earlier probe, back to the sender
    refused   the receiver's ICMP error about an earlier probe, back to the sender
    continued a later packet of the connection that an earlier probe began

``yes`` means that the packet arrives. Probes with the same ends and ports belong to one connection.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from calico.model.protocols import protocol_number
from calico.model.record import replace
from calico.rules.packet import Packet
from tests.scenarios.places import PLACES

KINDS = ("answered", "refused", "continued")
_REPLY_TYPES = {(1, 8): 0, (58, 128): 129}


@dataclass(frozen=True)
class Probe:
    """One packet from ``sender`` to ``receiver``; for an answer these are the ends of the packet itself."""

    text: str
    sender: str
    receiver: str
    packet: Packet
    kind: str
    arrives: bool
    seen_as: str
    spoofed: bool

    @property
    def original(self) -> Packet:
        """The first packet of the connection."""
        return reverse(self.packet) if self.kind in ("answered", "refused") else self.packet


def parse_probe(text: str) -> Probe:
    """Text to probe; the end must be ``yes`` or ``no``."""
    ends, what, *options, verdict = text.split()
    assert verdict in ("yes", "no"), text
    sender, receiver = ends.split(">")
    words = iter(options)
    version, kind, src, dst, seen = 6 if what.startswith("icmpv6") else 4, "new", "", "", ""
    for word in words:
        if word == "v6":
            version = 6
        elif word in KINDS:
            kind = word
        elif word == "as":
            src = next(words)
        elif word == "at":
            dst = next(words)
        else:
            assert word == "seen", text
            seen = next(words)
    packet = _packet(
        what, version, src or PLACES[sender].addresses[version], dst or PLACES[receiver].addresses[version]
    )
    if kind in ("answered", "refused"):
        sender, receiver, packet = receiver, sender, reverse(packet)
    return Probe(text, sender, receiver, packet, kind, verdict == "yes", seen, bool(src))


def reverse(packet: Packet) -> Packet:
    """The reply to a packet, or the request to a reply."""
    types = {**_REPLY_TYPES, **{(protocol, reply): kind for (protocol, kind), reply in _REPLY_TYPES.items()}}
    icmp_type = packet.icmp_type
    return replace(
        packet,
        src=packet.dst,
        dst=packet.src,
        src_port=packet.dst_port,
        dst_port=packet.src_port,
        icmp_type=None if icmp_type is None else types.get((packet.protocol, icmp_type), icmp_type),
    )


def waves(probes: list[Probe]) -> Iterator[list[Probe]]:
    """Probes in their order, cut where a packet refers to an earlier one; those of one wave may go at once."""
    wave: list[Probe] = []
    for probe in probes:
        if wave and wave[-1].kind != probe.kind:
            yield wave
            wave = []
        wave.append(probe)
    if wave:
        yield wave


def _packet(what: str, version: int, src: str, dst: str) -> Packet:
    name, _slash, detail = what.partition("/")
    if name == "proto":
        return Packet(version, src, dst, int(detail))
    number = protocol_number(name)
    if name in ("icmp", "icmpv6"):
        icmp_type, _dot, code = detail.partition(".")
        return Packet(version, src, dst, number, icmp_type=int(icmp_type), icmp_code=int(code or 0))
    dst_port, _colon, src_port = detail.partition(":")
    return Packet(version, src, dst, number, int(src_port or 40000), int(dst_port))
