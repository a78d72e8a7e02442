"""Plain data as YAML: readable, and the same for every YAML reader."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from calico.client.emitter import render_yaml


def test_the_form() -> None:
    data = {
        "kind": "profile",
        "tags": ["web", "a,b", "no"],
        "rules": ["allow tcp to ports 80:90", "allow"],
        "none": [],
        "status": {"up": True, "since": None, "count": 3, "empty": {}},
        "nested": [{"a": 1, "b": [2]}, [3, 4]],
    }

    assert render_yaml([data, "x"], inline=["tags"]) == (
        "kind: profile\n"
        "tags: [web, 'a,b', 'no']\n"
        "rules:\n"
        "  - allow tcp to ports 80:90\n"
        "  - allow\n"
        "none: []\n"
        "status:\n"
        "  up: true\n"
        "  since: null\n"
        "  count: 3\n"
        "  empty: {}\n"
        "nested:\n"
        "  - a: 1\n"
        "    b:\n"
        "      - 2\n"
        "  - - 3\n"
        "    - 4\n"
        "---\n"
        "x\n"
    )


def test_no_documents_are_an_empty_list_of_them() -> None:
    assert render_yaml([]) == "[]\n"


def test_a_long_line_is_broken_into_items() -> None:
    names = ["a" * 60, "b" * 60]

    assert render_yaml([{"tags": names}], inline=["tags"]) == f"tags:\n  - {names[0]}\n  - {names[1]}\n"


@pytest.mark.parametrize(
    "text", ["5a21f6", "192.0.2.1", "10.0.0.0/8", "fd80::1/128", "allow from tag x", "a-b", "1.2.3"]
)
def test_what_can_stand_without_quotes_does(text: str) -> None:
    assert render_yaml([text]) == text + "\n"


@pytest.mark.parametrize(
    "text",
    ["no", "On", "NULL", "~", "", "12", "1_000", "0x1F", "0o17", "1e3", "1.5", "80:90", "2026-11-23", "-", "---",
     "...", "a: b", "a #b", "'", "a'b", "[a]", "- a", "fd80::", "*a", "&a", "!a", "%a", "@a", "`a", "=", "<<", "a:",
     " a", "a ", "\x1b", "é\n"],
)  # fmt: skip
def test_what_needs_quotes_has_them(text: str) -> None:
    assert render_yaml([text])[0] in "'\""
    assert yaml.safe_load(render_yaml([text])) == text


TEXT = st.text(max_size=12) | st.text(alphabet="0123456789abcdefxobeEyn_.:+-", max_size=8)
PLAIN = st.none() | st.booleans() | st.integers() | TEXT
DATA = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(DATA, max_size=3))
def test_another_reader_sees_the_same_data(documents: list[object]) -> None:
    text = render_yaml(documents, inline=["tags", "a"])

    assert list(yaml.safe_load_all(text)) == (documents or [[]])
