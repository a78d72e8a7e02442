"""Routing settings: what is written, what is kept, and that no other writer's change is lost."""

import json

import pytest

from calico.client.bgp import BGP
from calico.datastore.api import Put
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import ValidationError
from calico.model.values import BGPPeer
from tests.fakes.interleaving import InterleavedDatastore

PEER = "/calico/bgp/v1/global/peer_v4/1.2.3.4"


@pytest.fixture
def datastore() -> MemoryDatastore:
    return MemoryDatastore()


@pytest.fixture
def routing(datastore: MemoryDatastore) -> BGP:
    return BGP(datastore)


def test_peers_are_those_of_one_scope_and_version(routing: BGP) -> None:
    routing.add_peer("10.0.0.10", 1)
    routing.add_peer("10.0.0.9", 2)
    routing.add_peer("FD80:0::1", 3)
    routing.add_peer("10.0.0.1", 4, host="h1")

    assert routing.peers(4) == (BGPPeer("10.0.0.9", 2), BGPPeer("10.0.0.10", 1))
    assert routing.peers(6) == (BGPPeer("fd80::1", 3),)
    assert routing.peers(4, "h1") == (BGPPeer("10.0.0.1", 4),)
    assert routing.peers(4, "h2") == ()


def test_a_peer_is_removed_from_its_scope_alone(routing: BGP) -> None:
    routing.add_peer("1.2.3.4", 1)
    routing.add_peer("1.2.3.4", 1, host="h1")

    assert routing.remove_peer("1.2.3.4", host="h1")
    assert not routing.remove_peer("1.2.3.4", host="h1")
    assert len(routing.peers(4)) == 1


@pytest.mark.parametrize("number", [-1, 2**32])
def test_as_numbers_have_32_bits(datastore: MemoryDatastore, routing: BGP, number: int) -> None:
    with pytest.raises(ValidationError, match="AS number"):
        routing.add_peer("1.2.3.4", number)
    with pytest.raises(ValidationError, match="AS number"):
        routing.set_default_as_number(number)
    assert datastore.list("/").entries == ()


@pytest.mark.parametrize("host", ["a/b", "a b"])
def test_a_host_that_cannot_be_one_is_refused(routing: BGP, host: str) -> None:
    for operation in (
        lambda: routing.add_peer("1.2.3.4", 1, host),
        lambda: routing.remove_peer("1.2.3.4", host),
        lambda: routing.peers(4, host),
        lambda: routing.own_as_number(host),
    ):
        with pytest.raises(ValidationError, match="node name"):
            operation()


def test_a_change_in_between_is_not_lost(datastore: MemoryDatastore) -> None:
    """Another program's field, written between our read and our write, stays."""
    seen = InterleavedDatastore(datastore)
    theirs = Put(PEER, '{"ip": "1.2.3.4", "as_num": "9", "theirs": 1}')
    seen.arm(after={1: lambda: datastore.transact([], [theirs])})

    BGP(seen).add_peer("1.2.3.4", 5)

    assert json.loads(datastore.list("/").entries[0].value) == {"ip": "1.2.3.4", "as_num": "5", "theirs": 1}


def test_the_mesh_set_at_the_same_time_keeps_what_stands_beside_it(datastore: MemoryDatastore) -> None:
    seen = InterleavedDatastore(datastore)
    theirs = Put("/calico/bgp/v1/global/node_mesh", '{"enabled": true, "theirs": 1}')
    seen.arm(after={1: lambda: datastore.transact([], [theirs])})

    BGP(seen).set_node_mesh(enabled=False)

    assert json.loads(datastore.list("/").entries[0].value) == {"enabled": False, "theirs": 1}


def test_a_nodes_own_as_number_is_none_when_it_has_none(datastore: MemoryDatastore, routing: BGP) -> None:
    assert (routing.own_as_number("h1"), routing.default_as_number()) == (None, "64511")
    datastore.transact([], [Put("/calico/bgp/v1/host/h1/as_num", "7"), Put("/calico/bgp/v1/global/as_num", "8")])
    assert (routing.own_as_number("h1"), routing.default_as_number()) == ("7", "8")
