"""What is sent, as people write it: ``tcp/80``, ``icmp``, ``icmp/8/0``, ``47``.

    traffic = protocol ["/" port] | "icmp" ["/" type ["/" code]] | "icmpv6" ["/" type ["/" code]]

``icmp`` alone is an echo request of either IP version; with a type it is IPv4's. Protocols that have ports need one.
"""

from __future__ import annotations

from calico.model.errors import ValidationError
from calico.model.protocols import FAMILY_OF, PORT_PROTOCOLS, canonical_protocol, protocol_number
from calico.model.record import record
from calico.rules.packet import Packet

EPHEMERAL_PORT = 40000
"""Stands for the source port that a sender's kernel picks, which is somewhere in 32768 to 60999 (ip(7))."""

_ECHO = {"icmp": 8, "icmpv6": 128}


@record
class Traffic:
    """The part of a packet that has nothing to do with its ends.

    ``version`` is the only IP version in which it exists, ``None`` when it exists in both.
    """

    protocol: str
    port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    version: int | None = None

    def packet(self, version: int, src: str, dst: str, src_port: int | None = None) -> Packet:
        """The first packet of it between two addresses of one IP version."""
        if self.protocol not in FAMILY_OF:
            if self.port is not None and src_port is None:
                src_port = EPHEMERAL_PORT
            return Packet(version, src, dst, protocol_number(self.protocol), src_port, self.port)
        protocol = "icmp" if version == 4 else "icmpv6"
        icmp_type = _ECHO[protocol] if self.icmp_type is None else self.icmp_type
        return Packet(
            version, src, dst, protocol_number(protocol), icmp_type=icmp_type, icmp_code=self.icmp_code or 0
        )


PING = Traffic("icmp")


def parse_traffic(text: str) -> Traffic:
    """Text to traffic; :class:`ValidationError` says what may stand in its place."""
    name, slash, detail = text.partition("/")
    protocol = canonical_protocol(name)
    if protocol in FAMILY_OF:
        return _icmp(protocol, detail.split("/") if slash else [])
    if protocol in PORT_PROTOCOLS:
        if not slash:
            raise ValidationError(f"{text!r} needs a port, such as {protocol}/80")
        return Traffic(protocol, _number(detail, 65535, f"a port of {protocol}"))
    if slash:
        raise ValidationError(f"protocol {protocol} has no ports: write {protocol} alone")
    return Traffic(protocol)


def _icmp(protocol: str, details: list[str]) -> Traffic:
    if len(details) > 2:
        raise ValidationError(f"{protocol} takes a type and a code, such as {protocol}/{_ECHO[protocol]}/0")
    numbers = [_number(text, 255, f"a type or code of {protocol}") for text in details]
    icmp_type, icmp_code = (*numbers, None, None)[:2]
    version = FAMILY_OF[protocol] if numbers or protocol == "icmpv6" else None
    return Traffic(protocol, None, icmp_type, icmp_code, version)


def _number(text: str, largest: int, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= largest):
        raise ValidationError(f"{text!r} is not {what}: a number 0..{largest}")
    return int(text)
