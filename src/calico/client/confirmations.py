"""A change that waits for confirmation: announcing it, keeping it, taking it back.

All that is decided here is decided in transactions, so it does not matter who is faster: a person who confirms, one
who takes back, or one of the keepers. Change and armed record carry one revision, because one transaction writes
them: a key that carries another one by now was changed by somebody else since, and is left as it is.
"""

from __future__ import annotations

import time

from calico.client.pending import (
    CONFIRMED,
    OUTCOME,
    PENDING,
    TAKEN_BACK,
    Outcome,
    Pending,
    parse_outcome,
    parse_pending,
    render_outcome,
    render_pending,
    things_of,
)
from calico.client.pools import Pools
from calico.client.store import Store
from calico.datastore.api import DEFAULT_TIMEOUT, Delete, Put
from calico.model.errors import ConflictError, InUseError, NotFoundError, UnavailableError, ValidationError
from calico.model.keys import APPLY, PoolKey, parse_key
from calico.model.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from calico.client.store import Clock, Deadline, Transaction
    from calico.datastore.api import Datastore, KeyValue

ANNOUNCED_SECONDS = 15.0
"""How long an announcement may stand without a change; whoever made it has died by then."""

KEEPER_SECONDS = 5.0
"""How long to wait for a keeper's answer."""

LONGEST_SECONDS = 86400.0


@record
class Undone:
    """How far a change was taken back: things that are as before, and things that others have changed since."""

    restored: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


class Confirmations:
    """The one change of the datastore that may wait for confirmation.

    ``patience`` is how many seconds to wait for a keeper's answer; ``wall`` the time of day, in seconds since 1970.
    """

    def __init__(
        self,
        datastore: Datastore,
        timeout: float = DEFAULT_TIMEOUT,
        *,
        clock: Clock = time.monotonic,
        wall: Callable[[], float] = time.time,
        patience: float = KEEPER_SECONDS,
    ) -> None:
        self._datastore = datastore
        self._store = Store(datastore, timeout, clock=clock)
        self._pools = Pools(datastore, timeout, clock=clock)
        self._wall = wall
        self._patience = patience

    def current(self) -> Pending | None:
        """The change that waits, or is announced; :class:`ValidationError` when its record cannot be understood."""
        return self._store.run(_current)

    def outcome(self) -> Outcome | None:
        """How the last change ended; ``None`` when none ever waited, or the record cannot be understood."""
        found = self._store.run(lambda transaction: transaction.peek_text(OUTCOME.path))
        try:
            return None if found is None else parse_outcome(found.value)
        except ValidationError:
            return None

    def announce(self, host: str, seconds: float) -> Pending:
        """Say that a change is about to be made, and wait for a keeper: the record with its name.

        Raises :class:`InUseError` while another change waits and :class:`UnavailableError` when no agent answers;
        then nothing is left behind.
        """
        if not 1 <= seconds <= LONGEST_SECONDS:
            raise ValidationError(f"the time to confirm must be 1 s to {LONGEST_SECONDS:g} s, not {seconds:g} s")

        def write(transaction: Transaction) -> None:
            found = transaction.peek_text(PENDING.path)
            _check_free(found, self._wall())
            transaction.guard_path(PENDING.path, 0 if found is None else found.revision)
            record = Pending(host, seconds, self._wall() + ANNOUNCED_SECONDS)
            transaction.put(PENDING, render_pending(record))

        _, revision = self._store.run_revision(write)
        try:
            return self._wait_for_keeper(revision)
        except BaseException:
            self.withdraw(revision)
            raise

    def withdraw(self, revision: int) -> None:
        """Take the announcement of a revision back, to which no change was made; it may be gone already."""

        def write(transaction: Transaction) -> None:
            found = _current(transaction)
            if found is not None and not found.armed and found.revision == revision:
                transaction.guard_path(PENDING.path, found.revision)
                transaction.delete(PENDING)

        self._store.run(write)

    def arm(self, transaction: Transaction, announced: Pending, previous: Mapping[str, str | None]) -> None:
        """Write, beside the change that ``transaction`` makes, how it is taken back."""
        found = transaction.peek_text(PENDING.path)
        if found is None or found.revision != announced.revision:
            raise UnavailableError("the announcement of the change was taken away; nothing was changed, try again")
        deadline = self._wall() + announced.seconds
        transaction.guard_path(PENDING.path, announced.revision)
        transaction.put(
            PENDING, render_pending(replace(announced, deadline=deadline, armed=True, previous=dict(previous)))
        )

    def confirm(self) -> Pending:
        """Keep the change that waits; :class:`NotFoundError` when none does."""

        def write(transaction: Transaction) -> Pending:
            found = _require(transaction)
            transaction.guard_path(PENDING.path, found.revision)
            transaction.delete(PENDING)
            transaction.put(OUTCOME, render_outcome(Outcome(CONFIRMED, self._wall())))
            return found

        return self._store.run(write)

    def undo(self, revision: int | None = None) -> Undone:
        """Take the change back that waits, or only that of a revision, but for what others have changed since.

        All in one transaction. Raises :class:`NotFoundError` when no such change waits.
        """

        def write(transaction: Transaction) -> tuple[Pending, Undone]:
            found = _require(transaction)
            if revision not in (None, found.revision):
                raise _nothing_waits()
            undone = take_back(transaction, found.previous, found.revision)
            transaction.guard_path(PENDING.path, found.revision)
            transaction.delete(PENDING)
            transaction.put(OUTCOME, render_outcome(Outcome(TAKEN_BACK, self._wall(), undone.left)))
            return found, undone

        found, undone = self._store.run(write)
        self._release_pools(found.previous)
        return undone

    def undo_written(self, previous: Mapping[str, str | None], revision: int) -> Undone:
        """Take a change back that has no record: all that a transaction wrote at ``revision``."""
        undone = self._store.run(lambda transaction: take_back(transaction, previous, revision))
        self._release_pools(previous)
        return undone

    def claim(self, announced: Pending, keeper: str) -> None:
        """Answer an announcement: ``keeper`` takes the change back in time. Another keeper may be faster."""

        def write(transaction: Transaction) -> None:
            found = _current(transaction)
            if found is not None and found.revision == announced.revision:
                transaction.guard_path(PENDING.path, found.revision)
                transaction.put(PENDING, render_pending(replace(found, keeper=keeper)))

        self._store.run(write)

    def _wait_for_keeper(self, revision: int) -> Pending:
        deadline: Deadline = self._store.deadline(self._patience)
        with self._datastore.watch(APPLY, revision) as watch:
            while True:
                found = self.current()
                if found is None or (not found.keeper and found.revision != revision):
                    raise ConflictError(
                        "another change was announced at the same moment; nothing was changed, try again"
                    )
                if found.keeper:
                    return found
                try:
                    watch.next(deadline.remaining())
                except UnavailableError:
                    raise UnavailableError(
                        "no calico-node that uses this datastore runs, so nobody would take the change back; nothing "
                        "was changed. Start calico-node, or apply without --confirm"
                    ) from None

    def _release_pools(self, previous: Mapping[str, str | None]) -> None:
        """End the claims of hosts on blocks of pools that a change had made and that are gone again."""
        for path, text in previous.items():
            key = parse_key(path)
            if isinstance(key, PoolKey) and text is None:
                self._pools.release_claims(key.cidr)


