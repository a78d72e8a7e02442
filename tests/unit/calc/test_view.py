"""A host as its agent would program it: what the oracle says, also after changes."""

from hypothesis import given
from hypothesis import strategies as st

from calico.calc.view import HostView
from calico.model.keys import EndpointKey, HostConfigKey, Key, PoolKey, ProfileRulesKey, ProfileTagsKey, ReadyKey
from calico.model.values import Endpoint, IPPool, ProfileRules, Rule, default_profile
from tests.fakes.host_state import HostState, tags_named
from tests.fakes.oracle import expected_state
from tests.property.test_calc_graph import HERE, Entry, excursions, snapshots

E1, E2 = (EndpointKey("h1", "libnetwork", "libnetwork", name) for name in ("e1", "e2"))
WEB = default_profile("web")


def endpoint(*profiles: str, address: str = "10.0.0.1", interface: str = "cali1") -> Endpoint:
    return Endpoint("active", interface, None, profiles, (f"{address}/32",))


def content() -> dict[Key, object]:
    return {E1: endpoint("web"), ProfileTagsKey("web"): WEB.tags, ProfileRulesKey("web"): WEB.rules}


def test_it_holds_what_its_endpoints_need() -> None:
    view = HostView("h1", content())

    assert view.endpoints == {E1: endpoint("web")}
    assert view.profiles == {"web": WEB.rules}
    assert view.tag_members("web") == {"10.0.0.1"}
    assert view.tag_members("other") == frozenset()
    assert view.action == "DROP"


def test_another_host_holds_nothing() -> None:
    view = HostView("h2", content())

    assert (view.endpoints, view.profiles, view.pools) == ({}, {}, {})


def test_changes_go_in_and_can_be_taken_back() -> None:
    pool = IPPool("10.0.0.0/8")
    view = HostView("h1", content())
    view.change(
        {
            E2: endpoint("web", "gone", address="10.0.0.2", interface="cali2"),
            HostConfigKey("h1", "DefaultEndpointToHostAction"): "RETURN",
            PoolKey(pool.cidr): pool,
        }
    )
    assert view.profiles == {"web": WEB.rules, "gone": None}
    assert view.tag_members("web") == {"10.0.0.1", "10.0.0.2"}
    assert (view.action, view.pools) == ("RETURN", {pool.cidr: pool})

    view.change({E2: None, HostConfigKey("h1", "DefaultEndpointToHostAction"): None, PoolKey(pool.cidr): None})
    assert (view.endpoints, view.profiles) == ({E1: endpoint("web")}, {"web": WEB.rules})
    assert (view.action, view.pools, view.tag_members("web")) == ("DROP", {}, {"10.0.0.1"})

    view.change({ProfileRulesKey("web"): ProfileRules((Rule("deny"),))})
    assert view.tag_members("web") == frozenset()


def test_it_is_ready_whatever_the_flag_says() -> None:
    for ready in (False, None):
        assert HostView("h1", {**content(), ReadyKey(): ready}).endpoints == {E1: endpoint("web")}


@given(snapshot=snapshots, later=st.lists(excursions, max_size=3))
def test_it_is_what_the_oracle_says(snapshot: list[Entry], later: list[list[Entry]]) -> None:
    values = {key: value for key, value in snapshot if value is not None}
    view = HostView(HERE, values)
    for changes in later:
        values |= changes
        view.change(dict(changes))

    expected = expected_state(values, HERE)

    named = {tag for rules in view.profiles.values() for tag in tags_named(rules)}
    members = {tag: view.tag_members(tag) for tag in named}
    assert HostState(members, view.profiles, view.endpoints, view.pools, view.action) == expected
