"""Assigning and releasing over the datastore: where addresses come from, races, crashes, exhaustion."""

import threading
from collections.abc import Callable

import pytest

from calico.client.addresses import Addresses
from calico.client.pools import Pools
from calico.datastore.api import Delete, KeyValue, Put
from calico.datastore.memory import MemoryDatastore
from calico.ipam.blocks import is_empty, new_block
from calico.model.codec import decode, encode
from calico.model.errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
    UnavailableError,
    ValidationError,
)
from calico.model.keys import AffinityKey, BlockKey, HandleKey, Key, PoolKey
from calico.model.values import AllocationBlock, Attributes, Handle, IPPool
from tests.fakes.datastore import FaultyDatastore
from tests.fakes.interleaving import CrashError, InterleavedDatastore, crash
from tests.fakes.ipam_state import check_ipam, read_ipam

POOL = "10.0.0.0/24"
BLOCKS = ("10.0.0.0/26", "10.0.0.64/26", "10.0.0.128/26", "10.0.0.192/26")


@pytest.fixture
def datastore() -> MemoryDatastore:
    """A datastore with one pool of four blocks for each IP version."""
    store = MemoryDatastore()
    pools = Pools(store)
    pools.add([POOL])
    pools.add(["fd80::/120"])
    return store


def put(datastore: MemoryDatastore, key: Key, value: object) -> None:
    datastore.transact((), (Put(key.path, encode(key, value)),))


def block_at(datastore: MemoryDatastore, cidr: str) -> AllocationBlock:
    key = BlockKey(cidr)
    found = datastore.get(key.path)
    assert found is not None
    block = decode(key, found.value)
    assert isinstance(block, AllocationBlock)
    return block


def v4(first: int, last: int) -> list[str]:
    return [f"10.0.0.{number}" for number in range(first, last + 1)]


