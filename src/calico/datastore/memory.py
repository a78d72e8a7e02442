"""A datastore in the memory of one process: the model of the contract, and the backend of tests."""

import threading
import time
from collections.abc import Iterable, Sequence
from typing import final

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
from calico.datastore.request import directory_range, validate_key, validate_transaction
from calico.model.errors import CompactedError, ConflictError, UnavailableError, ValidationError


@final
class MemoryDatastore:
    """Implements :class:`calico.datastore.api.Datastore` with a dict and a list of events.

    No call waits for anything but ``next`` of a watch, so timeouts are of no concern elsewhere.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._current: dict[str, KeyValue] = {}
        self._history: list[Event] = []
        self._revision = 0
        self._compacted = 0
        self._closed = False

    def get(self, key: str, *, timeout: float = DEFAULT_TIMEOUT) -> KeyValue | None:
        """See :meth:`calico.datastore.api.Datastore.get`."""
        validate_key(key)
        with self._changed:
            self._check_open()
            return self._current.get(key)

    def list(self, directory: str, *, timeout: float = DEFAULT_TIMEOUT) -> Snapshot:
        """See :meth:`calico.datastore.api.Datastore.list`."""
        low, high = directory_range(directory)
        with self._changed:
            self._check_open()
            found = [entry for entry in self._current.values() if low <= entry.key < high]
            revision = self._revision
        return Snapshot(tuple(sorted(found, key=lambda entry: entry.key)), revision)

    def transact(
        self, compares: Iterable[Compare], writes: Sequence[Put | Delete], *, timeout: float = DEFAULT_TIMEOUT
    ) -> int:
        """See :meth:`calico.datastore.api.Datastore.transact`."""
        conditions, changes = validate_transaction(compares, writes)
        with self._changed:
            self._check_open()
            for condition in conditions:
                entry = self._current.get(condition.key)
                if (entry.revision if entry else 0) != condition.revision:
                    raise ConflictError(f"{condition.key} was changed by another writer")
            effective = [change for change in changes if isinstance(change, Put) or change.key in self._current]
            if effective:
                self._revision += 1
                for change in effective:
                    self._write(change)
                self._changed.notify_all()
            return self._revision

    def _write(self, change: Put | Delete) -> None:
        value = change.value if isinstance(change, Put) else None
        if value is None:
            del self._current[change.key]
        else:
            self._current[change.key] = KeyValue(change.key, value, self._revision)
        self._history.append(Event(change.key, value, self._revision))

    def watch(self, directory: str, revision: int) -> Watch:
        """See :meth:`calico.datastore.api.Datastore.watch`."""
        return _MemoryWatch(self, *directory_range(directory), revision)

    def compact(self, revision: int, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        """See :meth:`calico.datastore.api.Datastore.compact`."""
        with self._changed:
            self._check_open()
            if revision > self._revision:
                raise ValidationError(f"cannot compact to revision {revision}: the newest is {self._revision}")
            self._compacted = max(self._compacted, revision)
            self._history = [event for event in self._history if event.revision > self._compacted]
            self._changed.notify_all()

    def close(self) -> None:
        """See :meth:`calico.datastore.api.Datastore.close`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _check_open(self) -> None:
        if self._closed:
            raise UnavailableError("the datastore is closed")


@final
class _MemoryWatch(Watch):
    def __init__(self, store: MemoryDatastore, low: str, high: str, revision: int) -> None:
        self._store = store
        self._low = low
        self._high = high
        self._revision = revision
        self._closed = False

    def next(self, timeout: float) -> Events:
        store = self._store
        deadline = time.monotonic() + timeout
        with store._changed:
            while True:
                events = self._take()
                remaining = deadline - time.monotonic()
                if events or remaining <= 0 or self._closed or store._closed:
                    return Events(events, self._revision)
                store._changed.wait(remaining)

    def _take(self) -> tuple[Event, ...]:
        """What happened since the last call; the store's lock is held."""
        store = self._store
        if self._closed or store._closed:
            return ()
        if not store._compacted <= self._revision <= store._revision:
            raise CompactedError(store._compacted)
        first = len(store._history)
        while first and store._history[first - 1].revision > self._revision:
            first -= 1
        self._revision = store._revision
        return tuple(event for event in store._history[first:] if self._low <= event.key < self._high)

    def close(self) -> None:
        with self._store._changed:
            self._closed = True
            self._store._changed.notify_all()

    def __exit__(self, *_exception: object) -> None:
        self.close()
