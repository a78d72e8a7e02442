"""The one who takes a change back that nobody has confirmed in time; every agent runs one.

The keeper that answered the announcement acts at the deadline. The others wait a while longer, in case its host is
gone, and whoever comes late finds the record gone. A keeper that is started finds the record in the datastore.
"""

from __future__ import annotations

import time

from calico.client.confirmations import ANNOUNCED_SECONDS, Confirmations
from calico.client.pending import PENDING, parse_pending
from calico.datastore.api import DEFAULT_TIMEOUT
from calico.model.errors import CompactedError, NotFoundError, ValidationError
from calico.model.keys import APPLY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from calico.client.pending import Pending
    from calico.client.store import Clock
    from calico.datastore.api import Datastore, Watch

GRACE_SECONDS = 30.0
"""How much later others act than the keeper, and how far the clocks of two hosts may be apart."""


class Keeper:
    """Watches the record of the change that waits, for the agent of ``host``. For one thread but for ``close``."""

    def __init__(
        self,
        datastore: Datastore,
        host: str,
        *,
        log: Callable[[str], None],
        clock: Clock = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._datastore = datastore
        self._host = host
        self._log = log
        self._clock = clock
        self._wall = wall
        self._confirmations = Confirmations(datastore, clock=clock, wall=wall)
        self._watch: Watch | None = None
        self._pending: Pending | None = None
        self._due = 0.0

    def step(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for news, and do what is due.

        Raises :class:`UnavailableError` when the datastore does not answer; the next step begins anew.
        """
        try:
            if self._watch is None:
                self._watch = self._open()
            for event in self._watch.next(self._patience(timeout)).events:
                if event.key == PENDING.path:
                    self._take(event.value, event.revision, seen=True)
            self._act()
        except CompactedError:
            self.close()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End a wait at once, and give back what is open."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()

    def _open(self) -> Watch:
        snapshot = self._datastore.list(APPLY, timeout=DEFAULT_TIMEOUT)
        found = next((entry for entry in snapshot.entries if entry.key == PENDING.path), None)
        if found is None:
            self._pending = None
        elif self._pending is None or self._pending.revision != found.revision:
            self._take(found.value, found.revision, seen=False)
        return self._datastore.watch(APPLY, snapshot.revision)

    def _patience(self, timeout: float) -> float:
        if self._pending is None:
            return timeout
        if not self._pending.keeper:
            return 0.0  # somebody waits for an answer
        return min(timeout, max(self._due - self._clock(), 0.0))

    def _take(self, text: str | None, revision: int, *, seen: bool) -> None:
        """A record was written just now (``seen``) or some time ago; ``None`` when it was removed."""
        self._pending = None
        if text is None:
            return
        try:
            self._pending = pending = parse_pending(text, revision)
        except ValidationError as error:
            self._log(f"{PENDING.path} is ignored until it is mended: {error}")
            return
        limit = pending.seconds if pending.armed else ANNOUNCED_SECONDS
        # The writer's clock may be wrong; how long we have seen the record for is certain.
        left = pending.deadline - self._wall() + (GRACE_SECONDS if seen else 0.0)
        grace = 0.0 if pending.keeper == self._host else GRACE_SECONDS
        self._due = self._clock() + min(max(left, 0.0), limit) + grace

    def _act(self) -> None:
        pending = self._pending
        if pending is None:
            return
        if self._clock() >= self._due:
            self._pending = None
            self._end(pending)
        elif not pending.keeper:
            self._confirmations.claim(pending, self._host)

    def _end(self, pending: Pending) -> None:
        if not pending.armed:
            self._confirmations.withdraw(pending.revision)
            return
        try:
            undone = self._confirmations.undo(pending.revision)
        except NotFoundError:
            return  # confirmed, or taken back by another
        self._log(
            f"the change made from {pending.host} was not confirmed within {pending.seconds:g} s and is taken back: "
            + (", ".join(undone.restored) or "nothing")
            + (f"; left because others have changed it: {', '.join(undone.left)}" if undone.left else "")
        )
