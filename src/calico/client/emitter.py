"""Plain data as YAML text for people: dictionaries, lists, text, numbers, booleans and nothing.

What YAML 1.1 or 1.2 would
take for something else than text (``no``, ``80:90``, ``1e3``) is quoted, so every YAML reader sees the same.
"""

import re
from collections.abc import Collection, Iterable, Mapping

_WIDTH = 100
_INDENT = "  "
_PLAIN = re.compile(r"[A-Za-z0-9_./](?:[A-Za-z0-9_./@ ,=+:-]*[A-Za-z0-9_./@=+-])?\Z")
_WORDS = frozenset({"", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", ".inf", ".nan"})
_NUMBER = re.compile(
    r"""[-+]?(?: 0x[0-9a-f_]+ | 0o?[0-7_]+ | 0b[01_]+                       # whole numbers
            | [0-9][0-9_]*(?::[0-9_]+)*(?:\.[0-9_]*)?(?:e[-+]?[0-9_]+)?     # also sexagesimal, floating
            | \.[0-9_]+(?:e[-+]?[0-9]+)? | \.inf )\Z
        | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[t\ ].*)?\Z                      # dates and times
    """,
    re.VERBOSE,
)


def render_yaml(documents: Iterable[object], inline: Collection[str] = ()) -> str:
    """Documents as one YAML text; ``[]``, an empty list of documents, when there are none.

    The lists of the fields named by ``inline`` stand on one line each as long as it is not too long.
    """
    texts = ["\n".join(_block(document, "", inline)) + "\n" for document in documents]
    return "---\n".join(texts) or "[]\n"


def _block(value: object, indent: str, inline: Collection[str]) -> list[str]:
    """The lines of a value that stands by itself."""
    if isinstance(value, Mapping) and value:
        return [line for name, part in value.items() for line in _entry(str(name), part, indent, inline)]
    if isinstance(value, (list, tuple)) and value:
        return [line for part in value for line in _item(part, indent, inline)]
    return [indent + _scalar(value)]


def _entry(name: str, value: object, indent: str, inline: Collection[str]) -> list[str]:
    start = f"{indent}{_text(name)}:"
    if name in inline and isinstance(value, (list, tuple)):
        line = f"{start} [" + ", ".join(_scalar(part, flow=True) for part in value) + "]"
        if len(line) <= _WIDTH:
            return [line]
    if isinstance(value, (Mapping, list, tuple)) and value:
        return [start, *_block(value, indent + _INDENT, inline)]
    return [f"{start} {_scalar(value)}"]


def _item(value: object, indent: str, inline: Collection[str]) -> list[str]:
    lines = _block(value, indent + _INDENT, inline)
    return [f"{indent}- {lines[0].removeprefix(indent + _INDENT)}", *lines[1:]]


def _scalar(value: object, *, flow: bool = False) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, (list, tuple)):
        return "[]"
    return _text(str(value), flow=flow)


def _text(text: str, *, flow: bool = False) -> str:
    lower = text.lower()
    plain = _PLAIN.match(text) and ": " not in text and not (flow and "," in text)
    if plain and lower not in _WORDS and not _NUMBER.match(lower) and text not in ("---", "..."):
        return text
    if text.isprintable() and text.isascii():
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 1 << 8 else f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"