class TestAutoAssign:
    def test_claims_the_first_block_in_one_transaction(self, datastore: MemoryDatastore) -> None:
        seen = InterleavedDatastore(datastore)
        assert Addresses(seen, "h1").auto_assign(4, 4) == v4(0, 3)
        assert seen.calls.count("transact") == 1
        assert read_ipam(datastore).affinities == {("h1", BLOCKS[0])}

    def test_serves_both_versions(self, datastore: MemoryDatastore) -> None:
        addresses = Addresses(datastore, "h1")
        assert addresses.auto_assign(4) == ["10.0.0.0"]
        assert addresses.auto_assign(6, 2) == ["fd80::", "fd80::1"]

    def test_stores_the_handle_and_the_attributes(self, datastore: MemoryDatastore) -> None:
        addresses = Addresses(datastore, "h1")
        addresses.auto_assign(4, handle="c1", attributes={"note": "x", "an": 1})
        assert addresses.info("10.0.0.0") == Attributes("c1", (("an", 1), ("note", "x")))
        assert read_ipam(datastore).handles == {"c1": {BLOCKS[0]: 1}}

    def test_gives_released_addresses_out_last(self, datastore: MemoryDatastore) -> None:
        addresses = Addresses(datastore, "h1")
        assert addresses.auto_assign(4) + addresses.auto_assign(4) == v4(0, 1)
        assert addresses.release(v4(0, 1)) == []
        assert addresses.auto_assign(4) + addresses.auto_assign(4) == v4(2, 3)

    def test_goes_on_to_the_next_own_block_and_spans_blocks_in_order(self, datastore: MemoryDatastore) -> None:
        addresses = Addresses(datastore, "h1")
        addresses.auto_assign(4, 60)
        assert addresses.auto_assign(4, 8, handle="h") == v4(60, 67)
        assert read_ipam(datastore).handles == {"h": {BLOCKS[0]: 4, BLOCKS[1]: 4}}

    def test_takes_the_lowest_own_block_first_by_number_not_by_text(self, datastore: MemoryDatastore) -> None:
        addresses = Addresses(datastore, "h1")
        addresses.assign("10.0.0.128")
        addresses.assign("10.0.0.64")
        assert addresses.auto_assign(4) == ["10.0.0.65"]

    def test_hosts_claim_different_blocks(self, datastore: MemoryDatastore) -> None:
        assert Addresses(datastore, "h1").auto_assign(4) == ["10.0.0.0"]
        assert Addresses(datastore, "h2").auto_assign(4) == ["10.0.0.64"]

    def test_borrows_from_other_hosts_when_nothing_else_is_left(self, datastore: MemoryDatastore) -> None:
        Addresses(datastore, "h2").auto_assign(4, 252)
        first = Addresses(datastore, "h1")
        assert first.auto_assign(4, 4) == v4(252, 255)
        assert {block.affinity for block in read_ipam(datastore).blocks.values()} == {"h2"}

    def test_tries_foreign_blocks_in_the_order_it_is_told(self, datastore: MemoryDatastore) -> None:
        second = Addresses(datastore, "h2")
        second.auto_assign(4, 256)
        second.release(["10.0.0.5", "10.0.0.200"])
        orders: list[list[str]] = []

        def last_first(blocks: list[KeyValue]) -> None:
            orders.append([item.key for item in blocks])
            blocks.reverse()

        first = Addresses(datastore, "h1", shuffle=last_first)
        # The keys' text decides what is listed last: "10.0.0.64-26" stands behind "10.0.0.192-26".
        assert first.auto_assign(4) == ["10.0.0.200"]
        assert first.auto_assign(4) == ["10.0.0.5"]
        assert len(orders) == 2
        assert len(orders[0]) == len(BLOCKS)

    def test_walks_foreign_blocks_only_as_far_as_needed(self, datastore: MemoryDatastore) -> None:
        Addresses(datastore, "h2").auto_assign(4, 200)
        datastore.transact((), [Put(BlockKey(cidr).path, "{") for cidr in (BLOCKS[2], BLOCKS[3])])
        Addresses(datastore, "h2").release(["10.0.0.1"])
        seen = InterleavedDatastore(datastore)
        assert Addresses(seen, "h1").auto_assign(4) == ["10.0.0.1"]
        assert seen.calls.count("list") == 3

    def test_gives_a_short_list_when_all_pools_are_exhausted(self, datastore: MemoryDatastore) -> None:
        addresses = Addresses(datastore, "h1")
        assert len(addresses.auto_assign(4, 300)) == 256
        assert addresses.auto_assign(4) == []
        assert read_ipam(datastore).handles == {}

    @pytest.mark.parametrize("count", [0, -1])
    def test_gives_nothing_for_nothing(self, datastore: MemoryDatastore, count: int) -> None:
        assert Addresses(datastore, "h1").auto_assign(4, count) == []

    def test_gives_nothing_without_pools(self) -> None:
        assert Addresses(MemoryDatastore(), "h1").auto_assign(4) == []

    def test_goes_on_to_the_next_pool(self, datastore: MemoryDatastore) -> None:
        Pools(datastore).add(["9.0.0.0/26"])
        found = Addresses(datastore, "h1").auto_assign(4, 66)
        assert (found[0], found[63], found[64:]) == ("9.0.0.0", "9.0.0.63", v4(0, 1))

    def test_reads_little_when_the_own_block_serves(self, datastore: MemoryDatastore) -> None:
        Addresses(datastore, "h1").auto_assign(4)
        seen = InterleavedDatastore(datastore)
        Addresses(seen, "h1").auto_assign(4, handle="c1")
        assert seen.calls == ["list", "list", "get", "get", "transact"]

    def test_finds_the_first_free_block_of_a_large_pool_at_once(self, datastore: MemoryDatastore) -> None:
        Pools(datastore).add(["fd81::/64"])
        found = Addresses(datastore, "h1").auto_assign(6, 65, pool="fd81::/64")
        assert (found[0], found[-1]) == ("fd81::", "fd81::40")


class TestGivenPool:
    def test_serves_from_it_alone(self, datastore: MemoryDatastore) -> None:
        Pools(datastore).add(["10.1.0.0/26"])
        addresses = Addresses(datastore, "h1")
        addresses.auto_assign(4)
        found = addresses.auto_assign(4, 70, pool="10.1.0.7/26")
        assert (found[0], len(found)) == ("10.1.0.0", 64)

    @pytest.mark.parametrize("pool", ["10.0.0.0/25", "10.0.0.0/23", "172.16.0.0/16", "fd80::/120"])
    def test_must_be_a_configured_pool_of_the_version(self, datastore: MemoryDatastore, pool: str) -> None:
        message = f"Invalid CIDR specified for desired pool. No pool found for {pool}."
        with pytest.raises(NotFoundError, match=message):
            Addresses(datastore, "h1").auto_assign(4, pool=pool)

    def test_must_serve_addresses(self, datastore: MemoryDatastore) -> None:
        Pools(datastore).add(["10.9.0.0/24"], ipam=False)
        with pytest.raises(NotFoundError, match="No pool found"):
            Addresses(datastore, "h1").auto_assign(4, pool="10.9.0.0/24")


