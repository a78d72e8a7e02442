"""The calculation equals the oracle over random histories, orders, repetitions and flush points."""

from itertools import product
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from calico.calc.graph import CalcGraph
from calico.model.changes import Change
from calico.model.keys import (
    BGPPeerKey,
    ConfigKey,
    EndpointKey,
    HostConfigKey,
    Key,
    PoolKey,
    ProfileRulesKey,
    ProfileTagsKey,
    ReadyKey,
)
from calico.model.values import BGPPeer, Endpoint, IPPool, ProfileRules, Rule
from calico.updates import Flushed
from tests.fakes.calculation import Calculation
from tests.fakes.host_state import HostState

HERE = "here"
SETTING = "DefaultEndpointToHostAction"
Entry = tuple[Key, object | None]

# Small pools, so that names, addresses and interfaces collide all the time. Every entry is one draw from a list,
# which keeps examples large and quick to make.

PROFILES = ("P", "Q", "R")
TAGS = ("s", "t", "u")
TAG_LISTS = ((), ("s",), ("t", "t"), ("u", "s"), ("s", "t", "u"))
ENDPOINT_KEYS = [
    EndpointKey(host, "docker", workload, endpoint)
    for host, workload, endpoint in product((HERE, "there"), ("w1", "w2"), ("e1", "e2"))
]
ENDPOINTS = [
    Endpoint(state, interface, mac, profiles, v4_nets, v6_nets)
    for state, interface, mac, profiles, (v4_nets, v6_nets) in product(
        ("active", "active", "active", "inactive"),
        ("cali1", "cali2", "cali3", "eth0"),
        (None, "ee:ee:ee:ee:ee:ee"),
        ((), ("P",), ("Q",), ("P", "Q"), ("Q", "P"), ("R", "Q", "R")),
        (
            ((), ()),
            (("10.0.0.1/32",), ()),
            (("10.0.0.2/32",), ("fd00::1/128",)),
            (("10.0.0.1/32", "10.0.0.1/24", "10.0.0.3/32"), ("fd00::2/64",)),
        ),
    )
]
RULES = [
    ProfileRules((), ()),
    *[
        ProfileRules((Rule("allow", src_tag=first, dst_tag=second),), (Rule("deny", src_tag=third),))
        for first, second, third in product((None, *TAGS), repeat=3)
    ],
]
POOLS = [
    IPPool(cidr, masquerade=masquerade, ipam=ipam)
    for cidr, masquerade, ipam in product(("10.0.0.0/16", "fd00::/64"), (False, True), (False, True))
]
SETTINGS = [kind for name in (SETTING, "LogFilePath") for kind in (ConfigKey(name), HostConfigKey(HERE, name))]
SETTINGS.append(HostConfigKey("there", SETTING))
ACTIONS = ("DROP", "ACCEPT", "RETURN", "return", "nonsense", "")
PEER = (BGPPeerKey("", "10.0.0.9"), BGPPeer("10.0.0.9", 64511))

endpoint_entries = st.sampled_from([*product(ENDPOINT_KEYS, ENDPOINTS)])
rules_entries = st.sampled_from([*product([ProfileRulesKey(name) for name in PROFILES], RULES)])
tags_entries = st.sampled_from([*product([ProfileTagsKey(name) for name in PROFILES], TAG_LISTS)])
other_entries = st.sampled_from([PEER, *((PoolKey(pool.cidr), pool) for pool in POOLS), *product(SETTINGS, ACTIONS)])
KEYS = [
    *ENDPOINT_KEYS,
    *(kind(name) for kind, name in product((ProfileRulesKey, ProfileTagsKey), PROFILES)),
    *dict.fromkeys(PoolKey(pool.cidr) for pool in POOLS),
    *SETTINGS,
]
removals = st.tuples(st.sampled_from(KEYS), st.none())
changes: st.SearchStrategy[Entry] = st.one_of(
    endpoint_entries, endpoint_entries, rules_entries, tags_entries, other_entries, removals
)
excursions = st.lists(changes, min_size=1, max_size=20)
# Half full at least: every profile has rules and tags at first, and several endpoints exist.
snapshots: st.SearchStrategy[list[Entry]] = st.tuples(
    *(st.tuples(st.just(ProfileRulesKey(name)), st.sampled_from(RULES)) for name in PROFILES),
    *(st.tuples(st.just(ProfileTagsKey(name)), st.sampled_from(TAG_LISTS)) for name in PROFILES),
    *[endpoint_entries] * 4,
    *[changes] * 4,
).map(list)
ready_changes = st.tuples(st.just(ReadyKey()), st.sampled_from((True, True, False, None)))
steps = st.one_of(
    *[st.tuples(st.just("change"), changes)] * 6,
    st.tuples(st.just("change"), ready_changes),
    *[st.tuples(st.sampled_from(("flush", "flush", "progress", "resync")), st.none())] * 2,
)


