"""Counts under a handle: exact, never below zero, gone at zero."""

import pytest

from calico.ipam.handles import decrement, increment, is_empty, new_handle, without_block
from calico.model.errors import ValidationError

A = "10.0.0.0/26"
B = "10.0.0.64/26"


def test_counts_per_block() -> None:
    handle = increment(increment(increment(new_handle("h"), B, 1), A, 2), A, 3)
    assert handle.blocks == ((A, 5), (B, 1))
    assert not is_empty(handle)


def test_drops_a_block_at_zero_and_is_empty_without_blocks() -> None:
    handle = increment(increment(new_handle("h"), A, 2), B, 1)
    handle = decrement(handle, A, 2)
    assert handle.blocks == ((B, 1),)
    assert is_empty(decrement(handle, B, 1))


@pytest.mark.parametrize(("block", "count"), [(A, 3), (B, 1)])
def test_refuses_to_release_more_than_it_holds(block: str, count: int) -> None:
    handle = increment(new_handle("h"), A, 2)
    with pytest.raises(ValidationError, match="address count too low"):
        decrement(handle, block, count)


def test_forgets_a_block_whatever_it_counted() -> None:
    handle = increment(increment(new_handle("h"), A, 2), B, 1)
    assert without_block(handle, A).blocks == ((B, 1),)
    assert without_block(without_block(handle, A), A).blocks == ((B, 1),)
