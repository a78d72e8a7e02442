"""Files of documents as people write them, to values; every fault is told with source, line and column.

What a document says is complete: a field that is left out has the value that ``docs/policy-files.md`` names, and
a field that is not known is a fault. Nothing is taken for another thing than the text that was typed.
"""

from __future__ import annotations

from calico.client.documents import Document, EndpointDocument, PeerDocument, PoolDocument, ProfileDocument
from calico.client.place import fault
from calico.client.tree import Fields, Items, Tree, Word, parse_trees
from calico.model.as_number import parse_as_number
from calico.model.errors import ValidationError
from calico.model.names import is_network_name, validate_name, validate_node_name
from calico.model.net import canonical_address, parse_network
from calico.model.spelling import nearest
from calico.rules.text import RuleError, parse_rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeVar

    from calico.client.place import Place
    from calico.model.values import Rule

    T = TypeVar("T")


_LONGEST_CALL = 300


def parse_documents(text: str, source: str) -> tuple[Document, ...]:
    """The documents of a file, in order; ``source`` names it in messages.

    Raises :class:`ValidationError` with source, line and column for anything that is not exactly a document, and
    for a thing that the file has two documents of.
    """
    trees = parse_trees(text, source)
    if not trees:
        raise ValidationError(f"{source}: holds no document")
    documents: list[Document] = []
    seen: dict[str, Document] = {}
    for tree in _each_document(trees):
        document = _parse_document(tree)
        if not isinstance(document, EndpointDocument):  # which endpoints are the same is known when they are found
            first = seen.setdefault(document.label, document)
            if first is not document:
                fault(
                    document.place(),
                    f"{document.label} stands here a second time; first in line {first.place().line}",
                )
        documents.append(document)
    return tuple(documents)


def _each_document(trees: Iterable[Tree]) -> Iterable[Fields]:
    for tree in trees:
        for part in tree.items if isinstance(tree, Items) else (tree,):
            if not isinstance(part, Fields):
                fault(part.place, "expected a document: fields such as 'kind: profile'")
            yield part


def _parse_document(tree: Fields) -> Document:
    if "kind" not in tree.fields:
        fault(tree.place, f"a document needs the field 'kind': {_choice(_PARSERS)}")
    kind = _word(tree.fields["kind"])
    parser = _PARSERS.get(kind.text)
    if parser is None:
        hint = _nearest(kind.text, _PARSERS) or f"; use {_choice(_PARSERS)}"
        fault(kind.place, f"{kind.text!r} is not a kind{hint}")
    return parser(_Reader(tree, kind.text))


class _Reader:
    """A document being read: every field is taken once, and what is left over is a fault."""

    def __init__(self, tree: Fields, kind: str) -> None:
        self._tree = tree
        self._kind = kind
        self._left = {name: part for name, part in tree.fields.items() if name != "kind"}
        self._known: list[str] = []
        self.marks: dict[str, Place] = {"": tree.place}

    def take(self, name: str, convert: Callable[[Tree], T], default: T | None = None) -> T:
        """Convert a field; one that is absent is ``default``, and a fault when there is no default."""
        self._known.append(name)
        part = self._left.pop(name, None)
        if part is None:
            if default is None:
                fault(self._tree.place, f"the field '{name}' of this {self._kind} is missing")
            return default
        if isinstance(part, Word) and part.empty:
            fault(part.place, f"nothing stands behind '{name}:'; write [] for an empty list, or leave the field out")
        self._mark(name, part)
        return convert(part)

    def has(self, name: str) -> bool:
        """Whether a field is still to be taken."""
        return name in self._left

    def skip(self, name: str) -> None:
        """Pass over a field that is only told."""
        self._left.pop(name, None)

    def end(self) -> Mapping[str, Place]:
        """The places of what was taken; a fault when something was not."""
        for name in self._left:
            known = f"; the fields of this {self._kind} may be {_choice(self._known, 'and')}"
            hint = _nearest(name, self._known) or known
            fault(self._tree.names[name], f"unknown field {name!r}{hint}")
        return self.marks

    def _mark(self, name: str, part: Tree) -> None:
        self.marks[name] = part.place
        if isinstance(part, Items):
            self.marks.update({f"{name}[{index}]": item.place for index, item in enumerate(part.items)})


def _parse_profile(reader: _Reader) -> ProfileDocument:
    name = reader.take("name", _named("profile"), "" if reader.has("network") else None)
    network = reader.take("network", _checked(_network), "")
    if network and name:
        fault(reader.marks["network"], "give the name of the profile or that of its network, not both")
    tags: tuple[str, ...] = reader.take("tags", _names("tag"), (name or network,))
    inbound: tuple[Rule, ...] = reader.take("inbound", _rules, ())
    outbound: tuple[Rule, ...] = reader.take("outbound", _rules, ())
    return ProfileDocument(name, tags, inbound, outbound, network, marks=reader.end())


