"""The dataplane's one thread: takes updates in, lets every part act on the host, and tells how far the kernel is.

    round    one turn of the loop: events, then a look at what others did, then all queued updates, then one apply
    part     policy, interfaces, forwarding, Docker's chain: each keeps its area right and retries on its own
    check    a round, every so often, in which the parts compare everything with the kernel

Nothing is written before the first in-sync. The thread sleeps until an update, a kernel event or a deadline.
Stopping leaves everything in the kernel as it is.
"""

import contextlib
import logging
import os
import queue
import selectors
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Protocol

from calico.dataplane.managers.interfaces import InterfaceManager
from calico.dataplane.policy import Policy
from calico.dataplane.status import EndpointStatuses, Progress
from calico.linux.monitor import Event
from calico.linux.netlink import Lost
from calico.model.errors import CalicoError, UnavailableError
from calico.updates import Flushed, Update

log = logging.getLogger(__name__)

CHECK_INTERVAL = 10.0
"""Seconds between two periodic checks."""
QUEUE_LENGTH = 1000
"""Batches of updates that may wait; a sender of more waits itself."""
_REPAIRS_LOGGED = 10


class Part(Protocol):
    """One area of the host."""

    def on_update(self, update: Update) -> None:
        """Take notice; nothing is written."""
        ...

    def look(self, now: float, *, full: bool) -> None:
        """See what somebody else changed: everything when ``full``, else what is cheap to see."""
        ...

    def complete(self, now: float) -> list[str]:
        """Bring the host in line; one line for each thing that somebody else had changed.

        Faults are logged, told by ``fault`` and tried again when ``due``; they are not raised.
        """
        ...

    def due(self) -> float | None:
        """When to be called again even if nothing happens."""
        ...

    @property
    def fault(self) -> str:
        """What is wrong with the host as a whole; empty when nothing is."""
        ...


class LinkEvents(Protocol):
    """See :class:`calico.linux.monitor.LinkMonitor`."""

    def fileno(self) -> int:
        """For a selector."""
        ...

    def read(self, timeout: float = 0.0) -> Sequence[Event]:
        """What happened since the last call."""
        ...


class NftEvents(Protocol):
    """See :class:`calico.linux.nfnetlink.NfTablesMonitor`."""

    def fileno(self) -> int:
        """For a selector."""
        ...

    def read(self, timeout: float = 0.0) -> Sequence[object]:
        """What happened since the last call; only that something did is of interest."""
        ...


