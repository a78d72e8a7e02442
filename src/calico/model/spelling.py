"""The word that somebody who mistyped one probably meant."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 40
"""Longer words are ids: nobody types these by hand, and to compare thousands of them takes seconds."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The one of ``known`` that is most like ``word``; empty when none is like it."""
    if not 2 <= len(word) <= LONGEST:
        return ""
    # Words whose lengths differ by more are never found alike: they need not be compared.
    near = {other for other in known if abs(len(other) - len(word)) <= 3}
    from difflib import get_close_matches  # only somebody who mistyped waits for it

    lowered = {other.lower(): other for other in sorted(near, reverse=True)}
    found = get_close_matches(word.lower(), sorted(lowered), 1, 0.65)
    return lowered[found[0]] if found else ""
