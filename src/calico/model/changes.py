"""What the datastore tells the calculation: typed changes and where in history they stand."""

from dataclasses import dataclass

from calico.model.keys import Key


@dataclass(frozen=True, slots=True)
class Change:
    """The value at ``key`` is now ``value``; ``None`` when it is gone or cannot be understood."""

    key: Key
    value: object | None


@dataclass(frozen=True, slots=True)
class InSync:
    """Every key that existed at ``revision`` has been told; what follows are changes as they happen."""

    revision: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Every change up to ``revision`` has been told."""

    revision: int
