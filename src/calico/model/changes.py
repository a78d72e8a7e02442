"""What the datastore tells the calculation: typed changes and where in history they stand."""

from __future__ import annotations

from calico.model.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.model.keys import Key


@record
class Change:
    """The value at ``key`` is now ``value``; ``None`` when it is gone or cannot be understood."""

    key: Key
    value: object | None


@record
class InSync:
    """Every key that existed at ``revision`` has been told; what follows are changes as they happen."""

    revision: int


@record
class Progress:
    """Every change up to ``revision`` has been told."""

    revision: int
