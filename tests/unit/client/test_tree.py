"""YAML as text with places: what is refused, and where the fault is said to be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.client.tree import MAX_LENGTH, Fields, Items, Tree, Word, parse_trees
from calico.model.errors import ValidationError


def plain(tree: Tree) -> object:
    """The tree without places."""
    if isinstance(tree, Word):
        return tree.text
    if isinstance(tree, Items):
        return [plain(item) for item in tree.items]
    return {name: plain(part) for name, part in tree.fields.items()}


def read(text: str) -> list[object]:
    return [plain(tree) for tree in parse_trees(text, "f")]


def test_every_scalar_is_the_text_that_was_typed() -> None:
    text = "[no, on, 80:90, 0x10, 1e3, 007, ~, null, 2026-11-23, .5, 'yes', \"\\x41\"]"

    assert read(text) == [["no", "on", "80:90", "0x10", "1e3", "007", "~", "null", "2026-11-23", ".5", "yes", "A"]]


def test_documents_are_parted_and_empty_ones_left_out() -> None:
    assert read("---\na: 1\n---\n---\n# nothing\n---\n- b\n...\n") == [{"a": "1"}, ["b"]]


def test_words_know_where_their_characters_stand() -> None:
    (tree,) = parse_trees("a: x y\nb: 'x y'\nc: \"x\\ty\"\nd: >\n  x\n", "f")

    assert isinstance(tree, Fields)
    places = {name: str(part.place_at(2)) for name, part in tree.fields.items() if isinstance(part, Word)}
    assert places == {"a": "f:1:6", "b": "f:2:7", "c": "f:3:4", "d": "f:4:4"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: &x 1\nb: *x", "f:1:4: anchors and aliases are not supported: write the value where it is used"),
        ("b: *x", "f:1:4: anchors and aliases are not supported: write the value where it is used"),
        ("&x a: 1", "f:1:1: anchors and aliases are not supported: write the value where it is used"),
        ("a: !!int 1", "f:1:4: tags such as tag:yaml.org,2002:int are not supported: write the value alone"),
        ("!x {}", "f:1:1: tags such as !x are not supported: write the value alone"),
        ("a: ! x", "f:1:4: tags such as ! are not supported: write the value alone"),
        ("a: 1\nb: 2\na: 3", "f:3:1: field 'a' stands here a second time; first in line 1"),
        ("a: {b: 1, 'b': 2}", "f:1:11: field 'b' stands here a second time; first in line 1"),
        ("{[a]: b}", "f:1:2: the name of a field must be a word"),
        ("[" * 17, "f:1:17: nested more than 16 deep"),
        ("{a: " * 17, "f:1:62: nested more than 16 deep"),
        ("- " * 17, "f:1:33: nested more than 16 deep"),
        ("a:\n\t- b", "f:2:1: not valid YAML: indent with spaces, not with tabs"),
        ("kind: x\n name: y", "f:2:6: not valid YAML: unexpected ':'; is the line indented wrongly"),
        ("a: 'b", "f:1:6: not valid YAML: found unexpected end of stream"),
        ("a: [b", "f:1:6: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("%YAML 9.9\n---\na", "f:1:1: not valid YAML: found incompatible YAML document"),
        ("a: 1\nb: \x1b", "f:2:4: character '\\x1b' is not allowed in YAML"),
        ("\0", "f:1:1: character '\\x00' is not allowed in YAML"),
        ("\ud800", "f:1:1: character '\\ud800' is not allowed in YAML"),
        (
            'a: 1\nb: "\\UFFFFFFFF"',
            "f:2:1: not valid YAML after this: a character number or a version is out of range",
        ),
        ('"\\U00110000"', "f:1:1: not valid YAML after this: a character number or a version is out of range"),
        ("%YAML 1." + "9" * 5000 + "\n---\na", "f:1:1: not valid YAML after this"),
        ("#" * (MAX_LENGTH + 1), f"f: longer than {MAX_LENGTH} characters: split the file"),
    ],
)
def test_what_is_refused_and_where(text: str, complaint: str) -> None:
    with pytest.raises(ValidationError) as raised:
        parse_trees(text, "f")

    assert str(raised.value).startswith(complaint)


YAML_LIKE = st.text(alphabet="ab:-?,[]{}#&*!|>'\"%@`\n\t \\xuU0189~.=<\x00\ufeff", max_size=40)


@given(YAML_LIKE | st.text(max_size=40))
def test_any_text_is_a_tree_or_a_fault_of_ours(text: str) -> None:
    complaint = ""
    trees: tuple[Tree, ...] = ()
    try:
        trees = parse_trees(text, "f")
    except ValidationError as error:
        complaint = str(error)

    assert not complaint or complaint.startswith("f:")
    assert all(isinstance(tree, (Word, Items, Fields)) for tree in trees)