@given(
    snapshot=snapshots,
    ready_first=st.booleans(),
    history=st.lists(steps, min_size=10, max_size=50),
    random=st.randoms(),
)
def test_every_flush_of_a_history_leaves_what_the_oracle_says(
    snapshot: list[Entry],
    ready_first: bool,
    history: list[tuple[str, Entry | None]],
    random: Random,
) -> None:
    calculation = _synced(snapshot, ready_first=ready_first)
    calculation.flush()
    for step, change in history:
        if change is not None:
            calculation.change(*change)
        elif step == "flush":
            calculation.flush()
        elif step == "progress":
            calculation.progress()
        else:
            calculation.resync(_shuffled(calculation.values, random))
    calculation.flush()


@given(snapshot=snapshots, extra=excursions, random=st.randoms())
def test_only_the_newest_value_of_each_key_counts(snapshot: list[Entry], extra: list[Entry], random: Random) -> None:
    direct = _synced(snapshot)
    detour = Calculation(HERE)
    for key, value in extra:
        detour.change(key, value)
    for key in _shuffled({**dict(extra), **direct.values}, random):
        for _ in range(random.randint(1, 2)):
            detour.change(key, direct.values.get(key))
    detour.in_sync()

    direct.flush()
    detour.flush()

    assert direct.host_state == detour.host_state


@given(snapshot=snapshots, excursion=excursions, random=st.randoms())
def test_what_is_taken_back_before_a_flush_is_never_sent(
    snapshot: list[Entry], excursion: list[Entry], random: Random
) -> None:
    calculation = _synced(snapshot)
    calculation.flush()
    before = dict(calculation.values)
    for key, value in excursion:
        calculation.change(key, value)
    for key in _shuffled(calculation.values, random):
        calculation.change(key, before.get(key))

    assert calculation.flush() == []


@given(snapshot=snapshots, random=st.randoms())
def test_a_resync_of_the_same_content_sends_nothing_but_its_revision(snapshot: list[Entry], random: Random) -> None:
    calculation = _synced(snapshot)
    calculation.flush()
    calculation.resync(_shuffled(calculation.values, random))

    assert calculation.flush() == [Flushed(2, in_sync=True)]


@given(snapshot=snapshots, later=excursions, flush_between=st.booleans(), random=st.randoms())
def test_an_emptied_datastore_leaves_nothing_behind_in_the_host_or_in_memory(
    snapshot: list[Entry],
    later: list[Entry],
    flush_between: bool,
    random: Random,
) -> None:
    calculation = _synced(snapshot)
    for key, value in later:
        calculation.change(key, value)
        if flush_between:
            calculation.flush()
    for key in _shuffled(calculation.values, random):
        if key != ReadyKey():
            calculation.change(key, None)
    calculation.flush()

    assert calculation.host_state == HostState(endpoint_to_host_action="DROP")
    assert _held(calculation.graph) == _held(_emptied())


def _synced(snapshot: list[Entry], *, ready_first: bool = True) -> Calculation:
    """A calculation that was told ``snapshot``, and flushed once too early."""
    calculation = Calculation(HERE)
    if ready_first:
        calculation.change(ReadyKey(), True)
    for key, value in snapshot:
        calculation.change(key, value)
    assert calculation.flush() == []
    calculation.in_sync()
    return calculation


def _shuffled(values: dict[Key, object | None], random: Random) -> list[Key]:
    keys = list(values)
    random.shuffle(keys)
    return keys


def _emptied() -> CalcGraph:
    """A graph that knows and has told nothing but the host's default settings."""
    graph = CalcGraph(HERE)
    graph.on_change(Change(ReadyKey(), True))
    graph.on_in_sync(1)
    graph.flush()
    return graph


def _held(part: object) -> int:
    """How many items lie in the containers of a graph and its nodes, at any depth."""
    if isinstance(part, dict):
        return len(part) + sum(_held(item) for item in part.values())
    if isinstance(part, (set, frozenset, list, tuple)):
        return len(part) + sum(_held(item) for item in part)
    if type(part).__module__.startswith("calico.calc"):
        return sum(_held(item) for item in vars(part).values())
    return 0
