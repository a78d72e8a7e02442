"""Why a rule does not match, to the word."""

import pytest
from hypothesis import given

from calico.rules.evaluate import mismatch
from calico.rules.packet import Packet, ping, tcp, udp
from calico.rules.reasons import describe_mismatch
from calico.rules.text import parse_rule
from tests.fakes.strategies import packets, rules

PACKET = tcp("10.0.0.5", "10.0.0.6", 80)
TAGS = {"web": {"10.0.0.7", "fd80::7"}}


def why(text: str, packet: Packet) -> str:
    rule = parse_rule(text.split())
    field = mismatch(rule, packet, lambda tag: TAGS.get(tag, set()))
    assert field is not None
    return describe_mismatch(field, rule, packet, lambda tag: len(TAGS.get(tag, ())))


@pytest.mark.parametrize(
    ("rule", "packet", "reason"),
    [
        ("allow ipv6", PACKET, "packet is IPv4, not IPv6"),
        ("allow tcp", udp("10.0.0.5", "10.0.0.6", 80), "protocol is udp, not tcp"),
        ("allow 47", PACKET, "protocol is tcp, not 47"),
        ("allow tcp", Packet(4, "10.0.0.5", "10.0.0.6", 99), "protocol is 99, not tcp"),
        ("allow icmpv6", Packet(4, "10.0.0.5", "10.0.0.6", 58), "packet is IPv4, and icmpv6 is IPv6 only"),
        ("allow icmp type 3", ping("10.0.0.5", "10.0.0.6"), "ICMP type is 8, not 3"),
        ("allow icmp type 8 code 1", ping("10.0.0.5", "10.0.0.6"), "ICMP code is 0, not 1"),
        ("allow from cidr 10.1.0.0/16", PACKET, "source 10.0.0.5 is not in 10.1.0.0/16"),
        ("allow to cidr 10.1.0.0/16", PACKET, "destination 10.0.0.6 is not in 10.1.0.0/16"),
        ("allow from cidr fd80::/16", PACKET, "source 10.0.0.5 is IPv4, not in fd80::/16"),
        ("allow tcp from ports 53", PACKET, "source port is 40000, not 53"),
        ("allow tcp to ports 443,8000:8080", PACKET, "destination port is 80, not in 443,8000:8080"),
        ("allow tcp to ports 81:90", PACKET, "destination port is 80, not in 81:90"),
        ("allow from tag web", PACKET, "source 10.0.0.5 is not in tag web (members: 2)"),
        ("allow to tag nobody", PACKET, "destination 10.0.0.6 is not in tag nobody (members: 0)"),
    ],
)
def test_reason(rule: str, packet: Packet, reason: str) -> None:
    assert why(rule, packet) == reason


@given(rules(), packets())
def test_every_mismatch_has_a_reason_of_one_line(rule: object, packet: Packet) -> None:
    field = mismatch(rule, packet, lambda _: ())  # type: ignore[arg-type]
    if field is not None:
        reason = describe_mismatch(field, rule, packet, lambda _: 0)  # type: ignore[arg-type]
        assert reason
        assert "\n" not in reason
        assert "None" not in reason