def take_back(transaction: Transaction, previous: Mapping[str, str | None], revision: int) -> Undone:
    """Give every key its previous text, in ``transaction``, but for things that were written after ``revision``.

    A thing of several keys, a profile, is taken back as a whole or left as a whole.
    """
    restored, left = [], []
    for thing, paths in things_of(previous).items():
        found = {path: transaction.peek_text(path) for path in paths}
        if any(_revision(found[path]) != revision and _text(found[path]) != previous[path] for path in paths):
            left.append(thing)
            continue
        restored.append(thing)
        for path in paths:
            text = previous[path]
            transaction.guard_path(path, _revision(found[path]))
            if _text(found[path]) != text:
                transaction.write(Delete(path) if text is None else Put(path, text))
    return Undone(tuple(restored), tuple(left))


def _current(transaction: Transaction) -> Pending | None:
    found = transaction.peek_text(PENDING.path)
    try:
        return None if found is None else parse_pending(found.value, found.revision)
    except ValidationError as error:
        raise ValidationError(f"{PENDING.path}: {error}") from None


def _require(transaction: Transaction) -> Pending:
    found = _current(transaction)
    if found is None or not found.armed:
        raise _nothing_waits()
    return found


def _nothing_waits() -> NotFoundError:
    return NotFoundError("No change waits for confirmation.")


def _check_free(found: KeyValue | None, now: float) -> None:
    """Refuse while a change waits; a record that was left behind, or that nobody understands, is in nobody's way."""
    try:
        pending = None if found is None else parse_pending(found.value, found.revision)
    except ValidationError:
        return
    if pending is None or (not pending.armed and now > pending.deadline):
        return
    if not pending.armed:
        raise InUseError(f"another change is just being made from {pending.host}; try again in a moment")
    raise InUseError(
        f"a change made from {pending.host} waits for confirmation; keep it with 'calicoctl confirm' or take it back "
        "with 'calicoctl confirm undo' first"
    )


def _revision(found: KeyValue | None) -> int:
    return 0 if found is None else found.revision


def _text(found: KeyValue | None) -> str | None:
    return None if found is None else found.value
