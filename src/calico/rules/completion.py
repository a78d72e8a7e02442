"""Which words may come next in a rule: found by asking the parser, so the two cannot disagree."""

from collections.abc import Sequence

from calico.model.errors import ValidationError
from calico.model.protocols import PROTOCOLS
from calico.rules.text import parse_rule

TAG = "tag"
"""The word after which the name of a tag stands."""

_VALUES = {"ports": "80", TAG: "web", "cidr": "10.0.0.0/8", "type": "8", "code": "0"}
"""The words that a value of one's own follows, each with an example."""

_VOCABULARY = ("allow", "deny", "ipv4", "ipv6", *PROTOCOLS, "from", "to", *_VALUES)


def next_words(words: Sequence[str]) -> list[str]:
    """The words of the grammar that may follow ``words``; none where only a value of one's own may stand."""
    if wants_value(words):
        return []
    return [word for word in _VOCABULARY if _parses([*words, word]) or _parses([*words, word, *_example(word)])]


def wants_value(words: Sequence[str]) -> bool:
    """Whether the last of ``words`` demands a value: ports, the name of a tag, a network, a number."""
    return bool(words) and not _parses(words) and _parses([*words, *_example(words[-1])])


def _example(word: str) -> list[str]:
    return [_VALUES[word]] if word in _VALUES else []


def _parses(words: Sequence[str]) -> bool:
    try:
        parse_rule(words)
    except ValidationError:
        return False
    return True