class TestRemovedPool:
    def test_serves_nothing_more_from_own_blocks(self, datastore: MemoryDatastore) -> None:
        addresses = Addresses(datastore, "h1")
        addresses.auto_assign(4)
        datastore.transact((), (Delete(PoolKey(POOL).path),))
        assert addresses.auto_assign(4) == []
        with pytest.raises(NotFoundError, match=r"10\.0\.0\.9 is not in any configured pools"):
            addresses.assign("10.0.0.9")

    def test_serves_nothing_when_it_only_stopped_serving(self, datastore: MemoryDatastore) -> None:
        addresses = Addresses(datastore, "h1")
        addresses.auto_assign(4)
        put(datastore, PoolKey(POOL), IPPool(POOL, ipam=False))
        assert addresses.auto_assign(4) == []

    def test_serves_nothing_whenever_it_goes_during_an_assignment(self, datastore: MemoryDatastore) -> None:
        seen = InterleavedDatastore(datastore)
        addresses = Addresses(seen, "h1")
        for number in (2, 3, 4, 5):
            Pools(datastore).add([POOL])
            seen.arm(before={number: lambda: Pools(datastore).remove(POOL)})
            assert addresses.auto_assign(4, handle="c1") == []
            assert read_ipam(datastore).assigned == {}
        assert read_ipam(datastore).handles == {}

    def test_gives_its_addresses_back(self, datastore: MemoryDatastore) -> None:
        addresses = Addresses(datastore, "h1")
        addresses.auto_assign(4, 2, handle="c1")
        Pools(datastore).remove(POOL)
        assert addresses.release(["10.0.0.0"]) == []
        assert addresses.release_by_handle("c1") == ["10.0.0.1"]
        assert read_ipam(datastore).blocks == {}


class TestStrangeState:
    """What other programs or a person may have left in the datastore."""

    def test_a_claim_without_its_block_is_used(self, datastore: MemoryDatastore) -> None:
        put(datastore, AffinityKey("h1", BLOCKS[2]), "")
        assert Addresses(datastore, "h1").auto_assign(4) == ["10.0.0.128"]
        check_ipam(read_ipam(datastore))

    def test_a_claim_on_the_block_of_another_host_is_passed_over(self, datastore: MemoryDatastore) -> None:
        Addresses(datastore, "h2").auto_assign(4)
        put(datastore, AffinityKey("h1", BLOCKS[0]), "")
        assert Addresses(datastore, "h1").auto_assign(4) == ["10.0.0.64"]

    def test_a_block_without_a_claim_is_adopted(self, datastore: MemoryDatastore) -> None:
        for cidr in BLOCKS:
            put(datastore, BlockKey(cidr), new_block(cidr, None))
        assert Addresses(datastore, "h1").auto_assign(4) == ["10.0.0.0"]
        check_ipam(read_ipam(datastore))

    def test_a_lost_claim_comes_back(self, datastore: MemoryDatastore) -> None:
        addresses = Addresses(datastore, "h1")
        addresses.auto_assign(4, 193)
        datastore.transact((), (Delete(AffinityKey("h1", BLOCKS[3]).path),))
        assert addresses.auto_assign(4) == ["10.0.0.193"]
        check_ipam(read_ipam(datastore))

    @pytest.mark.parametrize("text", ["", "{", '{"cidr": "10.0.0.0/26", "allocations": [], "attributes": []}'])
    def test_a_block_that_cannot_be_understood_is_left_alone(self, datastore: MemoryDatastore, text: str) -> None:
        path = BlockKey(BLOCKS[0]).path
        datastore.transact((), (Put(path, text), Put(AffinityKey("h1", BLOCKS[0]).path, "")))
        addresses = Addresses(datastore, "h1")
        assert len(addresses.auto_assign(4, 256)) == 192
        with pytest.raises(ValidationError, match=r"block/10\.0\.0\.0-26"):
            addresses.assign("10.0.0.9")
        found = datastore.get(path)
        assert found is not None
        assert found.value == text

    def test_a_pool_smaller_than_a_block_serves_nothing(self, datastore: MemoryDatastore) -> None:
        put(datastore, PoolKey("10.7.0.0/28"), IPPool("10.7.0.0/28"))
        addresses = Addresses(datastore, "h1")
        assert addresses.auto_assign(4, pool="10.7.0.0/28") == []
        with pytest.raises(NotFoundError, match="not in any configured pools"):
            addresses.assign("10.7.0.1")

    @pytest.mark.parametrize("counts", [(), ((BLOCKS[0], 1),), ((BLOCKS[1], 5),)])
    def test_a_handle_that_counts_too_little_keeps_no_address(
        self, datastore: MemoryDatastore, counts: tuple[tuple[str, int], ...]
    ) -> None:
        addresses = Addresses(datastore, "h1")
        addresses.auto_assign(4, 2, handle="c1")
        put(datastore, HandleKey("c1"), Handle("c1", counts))
        assert addresses.release(v4(0, 1)) == []
        assert read_ipam(datastore).assigned == {}


