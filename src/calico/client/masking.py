"""Secrets taken out of text that leaves this host: passwords in URLs, and values whose name calls them secret.

What is masked reads ``***``. A secret that stands in free text under no telling name cannot be known as one.
"""

import json
import re

MASK = "***"

_WORDS = r"passw(?:or)?d|passphrase|secret|token|credential|private[_-]?key|api[_-]?key"
_NAME = re.compile(_WORDS, re.IGNORECASE)
# Both begin with a fixed text and look only so far, so that a hostile log cannot make the search slow.
_URL = re.compile(r"(://[^\s/\"'@:]{0,256}):[^\s/\"']{0,1024}@")
_PAIR = re.compile(
    rf"((?:{_WORDS})[\w.-]{{0,64}}[\"']?\s?[:=]\s?)(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s,;}}\"']+)", re.IGNORECASE
)


def mask_text(text: str) -> str:
    """``text`` without the secrets that can be recognized."""
    return _PAIR.sub(rf"\1{MASK}", _URL.sub(rf"\1:{MASK}@", text))


def mask_value(text: str, name: str = "") -> str:
    """The text of a datastore's value, kept under ``name``, without secrets.

    JSON is searched at any depth, and unchanged when there are none.
    """
    if _NAME.search(name):
        return MASK
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return mask_text(text)
    masked = mask_document(document)
    return text if masked == document else json.dumps(masked)


def mask_document(value: object) -> object:
    """A JSON value of any kind without secrets."""
    if isinstance(value, dict):
        return {name: MASK if _NAME.search(name) and item else mask_document(item) for name, item in value.items()}
    if isinstance(value, list):
        return [mask_document(item) for item in value]
    return mask_text(value) if isinstance(value, str) else value
