"""Why a rule does not match a packet, in words."""

from __future__ import annotations

from calico.model.net import parse_network
from calico.model.protocols import FAMILY_OF, canonical_protocol, protocol_number
from calico.rules.text import render_ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from calico.model.values import PortRange, Rule
    from calico.rules.packet import Packet


def describe_mismatch(field: str, rule: Rule, packet: Packet, count_members: Callable[[str], int]) -> str:
    """The criterion ``field``, as :func:`calico.rules.evaluate.mismatch` names it, against what the packet has.

    ``count_members`` says how many addresses a tag has.
    """
    subject = "source" if field.startswith("src") else "destination"
    match field:
        case "ip_version":
            return f"packet is IPv{packet.version}, not IPv{rule.ip_version}"
        case "protocol":
            return _protocol(rule.protocol or "", packet)
        case "icmp_type":
            return f"ICMP type is {packet.icmp_type}, not {rule.icmp_type}"
        case "icmp_code":
            return f"ICMP code is {packet.icmp_code}, not {rule.icmp_code}"
        case "src_ports":
            return _port(subject, packet.src_port, rule.src_ports)
        case "dst_ports":
            return _port(subject, packet.dst_port, rule.dst_ports)
        case "src_net":
            return _net(f"{subject} {packet.src}", rule.src_net or "", packet.version)
        case "dst_net":
            return _net(f"{subject} {packet.dst}", rule.dst_net or "", packet.version)
        case "src_tag":
            return _tag(f"{subject} {packet.src}", rule.src_tag or "", count_members)
        case "dst_tag":
            return _tag(f"{subject} {packet.dst}", rule.dst_tag or "", count_members)
        case _:
            raise AssertionError(f"{field!r} is no criterion of a rule")


def protocol_name(number: int) -> str:
    """A protocol by name, or by its number when it has no name here."""
    return canonical_protocol(number)


def _protocol(wanted: str, packet: Packet) -> str:
    if protocol_number(wanted) == packet.protocol:
        return f"packet is IPv{packet.version}, and {wanted} is IPv{FAMILY_OF[wanted]} only"
    return f"protocol is {protocol_name(packet.protocol)}, not {wanted}"


def _port(subject: str, port: int | None, ranges: Sequence[PortRange]) -> str:
    single = len(ranges) == 1 and ranges[0][0] == ranges[0][1]
    return f"{subject} port is {port}, not {'' if single else 'in '}{render_ports(ranges)}"


def _net(subject: str, net: str, version: int) -> str:
    family = f"IPv{version}, " if parse_network(net).version != version else ""
    return f"{subject} is {family}not in {net}"


def _tag(subject: str, tag: str, count_members: Callable[[str], int]) -> str:
    return f"{subject} is not in tag {tag} (members: {count_members(tag)})"