class Driver:
    """Runs the dataplane of one host in the thread that calls ``run``; ``submit`` and ``wake`` are for any thread.

    ``host_parts`` concern the host as a whole: while one has a fault, no endpoint counts as up.
    """

    def __init__(
        self,
        policy: Policy,
        interfaces: InterfaceManager,
        host_parts: Sequence[Part],
        link_events: LinkEvents,
        nft_events: NftEvents,
        statuses: EndpointStatuses,
        *,
        clock: Callable[[], float] = time.monotonic,
        check_interval: float = CHECK_INTERVAL,
        queue_length: int = QUEUE_LENGTH,
    ) -> None:
        self._policy = policy
        self._interfaces = interfaces
        self._host_parts = tuple(host_parts)
        # Policy first: an interface gets its route when the kernel knows what may pass.
        self._parts: tuple[Part, ...] = (policy, interfaces, *self._host_parts)
        self._link_events = link_events
        self._nft_events = nft_events
        self._statuses = statuses
        self._clock = clock
        self._check_interval = check_interval
        self._check_due = 0.0
        self._queue: queue.Queue[Sequence[Update]] = queue.Queue(queue_length)
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        for source in (self._wake_fd, link_events, nft_events):
            self._selector.register(source, selectors.EVENT_READ)
        self._in_sync = False
        self._repairs = 0

    def __enter__(self) -> "Driver":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give resources back, after ``run`` has returned."""
        self._selector.close()
        if self._wake_fd >= 0:
            os.close(self._wake_fd)
            self._wake_fd = -1

    def submit(self, updates: Sequence[Update], timeout: float) -> None:
        """Queue updates in order; UnavailableError when the queue stays full for ``timeout`` seconds."""
        try:
            self._queue.put(updates, timeout=timeout)
        except queue.Full:
            raise UnavailableError(f"the dataplane took no updates for {timeout:g} s") from None
        self.wake()

    def wake(self) -> None:
        """Let ``run`` take a round now; it also sees ``stop`` then."""
        os.eventfd_write(self._wake_fd, 1)

    def run(self, stop: threading.Event) -> None:
        """Keep the host right until ``stop`` is set and ``wake`` was called."""
        try:
            while not stop.is_set():
                ready = self._wait()
                if not stop.is_set():
                    self._round(ready)
        except Exception as error:
            self._publish(f"the dataplane has stopped: {error}")
            raise

    def step(self) -> None:
        """Wait for something to do, and do it: one round of ``run``."""
        self._round(self._wait())

    def _wait(self) -> Sequence[object]:
        return [key.fileobj for key, _ in self._selector.select(self._timeout())]

    def _round(self, ready: Sequence[object]) -> None:
        self._read_events(ready)
        now = self._clock()
        was_in_sync = self._in_sync
        if was_in_sync:
            self._look(now)
        self._take_updates()
        if not self._in_sync:
            return
        if not was_in_sync:
            self._look(now)
        lines = [line for part in self._parts for line in part.complete(now)]
        self._report(lines, take_over=not was_in_sync)
        self._publish()

    def _read_events(self, ready: Sequence[object]) -> None:
        if self._wake_fd in ready:
            os.eventfd_read(self._wake_fd)
        if self._link_events in ready:
            try:
                self._interfaces.on_links(self._link_events.read())
            except CalicoError as error:
                log.warning("link events cannot be read, looking at all links: %s", error)
                self._interfaces.on_links((Lost(),))
        if self._nft_events in ready:
            with contextlib.suppress(CalicoError):
                self._nft_events.read()  # whatever it said, the generation tells the same

    def _look(self, now: float) -> None:
        full = now >= self._check_due
        if full:
            self._check_due = now + self._check_interval
        for part in self._parts:
            part.look(now, full=full)

    def _take_updates(self) -> None:
        for updates in self._queued():
            for update in updates:
                for part in self._parts:
                    part.on_update(update)
                if isinstance(update, Flushed) and update.in_sync and not self._in_sync:
                    self._in_sync = True
                    log.info("in sync at revision %d: taking the kernel over", update.revision)

    def _queued(self) -> Iterable[Sequence[Update]]:
        # Not more than were there at the beginning: a busy sender must not keep us from applying.
        for _ in range(self._queue.qsize()):
            yield self._queue.get_nowait()

    def _timeout(self) -> float | None:
        if not self._in_sync:
            return None
        dues = [part.due() for part in self._parts]
        next_due = min([self._check_due, *(due for due in dues if due is not None)])
        return max(0.0, next_due - self._clock())

    def _report(self, lines: Sequence[str], *, take_over: bool) -> None:
        if take_over:
            # What is put right here is an earlier agent's, not a stranger's.
            for line in lines:
                log.info("take-over: %s", line)
            return
        self._repairs += len(lines)
        for line in lines[:_REPAIRS_LOGGED]:
            log.warning("repaired: %s", line)
        if len(lines) > _REPAIRS_LOGGED:
            log.warning("repaired: %d things more", len(lines) - _REPAIRS_LOGGED)

    def _publish(self, fault: str = "") -> None:
        faults = [fault, *(part.fault for part in self._host_parts)]
        self._statuses.publish(
            Progress(
                in_sync=self._in_sync,
                revision=self._policy.revision,
                states=self._interfaces.take_states(),
                policy_fault=self._policy.fault,
                host_faults=[text for text in faults if text],
                blocked_profiles=self._policy.blocked,
                repairs=self._repairs,
            )
        )
