"""A listing of the kernel as facts."""

import pytest

from calico.dataplane.nft.listing import ChainFacts, read_listing
from calico.dataplane.nft.values import (
    INTERFACE,
    IPV4,
    Accept,
    BaseChain,
    Drop,
    Goto,
    Jump,
    MapSpec,
    Return,
    SetSpec,
)

Object = dict[str, object]


def chain(**more: object) -> Object:
    return {"chain": {"family": "inet", "table": "calico", "name": "cali-a", "handle": 9, **more}}


def rule(**more: object) -> Object:
    return {"rule": {"family": "inet", "table": "calico", "chain": "cali-a", "handle": 9, "expr": [], **more}}


def a_set(**more: object) -> Object:
    return {"set": {"family": "inet", "table": "calico", "name": "cali-s", "handle": 9, "type": "ipv4_addr", **more}}


def a_map(**more: object) -> Object:
    body = {"name": "cali-m", "type": "ifname", "map": "verdict", **more}
    return {"map": {"family": "inet", "table": "calico", "handle": 9, **body}}


def test_chains_and_the_comments_of_their_rules_in_order() -> None:
    hook = {"type": "filter", "hook": "forward", "prio": -20, "policy": "accept"}
    facts = read_listing([{"metainfo": {}}, chain(**hook), rule(comment="b"), rule(), rule(comment="a")])

    assert facts.chains == {"cali-a": ChainFacts(BaseChain("filter", "forward", -20), ("b", "", "a"))}
    assert facts.strange == []


def test_sets_of_addresses_of_pairs_and_of_networks() -> None:
    plain = read_listing([a_set(elem=["10.0.0.1"])]).sets["cali-s"]
    pairs = read_listing([a_set(type=["ifname", "ipv4_addr"], elem=[{"concat": ["cali1", "10.0.0.1"]}])]).sets[
        "cali-s"
    ]
    networks = read_listing(
        [a_set(flags=["interval"], elem=["10.0.0.1", {"prefix": {"addr": "11.0.0.0", "len": 8}}])]
    ).sets["cali-s"]

    assert (plain.spec, plain.elements) == (SetSpec((IPV4,)), {"10.0.0.1": None})
    assert (pairs.spec, pairs.elements) == (SetSpec((INTERFACE, IPV4)), {("cali1", "10.0.0.1"): None})
    assert networks.spec == SetSpec((IPV4,), interval=True)
    assert networks.elements == {"10.0.0.1/32": None, "11.0.0.0/8": None}


def test_maps_of_verdicts() -> None:
    verdicts = {
        "cali1": {"jump": {"target": "cali-a"}},
        "cali2": {"goto": {"target": "cali-a"}},
        "cali3": {"accept": None},
        "cali4": {"drop": None},
        "cali5": {"return": None},
    }
    facts = read_listing([a_map(elem=[[key, verdict] for key, verdict in verdicts.items()])]).sets["cali-m"]

    assert facts.spec == MapSpec((INTERFACE,))
    assert facts.elements == {
        "cali1": Jump("cali-a"),
        "cali2": Goto("cali-a"),
        "cali3": Accept(),
        "cali4": Drop(),
        "cali5": Return(),
    }


@pytest.mark.parametrize(
    "entry",
    [
        a_set(elem=[{"elem": {"val": "10.0.0.1", "comment": "x"}}]),
        a_set(elem=[{"range": ["10.0.0.1", "10.0.0.9"]}], flags=["interval"]),
        a_set(elem=["ten"]),
        a_set(elem=[{"concat": ["cali1", "10.0.0.1"]}]),
        a_map(elem=["cali1"]),
        a_map(elem=[["cali1", {"queue": {"num": 0}}]]),
        a_map(elem=[["cali*", {"drop": None}]]),
    ],
)
def test_elements_that_are_not_ours(entry: Object) -> None:
    facts = read_listing([entry])

    assert [found.elements for found in facts.sets.values()] == [None]
    assert facts.strange == []


@pytest.mark.parametrize(
    "entry",
    [
        {"table": {"family": "inet", "name": "calico", "flags": "inet"}},
        {"chain": {"name": "UPPER"}},
        {"counter": {"name": "mine"}},
        chain(type="filter", hook="forward", prio=-20, policy="drop"),
        a_set(flags=["timeout"]),
        a_set(flags=["interval", "dynamic"]),
        a_map(map="ipv4_addr"),
        a_map(flags=["interval"]),
    ],
)
def test_objects_that_cannot_be_repaired_piece_by_piece(entry: Object) -> None:
    assert len(read_listing([entry]).strange) == 1
