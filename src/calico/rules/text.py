"""Rules as people write them.

    rule  = ("allow" | "deny") ["ipv4" | "ipv6"] [protocol] ["type" N ["code" N]] ["from" side] ["to" side]
    side  = ["ports" ports] ["tag" name] ["cidr" cidr]        in any order, each at most once
    ports = item {"," item};  item = N | N ":" N | N "-" N

Ports need a protocol that has ports; type and code need icmp or icmpv6. The printed form is the parsed form:
``parse_rule(render_rule(rule).split())`` gives the same rule.
"""

from __future__ import annotations

from calico.model.errors import ValidationError
from calico.model.names import is_name, validate_name
from calico.model.net import canonical_cidr
from calico.model.protocols import PROTOCOLS, canonical_protocol
from calico.model.spelling import nearest
from calico.model.values import Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from typing import NoReturn

    from calico.model.values import PortRange

_FAMILIES = {"ipv4": 4, "ipv6": 6}
_MAX_PORTS = 1000
_LONGEST_LINE = 110
_CRITERIA = ("ports", "tag", "cidr")
_PLACES = {
    **dict.fromkeys(_CRITERIA, "Ports, tags and networks go behind 'from' or 'to'"),
    **dict.fromkeys(PROTOCOLS, "The protocol goes before 'from' and 'to'"),
    **dict.fromkeys(_FAMILIES, "The IP version goes before the protocol"),
    "type": "'type' goes behind icmp or icmpv6",
    "code": "'code' goes behind the type of icmp or icmpv6",
    "from": "'from' goes before 'to', and stands there once",
    "to": "'to' stands there once",
}
"""Where the words of the grammar go, for those who put them elsewhere."""


class RuleError(ValidationError):
    """A text that is no rule; ``word`` is the faulty word, counted from 1, or 0 for the rule as a whole.

    ``expected`` are the words of the grammar that may stand in its place, when the word is not one of these.
    """

    def __init__(self, message: str, words: Sequence[str], word: int, expected: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.words = tuple(words)
        self.word = word
        self.expected = tuple(expected)

    def __str__(self) -> str:
        return super().__str__() + self._hint()

    @property
    def details(self) -> tuple[str, ...]:
        """The rule, and below it a mark at the faulty word; empty when that would not be seen on a terminal."""
        text = " ".join(self.words)
        if not self.word or not text.isprintable() or len(text) > _LONGEST_LINE:
            return ()
        start = len(" ".join(("", *self.words[: self.word - 1])))
        return text, " " * start + "^" * len(self.words[self.word - 1])

    def _hint(self) -> str:
        """What was probably meant, in a sentence behind a full stop."""
        if not self.expected:
            return ""
        word, before = self.words[self.word - 1], self.words[: self.word - 1]
        if word in _CRITERIA and not {"from", "to"}.isdisjoint(before):
            return f". Each side has one {word!r} at most"
        if word.lower() in _PLACES:
            return f". {_PLACES[word.lower()]}"
        near = nearest(word, self.expected)
        if near:
            return f". Did you mean {near!r}?"
        return next((f". {what} goes behind {name!r}" for name, what in _shapes(word) if name in self.expected), "")


def _shapes(word: str) -> Iterator[tuple[str, str]]:
    """What a word may be that is none of the grammar: the word that goes before it, and what it is."""
    for name, what, parse in (("ports", "A port", parse_ports), ("cidr", "A network", canonical_cidr)):
        try:
            parse(word)
        except ValidationError:
            continue
        yield name, what
    if is_name(word):
        yield "tag", "The name of a tag"


def parse_rule(words: Sequence[str]) -> Rule:
    """Words to a rule; raises :class:`RuleError` that points at the word and says what may stand there."""
    parser = _Parser(words)
    try:
        return parser.rule()
    except ValidationError as error:
        raise RuleError(str(error), words, parser.faulty_word, parser.expected) from None


def render_rule(rule: Rule) -> str:
    """A rule as text, in the one order that :func:`parse_rule` documents."""
    words = [rule.action]
    if rule.ip_version is not None:
        words.append(f"ipv{rule.ip_version}")
    if rule.protocol is not None:
        words.append(rule.protocol)
    if rule.icmp_type is not None:
        words += ["type", str(rule.icmp_type)]
    if rule.icmp_code is not None:
        words += ["code", str(rule.icmp_code)]
    words += _render_side("from", rule.src_ports, rule.src_tag, rule.src_net)
    words += _render_side("to", rule.dst_ports, rule.dst_tag, rule.dst_net)
    return " ".join(words)


def parse_ports(text: str) -> tuple[PortRange, ...]:
    """``80,443,8000-8080`` to port ranges, in the order given; ``:`` and ``-`` both join a range."""
    items = text.split(",")
    if len(items) > _MAX_PORTS:
        raise ValidationError(f"more than {_MAX_PORTS} ports in one rule")
    return tuple(_parse_port_item(item, text) for item in items)


def render_ports(ports: Sequence[PortRange]) -> str:
    """Port ranges as text, in stored order."""
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in ports)


