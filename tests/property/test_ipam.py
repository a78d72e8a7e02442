"""Address management against a simple model: several hosts, clashes at any call, deaths between any two calls.

What must hold after every step, whatever happened during it: no address is given out twice, nothing that was
given out is free, handles count exactly what the blocks hold, claims and blocks agree; and after everything is
released, everything can be given out again.
"""

import random
from collections.abc import Callable
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from calico.client.addresses import Addresses
from calico.client.affinities import Affinities
from calico.client.pools import Pools
from calico.datastore.memory import MemoryDatastore
from calico.ipam import blocks
from calico.ipam.pools import cover
from calico.model.errors import AlreadyExistsError, NotFoundError
from calico.model.net import format_address, parse_address, parse_network
from calico.model.values import Attributes
from tests.fakes.interleaving import CrashError, InterleavedDatastore, crash
from tests.fakes.ipam_state import check_ipam, read_ipam

HOSTS = ("h1", "h2", "h3")
HANDLES = (None, "a", "b")
POOLS = ("10.0.0.0/25", "10.0.1.0/26", "fd80::/122")
STRAY = "10.0.9.9"  # in no pool
POOL_ADDRESSES = {4: 192, 6: 64}

hosts = st.sampled_from(HOSTS)
handles = st.sampled_from(HANDLES)
versions = st.sampled_from((4, 4, 4, 6))
counts = st.sampled_from((1, 1, 2, 5, 40, 70, 200))
some_address = st.one_of(
    st.integers(0, 200).map(lambda number: format_address(4, parse_address("10.0.0.0")[1] + number)),
    st.integers(0, 70).map(lambda number: format_address(6, parse_address("fd80::")[1] + number)),
)


