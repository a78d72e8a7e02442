"""What policy means, case by case."""

import pytest

from calico.model.values import ProfileRules, Rule
from calico.rules.evaluate import Decision, Step, evaluate, families, mismatch, trace
from calico.rules.packet import Packet, ping, tcp, udp

TAGS = {"web": {"10.0.0.1", "fd80::1"}, "db": {"10.0.0.2"}}


def tags(name: str) -> set[str]:
    return TAGS.get(name, set())


def inbound(*rules: Rule) -> ProfileRules:
    return ProfileRules(inbound=rules)


ALLOW, DENY = Rule("allow"), Rule("deny")
PACKET = tcp("10.0.0.1", "10.0.0.2", 80)


@pytest.mark.parametrize(
    ("profiles", "decision"),
    [
        ([], Decision(False, "no match")),
        ([("a", inbound())], Decision(False, "no match")),
        ([("a", inbound(ALLOW))], Decision(True, "rule", "a", 1)),
        ([("a", inbound(DENY, ALLOW))], Decision(False, "rule", "a", 1)),
        ([("a", inbound(Rule("allow", "udp"), ALLOW))], Decision(True, "rule", "a", 2)),
        ([("a", inbound()), ("b", inbound(ALLOW))], Decision(True, "rule", "b", 1)),
        ([("a", None), ("b", inbound(ALLOW))], Decision(False, "missing profile", "a")),
        ([("b", inbound(ALLOW)), ("a", None)], Decision(True, "rule", "b", 1)),
        ([("a", ProfileRules(outbound=(ALLOW,)))], Decision(False, "no match")),
    ],
)
def test_profiles_in_order(profiles: list[tuple[str, ProfileRules | None]], decision: Decision) -> None:
    assert evaluate("inbound", profiles, PACKET, tags) == decision


def test_outbound_uses_the_outbound_rules() -> None:
    profiles = [("a", ProfileRules(inbound=(DENY,), outbound=(ALLOW,)))]

    assert evaluate("outbound", profiles, PACKET, tags) == Decision(True, "rule", "a", 1)


@pytest.mark.parametrize(
    ("rule", "packet", "unmet"),
    [
        (Rule("allow"), PACKET, None),
        (Rule("allow", "tcp"), PACKET, None),
        (Rule("allow", "udp"), PACKET, "protocol"),
        (Rule("allow", "47"), Packet(4, "10.0.0.1", "10.0.0.2", 47), None),
        (Rule("allow", "tcp", dst_ports=((80, 80),)), PACKET, None),
        (Rule("allow", "tcp", dst_ports=((443, 443), (70, 90))), PACKET, None),
        (Rule("allow", "tcp", dst_ports=((81, 90),)), PACKET, "dst_ports"),
        (Rule("allow", "tcp", src_ports=((1, 1000),)), PACKET, "src_ports"),
        (Rule("allow", src_tag="web", dst_tag="db"), PACKET, None),
        (Rule("allow", src_tag="db"), PACKET, "src_tag"),
        (Rule("allow", dst_tag="nobody"), PACKET, "dst_tag"),
        (Rule("allow", src_tag="web"), tcp("fd80::1", "fd80::2", 80), None),
        (Rule("allow", src_net="10.0.0.9/8"), PACKET, None),
        (Rule("allow", src_net="10.0.0.0/32"), PACKET, "src_net"),
        (Rule("allow", src_net="10.0.0.0/8"), tcp("fd80::1", "fd80::2", 80), "src_net"),
        (Rule("allow", dst_net="::/0"), PACKET, "dst_net"),
        (Rule("allow", ip_version=6), PACKET, "ip_version"),
        (Rule("allow", "icmp"), ping("10.0.0.1", "10.0.0.2"), None),
        (Rule("allow", "icmp"), ping("fd80::1", "fd80::2"), "protocol"),
        (Rule("allow", "icmp", icmp_type=8), ping("10.0.0.1", "10.0.0.2"), None),
        (Rule("allow", "icmp", icmp_type=8, icmp_code=1), ping("10.0.0.1", "10.0.0.2"), "icmp_code"),
        (Rule("allow", "icmpv6", icmp_type=128), ping("fd80::1", "fd80::2"), None),
        (Rule("allow", "icmpv6", icmp_type=8), ping("fd80::1", "fd80::2"), "icmp_type"),
        (Rule("allow", "udp", dst_ports=((53, 53),)), udp("10.0.0.1", "10.0.0.2", 53), None),
    ],
)
def test_criteria(rule: Rule, packet: Packet, unmet: str | None) -> None:
    assert mismatch(rule, packet, tags) == unmet


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule("allow"), (4, 6)),
        (Rule("allow", src_net="10.0.0.0/8"), (4,)),
        (Rule("allow", "icmpv6"), (6,)),
        (Rule("allow", ip_version=4), (4,)),
        (Rule("allow", "icmpv6", src_net="10.0.0.0/8"), ()),
        (Rule("allow", src_net="10.0.0.0/8", dst_net="fd80::/16"), ()),
    ],
)
def test_families(rule: Rule, expected: tuple[int, ...]) -> None:
    assert families(rule) == expected


def test_the_trace_ends_where_something_decides() -> None:
    profiles = [("a", inbound(Rule("deny", "udp"), ALLOW, DENY)), ("b", inbound(DENY))]

    assert list(trace("inbound", profiles, PACKET, tags)) == [
        Step("a", 1, Rule("deny", "udp"), "protocol"),
        Step("a", 2, ALLOW, None),
    ]


def test_a_missing_profile_ends_the_trace() -> None:
    profiles = [("a", inbound(Rule("deny", "udp"))), ("b", None), ("c", inbound(ALLOW))]

    assert list(trace("inbound", profiles, PACKET, tags))[1:] == [Step("b", 0, None, None)]


def test_where_nothing_decides_all_rules_are_in_the_trace() -> None:
    profiles = [("a", inbound(Rule("deny", "udp"))), ("b", inbound()), ("c", inbound(Rule("allow", src_tag="db")))]

    assert [(step.profile, step.mismatch) for step in trace("inbound", profiles, PACKET, tags)] == [
        ("a", "protocol"),
        ("c", "src_tag"),
    ]
