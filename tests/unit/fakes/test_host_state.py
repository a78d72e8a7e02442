"""The accumulator refuses what breaks a promise of the messages, and takes what keeps them."""

import pytest

from calico.model.keys import EndpointKey
from calico.model.values import Endpoint, IPPool, ProfileRules, Rule
from calico.updates import (
    EndpointRemove,
    EndpointUpdate,
    Flushed,
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
from tests.fakes.host_state import HostState

A = EndpointKey("here", "docker", "w", "a")
B = EndpointKey("here", "docker", "w", "b")
NAMES_T = ProfileRules((Rule("allow", src_tag="t"),))
ENDPOINT = Endpoint("active", "cali1", None, ("P",))
POOL = IPPool("10.0.0.0/8")
END = Flushed(1, in_sync=True)
FIRST: list[Update] = [
    HostConfigUpdate("DROP"),
    PoolUpdate(POOL),
    IPSetUpdate("t", frozenset(("10.0.0.1",))),
    ProfileUpdate("P", NAMES_T),
    EndpointUpdate(A, ENDPOINT),
    END,
]


def delta(added: str, removed: str, tag: str = "t") -> IPSetDelta:
    return IPSetDelta(tag, frozenset(added.split()), frozenset(removed.split()))


def told() -> HostState:
    state = HostState()
    state.apply(FIRST)
    return state


def test_takes_everything_and_forgets_everything() -> None:
    state = told()
    state.apply([delta("10.0.0.2", "10.0.0.1"), Flushed(2, in_sync=True)])

    assert state == HostState(
        {"t": frozenset(("10.0.0.2",))}, {"P": NAMES_T}, {A: ENDPOINT}, {POOL.cidr: POOL}, "DROP"
    )
    assert state.flushed == Flushed(2, in_sync=True)
    state.apply([EndpointRemove(A), ProfileRemove("P"), IPSetRemove("t"), PoolRemove(POOL.cidr), END])
    assert state == HostState(endpoint_to_host_action="DROP")


def test_takes_an_endpoint_that_moves_as_removal_and_update() -> None:
    state = told()
    moved = Endpoint("active", "cali2", None, ("P",))
    state.apply([EndpointRemove(A), EndpointUpdate(A, moved), END])

    assert state.endpoints == {A: moved}


@pytest.mark.parametrize(
    ("updates", "complaint"),
    [
        ([EndpointUpdate(A, Endpoint("active", "cali1", None, ("P", "Q")))], "before its profiles {'Q'}"),
        ([ProfileUpdate("Q", ProfileRules((), (Rule("deny", dst_tag="u"),)))], "before the IP sets of {'u'}"),
        ([ProfileRemove("P")], "still listed by"),
        ([IPSetRemove("t")], "still named by ['P']"),
        ([delta("1", "", tag="u")], "the tag is not active"),
        ([delta("", "")], "nothing new"),
        ([delta("10.0.0.3", "10.0.0.3")], "both joins and leaves"),
        ([delta("10.0.0.1", "")], "are members already"),
        ([delta("", "10.0.0.9")], "are no members"),
        ([IPSetUpdate("t", frozenset())], "already active"),
        ([ProfileUpdate("P", NAMES_T)], "nothing new"),
        ([EndpointUpdate(A, ENDPOINT)], "nothing new"),
        ([PoolUpdate(POOL)], "nothing new"),
        ([HostConfigUpdate("DROP")], "nothing new"),
        ([HostConfigUpdate("open")], "no such action"),
        ([EndpointRemove(B)], "never sent"),
        ([ProfileRemove("Q")], "never sent"),
        ([IPSetRemove("u")], "never sent"),
        ([PoolRemove("fd00::/64")], "never sent"),
        ([EndpointUpdate(B, ENDPOINT)], "cali1 still belongs to"),
        ([EndpointUpdate(A, Endpoint("active", "cali2", None, ("P",)))], "without a removal"),
        ([ProfileUpdate("Q", None), END], "profiles that no endpoint lists: {'Q'}"),
        ([IPSetUpdate("u", frozenset()), END], "IP sets that no rule names: {'u'}"),
        ([PoolRemove(POOL.cidr), PoolUpdate(POOL), END], "in one flush"),
        ([delta("10.0.0.3", ""), delta("10.0.0.4", ""), END], "in one flush"),
        ([PoolRemove(POOL.cidr)], "a flush ends with"),
        ([END, END], "in one flush"),
        ([END, PoolRemove(POOL.cidr)], "a flush ends with"),
        ([Flushed(2, in_sync=False)], "before in-sync"),
    ],
)
def test_refuses_a_broken_promise(updates: list[Update], complaint: str) -> None:
    state = told()

    with pytest.raises(AssertionError) as refusal:
        state.apply(updates)

    assert complaint in str(refusal.value)


def test_refuses_a_first_flush_without_the_settings_of_the_host() -> None:
    with pytest.raises(AssertionError, match="before the host's settings"):
        HostState().apply([END])


def test_equal_states_police_alike_whenever_they_were_flushed() -> None:
    later = told()
    later.apply([Flushed(9, in_sync=True)])

    assert later == told()
