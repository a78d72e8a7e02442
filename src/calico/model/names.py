"""Names that people choose or Docker makes: what is allowed in them, and nothing else in any key or rule."""

import re

from calico.model.errors import ValidationError

NAME_LENGTH = 128
_NAME = re.compile(r"[A-Za-z0-9_.\-]+\Z")
_HOST = re.compile(r"[A-Za-z0-9_.\-]+\Z")
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}\Z")


def is_name(text: object) -> bool:
    """Whether ``text`` may name a profile, a tag, an endpoint, a workload or an orchestrator."""
    return isinstance(text, str) and len(text) <= NAME_LENGTH and _NAME.match(text) is not None


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
    if not isinstance(text, str) or len(text) > 255 or _HOST.match(text) is None:
        raise ValidationError(f"node name {text!r} is not valid: letters, digits, dots, dashes and underscores only")
    return text


def canonical_mac(text: object) -> str:
    """A MAC address as lower-case octets joined by colons."""
    if not isinstance(text, str) or _MAC.match(text) is None:
        raise ValidationError(f"{text!r} is not a MAC address")
    return text.replace("-", ":").lower()
