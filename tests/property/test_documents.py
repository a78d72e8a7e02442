"""Whatever the datastore holds: what `get` prints applies cleanly and changes nothing."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from calico.client.document_parser import parse_documents
from calico.client.documents import render_documents
from calico.client.policy import Policy
from calico.datastore.api import Put
from calico.datastore.memory import MemoryDatastore
from calico.model.codec import encode
from calico.model.errors import ValidationError
from calico.model.keys import (
    BGPPeerKey,
    ContainerNameKey,
    EndpointKey,
    Key,
    NetworkKey,
    NetworkNameKey,
    PoolKey,
    ProfileRulesKey,
    ProfileTagsKey,
)
from calico.model.values import BGPPeer, ContainerName, DockerNetwork, Endpoint, IPPool, NetworkName
from tests.fakes.strategies import addresses, as_numbers, documents, names, pool_cidrs, profile_rules

HOSTS = st.sampled_from(("h1", "h2"))
EXTRA = st.sampled_from(({}, {"note": [1, None]}))
NETS4 = st.sampled_from(((), ("10.0.0.1/32",), ("10.0.0.1/32", "10.0.0.2/32")))


def entry(key: Key, value: object) -> tuple[str, str]:
    return key.path, encode(key, value)


@st.composite
def stored(draw: st.DrawFn) -> tuple[str, str]:
    """A key with its text: mostly valid, sometimes with fields that we do not know, sometimes garbage."""
    name, extra = draw(names), draw(EXTRA)
    some = draw(st.lists(names, max_size=3).map(tuple))
    kind = draw(st.sampled_from(("tags", "rules", "pool", "peer", "endpoint", "network", "container", "made")))
    if kind == "network":
        path, text = entry(NetworkNameKey(draw(HOSTS), draw(names)), NetworkName(draw(names)))
    elif kind == "made":
        path, text = entry(NetworkKey(draw(names)), DockerNetwork({"Profiles": list(some)}))
    elif kind == "container":
        container = ContainerName(draw(names), endpoints=((draw(names), draw(names)),))
        path, text = entry(ContainerNameKey(draw(HOSTS), draw(names)), container)
    elif kind == "tags":
        path, text = entry(ProfileTagsKey(name), some)
    elif kind == "rules":
        path, text = entry(ProfileRulesKey(name), draw(profile_rules()))
    elif kind == "pool":
        cidr = draw(pool_cidrs)
        pool = IPPool(
            cidr, draw(st.sampled_from((None, "tunl0", "tunl9", ""))), draw(st.booleans()), draw(st.booleans())
        )
        path, text = entry(PoolKey(cidr), pool)
    elif kind == "peer":
        address = draw(addresses)
        path, text = entry(BGPPeerKey(draw(HOSTS | st.just("")), address), BGPPeer(address, draw(as_numbers)))
    else:
        endpoint = Endpoint("active", "cali0", None, some, draw(NETS4))
        path, text = entry(EndpointKey(draw(HOSTS), "libnetwork", "libnetwork", name), endpoint)
    if kind != "tags":
        text = json.dumps({**json.loads(text), **extra})
    return path, draw(st.sampled_from((text, text, text, text, "{", "[3]", "")))


STATES = st.lists(stored(), max_size=12).map(dict)


def filled(state: dict[str, str]) -> MemoryDatastore:
    datastore = MemoryDatastore()
    for path, text in state.items():
        datastore.transact((), [Put(path, text)])
    return datastore


def tree(datastore: MemoryDatastore) -> dict[str, str]:
    return {entry.key: entry.value for entry in datastore.list("/").entries}


@given(STATES, st.sampled_from(["yaml", "json"]))
@example({}, "yaml")
def test_what_get_prints_applies_and_changes_nothing(state: dict[str, str], form: str) -> None:
    datastore = filled(state)
    policy = Policy(datastore)
    before = datastore.list("/").revision

    found, _ = policy.documents()
    plan = policy.apply(parse_documents(render_documents(found, form), "f"))

    assert plan.effective == ()
    assert len(plan.changes) == len(found)
    assert (tree(datastore), datastore.list("/").revision) == (state, before)


@given(STATES)
def test_everything_stored_is_a_document_or_a_fault(state: dict[str, str]) -> None:
    found, faults = Policy(filled(state)).documents()

    assert len({(document.label, getattr(document, "host", "")) for document in found}) == len(found)
    profiles = {path.split("/")[5] for path in state if "/policy/profile/" in path}
    others = [
        path
        for path in state
        if "/policy/profile/" not in path and "/docker/" not in path and "/libnetwork/v1" not in path
    ]
    assert len(found) + len(faults) == len(profiles) + len(others)


@given(STATES, st.lists(documents(), max_size=5, unique_by=lambda document: document.label))
def test_what_was_applied_is_what_get_prints(state: dict[str, str], wanted: list[object]) -> None:
    datastore = filled(state)
    policy = Policy(datastore)
    try:
        plan = policy.apply(wanted)  # type: ignore[arg-type]
    except ValidationError:
        assert tree(datastore) == state
        return

    shown = policy.documents()[0]

    assert all(change.after in shown for change in plan.changes)
    again = policy.plan_apply(wanted)  # type: ignore[arg-type]
    assert again.effective == ()


@given(STATES, st.lists(documents(), max_size=5, unique_by=lambda document: document.label))
def test_what_was_deleted_is_gone_and_nothing_else_is(state: dict[str, str], unwanted: list[object]) -> None:
    datastore = filled(state)
    policy = Policy(datastore)
    before = {document.label: document for document in policy.documents(["profile", "pool", "bgp-peer"])[0]}
    try:
        plan = policy.delete(unwanted, unused=False)  # type: ignore[arg-type]
    except ValidationError:
        assert tree(datastore) == state
        return

    after = {document.label: document for document in policy.documents(["profile", "pool", "bgp-peer"])[0]}
    deleted = {change.document.label for change in plan.changes if change.action == "deleted"}
    assert not deleted & after.keys()
    assert {label: document for label, document in before.items() if label not in deleted} == after
