"""Names that people choose or Docker makes: what is allowed in them, and nothing else in any key or rule."""

from __future__ import annotations

from calico.model.errors import ValidationError

NAME_LENGTH = 128
NODE_NAME_LENGTH = 255
# No regular expressions: to import re takes longer than to import this whole package.
_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_HEX_DIGITS = frozenset("0123456789ABCDEFabcdef")


def is_name(text: object) -> bool:
    """Whether ``text`` may name a profile, a tag, an endpoint, a workload or an orchestrator."""
    return isinstance(text, str) and len(text) <= NAME_LENGTH and _is_plain(text)


def validate_name(text: object, what: str) -> str:
    """Give ``text`` back when it is a name; otherwise say which thing is misnamed and what is allowed."""
    if not isinstance(text, str) or not is_name(text):
        raise ValidationError(
            f"{what} {text!r} is not a valid name: 1 to {NAME_LENGTH} letters, digits, dots, dashes and underscores"
        )
    return text


def is_network_name(text: object) -> bool:
    """Whether ``text`` may be kept as a Docker network's name: Docker allows nearly anything, we one short line."""
    return isinstance(text, str) and 1 <= len(text) <= NAME_LENGTH and text.isprintable()


def validate_node_name(text: object) -> str:
    """Give ``text`` back when it may name a node (one path segment of a datastore key)."""
    if not isinstance(text, str) or len(text) > NODE_NAME_LENGTH or not _is_plain(text):
        raise ValidationError(f"node name {text!r} is not valid: letters, digits, dots, dashes and underscores only")
    return text


def canonical_mac(text: object) -> str:
    """A MAC address as lower-case octets joined by colons."""
    if not isinstance(text, str) or not _is_mac(text):
        raise ValidationError(f"{text!r} is not a MAC address")
    return text.replace("-", ":").lower()


def _is_plain(text: str) -> bool:
    """Whether there are letters, digits and ``_.-`` of ASCII in the text and nothing else."""
    return text.isascii() and (text.isalnum() or (text != "" and not text.strip(_CHARACTERS)))


def _is_mac(text: str) -> bool:
    """Whether the text is six octets of two hexadecimal digits, joined all by colons or all by dashes."""
    octets = text.split("-" if "-" in text else ":")
    return len(octets) == 6 and all(len(octet) == 2 and _HEX_DIGITS.issuperset(octet) for octet in octets)
