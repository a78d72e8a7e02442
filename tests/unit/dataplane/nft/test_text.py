"""Each value as nft writes it, and what is never written."""

import pytest

from calico.dataplane.nft.text import CommandText, is_name, is_writable, rule_text, rule_texts
from calico.dataplane.nft.values import (
    INTERFACE,
    IPV4,
    IPV6,
    Accept,
    BaseChain,
    Chain,
    ConntrackMatch,
    Drop,
    Element,
    FamilyMatch,
    Goto,
    IcmpMatch,
    InterfaceMatch,
    Jump,
    MapSpec,
    Masquerade,
    Match,
    NetMatch,
    NftRule,
    PortMatch,
    ProtocolMatch,
    Return,
    SetMatch,
    SetSpec,
    SourceMatch,
    Verdict,
    VerdictMap,
)
from calico.model.errors import ValidationError

TEXT = CommandText("inet", "calico")


@pytest.mark.parametrize(
    ("match", "text"),
    [
        (InterfaceMatch("in", "cali1"), 'iifname "cali1"'),
        (InterfaceMatch("out", "cali", prefix=True, negated=True), 'oifname != "cali*"'),
        (FamilyMatch(4), "meta nfproto ipv4"),
        (FamilyMatch(6), "meta nfproto ipv6"),
        (ProtocolMatch(132), "meta l4proto 132"),
        (PortMatch("source", ((80, 80),)), "th sport 80"),
        (PortMatch("destination", ((80, 80), (8000, 8080))), "th dport { 80, 8000-8080 }"),
        (NetMatch("source", 4, ("10.0.0.0/8",)), "ip saddr 10.0.0.0/8"),
        (NetMatch("destination", 6, ("::/128", "fe80::/10")), "ip6 daddr { ::/128, fe80::/10 }"),
        (SetMatch("source", 4, "cali-t4-00"), "ip saddr @cali-t4-00"),
        (SetMatch("destination", 6, "cali-pools6", negated=True), "ip6 daddr != @cali-pools6"),
        (SourceMatch(4, "cali-src4"), "iifname . ip saddr @cali-src4"),
        (SourceMatch(6, "cali-src6"), "iifname . ip6 saddr @cali-src6"),
        (IcmpMatch(4, (8,)), "icmp type 8"),
        (IcmpMatch(4, (3,), 4), "icmp type 3 icmp code 4"),
        (IcmpMatch(6, (133, 135)), "icmpv6 type { 133, 135 }"),
        (ConntrackMatch(("established", "related")), "ct state established,related"),
    ],
)
def test_match(match: Match, text: str) -> None:
    assert rule_text(NftRule((match,), Accept())) == f"{text} accept"


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (Accept(), "accept"),
        (Drop(), "drop"),
        (Return(), "return"),
        (Jump("cali-x"), "jump cali-x"),
        (Goto("cali-x"), "goto cali-x"),
        (VerdictMap("in", "cali-from"), "iifname vmap @cali-from"),
        (VerdictMap("out", "cali-to"), "oifname vmap @cali-to"),
        (Masquerade(), "masquerade"),
    ],
)
def test_verdict(verdict: Verdict, text: str) -> None:
    assert rule_text(NftRule((), verdict)) == text


def test_all_matches_of_a_rule_stand_in_their_order() -> None:
    rule = NftRule((ProtocolMatch(6), PortMatch("destination", ((80, 80),))), Drop())

    assert rule_text(rule) == "meta l4proto 6 th dport 80 drop"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (TEXT.add_table(), "add table inet calico"),
        (TEXT.delete_table(), "delete table inet calico"),
        (TEXT.add_chain("cali-a", None), "add chain inet calico cali-a"),
        (
            TEXT.add_chain("cali-a", BaseChain("filter", "forward", -20)),
            "add chain inet calico cali-a { type filter hook forward priority -20; policy accept; }",
        ),
        (TEXT.flush_chain("cali-a"), "flush chain inet calico cali-a"),
        (TEXT.delete_chain("cali-a"), "delete chain inet calico cali-a"),
        (TEXT.add_set("cali-s", SetSpec((IPV4,))), "add set inet calico cali-s { type ipv4_addr; }"),
        (
            TEXT.add_set("cali-s", SetSpec((IPV6,), interval=True)),
            "add set inet calico cali-s { type ipv6_addr; flags interval; }",
        ),
        (
            TEXT.add_set("cali-s", SetSpec((INTERFACE, IPV4))),
            "add set inet calico cali-s { type ifname . ipv4_addr; }",
        ),
        (TEXT.add_set("cali-m", MapSpec((INTERFACE,))), "add map inet calico cali-m { type ifname : verdict; }"),
        (TEXT.flush_set("cali-s", SetSpec((IPV4,))), "flush set inet calico cali-s"),
        (TEXT.flush_set("cali-m", MapSpec((INTERFACE,))), "flush map inet calico cali-m"),
        (TEXT.delete_set("cali-s", SetSpec((IPV4,))), "delete set inet calico cali-s"),
        (TEXT.delete_set("cali-m", MapSpec((INTERFACE,))), "delete map inet calico cali-m"),
    ],
)
def test_command(line: str, text: str) -> None:
    assert line == text