class TestAssign:
    def test_claims_the_block_with_the_address(self, datastore: MemoryDatastore) -> None:
        seen = InterleavedDatastore(datastore)
        Addresses(seen, "h1").assign("10.0.0.70", handle="c1")
        assert seen.calls.count("transact") == 1
        state = read_ipam(datastore)
        assert state.assigned == {"10.0.0.70": "c1"}
        assert state.affinities == {("h1", BLOCKS[1])}

    def test_takes_from_the_block_of_another_host(self, datastore: MemoryDatastore) -> None:
        Addresses(datastore, "h2").auto_assign(4)
        Addresses(datastore, "h1").assign("10.0.0.9")
        assert block_at(datastore, BLOCKS[0]).affinity == "h2"
        assert Addresses(datastore, "h1").info("10.0.0.9") == Attributes()

    def test_refuses_what_is_taken(self, datastore: MemoryDatastore) -> None:
        addresses = Addresses(datastore, "h1")
        addresses.assign("10.0.0.9", handle="c1")
        with pytest.raises(AlreadyExistsError, match=r"IP address is already assigned in pool 10\.0\.0\.0/24\."):
            addresses.assign("10.0.0.9", handle="c2")
        assert read_ipam(datastore).handles == {"c1": {BLOCKS[0]: 1}}

    @pytest.mark.parametrize("address", ["10.0.1.0", "fd81::"])
    def test_refuses_what_is_in_no_pool_and_writes_nothing(self, datastore: MemoryDatastore, address: str) -> None:
        seen = InterleavedDatastore(datastore)
        with pytest.raises(NotFoundError, match=f"{address} is not in any configured pools"):
            Addresses(seen, "h1").assign(address)
        assert "transact" not in seen.calls

    @pytest.mark.parametrize("address", ["10", "10.0.0.0/32", "", "fd80::g"])
    def test_refuses_what_is_no_address(self, datastore: MemoryDatastore, address: str) -> None:
        with pytest.raises(ValidationError, match="not an IP address"):
            Addresses(datastore, "h1").assign(address)

    def test_loses_to_one_who_took_it_meanwhile(self, datastore: MemoryDatastore) -> None:
        seen = InterleavedDatastore(datastore)
        seen.arm(before={3: lambda: Addresses(datastore, "h2").assign("10.0.0.9")})
        with pytest.raises(AlreadyExistsError):
            Addresses(seen, "h1").assign("10.0.0.9")

    def test_uses_the_block_that_another_host_made_meanwhile(self, datastore: MemoryDatastore) -> None:
        seen = InterleavedDatastore(datastore)
        seen.arm(before={3: lambda: Addresses(datastore, "h2").assign("10.0.0.1")})
        Addresses(seen, "h1").assign("10.0.0.9", handle="c1")
        state = read_ipam(datastore)
        assert state.assigned == {"10.0.0.1": None, "10.0.0.9": "c1"}
        assert state.affinities == {("h2", BLOCKS[0])}


