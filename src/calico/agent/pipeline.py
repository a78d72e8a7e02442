"""The threads between datastore and kernel, joined by bounded queues.

    syncer  ──changes──▶  calculation  ──updates──▶  dataplane
    (I/O)                 (pure)                     (the kernel)

A full queue makes the thread before it wait, so memory stays bounded however fast the datastore changes.
"""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from calico.model.changes import Change, InSync, Progress
from calico.updates import Update

log = logging.getLogger(__name__)

QUEUE_LENGTH = 10_000
LARGEST_BATCH = 5_000
"""Changes taken together before the dataplane hears of them, so that a long snapshot does not starve it."""

Message = Change | InSync | Progress


class Graph(Protocol):
    """The calculation, as the loop drives it."""

    def on_change(self, change: Change) -> None:
        """A key's value changed."""

    def on_in_sync(self, revision: int) -> None:
        """The snapshot is complete."""

    def on_progress(self, revision: int) -> None:
        """Everything up to ``revision`` was told."""

    def flush(self) -> list[Update]:
        """What the dataplane must be told."""
        ...


class Calculation:
    """Feeds the graph with what the syncer tells, and the dataplane with what comes out.

    Changes that are waiting are taken together; the graph is flushed as soon as none waits.
    """

    def __init__(self, graph: Graph, submit: Callable[[Sequence[Update]], None], stop: threading.Event) -> None:
        self._graph = graph
        self._submit = submit
        self._stop = stop
        self._queue: queue.Queue[Message | None] = queue.Queue(QUEUE_LENGTH)

    def emit(self, message: Message, timeout: float) -> bool:
        """Take a message, waiting up to ``timeout`` seconds for room; whether there was any."""
        try:
            self._queue.put(message, timeout=timeout)
        except queue.Full:
            return False
        return True

    def wake(self) -> None:
        """Make a waiting :meth:`run` look at the stop event."""
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            log.debug("the calculation is busy and will see the stop event by itself")

    def run(self) -> None:
        """Work until the stop event is set."""
        while not self._stop.is_set():
            self._take(self._queue.get())
            self._take_waiting()
            updates = self._graph.flush()
            if updates:
                self._submit(updates)

    def _take_waiting(self) -> None:
        for _ in range(LARGEST_BATCH):
            try:
                self._take(self._queue.get_nowait())
            except queue.Empty:
                return

    def _take(self, message: Message | None) -> None:
        if isinstance(message, Change):
            self._graph.on_change(message)
        elif isinstance(message, InSync):
            self._graph.on_in_sync(message.revision)
        elif isinstance(message, Progress):
            self._graph.on_progress(message.revision)


class Threads:
    """The agent's threads: one that fails ends the agent, because a part that is dead in silence is worse."""

    def __init__(self, stop: threading.Event, on_failure: Callable[[str], None]) -> None:
        self._stop = stop
        self._on_failure = on_failure
        self._threads: list[threading.Thread] = []

    def start(self, name: str, run: Callable[[], None]) -> None:
        """Run ``run`` in a thread of its own until it returns."""
        thread = threading.Thread(target=self._guard, args=(name, run), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self, timeout: float) -> list[str]:
        """Wait up to ``timeout`` seconds for each thread; the names of those that still run."""
        for thread in self._threads:
            thread.join(timeout)
        return [thread.name for thread in self._threads if thread.is_alive()]

    def _guard(self, name: str, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception:
            log.exception("%s failed", name)
            self._on_failure(name)
            return
        if not self._stop.is_set():
            self._on_failure(name)