def _render_side(word: str, ports: tuple[PortRange, ...], tag: str | None, net: str | None) -> list[str]:
    words = ["ports", render_ports(ports)] if ports else []
    words += ["tag", tag] if tag is not None else []
    words += ["cidr", net] if net is not None else []
    return [word, *words] if words else []


def _parse_port_item(item: str, text: str) -> PortRange:
    low, joined, high = item.replace("-", ":").partition(":")
    if not joined:
        high = low
    if not all(part.isascii() and part.isdigit() for part in (low, high)):
        raise ValidationError(
            f"Ports: '{text}' are invalid; expecting a comma-separated list of ports and port ranges."
        )
    if len(low) > 5 or int(low) > 65535:
        raise ValidationError(f"Port ({low}) out-of-range.")
    if len(high) > 5 or int(high) > 65535:
        raise ValidationError(f"Port ({high}) out-of-range.")
    if int(low) > int(high):
        raise ValidationError(f"Port range minimum ({low}) > maximum ({high}).")
    return int(low), int(high)


class _Parser:
    """Walks the words once, left to right; ``_position`` is the next word."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._position = 0
        self._complete = False
        self._fields: dict[str, object] = {}
        self._asked: list[str] = []
        self._asked_before: list[str] = []
        self.expected: tuple[str, ...] = ()

    @property
    def faulty_word(self) -> int:
        """Which word a fault just found is about; once all are read it is about how they go together."""
        return 0 if self._complete else self._position

    def rule(self) -> Rule:
        if not self._sees(("allow", "deny")):
            self._next("'allow' or 'deny'")
            self._unexpected()
        action = self._next("")
        self._family_and_protocol()
        self._icmp()
        sides = {"from": "src", "to": "dst"}
        while self._sees(tuple(sides)):
            word = self._next("")
            self._side(sides.pop(word))
            if word == "to":
                sides.clear()
        if self._peek() is not None:
            self._next("")
            self._unexpected("the end")
        self._complete = True
        return Rule(action, **self._fields)  # type: ignore[arg-type]  # fields were parsed to their types

    def _family_and_protocol(self) -> None:
        if self._sees(_FAMILIES):
            self._fields["ip_version"] = _FAMILIES[self._next("")]
        self._sees(PROTOCOLS)
        word = self._peek()
        if word is not None and (word.lower() in PROTOCOLS or word.isdigit()):
            self._fields["protocol"] = canonical_protocol(self._next(""))

    def _icmp(self) -> None:
        if self._fields.get("protocol") not in ("icmp", "icmpv6"):
            return
        if self._sees(("type",)):
            self._fields["icmp_type"] = self._icmp_number("type")
            if self._sees(("code",)):
                self._fields["icmp_code"] = self._icmp_number("code")

    def _icmp_number(self, word: str) -> int:
        self._next("")
        text = self._next(f"the ICMP {word}, 0 to 255")
        if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 255):
            raise ValidationError(f"Invalid ICMP type or ICMP code specified: {text!r} is not a number 0 to 255.")
        return int(text)

    def _side(self, prefix: str) -> None:
        criteria = list(_CRITERIA)
        while self._sees(criteria):
            word = self._next("")
            criteria.remove(word)
            if word == "ports":
                self._fields[f"{prefix}_ports"] = parse_ports(self._next("ports such as 80,443,8000-8080"))
            elif word == "tag":
                self._fields[f"{prefix}_tag"] = validate_name(self._next("the name of a tag"), "tag")
            else:
                self._fields[f"{prefix}_net"] = self._cidr()

    def _cidr(self) -> str:
        text = self._next("a network such as 10.0.0.0/8")
        try:
            return canonical_cidr(text)
        except ValidationError as error:
            raise ValidationError(f"Invalid CIDR specified: {error}.") from None

    def _peek(self) -> str | None:
        return self._words[self._position] if self._position < len(self._words) else None

    def _sees(self, words: Collection[str]) -> bool:
        """Whether the next word is one of these; what was asked for is kept for the error about another word."""
        self._asked += words
        return self._peek() in words

    def _next(self, expected: str) -> str:
        word = self._peek()
        if word is None:
            raise ValidationError(f"the rule ends too early: expected {expected}")
        self._position += 1
        self._asked, self._asked_before = [], self._asked
        return word

    def _unexpected(self, *others: str) -> NoReturn:
        """Refuse the word just taken, which is none of those that were asked for before."""
        self.expected = tuple(dict.fromkeys(self._asked_before))
        word = self._words[self._position - 1]
        texts = [*others, *_describe_words(self.expected)]
        expected = " or ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))
        raise ValidationError(f"word {self._position} of the rule: {word!r} not expected here; expected {expected}")


def _describe_words(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if word not in PROTOCOLS:
            yield repr(word)
        elif word == next(iter(PROTOCOLS)):
            yield f"a protocol ({', '.join(PROTOCOLS)} or a number)"
