"""One allocation block: the order addresses are given out in, who holds them, and giving them back."""

import pytest

from calico.ipam.blocks import (
    BLOCK_SIZE,
    Release,
    addresses_by_handle,
    assign_address,
    assign_next,
    assignments,
    attributes_of,
    block_of,
    is_empty,
    new_block,
    release_addresses,
    release_handle,
)
from calico.model.codec import decode, encode
from calico.model.errors import AlreadyExistsError, ValidationError
from calico.model.keys import BlockKey
from calico.model.record import replace
from calico.model.values import AllocationBlock, Attributes

NOBODY = Attributes()
H1 = Attributes("h1")
H2 = Attributes("h2", (("note", "x"),))


def v4() -> AllocationBlock:
    return new_block("10.0.0.0/26", "host1")


def address(ordinal: int) -> str:
    return f"10.0.0.{ordinal}"


def ordinals(addresses: tuple[str, ...]) -> list[int]:
    return [int(text.rpartition(".")[2]) for text in addresses]


def taken_next(block: AllocationBlock, count: int, attributes: Attributes = NOBODY) -> AllocationBlock:
    return assign_next(block, count, attributes)[0]


def after_release(block: AllocationBlock, *addresses: str) -> AllocationBlock:
    return release_addresses(block, addresses).block


@pytest.mark.parametrize(
    ("text", "cidr"),
    [
        ("192.168.3.7", "192.168.3.0/26"),
        ("10.34.11.75", "10.34.11.64/26"),
        ("2001:abcd:def0::1234", "2001:abcd:def0::1200/122"),
        ("2001:abcd:def0::", "2001:abcd:def0::/122"),
    ],
)
def test_an_address_belongs_to_the_block_it_is_masked_to(text: str, cidr: str) -> None:
    assert str(block_of(text)) == cidr


def test_a_new_block_is_empty_and_claimed() -> None:
    block = v4()
    assert (block.cidr, block.affinity) == ("10.0.0.0/26", "host1")
    assert block.unallocated == tuple(range(BLOCK_SIZE))
    assert is_empty(block)


@pytest.mark.parametrize("cidr", ["10.0.0.0/25", "10.0.0.0/27", "10.0.0.1", "fd80::/64"])
def test_a_block_has_one_size(cidr: str) -> None:
    with pytest.raises(ValidationError, match="not a block"):
        new_block(cidr, "host1")


def test_a_block_keeps_its_value_through_the_datastore() -> None:
    block = taken_next(assign_address(v4(), address(9), H2), 3, H1)
    key = BlockKey(block.cidr)
    assert decode(key, encode(key, block)) == block


class TestAssignNext:
    @pytest.mark.parametrize(
        ("cidr", "first"),
        [("10.0.0.0/26", ("10.0.0.0", "10.0.0.1")), ("fd80::40/122", ("fd80::40", "fd80::41"))],
    )
    def test_gives_the_lowest_first_in_both_versions(self, cidr: str, first: tuple[str, ...]) -> None:
        assert assign_next(new_block(cidr, "h"), 2, NOBODY)[1] == first

    def test_shares_an_entry_among_equal_holders_and_adds_one_for_another(self) -> None:
        block = taken_next(taken_next(taken_next(v4(), 2, H1), 1, H2), 1, H1)
        assert block.attributes == (H1, H2)
        assert block.allocations[:5] == (0, 0, 1, 0, None)

    def test_tells_equal_handles_with_other_notes_apart(self) -> None:
        block = taken_next(taken_next(v4(), 1, H2), 1, replace(H2, secondary=()))
        assert len(block.attributes) == 2

    @pytest.mark.parametrize("count", [0, -1])
    def test_gives_nothing_for_nothing(self, count: int) -> None:
        assert assign_next(v4(), count, NOBODY) == (v4(), ())

    def test_gives_what_is_left_when_nearly_full(self) -> None:
        block, addresses = assign_next(taken_next(v4(), 62), 5, NOBODY)
        assert ordinals(addresses) == [62, 63]
        assert assign_next(block, 1, NOBODY) == (block, ())

    def test_passes_over_addresses_that_were_asked_for(self) -> None:
        block = assign_address(assign_address(v4(), address(0), NOBODY), address(2), NOBODY)
        assert ordinals(assign_next(block, 3, NOBODY)[1]) == [1, 3, 4]


class TestAssignAddress:
    @pytest.mark.parametrize(("cidr", "wanted"), [("10.0.0.0/26", "10.0.0.63"), ("fd80::/122", "fd80::3f")])
    def test_takes_it_once(self, cidr: str, wanted: str) -> None:
        block = assign_address(new_block(cidr, "h"), wanted, H1)
        assert attributes_of(block, wanted) == H1
        assert len(block.unallocated) == BLOCK_SIZE - 1
        with pytest.raises(AlreadyExistsError, match=f"{wanted} is already assigned"):
            assign_address(block, wanted, H2)

    @pytest.mark.parametrize("wanted", ["10.0.0.64", "9.255.255.255", "fd80::1"])
    def test_refuses_an_address_of_another_block(self, wanted: str) -> None:
        with pytest.raises(ValidationError, match="not in block"):
            assign_address(v4(), wanted, NOBODY)


