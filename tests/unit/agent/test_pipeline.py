"""The threads between datastore and kernel: what is taken together, what waits, what ends the agent."""

import logging
import threading
from collections.abc import Sequence

import pytest

from calico.agent.pipeline import Calculation, Threads
from calico.model.changes import Change, InSync, Progress
from calico.model.keys import ReadyKey
from calico.updates import Flushed, Update

SECONDS = 5.0


class FakeGraph:
    """Counts what it is told, and has one update for each flush that follows news."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.revision = 0
        self._flushed = 0

    def on_change(self, change: Change) -> None:
        self.told.append(change)

    def on_in_sync(self, revision: int) -> None:
        self.told.append("in-sync")
        self.revision = revision

    def on_progress(self, revision: int) -> None:
        self.told.append("progress")
        self.revision = revision

    def flush(self) -> list[Update]:
        if self._flushed == self.revision:
            return []
        self._flushed = self.revision
        return [Flushed(self.revision, in_sync=True)]


class Loop:
    """A calculation with its thread; what it submitted can be waited for."""

    def __init__(self) -> None:
        self.graph = FakeGraph()
        self.stop = threading.Event()
        self.submitted: list[Sequence[Update]] = []
        self._arrived = threading.Condition()
        self.calculation = Calculation(self.graph, self._submit, self.stop)
        self.thread = threading.Thread(target=self.calculation.run)

    def _submit(self, updates: Sequence[Update]) -> None:
        with self._arrived:
            self.submitted.append(updates)
            self._arrived.notify_all()

    def wait_revision(self, revision: int) -> None:
        wanted = Flushed(revision, in_sync=True)
        with self._arrived:
            assert self._arrived.wait_for(lambda: any(wanted in batch for batch in self.submitted), SECONDS)

    def end(self) -> None:
        self.stop.set()
        self.calculation.wake()
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()


def test_waiting_messages_are_taken_together() -> None:
    loop = Loop()
    change = Change(ReadyKey(), True)
    for message in (change, InSync(1), change, Progress(2)):
        assert loop.calculation.emit(message, SECONDS)

    loop.thread.start()
    loop.wait_revision(2)
    loop.end()

    assert loop.graph.told == [change, "in-sync", change, "progress"]
    assert loop.submitted == [[Flushed(2, in_sync=True)]]


def test_later_messages_are_flushed_as_they_come() -> None:
    loop = Loop()
    loop.thread.start()
    for revision in (1, 2):
        loop.calculation.emit(Progress(revision), SECONDS)
        loop.wait_revision(revision)
    loop.end()

    assert len(loop.submitted) == 2


def test_a_full_queue_says_so() -> None:
    loop = Loop()
    while loop.calculation.emit(Progress(1), 0.0):
        pass

    assert not loop.calculation.emit(Progress(2), 0.0)


@pytest.mark.parametrize("failure", [None, RuntimeError("boom")])
def test_a_thread_that_ends_by_itself_ends_the_agent(
    failure: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    stop, failed = threading.Event(), threading.Event()
    names: list[str] = []
    threads = Threads(stop, lambda name: (names.append(name), failed.set())[0])

    def run() -> None:
        if failure:
            raise failure

    with caplog.at_level(logging.ERROR):
        threads.start("syncer", run)
        assert failed.wait(SECONDS)

    assert names == ["syncer"]
    assert threads.join(SECONDS) == []
    assert ("boom" in caplog.text) == bool(failure)


def test_threads_that_do_not_end_are_named() -> None:
    stop, release = threading.Event(), threading.Event()
    threads = Threads(stop, lambda _name: None)
    threads.start("stuck", lambda: bool(release.wait(SECONDS)) and None)
    stop.set()

    assert threads.join(0.01) == ["stuck"]

    release.set()
    assert threads.join(SECONDS) == []
