"""The one protocol that every datastore backend implements, shaped so that etcd v3 fits it as it is.

    revision    a number that grows with every successful write transaction, over all keys
    mod revision  the revision that last wrote a key; ``0`` stands for "does not exist"
    transaction compare the mod revisions of some keys, then write all or nothing
    watch       all events after a revision, in order, without gaps
    compaction  forgetting history up to a revision; current values stay

Keys are absolute paths; ``list`` and ``watch`` take a directory and mean every key below it, at any depth,
at path borders only (``/a`` covers ``/a/b``, not ``/ab``). Values are text.
Every call takes a ``timeout`` in seconds and raises :class:`UnavailableError` when it is over.
"""

from __future__ import annotations

from calico.model.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Protocol, Self
else:
    Protocol = object  # a protocol says something to the type checker only

DEFAULT_TIMEOUT = 5.0


@record
class KeyValue:
    """A key that exists, with the revision that last wrote it."""

    key: str
    value: str
    revision: int


@record
class Snapshot:
    """Every key of a directory, sorted by key, as all of them stood at ``revision``."""

    entries: tuple[KeyValue, ...]
    revision: int


@record
class Compare:
    """Condition of a transaction: ``key`` was last written at ``revision`` (``0``: it does not exist)."""

    key: str
    revision: int


@record
class Put:
    """Write ``value`` at ``key``."""

    key: str
    value: str


@record
class Delete:
    """Remove ``key``; nothing happens when it does not exist."""

    key: str


@record
class Event:
    """One key changed at ``revision``; ``value`` is ``None`` when it was removed."""

    key: str
    value: str | None
    revision: int


@record
class Events:
    """What a watch saw: ``events`` in order, complete up to and including ``revision``."""

    events: tuple[Event, ...]
    revision: int


class Watch(Protocol):
    """An open watch. One thread reads; any thread may close."""

    def next(self, timeout: float) -> Events:
        """Wait up to ``timeout`` seconds; an empty answer means that nothing happened.

        A transaction's events are never split over two answers. Raises :class:`CompactedError` when the
        events asked for are gone, :class:`UnavailableError` when the datastore does not answer.
        """

    def close(self) -> None:
        """End the watch; a waiting ``next`` returns at once with no events."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


class Datastore(Protocol):
    """A revisioned key-value store. All methods may be called from any thread."""

    def get(self, key: str, *, timeout: float = DEFAULT_TIMEOUT) -> KeyValue | None:
        """The newest committed value of one key."""

    def list(self, directory: str, *, timeout: float = DEFAULT_TIMEOUT) -> Snapshot:
        """Every key below ``directory``, consistent at one revision."""

    def transact(
        self, compares: Iterable[Compare], writes: Sequence[Put | Delete], *, timeout: float = DEFAULT_TIMEOUT
    ) -> int:
        """When all ``compares`` hold, do all ``writes`` at one new revision and return it, durable.

        Raises :class:`ConflictError` when a condition fails; then nothing was written.
        A key may be written once in a transaction, and the limits of :mod:`calico.datastore.request` hold.
        Writes that change nothing (none, or only removals of absent keys) make no revision: the newest is returned.
        """

    def watch(self, directory: str, revision: int) -> Watch:
        """Every event below ``directory`` with a revision greater than ``revision``.

        A revision that the datastore never had counts as compacted: it must come from another datastore.
        """

    def compact(self, revision: int, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Forget history up to and including ``revision``; watches from before it raise ``CompactedError``.

        Raises :class:`ValidationError` for a revision that is still to come.
        """

    def close(self) -> None:
        """Give back all resources; every watch ends, and every later call raises :class:`UnavailableError`."""