def test_elements() -> None:
    sources = SetSpec((INTERFACE, IPV4))
    elements: dict[Element, None] = dict.fromkeys([("cali1", "10.0.0.1"), ("cali2", "10.0.0.2")])

    assert list(TEXT.add_elements("cali-s", sources, elements)) == [
        'add element inet calico cali-s { "cali1" . 10.0.0.1, "cali2" . 10.0.0.2 }'
    ]
    assert list(TEXT.delete_elements("cali-s", SetSpec((IPV6,)), ["fd00::1"])) == [
        "delete element inet calico cali-s { fd00::1 }"
    ]
    assert list(TEXT.add_elements("cali-m", MapSpec((INTERFACE,)), {"cali1": Jump("cali-x"), "cali2": Drop()})) == [
        'add element inet calico cali-m { "cali1" : jump cali-x, "cali2" : drop }'
    ]
    assert list(TEXT.add_elements("cali-s", sources, {})) == []


def test_rules_carry_their_comment_after_the_mark() -> None:
    chain = Chain((NftRule((), Accept(), "in 1"), NftRule((), Drop())))
    (first, first_comment), (second, second_comment) = rule_texts("cali-a", chain)

    assert (first, second) == ("accept", "drop")
    assert first_comment[8:] == " in 1"
    assert len(second_comment) == 8
    assert list(TEXT.add_rules("cali-a", [(first, first_comment)])) == [
        f'add rule inet calico cali-a accept comment "{first_comment}"'
    ]


def marks(name: str, *rules: NftRule) -> list[str]:
    return [comment[:8] for _text, comment in rule_texts(name, Chain(rules))]


def test_a_mark_stands_for_the_rule_and_all_before_it() -> None:
    accept, drop = NftRule((), Accept()), NftRule((), Drop())
    accept_drop = marks("cali-a", accept, drop)

    assert marks("cali-a", accept, drop) == accept_drop
    assert marks("cali-a", accept, drop, drop)[:2] == accept_drop
    assert marks("cali-a", drop, drop)[1] != accept_drop[1]
    assert marks("cali-b", accept, drop) != accept_drop
    assert len(set(marks("cali-a", drop, drop, drop))) == 3


NASTY = ['x"', "x y", "x;", "x\n", "x{", "@x", "X", "1x", "", "x\\", "é"]


@pytest.mark.parametrize("name", NASTY)
def test_nasty_names_are_refused(name: str) -> None:
    assert not is_name(name)
    for verdict in (Jump(name), Goto(name), VerdictMap("in", name)):
        with pytest.raises(ValidationError):
            rule_text(NftRule((), verdict))
    for match in (SetMatch("source", 4, name), SourceMatch(4, name), ConntrackMatch((name,))):
        with pytest.raises(ValidationError):
            rule_text(NftRule((match,), Drop()))
    with pytest.raises(ValidationError):
        TEXT.flush_chain(name)


@pytest.mark.parametrize("name", ["cali*", 'cali"', "cali 1", "cali\n", "", "c" * 16, "cali/1"])
def test_nasty_interfaces_are_refused(name: str) -> None:
    assert not is_writable(MapSpec((INTERFACE,)), name)
    with pytest.raises(ValidationError):
        rule_text(NftRule((InterfaceMatch("in", name),), Drop()))


@pytest.mark.parametrize(
    "address", ["10.0.0.1 }", "10.0.0.1\n", "10.0.0.1, 10.0.0.2", "", "FD00::1", "1.2.3.4-5.6.7.8"]
)
def test_nasty_addresses_are_refused(address: str) -> None:
    assert not is_writable(SetSpec((IPV4,)), address)
    with pytest.raises(ValidationError):
        rule_text(NftRule((NetMatch("source", 4, (address,)),), Drop()))


def test_elements_must_fit_their_set() -> None:
    assert not is_writable(SetSpec((INTERFACE, IPV4)), "10.0.0.1")
    assert not is_writable(SetSpec((IPV4,)), ("cali1", "10.0.0.1"))


@pytest.mark.parametrize("comment", ['a"b', "a\nb", "a\\", "x" * 121])
def test_nasty_comments_are_refused(comment: str) -> None:
    with pytest.raises(ValidationError):
        rule_texts("cali-a", Chain((NftRule((), Drop(), comment),)))


def test_a_match_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError):
        rule_text(NftRule((PortMatch("source", ()),), Accept()))
