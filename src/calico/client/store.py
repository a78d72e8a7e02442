"""The datastore as typed values, with read-modify-write as one primitive.

``Store.run`` calls a function with a :class:`Transaction`. The function reads, decides and writes through it;
then everything written is committed together, on condition that no key read with ``get`` has changed. When
one has, the function is called again on fresh values. So no operation ever leaves half of itself behind, and
none overwrites what somebody else wrote in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from calico.datastore.api import DEFAULT_TIMEOUT, Compare, Datastore, Delete, KeyValue, Put
from calico.model.codec import decode, encode
from calico.model.errors import ConflictError, UnavailableError, ValidationError
from calico.model.keys import Key, parse_key
from calico.model.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Generic, TypeVar

    T = TypeVar("T")
    K = TypeVar("K", bound=Key)
else:
    T = K = object

    class Generic:
        """That of :mod:`typing`: it says something to the type checker only."""

        __slots__ = ()

        def __class_getitem__(cls, _kinds):
            return cls


ATTEMPTS = 100
"""How often an operation is tried against other writers before it gives up."""

WRITES = 100
"""Most keys to write in one transaction; etcd takes 128 operations in its standard configuration."""

Clock = Callable[[], float]


class Deadline:
    """The moment at which an operation must have ended. ``clock`` gives seconds that never go back."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def remaining(self) -> float:
        """Seconds left; raises :class:`UnavailableError` when there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise UnavailableError(f"the datastore did not complete the operation within {self._seconds:g} s")
        return left


@record
class Entry(Generic[K, T]):
    """A key with its value and the revision that wrote it."""

    key: K
    value: T
    revision: int


class Transaction:
    """One try of an operation. Not for use outside the function that :meth:`Store.run` gave it to."""

    def __init__(self, datastore: Datastore, deadline: Deadline) -> None:
        self._datastore = datastore
        self._deadline = deadline
        self._reads: dict[str, KeyValue | None] = {}
        self._guards: dict[str, int] = {}
        self._writes: dict[str, Put | Delete] = {}
        self._written: dict[str, object | None] = {}

    def get(self, key: Key, kind: type[T]) -> T | None:
        """The value at ``key``, ``None`` when there is none; the commit fails if it changes meanwhile.

        What this transaction wrote is seen. Raises :class:`ValidationError`, naming key and field, when the text
        there is not a valid value.
        """
        if key.path in self._written:
            value = self._written[key.path]
            assert value is None or isinstance(value, kind)
            return value
        found = self._read(key.path)
        return None if found is None else _value(key, found, kind)

    def exists(self, key: Key) -> bool:
        """Whether anything, valid or not, is at ``key``; the commit fails if it changes meanwhile."""
        return self._read(key.path) is not None

    def peek(self, key: K, kind: type[T]) -> Entry[K, T] | None:
        """Like ``get``, but the commit does not depend on it unless :meth:`guard` says so."""
        found = self._datastore.get(key.path, timeout=self._deadline.remaining())
        return None if found is None else Entry(key, _value(key, found, kind), found.revision)

    def peek_text(self, path: str) -> KeyValue | None:
        """A key as text; the commit does not depend on it."""
        return self._datastore.get(path, timeout=self._deadline.remaining())

    def guard_path(self, path: str, revision: int) -> None:
        """Like ``guard``, for a key given by its text."""
        self._guards[path] = revision

    def raw(self, directory: str) -> tuple[KeyValue, ...]:
        """Every key below ``directory`` as text; the commit does not depend on them."""
        return self._datastore.list(directory, timeout=self._deadline.remaining()).entries

    def list(self, directory: str, key_kind: type[K], kind: type[T]) -> Iterator[Entry[K, T]]:
        """Every valid value of one kind below ``directory``; what cannot be understood is left out.

        The commit does not depend on them.
        """
        return entries(self.raw(directory), key_kind, kind)

    def guard(self, key: Key, revision: int) -> None:
        """Commit only if ``key`` was last written at ``revision`` (``0``: does not exist)."""
        self._guards[key.path] = revision

    def put(self, key: Key, value: object) -> None:
        """Write ``value`` at ``key`` when the transaction commits.

        Raises :class:`ValidationError` for a key that could not be read back: one with an illegal name in it.
        """
        if parse_key(key.path) != key:
            raise ValidationError(f"{key.path!r} is not a key of the datastore")
        self._writes[key.path] = Put(key.path, encode(key, value))
        self._written[key.path] = value

    def delete(self, key: Key) -> None:
        """Remove ``key`` when the transaction commits."""
        self.delete_path(key.path)

    def delete_path(self, path: str) -> None:
        """Remove a key given by its text, which need not be one that we know."""
        self._writes[path] = Delete(path)
        self._written[path] = None

    def write(self, change: Put | Delete) -> None:
        """Do a write that is text already; ``get`` does not see it."""
        self._writes[change.key] = change

    def commit(self) -> int:
        """Write everything and give the revision, or raise :class:`ConflictError`; ``0`` without writes."""
        if not self._writes:
            return 0
        compares = [Compare(path, revision) for path, revision in self._guards.items()]
        return self._datastore.transact(compares, tuple(self._writes.values()), timeout=self._deadline.remaining())

    def _read(self, path: str) -> KeyValue | None:
        if path not in self._reads:
            found = self._datastore.get(path, timeout=self._deadline.remaining())
            self._reads[path] = found
            self._guards[path] = 0 if found is None else found.revision
        return self._reads[path]


class Store:
    """Typed reads, and read-modify-write with retry. ``timeout`` in seconds covers a whole operation."""

    def __init__(
        self, datastore: Datastore, timeout: float = DEFAULT_TIMEOUT, *, clock: Clock = time.monotonic
    ) -> None:
        self._datastore = datastore
        self._timeout = timeout
        self._clock = clock

    def deadline(self, timeout: float | None = None) -> Deadline:
        """A deadline from now; several calls of ``run`` may share it."""
        return Deadline(self._timeout if timeout is None else timeout, self._clock)

    def run(self, operation: Callable[[Transaction], T], deadline: Deadline | None = None) -> T:
        """Call ``operation`` and commit what it wrote; again, on fresh values, when another writer was faster.

        Raises what ``operation`` raises (then nothing is written), :class:`ConflictError` after 100 tries and
        :class:`UnavailableError` when time is up.
        """
        return self.run_revision(operation, deadline)[0]

    def run_revision(self, operation: Callable[[Transaction], T], deadline: Deadline | None = None) -> tuple[T, int]:
        """Like ``run``; also tells the revision of the commit (``0`` when nothing was written)."""
        deadline = deadline or self.deadline()
        for _ in range(ATTEMPTS):
            transaction = Transaction(self._datastore, deadline)
            result = operation(transaction)
            try:
                return result, transaction.commit()
            except ConflictError:
                continue
        raise ConflictError(f"other writers were faster {ATTEMPTS} times in a row; try again")

    def get(self, key: Key, kind: type[T]) -> T | None:
        """The value at ``key``, ``None`` when there is none."""
        return self.run(lambda transaction: transaction.get(key, kind))

    def list(self, directory: str, key_kind: type[K], kind: type[T]) -> Iterator[Entry[K, T]]:
        """Every valid value of one kind below ``directory``, in the order of the keys' text."""
        return self.run(lambda transaction: transaction.list(directory, key_kind, kind))

    def raw(self, directory: str) -> tuple[KeyValue, ...]:
        """Every key below ``directory`` as text, sorted."""
        return self.run(lambda transaction: transaction.raw(directory))

    def delete_below(self, directories: tuple[str, ...], deadline: Deadline | None = None) -> bool:
        """Remove every key below the directories, whatever it is; whether there was any."""
        paths = [found.key for directory in directories for found in self.raw(directory)]
        for start in range(0, len(paths), WRITES):
            self.run(partial(_delete_all, paths=paths[start : start + WRITES]), deadline)
        return bool(paths)


def entries(found: Iterable[KeyValue], key_kind: type[K], kind: type[T]) -> Iterator[Entry[K, T]]:
    """What of ``found`` is a valid value of one kind, decoded one by one as it is asked for."""
    for item in found:
        try:
            key = parse_key(item.key)
            value = decode(key, item.value) if isinstance(key, key_kind) else None
            if isinstance(key, key_kind) and isinstance(value, kind):
                yield Entry(key, value, item.revision)
        except ValidationError:
            continue  # disabled alone; the agent's log names it


def _value(key: Key, found: KeyValue, kind: type[T]) -> T:
    try:
        value = decode(key, found.value)
    except ValidationError as error:
        raise ValidationError(f"{found.key}: {error}") from None
    assert isinstance(value, kind)
    return value


def _delete_all(transaction: Transaction, paths: list[str]) -> None:
    for path in paths:
        transaction.delete_path(path)
