"""A driver on a host without a kernel: table, router and Docker's chain are fakes, the clock stands still."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from calico.dataplane.driver import Driver
from calico.dataplane.managers.endpoints import EndpointManager
from calico.dataplane.managers.forwarding import ForwardingManager
from calico.dataplane.managers.host import HostManager
from calico.dataplane.managers.interfaces import InterfaceManager
from calico.dataplane.managers.ip_sets import IPSetManager
from calico.dataplane.managers.pools import PoolManager
from calico.dataplane.managers.profiles import ProfileManager
from calico.dataplane.policy import Policy
from calico.dataplane.status import EndpointStatuses
from calico.model.errors import ApplyError, CalicoError
from calico.model.keys import EndpointKey
from calico.model.values import Endpoint
from calico.updates import EndpointUpdate, Flushed, Update
from tests.fakes.host import FakeTable, TableState
from tests.fakes.router import FakeEvents, FakeRouter

if TYPE_CHECKING:
    from calico.dataplane.nft.values import Chain

TIMEOUT = 10.0


class StrictTable(FakeTable):
    """A table that also refuses chains for which ``poison`` gives a reason, naming them as libnftables does.

    ``generation`` is the kernel's: it counts our transactions and those of strangers. What strangers change stays
    unknown until ``resync``.
    """

    def __init__(self, kernel: TableState | None = None) -> None:
        super().__init__()
        self.kernel = kernel or self.kernel
        self._known = TableState()
        self.poison: Callable[[Chain], str] = lambda _: ""
        self.fault: CalicoError | None = None
        self.strangers = 0
        self.attempts = 0
        self.reads = 0

    def generation(self) -> int:
        return self.transactions + self.strangers

    def apply(self) -> bool:
        if self._known == self.desired:
            return False
        self.attempts += 1
        for name, chain in self.desired.chains.items():
            reason = self.poison(chain)
            if reason and self.kernel.chains.get(name) != chain:
                raise ApplyError(f"{reason} in: add rule inet calico {name} th dport 1")
        changed = super().apply()
        self._known = self.desired.copy()
        return changed

    def resync(self) -> list[str]:
        self.reads += 1
        if self.fault is not None:
            raise self.fault
        self._known = self.kernel.copy()
        return super().resync()

    def flush_by_stranger(self) -> None:
        """Somebody ran ``nft flush ruleset``."""
        self.kernel = TableState()
        self.strangers += 1


class FakePart:
    """A part of the host that keeps what it was told."""

    def __init__(self) -> None:
        self.updates: list[Update] = []
        self.looks: list[bool] = []
        self.repairs: list[str] = []
        self.fault = ""

    def on_update(self, update: Update) -> None:
        self.updates.append(update)

    def look(self, _now: float, *, full: bool) -> None:
        self.looks.append(full)

    def complete(self, _now: float) -> list[str]:
        repairs, self.repairs = self.repairs, []
        return repairs

    def due(self) -> float | None:
        return None


class FakeDataplane:
    """The driver and all its fakes. ``step`` is one round; ``now`` is what the clock says."""

    def __init__(self, kernel: TableState | None = None, router: FakeRouter | None = None) -> None:
        self.now = 100.0
        self.table = StrictTable(kernel)
        self.router = router or FakeRouter()
        self.nft_events = FakeEvents()
        self.part = FakePart()
        profiles = ProfileManager(self.table)
        managers = (
            HostManager(self.table),
            IPSetManager(self.table),
            EndpointManager(self.table),
            PoolManager(self.table),
        )
        router = self.router
        self.policy = Policy(self.table, managers, profiles, self.table, lambda: self.now, retry_delay=float)
        self.interfaces = InterfaceManager(
            router.links, router.routes, router.addresses, router.settings, retry_delay=float
        )
        self.forwarding = ForwardingManager(router.links, router.routes, router.addresses, router.settings)
        self.statuses = EndpointStatuses(router.index)
        self.driver = Driver(
            self.policy,
            self.interfaces,
            (self.forwarding, self.part),
            router.events,
            self.nft_events,
            self.statuses,
            clock=lambda: self.now,
            queue_length=4,
        )

    def close(self) -> None:
        self.driver.close()
        self.nft_events.close()

    def step(self, after: float = 0.0) -> None:
        """One round, ``after`` seconds later."""
        self.now += after
        self.driver.wake()
        self.driver.step()

    def run(self, updates: Sequence[Update], revision: int = 1, *, in_sync: bool = True) -> int:
        """One flush and one round; gives the number of transactions."""
        before = self.table.transactions
        self.driver.submit((*updates, Flushed(revision, in_sync)), TIMEOUT)
        self.driver.step()
        return self.table.transactions - before

    def is_up(self, name: str, revision: int = 1) -> bool:
        try:
            self.statuses.wait_up(endpoint_key(name), revision, 0.0)
        except CalicoError:
            return False
        return True


def endpoint_key(name: str) -> EndpointKey:
    return EndpointKey("host", "libnetwork", "libnetwork", name)


def endpoint(name: str, address: str, *profiles: str) -> EndpointUpdate:
    """An endpoint whose id is the rest of its interface's name."""
    return EndpointUpdate(endpoint_key(name), Endpoint("active", f"cali{name}", None, profiles, (f"{address}/32",)))