class TestRelease:
    def test_of_everything_gives_an_empty_list(self, datastore: MemoryDatastore) -> None:
        addresses = Addresses(datastore, "h1")
        taken = addresses.auto_assign(4, 66) + addresses.auto_assign(6)
        assert addresses.release(taken) == []
        assert all(is_empty(block) for block in read_ipam(datastore).blocks.values())

    def test_tells_what_was_not_assigned(self, datastore: MemoryDatastore) -> None:
        addresses = Addresses(datastore, "h1")
        addresses.auto_assign(4)
        wanted = ["10.0.0.1", "10.0.0.0", "10.0.0.70", "FD80:0::1"]
        assert addresses.release(wanted) == ["10.0.0.1", "10.0.0.70", "fd80::1"]

    def test_of_what_is_free_writes_nothing(self, datastore: MemoryDatastore) -> None:
        Addresses(datastore, "h1").auto_assign(4)
        seen = InterleavedDatastore(datastore)
        assert Addresses(seen, "h1").release(["10.0.0.1", "0.0.0.0", "::"]) == ["10.0.0.1", "0.0.0.0", "::"]
        assert "transact" not in seen.calls

    def test_counts_every_handle_down(self, datastore: MemoryDatastore) -> None:
        addresses = Addresses(datastore, "h1")
        addresses.auto_assign(4, 2, handle="a")
        addresses.auto_assign(4, 2, handle="b")
        addresses.release(v4(1, 3))
        assert read_ipam(datastore).handles == {"a": {BLOCKS[0]: 1}}

    def test_may_come_from_any_host(self, datastore: MemoryDatastore) -> None:
        Addresses(datastore, "h1").auto_assign(4)
        assert Addresses(datastore, "h2").release(["10.0.0.0"]) == []


class TestHandles:
    def test_release_takes_back_all_blocks(self, datastore: MemoryDatastore) -> None:
        addresses = Addresses(datastore, "h1")
        addresses.auto_assign(4, 62)
        mine = addresses.auto_assign(4, 4, handle="c1") + addresses.auto_assign(6, handle="c1")
        assert sorted(addresses.by_handle("c1")) == sorted(mine)
        assert sorted(addresses.release_by_handle("c1")) == sorted(mine)
        assert read_ipam(datastore).handles == {}
        assert len(read_ipam(datastore).assigned) == 62

    def test_unknown_ones_are_not_found(self, datastore: MemoryDatastore) -> None:
        for ask in (Addresses(datastore, "h1").by_handle, Addresses(datastore, "h1").release_by_handle):
            with pytest.raises(NotFoundError, match="handle c1"):
                ask("c1")

    @pytest.mark.parametrize("handle", ["", "a/b", "x" * 129])
    def test_illegal_ones_are_refused(self, datastore: MemoryDatastore, handle: str) -> None:
        with pytest.raises(ValidationError, match="handle"):
            Addresses(datastore, "h1").auto_assign(4, handle=handle)
        with pytest.raises(ValidationError, match="handle"):
            Addresses(datastore, "h1").release_by_handle(handle)

    def test_missing_blocks_are_forgotten(self, datastore: MemoryDatastore) -> None:
        put(datastore, HandleKey("c1"), Handle("c1", ((BLOCKS[0], 3), ("nonsense", 1))))
        addresses = Addresses(datastore, "h1")
        assert addresses.by_handle("c1") == []
        assert addresses.release_by_handle("c1") == []
        assert read_ipam(datastore).handles == {}


class TestReading:
    def test_info_of_what_is_free_is_nothing(self, datastore: MemoryDatastore) -> None:
        addresses = Addresses(datastore, "h1")
        addresses.auto_assign(4)
        assert addresses.info("10.0.0.0") == Attributes()
        assert addresses.info("10.0.0.1") is None
        assert addresses.info("172.16.0.1") is None

    def test_list_goes_over_all_hosts_by_address(self, datastore: MemoryDatastore) -> None:
        Addresses(datastore, "h1").assign("10.0.0.128", handle="a")
        Addresses(datastore, "h2").assign("10.0.0.64")
        Addresses(datastore, "h2").auto_assign(6)
        listed = Addresses(datastore, "h3").list(4)
        assert listed == [("10.0.0.64", Attributes()), ("10.0.0.128", Attributes("a"))]


