"""Policy in the kernel: our nft table, fed by the managers, applied as one transaction, tried again, kept intact.

revision     the datastore's; what we report once everything up to it has been committed
generation   the kernel's; it counts everybody's nft transactions, so a gap tells that somebody else wrote
blocked      a profile that the kernel refuses: it drops by itself, instead of holding everything up
"""

import logging
from collections.abc import Callable, Sequence, Set
from typing import Protocol

from calico.dataplane.backoff import retry_delay
from calico.dataplane.blame import find_culprits
from calico.dataplane.managers.profiles import ProfileManager
from calico.dataplane.nft.api import Table
from calico.model.errors import CalicoError
from calico.updates import Flushed, Update

log = logging.getLogger(__name__)

TRIES_BEFORE_BLOCKING = 2
CHECKS_BEFORE_READING = 30
"""Of so many periodic checks one reads the table even when nobody seems to have touched it."""
SHARE_OF_TIME = 0.05
"""How much of the time reading the table may take while others write to nf_tables all the time."""

_GENERATIONS = 1 << 32


class Manager(Protocol):
    """Turns updates of one kind into desired state of the table."""

    def on_update(self, update: Update) -> None:
        """Take notice; updates of other kinds are ignored."""
        ...

    def complete(self) -> None:
        """Set the desired state that follows from all updates so far."""
        ...


class Generations(Protocol):
    """See :class:`calico.linux.nfnetlink.NfTables`."""

    def generation(self) -> int:
        """A number that goes up by one with every transaction of anybody."""
        ...


class Policy:
    """Brings the table in line. When the kernel refuses, it keeps the previous policy, and we try again."""

    def __init__(
        self,
        table: Table,
        managers: Sequence[Manager],
        profiles: ProfileManager,
        generations: Generations,
        clock: Callable[[], float],
        *,
        retry_delay: Callable[[int], float] = retry_delay,
    ) -> None:
        self._table = table
        self._managers = (*managers, profiles)
        self._profiles = profiles
        self._generations = generations
        self._clock = clock
        self._retry_delay = retry_delay
        self._received_revision = 0
        self._applied_revision = 0
        self._expected_generation: int | None = None
        self._taken_over = False
        self._read_due: float | None = 0.0
        self._reading_allowed = 0.0
        self._checks = 0
        self._new = False
        self._failures = 0
        self._retry_due: float | None = None
        self._fault = ""
        self._repairs: list[str] = []

    @property
    def revision(self) -> int:
        """The datastore revision up to which everything is in the kernel."""
        return self._applied_revision

    @property
    def fault(self) -> str:
        """Why the newest policy is not in the kernel; empty when it is."""
        return self._fault

    @property
    def blocked(self) -> tuple[str, ...]:
        """The profiles that drop because the kernel refuses their rules."""
        return tuple(sorted(self._profiles.blocked))

    def on_update(self, update: Update) -> None:
        self._new = True
        if isinstance(update, Flushed):
            self._received_revision = update.revision
        for manager in self._managers:
            manager.on_update(update)

    def look(self, now: float, *, full: bool) -> None:
        """See whether somebody else wrote to nf_tables; if so, read the table, so that the next apply repairs it.

        To be called before new updates are taken in: what differs then is not our own doing.
        """
        try:
            self._notice_strangers()
            if full:
                self._checks += 1
                if self._checks % CHECKS_BEFORE_READING == 0:
                    self._read_due = now
                    self._profiles.set_blocked(frozenset())
            if self._read_due is not None and now >= self._read_due:
                self._read()
        except CalicoError as error:
            log.warning("our nft table cannot be checked: %s", error)
            self._read_due = now + self._retry_delay(1)

    def complete(self, now: float) -> list[str]:
        """Apply what is desired; one line for each thing that somebody else had changed."""
        self._complete_managers()
        repairs, self._repairs = self._repairs, []
        if self._retry_due is not None and now < self._retry_due and not self._new:
            return repairs
        self._new = False
        try:
            self._apply()
        except CalicoError as error:
            self._fail(error, now)
        else:
            self._succeed()
        return repairs

    def due(self) -> float | None:
        """When there is something to do without a new update."""
        return min((due for due in (self._retry_due, self._read_due) if due is not None), default=None)

    def _notice_strangers(self) -> None:
        generation = self._generations.generation()
        if generation != self._expected_generation:
            self._expected_generation = generation
            if self._read_due is None:
                self._read_due = self._reading_allowed

    def _read(self) -> None:
        started = self._clock()
        # Taken before reading: what is written meanwhile shows as one more difference of the two numbers.
        self._expected_generation = self._generations.generation()
        lines = self._table.resync()
        ended = self._clock()
        self._read_due = None
        self._reading_allowed = ended + (ended - started) / SHARE_OF_TIME
        if not self._taken_over:
            self._taken_over = True
            log.info("took over the nft table, %d differences to put right", len(lines))
        elif not self._fault:
            # While an apply is due again, what is not applied yet would pass for somebody else's doing.
            self._repairs += lines

    def _complete_managers(self) -> None:
        for manager in self._managers:
            manager.complete()

    def _apply(self) -> None:
        if not self._table.apply() or self._expected_generation is None:
            return
        # One transaction of ours; if others wrote as well, the kernel's number is ahead of this one.
        self._expected_generation = (self._expected_generation + 1) % _GENERATIONS

    def _succeed(self) -> None:
        self._failures, self._retry_due, self._fault = 0, None, ""
        self._applied_revision = self._received_revision
        self._profiles.trust()

    def _fail(self, error: CalicoError, now: float) -> None:
        self._failures += 1
        self._retry_due = now + self._retry_delay(self._failures)
        if str(error) != self._fault:
            log.warning("policy stays as it was in the kernel, trying again: %s", error)
        self._fault = str(error)
        if self._failures % TRIES_BEFORE_BLOCKING == 0 and self._block_culprits():
            self._succeed()

    def _block_culprits(self) -> bool:
        """Let those of the new profiles drop that the kernel refuses; whether all else is in the kernel then."""
        blocked = self._profiles.blocked

        def works_without(names: Set[str]) -> bool:
            self._profiles.set_blocked(blocked | names)
            self._complete_managers()
            try:
                self._apply()
            except CalicoError:
                return False
            return True

        suspects = self._profiles.suspects
        culprits = find_culprits(suspects, works_without) if suspects else None
        if not works_without(culprits or frozenset()):
            return False
        for name in sorted(culprits or ()):
            log.error("profile %s drops everything until its rules change: %s", name, self._fault)
        return True