class TestRelease:
    @pytest.mark.parametrize(("cidr", "base"), [("10.0.0.0/26", "10.0.0."), ("fd80::/122", "fd80::")])
    def test_puts_addresses_at_the_end_of_the_queue_in_the_order_given(self, cidr: str, base: str) -> None:
        block = taken_next(new_block(cidr, "h"), 4)
        outcome = release_addresses(block, [f"{base}2", f"{base}1"])
        assert outcome.released == (f"{base}2", f"{base}1")
        assert outcome.block.unallocated == (*range(4, 64), 2, 1)
        assert assign_next(outcome.block, 1, NOBODY)[1] == (f"{base}4",)

    def test_drops_unused_entries_and_renumbers_the_rest(self) -> None:
        block = taken_next(taken_next(taken_next(v4(), 1, H1), 1, H2), 2, NOBODY)
        after = after_release(block, address(0), address(3))
        assert after.attributes == (H2, NOBODY)
        assert after.allocations[:4] == (None, 0, 1, None)

    def test_keeps_an_entry_that_another_address_uses(self) -> None:
        block = taken_next(v4(), 2, H1)
        assert after_release(block, address(0)).attributes == (H1,)

    def test_tells_what_was_not_assigned_and_releases_the_rest(self) -> None:
        block = taken_next(v4(), 1, H1)
        outcome = release_addresses(block, [address(7), address(0), address(8)])
        assert outcome.unassigned == (address(7), address(8))
        assert is_empty(outcome.block)

    def test_counts_per_handle_and_leaves_out_addresses_without_one(self) -> None:
        block = taken_next(taken_next(taken_next(v4(), 2, H1), 1, H2), 1, NOBODY)
        outcome = release_addresses(block, [address(n) for n in range(4)])
        assert dict(outcome.handles) == {"h1": 2, "h2": 1}

    def test_counts_an_address_that_is_named_twice_once(self) -> None:
        outcome = release_addresses(taken_next(v4(), 1, H1), [address(0), address(0)])
        assert (outcome.released, outcome.unassigned, outcome.handles) == ((address(0),), (), (("h1", 1),))

    def test_changes_nothing_when_all_are_free(self) -> None:
        assert release_addresses(v4(), [address(1)]) == Release(v4(), (), (address(1),), ())

    def test_of_a_handle_goes_lowest_first(self) -> None:
        block = assign_address(assign_address(v4(), address(4), H1), address(2), H1)
        outcome = release_handle(block, "h1")
        assert outcome.released == (address(2), address(4))
        assert outcome.block.unallocated[-2:] == (2, 4)
        assert is_empty(outcome.block)

    def test_of_an_unknown_handle_changes_nothing(self) -> None:
        block = taken_next(v4(), 1, H1)
        assert release_handle(block, "h2").block == block

    def test_refuses_an_address_of_another_block(self) -> None:
        with pytest.raises(ValidationError, match="not in block"):
            release_addresses(v4(), ["10.0.1.0"])


class TestReading:
    def test_finds_the_addresses_of_a_handle_and_of_none(self) -> None:
        block = taken_next(taken_next(taken_next(v4(), 2, H1), 1, NOBODY), 1, H1)
        assert ordinals(addresses_by_handle(block, "h1")) == [0, 1, 3]
        assert ordinals(addresses_by_handle(block, None)) == [2]
        assert addresses_by_handle(block, "unknown") == ()

    def test_says_who_holds_an_address(self) -> None:
        block = taken_next(v4(), 1, H2)
        assert attributes_of(block, address(0)) == H2
        assert attributes_of(block, address(1)) is None

    def test_lists_all_that_is_assigned(self) -> None:
        block = assign_address(taken_next(v4(), 1, H2), address(63), H1)
        assert assignments(block) == ((address(0), H2), (address(63), H1))


def test_the_queue_gives_a_released_address_out_last() -> None:
    """The worked trace of the reference, step by step."""
    block, first = assign_next(v4(), 2, NOBODY)
    assert ordinals(first) == [0, 1]
    block = after_release(after_release(block, address(0)), address(1))
    assert block.unallocated == (*range(2, 64), 0, 1)
    block, second = assign_next(block, 2, NOBODY)
    assert ordinals(second) == [2, 3]
    block = assign_address(block, address(63), NOBODY)
    assert block.unallocated == (*range(4, 63), 0, 1)
    block, third = assign_next(block, 60, NOBODY)
    assert ordinals(third) == [*range(4, 63), 0]
    block, last = assign_next(block, 1, NOBODY)
    assert ordinals(last) == [1]
    assert assign_next(block, 1, NOBODY)[1] == ()
