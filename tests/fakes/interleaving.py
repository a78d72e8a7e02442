"""A datastore under which other things happen between the calls of one operation."""

from collections.abc import Callable, Iterable, Sequence
from typing import final

from calico.datastore.api import DEFAULT_TIMEOUT, Compare, Datastore, Delete, KeyValue, Put, Snapshot, Watch


class CrashError(Exception):
    """The process that called died here; not an error of the project, so that nobody handles it."""


@final
class InterleavedDatastore:
    """Passes every call on to ``inner``; for one thread.

    ``before``    runs just before the call with this number, counted from 1 since ``arm``
    ``after``     runs just after the call with this number has taken effect
    ``calls``     the names of the calls since ``arm``
    """

    def __init__(self, inner: Datastore) -> None:
        self.inner = inner
        self.arm()

    def arm(
        self,
        *,
        before: dict[int, Callable[[], object]] | None = None,
        after: dict[int, Callable[[], object]] | None = None,
    ) -> None:
        """Forget former calls and what was to happen; these are to happen now, each once."""
        self.calls: list[str] = []
        self._before = dict(before or {})
        self._after = dict(after or {})

    def _enter(self, operation: str) -> int:
        self.calls.append(operation)
        number = len(self.calls)
        self._before.pop(number, _nothing)()
        return number

    def _leave(self, number: int) -> None:
        self._after.pop(number, _nothing)()

    def get(self, key: str, *, timeout: float = DEFAULT_TIMEOUT) -> KeyValue | None:
        number = self._enter("get")
        found = self.inner.get(key, timeout=timeout)
        self._leave(number)
        return found

    def list(self, directory: str, *, timeout: float = DEFAULT_TIMEOUT) -> Snapshot:
        number = self._enter("list")
        found = self.inner.list(directory, timeout=timeout)
        self._leave(number)
        return found

    def transact(
        self, compares: Iterable[Compare], writes: Sequence[Put | Delete], *, timeout: float = DEFAULT_TIMEOUT
    ) -> int:
        number = self._enter("transact")
        revision = self.inner.transact(compares, writes, timeout=timeout)
        self._leave(number)
        return revision

    def watch(self, directory: str, revision: int) -> Watch:
        return self.inner.watch(directory, revision)

    def compact(self, revision: int, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        self.inner.compact(revision, timeout=timeout)

    def close(self) -> None:
        self.inner.close()


def crash() -> None:
    """Die here."""
    raise CrashError


def _nothing() -> None:
    pass
