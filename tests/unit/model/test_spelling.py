"""The word that was probably meant."""

import pytest

from calico.model.spelling import nearest

KNOWN = [
    "web",
    "WEB-FRONT",
    "database",
    "shop/web",
    "5a21f63bc17feb6b9c879bbbc271594dfa1483ddf9af5171efca7a2d509908e5",
]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("wbe", "web"),
        ("databse", "database"),
        ("web-fromt", "WEB-FRONT"),
        ("shop/wep", "shop/web"),
        ("qqqq", ""),
        ("w", ""),
        ("", ""),
        ("5a21f63bc17feb6b9c879bbbc271594dfa1483ddf9af5171efca7a2d509908e6", ""),
    ],
)
def test_the_word_most_alike_is_found(word: str, meant: str) -> None:
    assert nearest(word, KNOWN) == meant


def test_nothing_is_like_nothing() -> None:
    assert nearest("web", []) == ""
