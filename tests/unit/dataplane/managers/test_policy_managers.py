"""The managers of policy on a table without a kernel: what they desire, and how little a change costs."""

import random
from collections.abc import Sequence

import pytest

from calico.dataplane.managers.endpoints import EndpointManager
from calico.dataplane.managers.host import HostManager
from calico.dataplane.managers.ip_sets import IPSetManager
from calico.dataplane.managers.pools import PoolManager
from calico.dataplane.managers.profiles import ProfileManager
from calico.dataplane.nft.values import Drop
from calico.dataplane.render.members import dispatch_elements, pool_elements, source_elements, tag_elements
from calico.dataplane.render.names import FROM_MAP, TO_MAP, list_chain_name, profile_chain_name, tag_set_names
from calico.dataplane.render.profiles import render_profile, render_profile_list
from calico.dataplane.render.static import static_chains, static_maps, static_sets
from calico.model.keys import EndpointKey
from calico.model.values import Endpoint, IPPool, ProfileRules, Rule, default_profile
from calico.updates import (
    EndpointRemove,
    EndpointUpdate,
    HostConfigUpdate,
    IPSetDelta,
    IPSetRemove,
    IPSetUpdate,
    PoolRemove,
    PoolUpdate,
    ProfileRemove,
    ProfileUpdate,
    Update,
)
from tests.fakes.host import FakeTable, TableState

OPEN = ProfileRules((Rule("allow"),), (Rule("allow"),))
POOL = IPPool("10.65.0.0/16", masquerade=True)


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


@pytest.fixture
def managers() -> Managers:
    made = Managers()
    made.run()
    return made


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


def test_base_chains_and_empty_sets_are_there_from_the_start(managers: Managers) -> None:
    assert managers.kernel == expected([], {})


def test_host_setting_changes_the_base_chains(managers: Managers) -> None:
    assert managers.run(HostConfigUpdate("RETURN")) == 1
    assert managers.kernel.chains == static_chains(HostConfigUpdate("RETURN"))
    assert managers.run(HostConfigUpdate("RETURN")) == 0


def test_tag_becomes_two_sets_that_follow_their_members(managers: Managers) -> None:
    name4, name6 = tag_set_names("web")
    managers.run(IPSetUpdate("web", frozenset({"10.0.0.1", "fd00::1"})))
    assert managers.kernel.sets[name4][1] == {"10.0.0.1"}
    assert managers.kernel.sets[name6][1] == {"fd00::1"}

    managers.run(IPSetDelta("web", frozenset({"10.0.0.2"}), frozenset({"10.0.0.1", "fd00::1"})))
    assert managers.kernel.sets[name4][1] == {"10.0.0.2"}
    assert managers.kernel.sets[name6][1] == frozenset()

    managers.run(IPSetUpdate("web", frozenset({"10.0.0.3"})))
    assert managers.kernel.sets[name4][1] == tag_elements("web", {"10.0.0.3"})[name4]

    managers.run(IPSetRemove("web"))
    assert managers.kernel == expected([], {})


def test_pools_fill_the_pool_sets(managers: Managers) -> None:
    other = IPPool("fd00::/64")
    managers.run(PoolUpdate(POOL), PoolUpdate(other))
    assert {name: managers.kernel.sets[name][1] for name in pool_elements([])} == pool_elements([POOL, other])

    managers.run(PoolRemove(POOL.cidr), PoolRemove(other.cidr), PoolRemove("10.99.0.0/16"))
    assert managers.kernel == expected([], {})


def test_profile_becomes_two_chains_and_goes_again(managers: Managers) -> None:
    managers.run(IPSetUpdate("web", frozenset()), ProfileUpdate("web", default_profile("web").rules))
    assert render_profile("web", default_profile("web").rules).items() <= managers.kernel.chains.items()

    managers.run(ProfileUpdate("web", None))
    assert render_profile("web", None).items() <= managers.kernel.chains.items()

    managers.run(ProfileRemove("web"), IPSetRemove("web"))
    assert managers.kernel == expected([], {})


def test_only_the_newest_of_several_versions_is_rendered(managers: Managers) -> None:
    managers.run(ProfileUpdate("web", None), ProfileUpdate("web", OPEN), ProfileUpdate("gone", OPEN))
    assert managers.run(ProfileRemove("gone"), ProfileUpdate("gone", OPEN)) == 0
    assert managers.run(ProfileUpdate("gone", None), ProfileRemove("gone")) == 1
    assert managers.kernel == expected([], {"web": OPEN})


def test_second_endpoint_of_a_list_adds_elements_only(managers: Managers) -> None:
    managers.run(ProfileUpdate("web", OPEN), update(1, "web"))
    chains = dict(managers.kernel.chains)

    assert managers.run(update(2, "web")) == 1

    assert managers.kernel.chains == chains
    assert managers.kernel == expected([endpoint(1, "web"), endpoint(2, "web")], {"web": OPEN})


