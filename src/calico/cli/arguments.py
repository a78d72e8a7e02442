"""Arguments that several commands share, from text to checked values; errors are lines for the person who typed."""

from __future__ import annotations

from calico.model.as_number import parse_as_number
from calico.model.errors import ValidationError
from calico.model.names import NAME_LENGTH, is_name
from calico.model.net import canonical_address, parse_network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from calico.cli.grammar import Match
    from calico.model.net import Network

_NAME_RULE = (
    f"at most {NAME_LENGTH} characters long and can only contain numbers, letters, dots, dashes and underscores"
)


FORMS = ("table", "yaml", "json")


def form(found: Match, default: str = "table") -> str:
    """The form in which to print, as ``-o`` says."""
    text = found.option("-o")
    if text is not None and text not in FORMS:
        raise ValidationError(f"-o {text} is not valid: use {', '.join(FORMS[:-1])} or {FORMS[-1]}")
    return text or default


def profile_name(text: str) -> str:
    """The name of a profile."""
    if not is_name(text):
        raise ValidationError(f"Profile names must be {_NAME_RULE}; {text!r} is not valid.")
    return text


def profile_names(texts: Iterable[str]) -> tuple[str, ...]:
    """The names of profiles, each at most once."""
    names = tuple(profile_name(text) for text in texts)
    for index, name in enumerate(names):
        if name in names[:index]:
            raise ValidationError(f"Profile with name {name} was specified more than once.")
    return names


def tag_name(text: str) -> str:
    """The name of a tag."""
    if not is_name(text):
        raise ValidationError(f"Tags names must be {_NAME_RULE}; {text!r} is not valid.")
    return text


def position(text: str | None) -> int | None:
    """The place of a rule as a number; which places exist is for the operation to say."""
    if text is None:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        raise ValidationError(f"Invalid position specified: {text!r} is not a number.")
    return int(text)


def address(text: str) -> str:
    """An address of either IP version, in its canonical form."""
    try:
        return canonical_address(text)
    except ValidationError as error:
        raise ValidationError(f"Invalid IP address specified. {error}") from None


def network(text: str) -> Network:
    """A CIDR with host bits masked away; a bare address is a network of one."""
    try:
        return parse_network(text)
    except ValidationError:
        raise ValidationError(f"Invalid CIDR specified {text}") from None


def as_number(text: str) -> int:
    """An AS number as one number, or as ``high.low`` of 16 bits each (RFC 5396)."""
    return parse_as_number(text)
