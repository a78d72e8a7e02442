"""The whole graph: what it waits for, what it reads, what it says when, and what a change costs."""

from collections.abc import Iterable

import pytest

from calico.calc.graph import CalcGraph
from calico.model.changes import Change
from calico.model.keys import (
    ContainerNameKey,
    EndpointKey,
    HostConfigKey,
    Key,
    NetworkKey,
    ProfileRulesKey,
    ProfileTagsKey,
    ReadyKey,
)
from calico.model.values import ContainerName, DockerNetwork, Endpoint, ProfileRules, Rule
from calico.updates import (
    EndpointRemove,
    EndpointUpdate,
    Flushed,
    HostConfigUpdate,
    IPSetDelta,
    IPSetUpdate,
    ProfileUpdate,
    Update,
)

LOCAL = EndpointKey("here", "libnetwork", "libnetwork", "e1")
REMOTE = EndpointKey("there", "libnetwork", "libnetwork", "e2")
RULES = ProfileRules((Rule("allow", src_tag="P"),), (Rule("allow"),))


def endpoint(address: str, *profiles: str) -> Endpoint:
    return Endpoint("active", "cali1", None, profiles, (f"{address}/32",))


def graph(*changes: tuple[Key, object | None]) -> CalcGraph:
    result = CalcGraph("here")
    for change in changes:
        result.on_change(Change(*change))
    return result


def synced_graph() -> CalcGraph:
    """One local endpoint with the default profile; all was told, at revision 5."""
    result = graph(
        (ReadyKey(), True),
        (LOCAL, endpoint("10.0.0.1", "P")),
        (ProfileRulesKey("P"), RULES),
        (ProfileTagsKey("P"), ("P",)),
    )
    result.on_in_sync(5)
    result.flush()
    return result


def test_first_flush_tells_the_whole_host_in_order() -> None:
    result = graph(
        (LOCAL, endpoint("10.0.0.1", "P")),
        (ProfileTagsKey("P"), ("P",)),
        (ReadyKey(), True),
        (REMOTE, endpoint("10.0.1.1", "P")),
        (ProfileRulesKey("P"), RULES),
    )
    result.on_in_sync(5)

    assert result.flush() == [
        HostConfigUpdate("DROP"),
        IPSetUpdate("P", frozenset(("10.0.0.1", "10.0.1.1"))),
        ProfileUpdate("P", RULES),
        EndpointUpdate(LOCAL, endpoint("10.0.0.1", "P")),
        Flushed(5, in_sync=True),
    ]


def test_nothing_comes_out_before_in_sync_however_much_came_in() -> None:
    result = graph((ReadyKey(), True), (LOCAL, endpoint("10.0.0.1", "P")))
    result.on_progress(4)

    assert result.flush() == []


@pytest.mark.parametrize("ready", [False, None])
def test_nothing_comes_out_before_ready(ready: bool | None) -> None:
    result = graph((ReadyKey(), ready), (LOCAL, endpoint("10.0.0.1", "P")))
    result.on_in_sync(5)

    assert result.flush() == []
    result.on_change(Change(ReadyKey(), True))
    assert result.flush()[-1] == Flushed(5, in_sync=True)


@pytest.mark.parametrize("not_ready", [False, None])
def test_host_stays_as_it_is_while_ready_is_not_true_and_catches_up_after(not_ready: bool | None) -> None:
    result = synced_graph()
    result.on_change(Change(ReadyKey(), not_ready))
    result.on_change(Change(LOCAL, None))
    result.on_change(Change(REMOTE, endpoint("10.0.1.1", "P")))
    result.on_progress(9)

    assert result.flush() == []
    result.on_change(Change(LOCAL, endpoint("10.0.0.1", "P")))
    result.on_change(Change(ReadyKey(), True))
    assert result.flush() == [
        IPSetDelta("P", frozenset(("10.0.1.1",)), frozenset()),
        Flushed(9, in_sync=True),
    ]


def test_resync_keeps_the_gate_open_and_sends_the_difference_only() -> None:
    result = synced_graph()
    result.on_change(Change(ProfileTagsKey("P"), ("P",)))
    result.on_change(Change(ProfileRulesKey("P"), RULES))
    result.on_change(Change(LOCAL, endpoint("10.0.0.1", "P")))
    result.on_in_sync(8)

    assert result.flush() == [Flushed(8, in_sync=True)]
    assert result.flush() == []


