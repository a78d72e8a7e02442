"""The time that one request may take, and a view of the datastore that keeps to it."""

from collections.abc import Callable, Iterable, Sequence

from calico.datastore.api import DEFAULT_TIMEOUT, Compare, Datastore, Delete, KeyValue, Put, Snapshot, Watch
from calico.model.errors import UnavailableError


class Deadline:
    """A moment by which an answer is due, on the clock that is given (seconds, monotonic)."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due = clock() + seconds

    def remaining(self) -> float:
        """Seconds left; raises :class:`UnavailableError` when there are none."""
        left = self._due - self._clock()
        if left <= 0:
            raise UnavailableError("the request took longer than its deadline allows; try again")
        return left


class DeadlineDatastore:
    """A datastore none of whose calls outlasts a deadline; it does not own what it wraps."""

    def __init__(self, datastore: Datastore, deadline: Deadline) -> None:
        self._datastore = datastore
        self._deadline = deadline

    def _timeout(self, timeout: float) -> float:
        return min(timeout, self._deadline.remaining())

    def get(self, key: str, *, timeout: float = DEFAULT_TIMEOUT) -> KeyValue | None:
        """As in :class:`Datastore`."""
        return self._datastore.get(key, timeout=self._timeout(timeout))

    def list(self, directory: str, *, timeout: float = DEFAULT_TIMEOUT) -> Snapshot:
        """As in :class:`Datastore`."""
        return self._datastore.list(directory, timeout=self._timeout(timeout))

    def transact(
        self, compares: Iterable[Compare], writes: Sequence[Put | Delete], *, timeout: float = DEFAULT_TIMEOUT
    ) -> int:
        """As in :class:`Datastore`."""
        return self._datastore.transact(compares, writes, timeout=self._timeout(timeout))

    def watch(self, directory: str, revision: int) -> Watch:
        """As in :class:`Datastore`; the watch itself has its own timeouts."""
        return self._datastore.watch(directory, revision)

    def compact(self, revision: int, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        """As in :class:`Datastore`."""
        self._datastore.compact(revision, timeout=self._timeout(timeout))

    def close(self) -> None:
        """Nothing: the wrapped datastore outlives the request."""
