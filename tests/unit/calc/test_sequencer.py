"""The order of a flush, and its end."""

from calico.calc.sequencer import Sequencer
from calico.model.keys import EndpointKey
from calico.model.values import Endpoint, IPPool, ProfileRules
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
)

A = EndpointKey("here", "docker", "w", "a")
B = EndpointKey("here", "docker", "w", "b")
POOL, OTHER_POOL = IPPool("10.0.0.0/8"), IPPool("fd00::/64")
ENDPOINT = Endpoint("active", "cali1", None)
MEMBERS = frozenset(("10.0.0.1",))


def sequencer() -> Sequencer:
    return Sequencer(lambda _tag: MEMBERS)


def filled() -> Sequencer:
    """One object of each kind was sent, at revision 1."""
    result = sequencer()
    result.on_endpoint(EndpointUpdate(A, ENDPOINT))
    result.on_profile(ProfileUpdate("P", None))
    result.ip_sets.on_active("s")
    result.ip_sets.on_active("t")
    result.on_pool(PoolUpdate(POOL))
    result.on_config(HostConfigUpdate("DROP"))
    result.flush(1)
    return result


def test_what_is_referred_to_comes_first() -> None:
    result = sequencer()
    result.on_endpoint(EndpointUpdate(A, ENDPOINT))
    result.on_profile(ProfileUpdate("P", None))
    result.ip_sets.on_active("t")
    result.on_pool(PoolUpdate(POOL))
    result.on_config(HostConfigUpdate("DROP"))

    assert result.flush(7) == [
        HostConfigUpdate("DROP"),
        PoolUpdate(POOL),
        IPSetUpdate("t", MEMBERS),
        ProfileUpdate("P", None),
        EndpointUpdate(A, ENDPOINT),
        Flushed(7, in_sync=True),
    ]


def test_removals_follow_in_reverse_and_endpoints_give_up_their_interface_first() -> None:
    result = filled()
    result.on_pool(PoolRemove(POOL.cidr))
    result.on_pool(PoolUpdate(OTHER_POOL))
    result.ip_sets.on_inactive("t")
    result.ip_sets.on_joined("s", "10.0.0.9")
    result.ip_sets.on_active("u")
    result.on_profile(ProfileRemove("P"))
    result.on_profile(ProfileUpdate("Q", ProfileRules()))
    result.on_endpoint(EndpointUpdate(B, ENDPOINT))
    result.on_endpoint(EndpointRemove(A))
    result.on_config(HostConfigUpdate("RETURN"))

    assert result.flush(2) == [
        HostConfigUpdate("RETURN"),
        PoolUpdate(OTHER_POOL),
        IPSetUpdate("u", MEMBERS),
        IPSetDelta("s", frozenset(("10.0.0.9",)), frozenset()),
        ProfileUpdate("Q", ProfileRules()),
        EndpointRemove(A),
        EndpointUpdate(B, ENDPOINT),
        ProfileRemove("P"),
        IPSetRemove("t"),
        PoolRemove(POOL.cidr),
        Flushed(2, in_sync=True),
    ]


def test_endpoint_on_another_interface_is_removed_and_updated() -> None:
    result = filled()
    moved = Endpoint("active", "cali2", None)
    result.on_endpoint(EndpointUpdate(A, moved))

    assert result.flush(1) == [EndpointRemove(A), EndpointUpdate(A, moved), Flushed(1, in_sync=True)]


def test_flush_ends_with_flushed_when_something_or_the_revision_moved() -> None:
    result = filled()

    assert result.flush(1) == []
    assert result.flush(2) == [Flushed(2, in_sync=True)]
    assert result.flush(2) == []
    result.on_pool(PoolRemove(POOL.cidr))
    assert result.flush(2) == [PoolRemove(POOL.cidr), Flushed(2, in_sync=True)]
