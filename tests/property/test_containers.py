"""Commands on containers against what must hold after every one of them, though any step may fail or be the last.

No address is assigned that no endpoint has, and none to two of them; no interface is there without its endpoint, and
none has an address that its endpoint has not; so a later ``container remove`` always leaves nothing.
"""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.client.containers import AddressRequest, Containers
from calico.client.endpoints import Endpoints
from calico.client.pools import Pools
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import CalicoError
from calico.model.net import address_of
from tests.fakes.containers import FakeContainerHost, SteppedDatastore
from tests.fakes.interleaving import CrashError
from tests.fakes.ipam_state import check_ipam, read_ipam
from tests.fakes.terminal import READY

NAMES = ("c1", "c2", "c3")
ADDRESSES = ("10.1.0.0", "10.1.0.1", "10.1.0.5", "fd80::", "fd80::5")

Operation = Callable[[Containers], object]

names = st.sampled_from(NAMES)
wanted = st.one_of(
    st.sampled_from((4, 6)).map(AddressRequest),
    st.sampled_from(ADDRESSES).map(lambda text: AddressRequest(6 if ":" in text else 4, address=text)),
)
operations: st.SearchStrategy[Operation] = st.one_of(
    st.builds(lambda name, request: lambda each: each.add(name, request), names, wanted),
    st.builds(lambda name, request: lambda each: each.add_address(name, request), names, wanted),
    st.builds(
        lambda name, address: lambda each: each.remove_address(name, address), names, st.sampled_from(ADDRESSES)
    ),
    st.builds(lambda name: lambda each: each.remove(name), names),
)
steps = st.none() | st.integers(1, 40)
mishaps = st.tuples(steps, steps)
"""The steps at which something fails and at which the process dies."""


class World:
    def __init__(self) -> None:
        self.datastore = MemoryDatastore()
        for pool in ("10.1.0.0/24", "fd80::/64"):
            Pools(self.datastore).add([pool])
        self.host = FakeContainerHost(READY)
        self.states = {name: self.host.run(name) for name in NAMES}
        self.containers = Containers(SteppedDatastore(self.datastore, self.host.step), READY.node, self.host)

    def do(self, operation: Operation, fail_at: int | None = None, die_at: int | None = None) -> None:
        self.host.steps.clear()
        self.host.fail_at, self.host.die_at = fail_at, die_at
        with contextlib.suppress(CalicoError, CrashError):
            operation(self.containers)
        self.host.fail_at = self.host.die_at = None

    def check(self) -> None:
        state = read_ipam(self.datastore)
        check_ipam(state)
        endpoints = [endpoint for _, endpoint in Endpoints(self.datastore).list()]
        held = [address_of(net) for endpoint in endpoints for net in endpoint.nets]
        assert sorted(held) == sorted(state.assigned)
        nets = {endpoint.name: set(map(address_of, endpoint.nets)) for endpoint in endpoints}
        assert self.host.interfaces.keys() <= nets.keys()
        for stack in self.states.values():
            for interface in stack.interfaces.values():
                assert interface.addresses <= nets[interface.host_end]

    def check_empty(self) -> None:
        assert self.host.interfaces == {}
        assert read_ipam(self.datastore).assigned == {}
        assert all(state.interfaces == {} for state in self.states.values())


@given(st.lists(st.tuples(operations, mishaps), max_size=12))
def test_nothing_is_lost_whatever_happens(story: list[tuple[Operation, tuple[int | None, int | None]]]) -> None:
    world = World()
    for operation, mishap in story:
        world.do(operation, *mishap)
        world.check()

    for name in NAMES:
        world.do(lambda each, name=name: each.remove(name))  # type: ignore[misc]

    world.check()
    world.check_empty()


CHANGES: list[Operation] = [
    lambda each: each.add("c1", AddressRequest(4)),
    lambda each: each.add_address("c2", AddressRequest(4)),
    lambda each: each.remove_address("c2", "10.1.0.0"),
    lambda each: each.remove("c2"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_lost_when_what_failed_is_not_taken_back_to_the_end(change: Operation) -> None:
    """Every step at which it may fail, and then every step at which the process may die."""
    whole = joined()
    whole.do(change)
    for fail_at in range(1, len(whole.host.steps) + 1):
        died = True
        die_at = fail_at
        while died:
            die_at += 1
            world = joined()
            world.do(change, fail_at, die_at)
            died = len(world.host.steps) >= die_at
            world.check()
            for name in NAMES:
                world.do(lambda each, name=name: each.remove(name))  # type: ignore[misc]
            world.check_empty()


def joined() -> World:
    """``c2`` has joined."""
    world = World()
    world.do(lambda each: each.add("c2", AddressRequest(4)))
    return world
