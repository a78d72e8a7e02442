"""A rule of a profile as rules of nftables."""

import pytest
from hypothesis import given

from calico.dataplane.nft.text import rule_texts
from calico.dataplane.nft.values import Accept, Chain, Drop, NftRule
from calico.dataplane.render.names import tag_set_name
from calico.dataplane.render.rules import merge_ranges, render_rule
from calico.model.values import Rule
from tests.fakes.strategies import rules

WEB4, WEB6 = tag_set_name("web", 4), tag_set_name("web", 6)
DB4, DB6 = tag_set_name("db", 4), tag_set_name("db", 6)


def texts(rule: Rule) -> list[str]:
    return [text for text, _comment in rule_texts("cali-x", Chain(render_rule(rule, "in 1")))]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule("allow"), ["accept"]),
        (Rule("deny"), ["drop"]),
        (Rule("allow", ip_version=4), ["meta nfproto ipv4 accept"]),
        (Rule("allow", "tcp"), ["meta l4proto 6 accept"]),
        (Rule("allow", "99"), ["meta l4proto 99 accept"]),
        (Rule("allow", "tcp", dst_ports=((80, 80),)), ["meta l4proto 6 th dport 80 accept"]),
        (
            Rule("deny", "sctp", src_ports=((1, 1023),), dst_ports=((443, 443), (80, 81))),
            ["meta l4proto 132 th sport 1-1023 th dport { 80-81, 443 } drop"],
        ),
        (Rule("allow", "icmp"), ["meta nfproto ipv4 meta l4proto 1 accept"]),
        (Rule("allow", "icmp", icmp_type=8), ["meta nfproto ipv4 icmp type 8 accept"]),
        (Rule("allow", "icmp", icmp_type=255), ["meta nfproto ipv4 icmp type 255 accept"]),
        (Rule("allow", "icmp", icmp_type=3, icmp_code=0), ["meta nfproto ipv4 icmp type 3 icmp code 0 accept"]),
        (Rule("allow", "icmpv6", icmp_type=128), ["meta nfproto ipv6 icmpv6 type 128 accept"]),
        (Rule("allow", src_net="10.1.2.3/8"), ["ip saddr 10.0.0.0/8 accept"]),
        (Rule("allow", dst_net="fd00::1/128"), ["ip6 daddr fd00::1/128 accept"]),
        (Rule("allow", src_net="0.0.0.0/0"), ["ip saddr 0.0.0.0/0 accept"]),
        (
            Rule("allow", "tcp", src_net="10.0.0.0/8", dst_net="10.1.0.0/16", dst_ports=((80, 80),)),
            ["meta l4proto 6 ip saddr 10.0.0.0/8 ip daddr 10.1.0.0/16 th dport 80 accept"],
        ),
        (Rule("allow", src_tag="web"), [f"ip saddr @{WEB4} accept", f"ip6 saddr @{WEB6} accept"]),
        (Rule("allow", src_tag="web", ip_version=6), [f"ip6 saddr @{WEB6} accept"]),
        (Rule("allow", "icmp", src_tag="web"), [f"meta l4proto 1 ip saddr @{WEB4} accept"]),
        (
            Rule("allow", "udp", src_tag="web", dst_tag="db", dst_ports=((53, 53),)),
            [
                f"meta l4proto 17 ip saddr @{WEB4} ip daddr @{DB4} th dport 53 accept",
                f"meta l4proto 17 ip6 saddr @{WEB6} ip6 daddr @{DB6} th dport 53 accept",
            ],
        ),
        (
            Rule("deny", src_tag="web", src_net="10.0.0.0/8"),
            [f"ip saddr 10.0.0.0/8 ip saddr @{WEB4} drop"],
        ),
        (Rule("allow", src_net="10.0.0.0/8", dst_net="fd00::/8"), []),
        (Rule("allow", "icmpv6", src_net="10.0.0.0/8"), []),
        (Rule("deny", "icmp", dst_net="fd00::/8"), []),
        (Rule("allow", src_net="10.0.0.0/8", ip_version=6), []),
    ],
)
def test_rule(rule: Rule, expected: list[str]) -> None:
    assert texts(rule) == expected


def test_a_rule_that_cannot_be_rendered_drops_and_says_so() -> None:
    rendered = render_rule(Rule("allow", src_net="ten"), "in 3")

    assert rendered == (NftRule((), Drop(), "in 3 cannot be rendered and drops"),)


@given(rules())
def test_every_rule_can_be_written(rule: Rule) -> None:
    for nft_rule in render_rule(rule, "out 12"):
        assert nft_rule.verdict == (Accept() if rule.action == "allow" else Drop())
        assert nft_rule.comment == "out 12"
    assert all("\n" not in text for text in texts(rule))


@pytest.mark.parametrize(
    ("ranges", "merged"),
    [
        ((), ()),
        (((80, 80),), ((80, 80),)),
        (((443, 443), (80, 80)), ((80, 80), (443, 443))),
        (((80, 80), (81, 81)), ((80, 81),)),
        (((1, 100), (50, 60), (90, 200)), ((1, 200),)),
        (((0, 65535), (80, 80)), ((0, 65535),)),
    ],
)
def test_merge_ranges(ranges: tuple[tuple[int, int], ...], merged: tuple[tuple[int, int], ...]) -> None:
    assert merge_ranges(ranges) == merged
