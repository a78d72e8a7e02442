"""The one meaning of policy: a packet and an ordered list of profiles in, a decision out.

All criteria of a rule must match; an absent criterion matches anything; the first matching rule decides, over
all profiles in their order; when none matches the packet is dropped. A profile that is missing or invalid drops
at its place in the list. A rule whose networks, ICMP kind or ``ip_version`` belong to the other IP version never
matches. This is for the first packet of a connection: the kernel accepts established ones before policy.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence

from calico.model.net import parse_address, parse_network
from calico.model.protocols import FAMILY_OF, protocol_number
from calico.model.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.model.values import PortRange, ProfileRules, Rule
    from calico.rules.packet import Packet

Tags = Callable[[str], Container[str]]
"""The addresses (canonical text, both versions) of a tag; empty for a tag that nobody carries."""


@record
class Decision:
    """What policy says: ``allowed``, and who said it.

    ``profile`` and ``rule`` (1-based, in its direction) name the rule that matched. Without a rule, ``reason``
    is ``"missing profile"`` (then ``profile`` names it) or ``"no match"``.
    """

    allowed: bool
    reason: str
    profile: str | None = None
    rule: int | None = None


@record
class Step:
    """A rule that was tried: its profile, its number (1-based, in its direction), and the first criterion that the
    packet does not meet, by field name; ``None`` when it matched.

    ``rule`` is ``None`` for a profile that is missing or invalid, which is as good as a match: it drops.
    """

    profile: str
    number: int
    rule: Rule | None
    mismatch: str | None


def evaluate(
    direction: str, profiles: Sequence[tuple[str, ProfileRules | None]], packet: Packet, tags: Tags
) -> Decision:
    """Hold ``packet`` against ``profiles`` in order; ``direction`` is ``"inbound"`` or ``"outbound"``."""
    for step in trace(direction, profiles, packet, tags):
        if step.rule is None:
            return Decision(False, "missing profile", step.profile)
        if step.mismatch is None:
            return Decision(step.rule.action == "allow", "rule", step.profile, step.number)
    return Decision(False, "no match")


def trace(
    direction: str, profiles: Sequence[tuple[str, ProfileRules | None]], packet: Packet, tags: Tags
) -> Iterator[Step]:
    """What :func:`evaluate` tries, in order; the last step is the one that decides, if any does."""
    for name, rules in profiles:
        if rules is None:
            yield Step(name, 0, None, None)
            return
        for number, rule in enumerate(rules.inbound if direction == "inbound" else rules.outbound, start=1):
            unmet = mismatch(rule, packet, tags)
            yield Step(name, number, rule, unmet)
            if unmet is None:
                return


def mismatch(rule: Rule, packet: Packet, tags: Tags) -> str | None:
    """The first criterion of ``rule`` that ``packet`` does not meet, by field name; ``None`` when it matches."""
    checks = (
        ("ip_version", rule.ip_version in (None, packet.version)),
        ("protocol", _protocol_matches(rule, packet)),
        ("icmp_type", rule.icmp_type in (None, packet.icmp_type)),
        ("icmp_code", rule.icmp_code in (None, packet.icmp_code)),
        ("src_net", _net_matches(rule.src_net, packet.version, packet.src)),
        ("dst_net", _net_matches(rule.dst_net, packet.version, packet.dst)),
        ("src_ports", _ports_match(rule.src_ports, packet.src_port)),
        ("dst_ports", _ports_match(rule.dst_ports, packet.dst_port)),
        ("src_tag", rule.src_tag is None or packet.src in tags(rule.src_tag)),
        ("dst_tag", rule.dst_tag is None or packet.dst in tags(rule.dst_tag)),
    )
    return next((name for name, met in checks if not met), None)


def families(rule: Rule) -> tuple[int, ...]:
    """The IP versions in which the rule can match anything: ``(4, 6)``, one of them, or none."""
    named = (
        rule.ip_version,
        FAMILY_OF.get(rule.protocol or ""),
        _net_version(rule.src_net),
        _net_version(rule.dst_net),
    )
    return tuple(version for version in (4, 6) if all(family in (None, version) for family in named))


def _net_version(net: str | None) -> int | None:
    return None if net is None else parse_network(net).version


def _protocol_matches(rule: Rule, packet: Packet) -> bool:
    if rule.protocol is None:
        return True
    family = FAMILY_OF.get(rule.protocol)
    return family in (None, packet.version) and protocol_number(rule.protocol) == packet.protocol


def _net_matches(net: str | None, version: int, address: str) -> bool:
    if net is None:
        return True
    network = parse_network(net)
    return network.version == version and network.contains(parse_address(address)[1])


def _ports_match(ranges: Iterable[PortRange], port: int | None) -> bool:
    ranges = tuple(ranges)
    return not ranges or (port is not None and any(low <= port <= high for low, high in ranges))