class AddressHistory(RuleBasedStateMachine):
    """What callers know against what the datastore says.

    ``held``        given to a caller, who has not asked to release it
    ``releasing``   a caller is just releasing these; at any moment they may be free, and be taken by another
    ``lost``        assigned, but the caller died before it was told, or while it released them
    """

    def __init__(self) -> None:
        super().__init__()
        self.backend = MemoryDatastore()
        self.datastore = InterleavedDatastore(self.backend)
        self.random = random.Random(0)
        self.pools = Pools(self.backend)
        self.held: dict[str, str | None] = {}
        self.lost: dict[str, str | None] = {}
        self.releasing: dict[str, str | None] = {}
        self.meddled = False
        for cidr in POOLS:
            self.pools.add([cidr])

    def addresses(self, host: str) -> Addresses:
        """An honest client of ``host``, whose calls may be disturbed."""
        return Addresses(self.datastore, host, shuffle=self.random.shuffle, clock=lambda: 0.0)

    def undisturbed(self, host: str) -> Addresses:
        """A client whose operations happen as a whole between two calls of another one."""
        return Addresses(self.backend, host, shuffle=self.random.shuffle, clock=lambda: 0.0)

    def take(self, taken: list[str], handle: str | None) -> None:
        """A caller was given these."""
        assert len(taken) == len(set(taken))
        for address in taken:
            assert address not in self.held
            assert address not in self.lost
            self.releasing.pop(address, None)
            self.held[address] = handle

    def survive(self, operation: Callable[[], None]) -> None:
        """Run an operation whose process may die; what it changed without telling is found out afterwards."""
        try:
            operation()
        except CrashError:
            now = read_ipam(self.backend).assigned
            self.held = {address: handle for address, handle in self.held.items() if address in now}
            self.lost = {address: handle for address, handle in now.items() if address not in self.held}
        finally:
            self.releasing = {}
            self.datastore.arm()

    @rule(call=st.integers(1, 9), late=st.booleans())
    def die_during_the_next_operation(self, call: int, late: bool) -> None:
        if late:
            self.datastore.arm(after={call: crash})
        else:
            self.datastore.arm(before={call: crash})

    @rule(call=st.integers(1, 9), host=hosts, version=versions, count=counts, handle=handles)
    def assign_during_the_next_operation(
        self, call: int, host: str, version: int, count: int, handle: str | None
    ) -> None:
        def meddle() -> None:
            self.meddled = True
            self.take(self.undisturbed(host).auto_assign(version, count, handle=handle), handle)

        self.datastore.arm(before={call: meddle})

    @rule(call=st.integers(1, 9), host=hosts, choice=st.randoms(use_true_random=False))
    def release_during_the_next_operation(self, call: int, host: str, choice: random.Random) -> None:
        def meddle() -> None:
            self.meddled = True
            wanted = choice.sample(sorted(self.held), k=len(self.held) // 2)
            for address in wanted:
                del self.held[address]
            assert self.undisturbed(host).release(wanted) == []

        self.datastore.arm(before={call: meddle})

    @rule(host=hosts, version=versions, count=counts, handle=handles, pool=st.sampled_from((None, *POOLS)))
    def auto_assign(self, host: str, version: int, count: int, handle: str | None, pool: str | None) -> None:
        self.meddled = False

        def operation() -> None:
            try:
                taken = self.addresses(host).auto_assign(version, count, handle=handle, pool=pool)
            except NotFoundError:
                served = {configured.cidr for configured in self.pools.list(version) if configured.ipam}
                assert pool not in served
                return
            self.take(taken, handle)
            if not self.meddled:
                self.check_short(version, count, pool, taken)

        self.survive(operation)

    def check_short(self, version: int, count: int, pool: str | None, taken: list[str]) -> None:
        """As many as asked for, or else all there are; and only from pools that serve."""
        served = [parse_network(each.cidr) for each in self.pools.list(version) if pool in (None, each.cidr)]
        inside = [any(network.contains(parse_address(address)[1]) for network in served) for address in taken]
        assert all(inside)
        if len(taken) < count:
            used = [parse_address(address)[1] for address in (*self.held, *self.lost)]
            for network in served:
                free = network.size - sum(network.contains(value) for value in used)
                assert free == 0

    @rule(host=hosts, address=some_address, handle=handles)
    def assign(self, host: str, address: str, handle: str | None) -> None:
        def operation() -> None:
            try:
                self.addresses(host).assign(address, handle=handle)
            except AlreadyExistsError:
                assert address in self.held or address in self.lost
            except NotFoundError:
                assert self.pools.pool_of(address) is None
            else:
                self.take([address], handle)

        self.survive(operation)

    @precondition(lambda self: self.held)
    @rule(host=hosts, choice=st.randoms(use_true_random=False), count=st.integers(1, 70))
    def release(self, host: str, choice: random.Random, count: int) -> None:
        self.meddled = False
        wanted = choice.sample(sorted(self.held), k=min(count, len(self.held)))
        self.releasing = {address: self.held.pop(address) for address in wanted}

        def operation() -> None:
            assert self.addresses(host).release([*wanted, STRAY]) == [STRAY]

        self.survive(operation)

    @rule(host=hosts, handle=st.sampled_from(HANDLES[1:]))
    def release_by_handle(self, host: str, handle: str) -> None:
        self.meddled = False
        mine = [address for address, holder in {**self.held, **self.lost}.items() if holder == handle]
        self.releasing = dict.fromkeys(mine, handle)
        for address in mine:
            self.held.pop(address, None)
            self.lost.pop(address, None)

        def operation() -> None:
            try:
                released = self.addresses(host).release_by_handle(handle)
            except NotFoundError:
                assert self.meddled or not mine
                return
            if not self.meddled:
                assert sorted(released) == sorted(mine)
            now = read_ipam(self.backend).assigned
            for address in released:
                if address not in now:
                    self.held.pop(address, None)  # taken under the same handle meanwhile, and released with it

        self.survive(operation)

    @rule(cidr=st.sampled_from(POOLS))
    def remove_pool(self, cidr: str) -> None:
        if any(pool.cidr == cidr for pool in self.pools.list()):
            self.pools.remove(cidr)

    @rule(cidr=st.sampled_from(POOLS))
    def add_pool(self, cidr: str) -> None:
        self.pools.add([cidr])

    @rule(host=hosts)
    def take_host_out_of_service(self, host: str) -> None:
        Affinities(self.backend).release_host(host)

    @invariant()
    def datastore_agrees(self) -> None:
        state = read_ipam(self.backend)
        check_ipam(state)
        assert state.assigned == {**self.held, **self.lost}

    def teardown(self) -> None:
        """Nothing is lost for good: once all is released, every address can be given out again."""
        self.datastore.arm()
        addresses = self.addresses("h1")
        assert addresses.release([*self.held, *self.lost]) == []
        for cidr in POOLS:
            self.pools.add([cidr])
        for version, size in POOL_ADDRESSES.items():
            assert len(set(addresses.auto_assign(version, 1000))) == size
        state = read_ipam(self.backend)
        assert state.handles == {}
        check_ipam(state)


TestAddressHistory = AddressHistory.TestCase
TestAddressHistory.settings = settings(max_examples=60, stateful_step_count=30)


@given(st.lists(st.tuples(st.sampled_from("narx"), st.integers(0, 63), st.sampled_from(HANDLES)), max_size=40))
def test_a_block_behaves_like_a_queue(steps: list[tuple[str, int, str | None]]) -> None:
    block = blocks.new_block("10.0.0.0/26", "h1")
    queue = list(range(64))
    holders: dict[int, str | None] = {}
    for kind, number, handle in steps:
        address = format_address(4, parse_address("10.0.0.0")[1] + number)
        if kind == "n":
            block, taken = blocks.assign_next(block, number % 8, Attributes(handle))
            expected = [queue.pop(0) for _ in range(min(number % 8, len(queue)))]
            assert [parse_address(each)[1] & 63 for each in taken] == expected
            holders.update(dict.fromkeys(expected, handle))
        elif kind == "a" and number in queue:
            block = blocks.assign_address(block, address, Attributes(handle))
            queue.remove(number)
            holders[number] = handle
        elif kind == "r":
            outcome = blocks.release_addresses(block, [address])
            assert bool(outcome.released) == (holders.pop(number, "free") != "free")
            block = outcome.block
            queue += [number] if outcome.released else []
        elif kind == "x" and handle is not None:
            block = blocks.release_handle(block, handle).block
            mine = sorted(ordinal for ordinal, holder in holders.items() if holder == handle)
            queue += mine
            for ordinal in mine:
                del holders[ordinal]
        assert list(block.unallocated) == queue
        assert {address: a.handle for address, a in blocks.assignments(block)} == {
            format_address(4, parse_address("10.0.0.0")[1] + ordinal): holder for ordinal, holder in holders.items()
        }
        assert set(block.allocations) - {None} == set(range(len(block.attributes)))


@given(version=st.sampled_from((4, 6)), data=st.data())
def test_a_cover_is_exact_ordered_and_minimal(version: int, data: st.DataObject) -> None:
    top = 2 ** (32 if version == 4 else 128) - 1
    first = data.draw(st.integers(0, top))
    last = data.draw(st.one_of(st.integers(first, top), st.integers(first, min(top, first + 300))))
    networks = list(cover(version, first, last))
    assert networks[0].base == first
    assert networks[-1].last == last
    for one, next_one in pairwise(networks):
        assert one.last + 1 == next_one.base
        # Two neighbours of one size that share a parent would have been one network.
        assert not (one.length == next_one.length and one.base % (2 * one.size) == 0)
    for network in networks:
        assert network.base % network.size == 0


@settings(max_examples=50)
@given(version=st.sampled_from((4, 6)), first=st.integers(0, 4000), count=st.integers(1, 300))
def test_the_pools_of_a_range_of_whole_blocks_hold_exactly_the_range(version: int, first: int, count: int) -> None:
    pools = Pools(MemoryDatastore())
    _, base = parse_address("10.0.0.0" if version == 4 else "fd80::")
    start, end = base + first * 64, base + (first + count) * 64 - 1
    added = pools.add_range(format_address(version, start), format_address(version, end))
    for edge in (start, end):
        assert pools.pool_of(format_address(version, edge)) in added
    for outside in (start - 1, end + 1):
        assert pools.pool_of(format_address(version, outside)) is None
    assert sum(parse_network(pool.cidr).size for pool in added) == count * 64
