"""The datastore of one host: an SQLite file, shared by the agent and any number of other processes."""

from __future__ import annotations

import threading
import time

from calico.datastore.api import (
    DEFAULT_TIMEOUT,
    Compare,
    Delete,
    Event,
    Events,
    KeyValue,
    Put,
    Snapshot,
    Watch,
)
from calico.datastore.request import MAX_OPERATIONS, directory_range, validate_key, validate_transaction
from calico.datastore.sqlite_file import DatabaseFile
from calico.model.errors import CompactedError, ConflictError, UnavailableError, ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from calico.datastore.request import Write
    from calico.datastore.wakeup import Wakeup

_SAFETY_NET = 1.0  # seconds after which a watch looks even when nothing woke it


class SqliteDatastore:
    """Implements :class:`calico.datastore.api.Datastore` with the SQLite file at ``path``.

    Nothing is opened before the first call. Where the file is absent there is nothing to read; the first write
    or watch makes it (mode 0600, in a directory made with 0700). One that goes away later is an error until it is
    back, see :mod:`calico.datastore.sqlite_file`.
    """

    def __init__(self, path: str) -> None:
        self._file = DatabaseFile(path)
        self._lock = threading.Lock()
        self._watches: set[_SqliteWatch] = set()

    def get(self, key: str, *, timeout: float = DEFAULT_TIMEOUT) -> KeyValue | None:
        """See :meth:`calico.datastore.api.Datastore.get`."""
        validate_key(key)
        if self._file.is_unmade():
            return None
        with self._file.reading(timeout) as connection:
            rows = connection.execute("SELECT key, value, revision FROM entries WHERE key = ?", (key,)).fetchall()
        return KeyValue(*rows[0]) if rows else None

    def list(self, directory: str, *, timeout: float = DEFAULT_TIMEOUT) -> Snapshot:
        """See :meth:`calico.datastore.api.Datastore.list`."""
        bounds = directory_range(directory)
        if self._file.is_unmade():
            return Snapshot((), 0)
        with self._file.reading(timeout) as connection:
            newest, _ = _revisions(connection)
            rows = connection.execute(
                "SELECT key, value, revision FROM entries WHERE key >= ? AND key < ? ORDER BY key", bounds
            ).fetchall()
        return Snapshot(tuple(KeyValue(*row) for row in rows), newest)

    def transact(
        self, compares: Iterable[Compare], writes: Sequence[Put | Delete], *, timeout: float = DEFAULT_TIMEOUT
    ) -> int:
        """See :meth:`calico.datastore.api.Datastore.transact`."""
        conditions, changes = validate_transaction(compares, writes)
        with self._file.writing(timeout) as connection:
            for condition in conditions:
                if _entry_revision(connection, condition.key) != condition.revision:
                    raise ConflictError(f"{condition.key} was changed by another writer")
            effective = [
                change for change in changes if isinstance(change, Put) or _entry_revision(connection, change.key)
            ]
            revision = _revisions(connection)[0] + len(effective)
            _write(connection, effective, revision)
        return revision

    def watch(self, directory: str, revision: int) -> Watch:
        """See :meth:`calico.datastore.api.Datastore.watch`."""
        from calico.datastore.wakeup import Wakeup

        bounds = directory_range(directory)
        with self._file.reading(DEFAULT_TIMEOUT):
            generation = self._file.generation
        watch = _SqliteWatch(self, bounds, revision, generation, Wakeup(self._file.directory))
        with self._lock:
            self._watches.add(watch)
        return watch

    def compact(self, revision: int, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        """See :meth:`calico.datastore.api.Datastore.compact`."""
        with self._file.writing(timeout) as connection:
            newest, compacted = _revisions(connection)
            if revision > newest:
                raise ValidationError(f"cannot compact to revision {revision}: the newest is {newest}")
            if revision > compacted:
                connection.execute("UPDATE compaction SET revision = ?", (revision,))
                connection.execute("DELETE FROM events WHERE id <= ? AND revision <= ?", (revision, revision))

    def close(self) -> None:
        """See :meth:`calico.datastore.api.Datastore.close`."""
        with self._lock:
            watches = tuple(self._watches)
        for watch in watches:
            watch.close()
        self._file.close()

    def _read_events(self, bounds: tuple[str, str], after: int, generation: int) -> tuple[tuple[Event, ...], int]:
        """The events within ``bounds`` since ``after``, and the revision up to which these are all."""
        with self._file.reading(DEFAULT_TIMEOUT) as connection:
            newest, compacted = _revisions(connection)
            if generation != self._file.generation or not compacted <= after <= newest:
                raise CompactedError(newest if after > newest else compacted)
            if newest == after:
                return (), newest
            # The ids of a transaction end at its revision, so the first one may lie before ``after``.
            rows = connection.execute(
                "SELECT key, value, revision FROM events"
                " WHERE id > ? AND revision > ? AND key >= ? AND key < ? ORDER BY id",
                (after - MAX_OPERATIONS, after, *bounds),
            ).fetchall()
        return tuple(Event(*row) for row in rows), newest

    def _forget(self, watch: _SqliteWatch) -> None:
        with self._lock:
            self._watches.discard(watch)


class _SqliteWatch(Watch):
    """Reads the events since the last answer, then sleeps until the directory changes.

    The descriptors go when the watch is closed and nobody waits on them any more.
    """

    def __init__(
        self, store: SqliteDatastore, bounds: tuple[str, str], revision: int, generation: int, wakeup: Wakeup
    ) -> None:
        self._store = store
        self._bounds = bounds
        self._revision = revision
        self._generation = generation
        self._wakeup = wakeup
        self._lock = threading.Lock()
        self._reading = False
        self._closed = False

    def next(self, timeout: float) -> Events:
        with self._lock:
            if self._closed:
                return Events((), self._revision)
            self._reading = True
        try:
            return self._wait_events(time.monotonic() + timeout)
        finally:
            with self._lock:
                self._reading = False
                if self._closed:
                    self._wakeup.close()

    def _wait_events(self, deadline: float) -> Events:
        while not self._closed:
            try:
                events, self._revision = self._store._read_events(self._bounds, self._revision, self._generation)
            except UnavailableError:
                if self._closed:
                    break
                raise
            remaining = deadline - time.monotonic()
            if events or remaining <= 0:
                return Events(events, self._revision)
            self._wakeup.wait(min(remaining, _SAFETY_NET))
        return Events((), self._revision)

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._reading:
                self._wakeup.wake()
            else:
                self._wakeup.close()
        self._store._forget(self)


def _revisions(connection: sqlite3.Connection) -> tuple[int, int]:
    """The newest revision and the compacted one."""
    rows = connection.execute(
        "SELECT (SELECT seq FROM sqlite_sequence WHERE name = 'events'), (SELECT revision FROM compaction)"
    ).fetchall()
    return rows[0][0] or 0, rows[0][1]


def _entry_revision(connection: sqlite3.Connection, key: str) -> int:
    rows = connection.execute("SELECT revision FROM entries WHERE key = ?", (key,)).fetchall()
    return int(rows[0][0]) if rows else 0


def _write(connection: sqlite3.Connection, changes: Sequence[Write], revision: int) -> None:
    first = revision - len(changes) + 1
    for identifier, change in enumerate(changes, first):
        value = change.value if isinstance(change, Put) else None
        connection.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (identifier, revision, change.key, value))
        if value is None:
            connection.execute("DELETE FROM entries WHERE key = ?", (change.key,))
        else:
            connection.execute("REPLACE INTO entries VALUES (?, ?, ?)", (change.key, value, revision))