def test_list_chains_live_as_long_as_an_endpoint_has_the_list(managers: Managers) -> None:
    managers.run(ProfileUpdate("a", OPEN), ProfileUpdate("b", OPEN), update(1, "a", "b"), update(2, "a", "b"))
    managers.run(EndpointRemove(key("e1")))
    assert list_chain_name(("a", "b"), "inbound") in managers.kernel.chains

    managers.run(update(2, "b", "a"))
    assert managers.kernel == expected([endpoint(2, "b", "a")], {"a": OPEN, "b": OPEN})

    managers.run(EndpointRemove(key("e2")), EndpointRemove(key("never")))
    assert managers.kernel == expected([], {"a": OPEN, "b": OPEN})


def test_endpoint_without_profiles_has_a_list_chain_too(managers: Managers) -> None:
    managers.run(update(1))
    assert managers.kernel == expected([endpoint(1)], {})


def test_interfaces_pass_from_one_endpoint_to_another_in_one_transaction(managers: Managers) -> None:
    managers.run(ProfileUpdate("a", OPEN), ProfileUpdate("b", OPEN))
    managers.run(update(1, "a", interface="calix"), update(2, "b", interface="caliy"))

    swapped = update(1, "a", interface="caliy"), update(2, "b", interface="calix")
    assert managers.run(EndpointRemove(key("e1")), EndpointRemove(key("e2")), *swapped) == 1
    assert managers.kernel == expected([item.endpoint for item in swapped], {"a": OPEN, "b": OPEN})

    taken = update(3, "a", interface="calix")
    managers.run(EndpointRemove(key("e2")), taken)
    assert managers.kernel == expected([swapped[0].endpoint, taken.endpoint], {"a": OPEN, "b": OPEN})


def test_endpoint_removed_and_made_again_in_one_batch_stays_as_it_is(managers: Managers) -> None:
    managers.run(ProfileUpdate("a", OPEN), update(1, "a"))
    assert managers.run(EndpointRemove(key("e1")), update(1, "a")) == 0
    assert managers.run(update(2, "a"), EndpointRemove(key("e2"))) == 0


@pytest.mark.parametrize("seed", range(20))
def test_any_history_ends_where_its_last_state_would_begin(seed: int) -> None:
    chance = random.Random(seed)
    managers = Managers()
    names = ("a", "b", "c")
    profiles = dict.fromkeys(names, OPEN)
    managers.run(*(ProfileUpdate(name, OPEN) for name in names))
    endpoints: dict[int, Endpoint] = {}
    for _ in range(30):
        batch: list[Update] = []
        for number in chance.sample(range(5), k=chance.randint(1, 3)):
            if number in endpoints and chance.random() < 0.4:
                del endpoints[number]
                batch.append(EndpointRemove(key(f"e{number}")))
            else:
                item = update(number, *chance.sample(names, k=chance.randint(0, 3)))
                endpoints[number] = item.endpoint
                batch.append(item)
        managers.run(*batch)
        assert managers.run(*batch) == 0, "a batch applied twice changes nothing"
        assert managers.kernel == expected(list(endpoints.values()), dict(profiles))


def test_blocked_profile_drops_until_its_rules_change(managers: Managers) -> None:
    managers.run(ProfileUpdate("web", OPEN), ProfileUpdate("db", OPEN), update(1, "web"))
    chain = profile_chain_name("web", "inbound")
    assert managers.profiles.find_culprit("no chain is named here") is None
    assert managers.profiles.find_culprit(f"no such thing in: add rule inet calico {chain} accept") == "web"

    managers.profiles.block("web")
    managers.run()
    assert [rule.verdict for rule in managers.kernel.chains[chain].rules] == [Drop()]
    assert managers.profiles.blocked == ("web",)
    assert managers.profiles.find_culprit(chain) is None, "it is not to blame any more"

    managers.run(ProfileUpdate("web", OPEN))
    assert render_profile("web", OPEN).items() <= managers.kernel.chains.items()
    assert managers.profiles.blocked == ()


def test_blocked_profiles_can_be_tried_again(managers: Managers) -> None:
    managers.run(ProfileUpdate("web", OPEN))
    managers.profiles.block("web")
    managers.run()

    managers.profiles.unblock_all()
    managers.run()

    assert managers.kernel == expected([], {"web": OPEN})


def test_blocked_profile_that_goes_leaves_nothing(managers: Managers) -> None:
    managers.run(ProfileUpdate("web", OPEN))
    managers.profiles.block("web")
    managers.run(ProfileRemove("web"))

    assert managers.kernel == expected([], {})
    assert managers.profiles.find_culprit(profile_chain_name("web", "inbound")) is None


def test_dispatch_follows_a_changed_list(managers: Managers) -> None:
    managers.run(ProfileUpdate("a", OPEN), ProfileUpdate("b", OPEN), update(1, "a"))
    managers.run(update(1, "a", "b"))

    value = endpoint(1, "a", "b")
    assert managers.kernel.maps[FROM_MAP][1] == dispatch_elements(value)[FROM_MAP]
    assert managers.kernel.maps[TO_MAP][1] == dispatch_elements(value)[TO_MAP]
