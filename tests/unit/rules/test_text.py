"""The rule language: what is accepted, what is refused and how it says so, and that printing loses nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.model.errors import ValidationError
from calico.model.values import Rule
from calico.rules.text import RuleError, parse_ports, parse_rule, render_rule
from tests.fakes.strategies import rules


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("allow", Rule("allow")),
        ("deny", Rule("deny")),
        ("allow from tag web", Rule("allow", src_tag="web")),
        ("deny from cidr 10.0.0.0/8", Rule("deny", src_net="10.0.0.0/8")),
        ("allow tcp to ports 80,443", Rule("allow", "tcp", dst_ports=((80, 80), (443, 443)))),
        ("allow tcp to ports 8000:8080", Rule("allow", "tcp", dst_ports=((8000, 8080),))),
        ("allow icmp type 8", Rule("allow", "icmp", icmp_type=8)),
        ("allow icmp type 3 code 255", Rule("allow", "icmp", icmp_type=3, icmp_code=255)),
        ("allow icmp type 255", Rule("allow", "icmp", icmp_type=255)),
        ("allow icmpv6 type 128 from cidr fd80::/16", Rule("allow", "icmpv6", icmp_type=128, src_net="fd80::/16")),
        (
            "allow udp from ports 53 tag dns cidr 10.0.0.0/8 to ports 1024:65535 tag clients cidr 10.1.0.0/16",
            Rule("allow", "udp", "dns", "10.0.0.0/8", ((53, 53),), "clients", "10.1.0.0/16", ((1024, 65535),)),
        ),
        ("allow sctp to ports 5000", Rule("allow", "sctp", dst_ports=((5000, 5000),))),
        ("allow 47", Rule("allow", "47")),
        ("allow ipv6 tcp", Rule("allow", "tcp", ip_version=6)),
        ("deny from tag from to tag to", Rule("deny", src_tag="from", dst_tag="to")),
    ],
)
def test_printed_form_is_parsed_form(text: str, rule: Rule) -> None:
    assert parse_rule(text.split()) == rule
    assert render_rule(rule) == text


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("allow tcp from", Rule("allow", "tcp")),
        ("allow from to", Rule("allow")),
        ("allow tcp to ports 80-90", Rule("allow", "tcp", dst_ports=((80, 90),))),
        ("allow TCP", Rule("allow", "tcp")),
        ("allow 6", Rule("allow", "tcp")),
        ("allow from cidr 10.0.0.1", Rule("allow", src_net="10.0.0.1/32")),
        ("allow from cidr 10.0.0.0/8 tag web", Rule("allow", src_tag="web", src_net="10.0.0.0/8")),
    ],
)
def test_other_accepted_forms(text: str, rule: Rule) -> None:
    assert parse_rule(text.split()) == rule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the rule ends too early: expected 'allow' or 'deny'"),
        ("permit", "word 1 of the rule: 'permit' not expected here; expected 'allow' or 'deny'"),
        (
            "allow frm tag web",
            (
                "word 2 of the rule: 'frm' not expected here; expected the end, 'ipv4', 'ipv6', a protocol (icmp, "
                "tcp, udp, dccp, icmpv6, sctp, udplite or a number), 'from' or 'to'. Did you mean 'from'?"
            ),
        ),
        ("allow from tag", "the rule ends too early: expected the name of a tag"),
        ("allow from tag web to 10.0.0.0/8", "word 6 of the rule: '10.0.0.0/8' not expected here; expected the end"),
        ("allow to tag a from tag b", "word 5 of the rule: 'from' not expected here; expected the end"),
        (
            "allow from tag a tag b",
            (
                "word 5 of the rule: 'tag' not expected here; expected the end, 'ports', 'cidr' or 'to'. "
                "Each side has one 'tag' at most"
            ),
        ),
        ("allow from ports 80", "ports are not valid with protocol any"),
        ("allow icmp to ports 80", "ports are not valid with protocol icmp"),
        ("allow tcp to ports 99999", "Port (99999) out-of-range."),
        ("allow tcp to ports 90:80", "Port range minimum (90) > maximum (80)."),
        ("allow tcp to ports 80,,90", "Ports: '80,,90' are invalid"),
        ("allow tcp to ports -1", "Ports: '-1' are invalid"),
        ("allow tcp to ports 1²", "Ports: '1²' are invalid"),
        ("allow tcp type 8", "word 3 of the rule: 'type' not expected here"),
        ("allow icmp type 256", "Invalid ICMP type or ICMP code specified"),
        ("allow icmp code 1", "word 3 of the rule: 'code' not expected here"),
        ("allow from cidr 10/8", "Invalid CIDR specified"),
        ("allow from cidr 10.0.0.0/33", "Invalid CIDR specified"),
        ("allow from tag a;b", "tag 'a;b' is not a valid name"),
        ("allow ipv4 icmpv6", "protocol icmpv6 does not exist in IPv4"),
        ("allow 256", "'256' is not a protocol"),
        ("allow ²", "is not a protocol"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        parse_rule(text.split())

    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("Allow", "Did you mean 'allow'?"),
        ("alow tcp", "Did you mean 'allow'?"),
        ("permit", ""),
        ("allow tpc to ports 80", "Did you mean 'tcp'?"),
        ("allow tcp form tag web", "Did you mean 'from'?"),
        ("allow tcp to prots 80", "Did you mean 'ports'?"),
        ("allow icmp tpye 8", "Did you mean 'type'?"),
        ("allow icmp type 8 cod 1", "Did you mean 'code'?"),
        ("allow tcp ports 80", "Ports, tags and networks go behind 'from' or 'to'"),
        ("allow tcp to 80,443", "A port goes behind 'ports'"),
        ("allow from 10.0.0.0/8", "A network goes behind 'cidr'"),
        ("allow from web", "The name of a tag goes behind 'tag'"),
        ("allow from we;b", ""),
        ("allow web", ""),
        ("allow from tag web tcp", "The protocol goes before 'from' and 'to'"),
        ("allow tcp ipv4", "The IP version goes before the protocol"),
        ("allow tcp type 8", "'type' goes behind icmp or icmpv6"),
        ("allow icmp code 1", "'code' goes behind the type of icmp or icmpv6"),
        ("allow to tag a from tag b", "'from' goes before 'to', and stands there once"),
        ("allow to tag a to tag b", "'to' stands there once"),
    ],
)
def test_hints(text: str, hint: str) -> None:
    with pytest.raises(RuleError) as refusal:
        parse_rule(text.split())

    _, expected, rest = str(refusal.value).partition("; expected ")
    assert expected
    assert rest.partition(". ")[2] == hint


@pytest.mark.parametrize(
    ("text", "details"),
    [
        ("allow frm tag web", ("allow frm tag web", "      ^^^")),
        ("permit", ("permit", "^^^^^^")),
        ("allow tcp to ports 80x", ("allow tcp to ports 80x", "                   ^^^")),
        ("allow to ports 80", ()),
        ("", ()),
        ("allow \x1b[2J", ()),
        ("allow from tag " + "x" * 200, ()),
    ],
)
def test_a_mark_below_the_word(text: str, details: tuple[str, ...]) -> None:
    with pytest.raises(RuleError) as refusal:
        parse_rule(text.split())

    assert refusal.value.details == details


@given(rules())
def test_every_rule_printed_parses_back_to_itself(rule: Rule) -> None:
    assert parse_rule(render_rule(rule).split()) == rule


_WORDS = st.sampled_from(
    "allow deny tcp icmp from to tag cidr ports type code ipv4 ipv6 80 80:90 10.0.0.0/8 fd80::/16 web 8 * ; {".split()
)


@given(st.lists(st.one_of(_WORDS, st.text(max_size=6)), max_size=12))
def test_only_validation_errors_escape(words: list[str]) -> None:
    refusal = None
    try:
        rule = parse_rule(words)
    except RuleError as error:
        refusal = error
    if refusal is None:
        assert parse_rule(render_rule(rule).split()) == rule
    else:
        assert "\n" not in str(refusal)
        assert all(line.isprintable() for line in refusal.details)


def test_ports_keep_their_order() -> None:
    assert parse_ports("443,80,100:200") == ((443, 443), (80, 80), (100, 200))
