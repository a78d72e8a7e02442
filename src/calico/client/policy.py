"""The policy of the datastore as documents: read, compared with a file, changed as a whole or not at all."""

from __future__ import annotations

import time
from functools import partial

from calico.client.confirmations import KEEPER_SECONDS, Confirmations
from calico.client.documents import KINDS, PoolDocument
from calico.client.inventory import Inventory, directories
from calico.client.plan import plan_apply, plan_delete
from calico.client.pools import Pools
from calico.client.store import Store
from calico.datastore.api import DEFAULT_TIMEOUT
from calico.ipam.pools import check_overlap
from calico.model.errors import AlreadyExistsError
from calico.model.keys import POOLS, PoolKey
from calico.model.net import parse_network
from calico.model.values import IPPool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from calico.client.documents import Document
    from calico.client.pending import Pending
    from calico.client.plan import Plan
    from calico.client.store import Clock, Transaction
    from calico.datastore.api import Datastore

    Check = Callable[[Plan], None]


_RESERVED = 2
"""Operations beside a change that may be taken back: its record, and the outcome."""


def _accept(_plan: Plan) -> None:
    return


class Policy:
    """Profiles, pools, peers and endpoint profile lists, as documents.

    ``wall`` is the time of day in seconds since 1970, for deadlines that others must understand; ``patience`` is how
    many seconds to wait for an agent that would take a change back.
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
        self._store = Store(datastore, timeout, clock=clock)
        self._pools = Pools(datastore, timeout, clock=clock)
        self._confirmations = Confirmations(datastore, timeout, clock=clock, wall=wall, patience=patience)

    def documents(self, kinds: Collection[str] = KINDS) -> tuple[tuple[Document, ...], tuple[str, ...]]:
        """Everything of these kinds, sorted, and a line about each thing that is stored but is no valid document."""
        return self._store.run(lambda transaction: _read(transaction, kinds)).documents(kinds)

    def plan_apply(self, documents: Sequence[Document]) -> Plan:
        """What :meth:`apply` would do now; it raises the same errors."""
        plan, _ = self._store.run(partial(_plan_apply, documents=documents))
        plan.check_limits()
        return plan

    def plan_delete(self, documents: Sequence[Document], *, unused: bool = True) -> Plan:
        """What :meth:`delete` would do now; it raises the same errors."""
        plan, _ = self._store.run(partial(_plan_delete, documents=documents, unused=unused))
        plan.check_limits()
        return plan

    def apply(self, documents: Sequence[Document], check: Check = _accept) -> Plan:
        """Make everything as the documents say, in one transaction; what was done.

        ``check`` may refuse the plan by raising; like the plan itself it may be made more than once. Raises
        :class:`ValidationError` with a place when a document cannot be so; then nothing was changed.
        """

        def write(transaction: Transaction) -> tuple[Plan, Inventory]:
            plan, inventory = _plan_apply(transaction, documents)
            check(plan)
            plan.check_limits()
            _write(transaction, plan, inventory)
            return plan, inventory

        (plan, inventory), revision = self._store.run_revision(write)
        self._yield_to_rivals(plan, inventory, revision)
        return plan

    def apply_for(
        self, documents: Sequence[Document], seconds: float, host: str, check: Check = _accept
    ) -> tuple[Plan, Pending | None]:
        """Like :meth:`apply`, but taken back after ``seconds`` unless it is confirmed; ``host`` is who asks.

        The record of the change that now waits, or ``None`` when there was nothing to change. Raises
        :class:`InUseError` while another change waits and :class:`UnavailableError` when no agent would take this
        one back; then nothing was changed.
        """
        plan = self.plan_apply(documents)
        check(plan)
        plan.check_limits(reserved=_RESERVED, recorded=True)
        if not plan.effective:
            return plan, None
        announced = self._confirmations.announce(host, seconds)

        def write(transaction: Transaction) -> tuple[Plan, Inventory]:
            plan, inventory = _plan_apply(transaction, documents)
            check(plan)
            plan.check_limits(reserved=_RESERVED, recorded=True)
            if plan.effective:
                _write(transaction, plan, inventory)
                self._confirmations.arm(transaction, announced, _previous(plan, inventory))
            return plan, inventory

        try:
            (plan, inventory), revision = self._store.run_revision(write)
        except BaseException:
            self._confirmations.withdraw(announced.revision)
            raise
        if not plan.effective:
            self._confirmations.withdraw(announced.revision)
            return plan, None
        self._yield_to_rivals(plan, inventory, revision, pending=True)
        return plan, self._confirmations.current()

    def delete(self, documents: Sequence[Document], *, unused: bool = True) -> Plan:
        """Remove the profiles, pools and peers named, and take the profiles named off endpoints; what was done.

        All in one transaction. What is not there needs not be removed. Raises :class:`ValidationError` with a place
        for a profile that other endpoints use, unless ``unused`` is false; then nothing was changed.
        """

        def write(transaction: Transaction) -> Plan:
            plan, inventory = _plan_delete(transaction, documents, unused)
            plan.check_limits()
            _write(transaction, plan, inventory)
            return plan

        plan = self._store.run(write)
        for document in documents:
            # Also for a pool that was gone already: its removal may have been cut short here.
            if isinstance(document, PoolDocument):
                self._pools.release_claims(document.cidr)
        return plan

    def _yield_to_rivals(self, plan: Plan, inventory: Inventory, revision: int, *, pending: bool = False) -> None:
        """Take everything back when a pool that overlaps with one of ours was written between our look and our write.

        A condition on keys cannot see a key that is new; so both writers look again, and the later one yields.
        """
        added = [
            parse_network(change.document.cidr)
            for change in plan.effective
            if isinstance(change.document, PoolDocument)
        ]
        if not added:
            return
        pools = self._store.list(POOLS, PoolKey, IPPool)
        rivals = [parse_network(entry.value.cidr) for entry in pools if entry.revision < revision]
        try:
            for network in added:
                check_overlap(network, [rival for rival in rivals if rival not in added])
        except AlreadyExistsError:
            if pending:
                self._confirmations.undo(revision)
            else:
                self._confirmations.undo_written(_previous(plan, inventory), revision)
            raise


def _read(transaction: Transaction, kinds: Collection[str]) -> Inventory:
    return Inventory(item for directory in directories(kinds) for item in transaction.raw(directory))


def _plan_apply(transaction: Transaction, documents: Sequence[Document]) -> tuple[Plan, Inventory]:
    inventory = _read(transaction, {document.kind for document in documents})
    return plan_apply(documents, inventory), inventory


def _plan_delete(transaction: Transaction, documents: Sequence[Document], unused: bool) -> tuple[Plan, Inventory]:
    # Who uses a profile stands with the endpoints.
    inventory = _read(transaction, {"endpoint", *(document.kind for document in documents)})
    return plan_delete(documents, inventory, unused=unused), inventory


def _write(transaction: Transaction, plan: Plan, inventory: Inventory) -> None:
    for path in plan.guards():
        transaction.guard_path(path, inventory.revision(path))
    for write in plan.writes:
        transaction.write(write)


def _previous(plan: Plan, inventory: Inventory) -> Mapping[str, str | None]:
    """What every key that the plan writes holds before."""
    return {write.key: inventory.text(write.key) for write in plan.writes}