class TestConflicts:
    """Another writer gets in between the reads and the write."""

    @pytest.mark.parametrize("call", range(1, 6))
    def test_a_clash_is_read_again_and_the_handle_stays_exact(self, datastore: MemoryDatastore, call: int) -> None:
        seen = InterleavedDatastore(datastore)
        seen.arm(before={call: lambda: Addresses(datastore, "h1").auto_assign(4, 62, handle="other")})
        mine = Addresses(seen, "h1").auto_assign(4, 4, handle="mine")
        state = read_ipam(datastore)
        assert [address for address, handle in state.assigned.items() if handle == "mine"] == mine
        assert (len(mine), len(state.assigned)) == (4, 66)
        check_ipam(state)

    def test_a_clash_on_the_handle_alone_is_retried(self, datastore: MemoryDatastore) -> None:
        Addresses(datastore, "h1").auto_assign(4)
        seen = InterleavedDatastore(datastore)
        seen.arm(before={5: lambda: Addresses(datastore, "h2").auto_assign(4, handle="shared")})
        assert Addresses(seen, "h1").auto_assign(4, handle="shared") == ["10.0.0.1"]
        assert read_ipam(datastore).handles == {"shared": {BLOCKS[0]: 1, BLOCKS[1]: 1}}

    @pytest.mark.parametrize("call", range(1, 5))
    def test_a_release_is_retried(self, datastore: MemoryDatastore, call: int) -> None:
        addresses = Addresses(datastore, "h1")
        addresses.auto_assign(4, 2, handle="c1")
        seen = InterleavedDatastore(datastore)
        seen.arm(before={call: lambda: addresses.auto_assign(4, handle="c1")})
        assert Addresses(seen, "h1").release(v4(0, 1)) == []
        check_ipam(read_ipam(datastore))

    @pytest.mark.parametrize(
        "operation",
        [
            lambda addresses: addresses.auto_assign(4),
            lambda addresses: addresses.assign("10.0.0.9"),
            lambda addresses: addresses.release(["10.0.0.0"]),
            lambda addresses: addresses.release_by_handle("c1"),
        ],
    )
    def test_endless_clashes_end_after_100_tries(
        self, datastore: MemoryDatastore, operation: Callable[[Addresses], object]
    ) -> None:
        Addresses(datastore, "h1").auto_assign(4, handle="c1")
        before = read_ipam(datastore)
        faulty = FaultyDatastore(datastore)
        faulty.fail_next(ConflictError("lost"), calls=1000, on="transact")
        with pytest.raises(ConflictError, match="100 times in a row"):
            operation(Addresses(faulty, "h1"))
        assert faulty.calls.count("transact") == 100
        assert read_ipam(datastore) == before

    def test_endless_clashes_end_at_the_deadline(self, datastore: MemoryDatastore) -> None:
        faulty = FaultyDatastore(datastore)
        faulty.fail_next(ConflictError("lost"), calls=1000, on="transact")
        ticks = iter(range(1000))
        addresses = Addresses(faulty, "h1", clock=lambda: float(next(ticks)))
        with pytest.raises(UnavailableError, match="within 20 s"):
            addresses.auto_assign(4, timeout=20)
        assert 1 <= faulty.calls.count("transact") <= 20


class TestFailures:
    def test_what_was_committed_before_a_failure_is_returned(self, datastore: MemoryDatastore) -> None:
        seen = InterleavedDatastore(datastore)
        faulty = FaultyDatastore(seen)
        seen.arm(after={4: faulty.go_down})
        assert Addresses(faulty, "h1").auto_assign(4, 70) == v4(0, 63)
        assert seen.calls[3] == "transact"

    def test_nothing_assigned_is_an_error(self, datastore: MemoryDatastore) -> None:
        faulty = FaultyDatastore(datastore)
        faulty.fail_next(on="transact")
        with pytest.raises(UnavailableError):
            Addresses(faulty, "h1").auto_assign(4)
        assert read_ipam(datastore).assigned == {}

    def test_a_death_at_any_call_leaves_no_half_of_an_operation(self, datastore: MemoryDatastore) -> None:
        seen = InterleavedDatastore(datastore)
        addresses = Addresses(seen, "h1")
        for number in range(1, 6):
            for late in (False, True):
                seen.arm(before={} if late else {number: crash}, after={number: crash} if late else {})
                with pytest.raises(CrashError):
                    addresses.auto_assign(4, handle="c1")
                check_ipam(read_ipam(datastore))
        seen.arm()
        survivors = addresses.by_handle("c1")
        assert addresses.release_by_handle("c1") == survivors
        assert read_ipam(datastore).assigned == {}


def test_threads_of_many_hosts_never_get_one_address_twice(datastore: MemoryDatastore) -> None:
    taken: list[str] = []
    lock = threading.Lock()

    def work(host: str) -> None:
        addresses = Addresses(datastore, host, timeout=60)
        for _ in range(8):
            got = addresses.auto_assign(4, 4, handle=host)
            with lock:
                taken.extend(got)

    threads = [threading.Thread(target=work, args=(f"h{number % 3}",)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 256
    state = read_ipam(datastore)
    assert set(state.assigned) == set(taken)
    check_ipam(state)
