"""The chains, sets and maps that every host has."""

import pytest

from calico.dataplane.nft.values import Accept, Drop, Jump, SetMatch, SourceMatch, VerdictMap
from calico.dataplane.render.static import static_chains, static_maps, static_sets
from calico.updates import HostConfigUpdate

ACTIONS = ["DROP", "ACCEPT", "RETURN"]


@pytest.mark.parametrize("action", ACTIONS)
def test_all_that_is_referred_to_exists(action: str) -> None:
    chains = static_chains(HostConfigUpdate(action))
    rules = [rule for chain in chains.values() for rule in chain.rules]

    assert {rule.verdict.chain for rule in rules if isinstance(rule.verdict, Jump)} <= set(chains)
    assert {rule.verdict.map_name for rule in rules if isinstance(rule.verdict, VerdictMap)} == set(static_maps())
    sets = {m.set_name for rule in rules for m in rule.matches if isinstance(m, SetMatch | SourceMatch)}
    assert sets == set(static_sets())


def test_filter_chains_stand_before_dockers() -> None:
    bases = [chain.base for chain in static_chains(HostConfigUpdate("RETURN")).values() if chain.base]

    assert all(base.priority < 0 for base in bases if base.kind == "filter")
    assert [base.hook for base in bases if base.kind == "nat"] == ["postrouting"]


def test_the_sender_is_asked_before_the_receiver() -> None:
    chains = static_chains(HostConfigUpdate("RETURN"))
    sender, receiver = chains["cali-forward-from"].base, chains["cali-forward-to"].base

    assert sender is not None
    assert receiver is not None
    assert sender.priority < receiver.priority


@pytest.mark.parametrize(
    ("action", "verdict"), [("DROP", Drop()), ("ACCEPT", Accept()), ("RETURN", Accept()), ("nonsense", Drop())]
)
def test_endpoint_to_host(action: str, verdict: object) -> None:
    assert static_chains(HostConfigUpdate(action))["cali-input-action"].rules[-1].verdict == verdict


def test_chains_that_look_interfaces_up_drop_what_is_unknown() -> None:
    for name in ("cali-prerouting", "cali-forward-from", "cali-forward-to", "cali-input-from"):
        assert static_chains(HostConfigUpdate("RETURN"))[name].rules[-1].verdict == Drop()
