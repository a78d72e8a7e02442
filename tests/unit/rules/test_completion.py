"""Completion of rules: whatever is offered leads to a rule, and nothing that would is left out."""

import pytest
from hypothesis import given

from calico.model.values import Rule
from calico.rules.completion import next_words, wants_value
from calico.rules.text import render_rule
from tests.fakes.strategies import rules


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", {"allow", "deny"}),
        ("allow icmp", {"type", "from", "to"}),
        ("allow icmp type 8", {"code", "from", "to"}),
        ("allow tcp from", {"ports", "tag", "cidr", "to"}),
        ("allow from", {"tag", "cidr", "to"}),
        ("allow tcp from tag web", {"ports", "cidr", "to"}),
        ("allow tcp to ports 80", {"tag", "cidr"}),
        ("allow tcp to tag", set()),
        ("permit", set()),
    ],
)
def test_what_is_offered(typed: str, offered: set[str]) -> None:
    assert set(next_words(typed.split())) == offered


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("allow from tag", True),
        ("allow tcp to ports", True),
        ("allow icmp type", True),
        ("allow", False),
        ("x tag", False),
    ],
)
def test_where_a_value_is_wanted(typed: str, wanted: bool) -> None:
    assert wants_value(typed.split()) == wanted


@given(rules())
def test_every_rule_can_be_typed_by_completion(rule: Rule) -> None:
    words = render_rule(rule).split()
    for position, word in enumerate(words):
        typed = words[:position]
        assert wants_value(typed) or word in next_words(typed) or word.isdigit()