def test_value_that_cannot_be_understood_disables_that_object_alone() -> None:
    result = synced_graph()
    result.on_change(Change(ProfileRulesKey("P"), None))
    assert ProfileUpdate("P", None) in result.flush()

    result.on_change(Change(LOCAL, None))
    assert EndpointRemove(LOCAL) in result.flush()


def test_keys_of_others_are_not_read() -> None:
    result = synced_graph()
    result.on_change(Change(NetworkKey("n"), DockerNetwork({})))
    result.on_change(Change(ContainerNameKey("here", "c"), ContainerName("web", endpoints=(("e1", "n"),))))
    result.on_change(Change(HostConfigKey("there", "DefaultEndpointToHostAction"), "ACCEPT"))

    assert result.flush() == []


# Cost. Every look-up of a name in a dictionary or a set hashes the name, so counting hashes counts visits.


class CountedName(str):
    """A name that counts how often any of its kind is hashed or compared."""

    __slots__ = ()
    visits = 0

    def __hash__(self) -> int:
        CountedName.visits += 1
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        CountedName.visits += 1
        return super().__eq__(other)


N = CountedName
LISTED = N("profile-0")
OWN_RULES = ProfileRules((Rule("allow", src_tag=N("tag-0")),), (Rule("allow"),))


def counted_key(number: int) -> EndpointKey:
    return EndpointKey("here" if number % 10 == 0 else "there", "docker", "w", N(f"e{number}"))


def counted_endpoint(number: int, profiles: Iterable[str], address: str | None = None) -> Endpoint:
    net = address or f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}/32"
    return Endpoint("active", N(f"cali{number}"), None, tuple(profiles), (N(net),))


def world(endpoints: int) -> CalcGraph:
    """``endpoints`` endpoints, each tenth of them here; ten in each profile, whose rules name its tag and tag 0."""
    result = graph((ReadyKey(), True))
    for number in range(endpoints // 10):
        tag = N(f"tag-{number}")
        rules = ProfileRules((Rule("allow", src_tag=tag), Rule("allow", src_tag=N("tag-0"))))
        result.on_change(Change(ProfileRulesKey(N(f"profile-{number}")), rules))
        result.on_change(Change(ProfileTagsKey(N(f"profile-{number}")), (tag,)))
    for number in range(endpoints):
        result.on_change(Change(counted_key(number), counted_endpoint(number, [N(f"profile-{number // 10}")])))
    result.on_in_sync(1)
    result.flush()
    return result


def cost(endpoints: int, *changes: Change) -> tuple[int, list[Update]]:
    """How many visits the changes and their flush make in a world of that size, and what they send."""
    result = world(endpoints)
    CountedName.visits = 0
    for change in changes:
        result.on_change(change)
    updates = result.flush()
    return CountedName.visits, updates


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param([Change(counted_key(10), None)], id="local endpoint goes"),
        pytest.param([Change(counted_key(11), None)], id="remote endpoint goes"),
        pytest.param([Change(counted_key(10), counted_endpoint(10, ["profile-1"], "10.9.9.9/32"))], id="new address"),
        pytest.param([Change(counted_key(10), counted_endpoint(10, ["profile-0"]))], id="other profile"),
        pytest.param([Change(ProfileRulesKey(LISTED), OWN_RULES)], id="rules edited"),
        pytest.param([Change(ProfileTagsKey(LISTED), (N("tag-1"),))], id="tags document edited"),
        pytest.param(
            [
                Change(ProfileRulesKey(LISTED), ProfileRules((Rule("allow", src_tag=N("tag-unknown")),))),
                Change(ProfileRulesKey(LISTED), ProfileRules((Rule("allow", src_tag=N("tag-3")),))),
            ],
            id="another tag named",
        ),
    ],
)
def test_cost_follows_the_change_not_the_size_of_the_world(changes: list[Change]) -> None:
    small_cost, small_updates = cost(100, *changes)
    large_cost, large_updates = cost(1000, *changes)

    assert len(small_updates) > 1
    assert large_updates == small_updates
    # Names that fall into one bucket of a hash table cost a comparison more.
    assert 0 < large_cost <= small_cost + 10
