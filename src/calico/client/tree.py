"""YAML text as a tree whose every part knows where it stands.

    word     a scalar, always as the text that was typed: ``no``, ``80:90`` and ``1e3`` mean what they look like
    items    a list
    fields   a mapping from words to parts, each name once
    place    source, line and column, counted from 1

The tree is built from the parser's events, so no tag makes an object and no alias multiplies anything: tags,
anchors and aliases are refused, and so is what is nested deeper or is longer than policy can be.
JSON is YAML too.
"""

from __future__ import annotations

import yaml

from calico.client.place import Place, fault
from calico.model.errors import ValidationError
from calico.model.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

MAX_LENGTH = 1 << 20
"""Characters of a text; the datastore takes no more in one transaction."""

MAX_DEPTH = 16

_HINTS = {
    "'\\t'": "indent with spaces, not with tabs",
    "mapping values are not allowed here": "unexpected ':'; is the line indented wrongly, or must a value be quoted?",
}
"""What the parser's words mean to a person."""


@record
class Word:
    """A scalar. ``literal`` says that its characters stand in the source as they are, from ``start`` on."""

    text: str
    place: Place
    start: Place
    literal: bool
    empty: bool = False

    def place_at(self, offset: int) -> Place:
        """The place of a character of the text, or that of the word when it does not stand there as it is."""
        if not self.literal:
            return self.place
        return Place(self.start.source, self.start.line, self.start.column + offset)


@record
class Items:
    """A list."""

    items: tuple[Tree, ...]
    place: Place


@record
class Fields:
    """A mapping; ``names`` are the places of the names."""

    fields: Mapping[str, Tree]
    place: Place
    names: Mapping[str, Place]


Tree = Word | Items | Fields


def parse_trees(text: str, source: str) -> tuple[Tree, ...]:
    """The documents of a YAML text, empty ones left out; ``source`` names the text in places.

    Raises :class:`ValidationError` with the place for what is not YAML or is refused.
    """
    if len(text) > MAX_LENGTH:
        raise ValidationError(f"{source}: longer than {MAX_LENGTH} characters: split the file")
    builder = _Builder(source)
    try:
        return builder.documents(text)
    except yaml.MarkedYAMLError as error:
        _refuse_marked(error, source)
    except yaml.reader.ReaderError as error:
        fault(_place_of(text, error.position, source), f"character {chr(error.character)!r} is not allowed in YAML")
    except (ValueError, OverflowError):
        # From the parser's own conversions; where exactly, it does not say.
        fault(builder.last, "not valid YAML after this: a character number or a version is out of range")


class _Builder:
    """Makes trees from the parser's events; ``last`` is the place of the event that came last."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.last = Place(source, 1, 1)

    def documents(self, text: str) -> tuple[Tree, ...]:
        trees: list[Tree] = []
        self._loader = yaml.SafeLoader(text)
        while True:
            event = self._next()
            if isinstance(event, yaml.StreamEndEvent):
                return tuple(trees)
            if isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent)):
                continue
            tree = self._tree(event, 1)
            if not (isinstance(tree, Word) and tree.empty):
                trees.append(tree)

    def _tree(self, event: yaml.Event, depth: int) -> Tree:
        place = self.last
        if depth > MAX_DEPTH:
            fault(place, f"nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            fault(place, "anchors and aliases are not supported: write the value where it is used")
        tag = getattr(event, "tag", None)
        if tag is not None:
            fault(place, f"tags such as {tag} are not supported: write the value alone")
        if isinstance(event, yaml.ScalarEvent):
            return self._word(event, place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._items(place, depth)
        assert isinstance(event, yaml.MappingStartEvent)
        return self._fields(place, depth)

    def _word(self, event: yaml.ScalarEvent, place: Place) -> Word:
        quoted = event.style is not None
        start, end = event.start_mark, event.end_mark
        assert start is not None
        assert end is not None
        literal = start.line == end.line and end.column - start.column == len(event.value) + 2 * quoted
        first = Place(place.source, place.line, place.column + quoted)
        return Word(event.value, place, first, literal, empty=not quoted and not event.value)

    def _items(self, place: Place, depth: int) -> Items:
        items: list[Tree] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._tree(event, depth + 1))
        return Items(tuple(items), place)

    def _fields(self, place: Place, depth: int) -> Fields:
        fields: dict[str, Tree] = {}
        names: dict[str, Place] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            name = self._tree(event, depth + 1)
            if not isinstance(name, Word):
                fault(name.place, "the name of a field must be a word")
            if name.text in fields:
                fault(
                    name.place,
                    f"field {name.text!r} stands here a second time; first in line {names[name.text].line}",
                )
            names[name.text] = name.place
            fields[name.text] = self._tree(self._next(), depth + 1)
        return Fields(fields, place, names)

    def _next(self) -> yaml.Event:
        event: yaml.Event = self._loader.get_event()  # type: ignore[no-untyped-call]
        mark = event.start_mark
        assert mark is not None
        self.last = Place(self._source, mark.line + 1, mark.column + 1)
        return event


def _refuse_marked(error: yaml.MarkedYAMLError, source: str) -> NoReturn:
    mark = error.problem_mark or error.context_mark
    problem = _one_line(error.problem or error.context)
    problem = next((hint for words, hint in _HINTS.items() if words in problem), problem)
    if mark is None:
        raise ValidationError(f"{source}: not valid YAML: {problem}") from None
    fault(Place(source, mark.line + 1, mark.column + 1), f"not valid YAML: {problem}")


def _one_line(text: object) -> str:
    return " ".join(str(text).split())


def _place_of(text: str, position: int, source: str) -> Place:
    before = text[:position]
    return Place(source, before.count("\n") + 1, position - before.rfind("\n"))