def _parse_pool(reader: _Reader) -> PoolDocument:
    cidr = reader.take("cidr", _checked(lambda text: str(parse_network(text))))
    ipip = reader.take("ipip", _boolean, False)
    masquerade = reader.take("nat-outgoing", _boolean, False)
    ipam = reader.take("ipam", _boolean, True)
    return PoolDocument(cidr, ipip, masquerade, ipam, marks=reader.end())


def _parse_peer(reader: _Reader) -> PeerDocument:
    host = reader.take("host", _checked(validate_node_name), "")
    address = reader.take("address", _checked(canonical_address))
    as_number = reader.take("as", _checked(parse_as_number))
    return PeerDocument(address, as_number, host, marks=reader.end())


def _parse_endpoint(reader: _Reader) -> EndpointDocument:
    host = reader.take("host", _checked(validate_node_name), "")
    orchestrator = reader.take("orchestrator", _named("orchestrator"), "")
    workload = reader.take("workload", _named("workload"), "")
    name = reader.take("name", _checked(_called))
    profiles = reader.take("profiles", _names("profile"))
    reader.skip("status")
    return EndpointDocument(name, profiles, host, orchestrator, workload, marks=reader.end())


_PARSERS: dict[str, Callable[[_Reader], Document]] = {
    "profile": _parse_profile,
    "pool": _parse_pool,
    "bgp-peer": _parse_peer,
    "endpoint": _parse_endpoint,
}


def _word(tree: Tree) -> Word:
    if not isinstance(tree, Word):
        fault(tree.place, f"expected a word here, not {_description(tree)}")
    return tree


def _items(tree: Tree) -> tuple[Tree, ...]:
    if not isinstance(tree, Items):
        fault(tree.place, f"expected a list here, not {_description(tree)}: [a, b], or one '- item' a line")
    return tree.items


def _description(tree: Tree) -> str:
    return {Word: "a word", Items: "a list", Fields: "fields; does it need quotes?"}[type(tree)]


def _checked(check: Callable[[str], T]) -> Callable[[Tree], T]:
    """A word whose text must pass ``check``."""

    def convert(tree: Tree) -> T:
        word = _word(tree)
        try:
            return check(word.text)
        except ValidationError as error:
            fault(word.place, str(error))

    return convert


def _network(text: str) -> str:
    if not is_network_name(text):
        raise ValidationError(f"{text!r} is not the name of a Docker network")
    return text


def _called(text: str) -> str:
    """What an endpoint may be called is known where it is looked for; here it is one short word."""
    if not text.isprintable() or " " in text or not 1 <= len(text) <= _LONGEST_CALL:
        raise ValidationError(f"{text!r} calls no endpoint")
    return text


def _named(what: str) -> Callable[[Tree], str]:
    return _checked(lambda text: validate_name(text, what))


def _names(what: str) -> Callable[[Tree], tuple[str, ...]]:
    """A list of names, each of which may stand in it once."""
    convert = _named(what)

    def convert_all(tree: Tree) -> tuple[str, ...]:
        names: list[str] = []
        for item in _items(tree):
            name = convert(item)
            if name in names:
                fault(item.place, f"{what} {name} stands in the list a second time")
            names.append(name)
        return tuple(names)

    return convert_all


def _boolean(tree: Tree) -> bool:
    word = _word(tree)
    if word.text not in ("true", "false"):
        fault(word.place, f"{word.text!r} is neither true nor false")
    return word.text == "true"


def _rules(tree: Tree) -> tuple[Rule, ...]:
    return tuple(_rule(item) for item in _items(tree))


def _rule(tree: Tree) -> Rule:
    if not isinstance(tree, Word):
        fault(tree.place, "expected a rule in one line, such as 'allow tcp from tag web to ports 80,443'")
    words = tree.text.split()
    try:
        return parse_rule(words)
    except RuleError as error:
        fault(_place_of_word(tree, words, error.word), str(error), error.details)


def _place_of_word(tree: Word, words: Sequence[str], number: int) -> Place:
    """The place of a rule's word, counted from 1; 0 is the rule as a whole."""
    offset = 0
    for index in range(number):
        offset = tree.text.index(words[index], offset) + (len(words[index]) if index + 1 < number else 0)
    return tree.place_at(offset) if number else tree.place


def _choice(words: Iterable[str], joint: str = "or") -> str:
    *first, last = words
    return f"{', '.join(first)} {joint} {last}" if first else last


def _nearest(word: str, known: Iterable[str]) -> str:
    """A suggestion for a word that was mistyped, or nothing."""
    found = nearest(word, known)
    return f"; did you mean {found!r}?" if found else ""
