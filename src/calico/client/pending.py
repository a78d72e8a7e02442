"""The record of a change that waits for confirmation, as values and as text.

    announcement  a record that somebody is about to make a change that may have to be taken back
    keeper        the agent that has answered the announcement and watches the deadline
    armed         the record beside the change: what every key held before
    thing         what people call that which a key is a part of: ``profile web``
    outcome       how the last change ended: confirmed, or taken back with what had to be left

Deadlines are in seconds since 1970, because they must outlive every process.
"""

from __future__ import annotations

from types import MappingProxyType

from calico.client.documents import PeerDocument, PoolDocument, ProfileDocument
from calico.model.errors import ValidationError
from calico.model.json_text import parse_json, render_json
from calico.model.keys import (
    ApplyKey,
    BGPPeerKey,
    ConfigKey,
    EndpointKey,
    PoolKey,
    ProfileRulesKey,
    ProfileTagsKey,
    parse_key,
)
from calico.model.record import field, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeVar

    T = TypeVar("T")

PENDING = ApplyKey("pending")
OUTCOME = ApplyKey("outcome")

_LATEST = 1e12
NOTHING: Mapping[str, str | None] = MappingProxyType({})

CONFIRMED = "confirmed"
TAKEN_BACK = "taken back"


@record
class Pending:
    """The record of a change, made for ``seconds`` on ``host``; ``keeper`` is empty until an agent answers.

    ``previous`` has the text of every key before the change, ``None`` where there was none. ``revision`` is when the
    record was written, ``0`` for one that is not stored yet.
    """

    host: str
    seconds: float
    deadline: float
    keeper: str = ""
    armed: bool = False
    previous: Mapping[str, str | None] = field(default=NOTHING, hash=False)
    revision: int = field(default=0, compare=False)

    @property
    def things(self) -> tuple[str, ...]:
        """What the change was about: ``profile web``."""
        return tuple(things_of(self.previous))


@record
class Outcome:
    """How the last change ended, when, and what was left of it."""

    outcome: str
    at: float
    left: tuple[str, ...] = ()


def parse_pending(text: str, revision: int) -> Pending:
    """The record of a change; :class:`ValidationError` names the field that is wrong."""
    fields = _object(text)
    previous = fields.get("previous", {})
    if not isinstance(previous, dict) or not all(isinstance(value, (str, type(None))) for value in previous.values()):
        raise ValidationError("previous: must map keys to texts")
    for path in previous:
        _thing(path)
    return Pending(
        host=_field(fields, "host", str),
        seconds=_number(fields, "seconds"),
        deadline=_number(fields, "deadline"),
        keeper=_field(fields, "keeper", str),
        armed=_field(fields, "armed", bool),
        previous=previous,
        revision=revision,
    )


def render_pending(pending: Pending) -> str:
    """The text of the record of a change."""
    return render_json(
        {
            "host": pending.host,
            "seconds": pending.seconds,
            "deadline": pending.deadline,
            "keeper": pending.keeper,
            "armed": pending.armed,
            "previous": dict(pending.previous),
        }
    )


def things_of(paths: Iterable[str]) -> dict[str, list[str]]:
    """Keys by the things that they are parts of."""
    things: dict[str, list[str]] = {}
    for path in paths:
        things.setdefault(_thing(path), []).append(path)
    return things


def _thing(path: str) -> str:
    """What people call that which a key is a part of; :class:`ValidationError` for a key that apply never writes."""
    key = parse_key(path)
    if isinstance(key, (ProfileTagsKey, ProfileRulesKey)):
        return ProfileDocument(key.profile, ()).label
    if isinstance(key, PoolKey):
        return PoolDocument(key.cidr).label
    if isinstance(key, BGPPeerKey):
        return PeerDocument(key.address, 0, key.host).label
    if isinstance(key, EndpointKey):
        return f"endpoint {key.endpoint} of host {key.host}"
    if isinstance(key, ConfigKey):
        return f"setting {key.name}"
    raise ValidationError(f"previous: {path!r} is not a key of a profile, pool, peer or endpoint")


def _object(text: str) -> dict[str, object]:
    try:
        fields = parse_json(text)
    except (ValueError, RecursionError) as error:
        raise ValidationError(f"not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise ValidationError("must be an object")
    return fields


def _field(fields: Mapping[str, object], name: str, kind: type[T]) -> T:
    value = fields.get(name)
    if type(value) is not kind:  # exactly: a boolean is no number here
        raise ValidationError(f"{name}: must be {kind.__name__}")
    return value


def _number(fields: Mapping[str, object], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LATEST:
        raise ValidationError(f"{name}: must be a number of seconds")
    return float(value)


def render_outcome(outcome: Outcome) -> str:
    """The text of the record of how a change ended."""
    return render_json({"outcome": outcome.outcome, "at": outcome.at, "left": list(outcome.left)})


def parse_outcome(text: str) -> Outcome:
    """How a change ended; :class:`ValidationError` names the field that is wrong."""
    fields = _object(text)
    left = fields.get("left")
    if not isinstance(left, list) or not all(isinstance(thing, str) for thing in left):
        raise ValidationError("left: must be a list of texts")
    return Outcome(_field(fields, "outcome", str), _number(fields, "at"), tuple(left))
