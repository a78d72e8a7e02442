"""JSON text to plain values and back.

The work is done by the scanner and the encoder that :mod:`json` is built on, written in C. The rest of it imports
``re``, and together they take half as long as Python itself takes to start; so :mod:`json` is asked only about what
these two refuse: it takes white space around the text, and says what is wrong and where.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn


def parse_json(text: str) -> object:
    """The value of JSON text, in which ``NaN`` and the infinities are faults.

    Raises :class:`ValueError` that names the place of the fault, :class:`RecursionError` when nested too deeply.
    """
    if _scan is not None:
        try:
            value, end = _scan(text, 0)
        except (StopIteration, ValueError, RecursionError):
            end = -1
        if end == len(text):
            return value
    import json

    return json.loads(text, parse_constant=_refuse_constant)


def render_json(value: object) -> str:
    """A value as JSON text on one line, in ASCII; what ``json.dumps`` says."""
    if _encode is not None:
        try:
            return "".join(_encode(value, 0))
        except (TypeError, ValueError, RecursionError):
            pass
    import json

    return json.dumps(value)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


class _Decoder:
    """What the scanner asks of a decoder (``json.decoder.JSONDecoder``)."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_refuse_constant)


def _make_scanner() -> Callable[[str, int], tuple[object, int]] | None:
    """``None`` on a Python whose scanner wants to be made in another way."""
    try:
        from _json import make_scanner

        return make_scanner(_Decoder)  # type: ignore[arg-type]  # whatever has these attributes will do
    except (ImportError, AttributeError, TypeError):
        return None


def _make_encoder() -> Callable[[object, int], Iterable[str]] | None:
    """``None`` on a Python whose encoder wants to be made in another way."""
    try:
        from _json import encode_basestring_ascii, make_encoder

        return make_encoder(None, _refuse_value, encode_basestring_ascii, None, ": ", ", ", False, False, True)
    except (ImportError, TypeError):
        return None


def _refuse_value(value: object) -> NoReturn:
    raise TypeError(f"{value!r} has no form in JSON")


_scan = _make_scanner()
_encode = _make_encoder()
