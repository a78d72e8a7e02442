"""The managers of policy on a table without a kernel, and what the kernel should then hold, from scratch."""

from collections.abc import Sequence

from calico.dataplane.managers.endpoints import EndpointManager
from calico.dataplane.managers.host import HostManager
from calico.dataplane.managers.ip_sets import IPSetManager
from calico.dataplane.managers.pools import PoolManager
from calico.dataplane.managers.profiles import ProfileManager
from calico.dataplane.render.members import dispatch_elements, source_elements
from calico.dataplane.render.profiles import render_profile, render_profile_list
from calico.dataplane.render.static import static_chains, static_maps, static_sets
from calico.model.keys import EndpointKey
from calico.model.values import Endpoint, ProfileRules, Rule
from calico.updates import (
    EndpointUpdate,
    HostConfigUpdate,
    Update,
)
from tests.fakes.host import FakeTable, TableState

OPEN = ProfileRules((Rule("allow"),), (Rule("allow"),))


class Managers:
    """All of them on one table."""

    def __init__(self) -> None:
        self.table = FakeTable()
        self.profiles = ProfileManager(self.table)
        self.all = (
            HostManager(self.table),
            IPSetManager(self.table),
            self.profiles,
            EndpointManager(self.table),
            PoolManager(self.table),
        )

    def run(self, *updates: Update) -> int:
        """Take updates in and apply; gives the number of transactions."""
        before = self.table.transactions
        for update in updates:
            for manager in self.all:
                manager.on_update(update)
        for manager in self.all:
            manager.complete()
        self.table.apply()
        return self.table.transactions - before

    @property
    def kernel(self) -> TableState:
        return self.table.kernel


def key(name: str) -> EndpointKey:
    return EndpointKey("host", "libnetwork", "libnetwork", name)


def endpoint(number: int, *profiles: str, interface: str = "") -> Endpoint:
    return Endpoint("active", interface or f"cali{number}", None, profiles, (f"10.65.0.{number}/32",))


def update(number: int, *profiles: str, interface: str = "") -> EndpointUpdate:
    return EndpointUpdate(key(f"e{number}"), endpoint(number, *profiles, interface=interface))


def expected(endpoints: Sequence[Endpoint], profiles: dict[str, ProfileRules | None]) -> TableState:
    """What the kernel should hold, from scratch."""
    state = TableState()
    state.chains |= static_chains(HostConfigUpdate("DROP"))
    for name, rules in profiles.items():
        state.chains |= render_profile(name, rules)
    state.sets = {name: (spec, frozenset()) for name, spec in static_sets().items()}
    state.maps = {name: (spec, {}) for name, spec in static_maps().items()}
    for value in endpoints:
        state.chains |= render_profile_list(value.profiles)
        for name, verdicts in dispatch_elements(value).items():
            state.maps[name][1].update(verdicts)
        for name, elements in source_elements(value).items():
            state.sets[name] = (state.sets[name][0], state.sets[name][1] | elements)
    return state
