"""A datastore that fails when a test says so, around any real backend."""

import threading
from collections.abc import Iterable, Sequence
from typing import final

from calico.datastore.api import (
    DEFAULT_TIMEOUT,
    Compare,
    Datastore,
    Delete,
    Events,
    KeyValue,
    Put,
    Snapshot,
    Watch,
)
from calico.model.errors import CalicoError, UnavailableError

DOWN = UnavailableError("the datastore is down (test)")


@final
class FaultyDatastore:
    """Passes every call on to ``inner`` unless a fault is due; open watches fail like all other calls.

    ``fail_next(error, calls, on)``  the next ``calls`` calls of ``on`` (any operation when empty) raise ``error``
    ``go_down()`` / ``come_up()``    every call raises until it is up again
    ``calls``                        the names of all calls so far, failed ones too
    """

    def __init__(self, inner: Datastore) -> None:
        self.inner = inner
        self.calls: list[str] = []
        self._lock = threading.Lock()
        self._faults: list[tuple[str, CalicoError]] = []
        self._down: CalicoError | None = None

    def fail_next(self, error: CalicoError = DOWN, *, calls: int = 1, on: str = "") -> None:
        with self._lock:
            self._faults += [(on, error)] * calls

    def go_down(self, error: CalicoError = DOWN) -> None:
        with self._lock:
            self._down = error

    def come_up(self) -> None:
        with self._lock:
            self._down = None

    def check(self, operation: str) -> None:
        """Record a call of ``operation`` and raise the fault that is due for it."""
        with self._lock:
            self.calls.append(operation)
            if self._down is not None:
                raise self._down
            for index, (on, error) in enumerate(self._faults):
                if on in ("", operation):
                    del self._faults[index]
                    raise error

    def get(self, key: str, *, timeout: float = DEFAULT_TIMEOUT) -> KeyValue | None:
        self.check("get")
        return self.inner.get(key, timeout=timeout)

    def transact(
        self, compares: Iterable[Compare], writes: Sequence[Put | Delete], *, timeout: float = DEFAULT_TIMEOUT
    ) -> int:
        self.check("transact")
        return self.inner.transact(compares, writes, timeout=timeout)

    def watch(self, directory: str, revision: int) -> Watch:
        self.check("watch")
        return _FaultyWatch(self, self.inner.watch(directory, revision))

    def compact(self, revision: int, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        self.check("compact")
        self.inner.compact(revision, timeout=timeout)

    def close(self) -> None:
        self.inner.close()

    def list(self, directory: str, *, timeout: float = DEFAULT_TIMEOUT) -> Snapshot:
        self.check("list")
        return self.inner.list(directory, timeout=timeout)


@final
class _FaultyWatch(Watch):
    def __init__(self, store: FaultyDatastore, inner: Watch) -> None:
        self._store = store
        self._inner = inner

    def next(self, timeout: float) -> Events:
        self._store.check("next")
        return self._inner.next(timeout)

    def close(self) -> None:
        self._inner.close()

    def __exit__(self, *_exception: object) -> None:
        self.close()
