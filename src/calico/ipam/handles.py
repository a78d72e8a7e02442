"""Counting what was taken under a handle, block by block.

The count may over-state what the blocks say, never under-state it: whoever follows the handle finds all.
"""

from __future__ import annotations

from calico.model.errors import ValidationError
from calico.model.record import replace
from calico.model.values import Handle


def new_handle(handle: str) -> Handle:
    """A handle under which nothing was taken yet."""
    return Handle(handle, ())


def is_empty(handle: Handle) -> bool:
    """Whether nothing is held under the handle; such a one is deleted, not stored."""
    return not handle.blocks


def increment(handle: Handle, block: str, count: int) -> Handle:
    """``count`` more addresses of the block with this CIDR were taken."""
    counts = dict(handle.blocks)
    counts[block] = counts.get(block, 0) + count
    return _with_counts(handle, counts)


def decrement(handle: Handle, block: str, count: int) -> Handle:
    """``count`` addresses of the block were given back; a block at zero is dropped.

    Raises :class:`ValidationError` when the handle never held as many: that would under-state.
    """
    counts = dict(handle.blocks)
    held = counts.get(block, 0)
    if held < count:
        raise ValidationError(
            f"handle {handle.handle!r}: address count too low: {held} in block {block}, {count} released"
        )
    counts[block] = held - count
    return _with_counts(handle, counts)


def without_block(handle: Handle, block: str) -> Handle:
    """Nothing is held in the block any more, whatever the count said."""
    return _with_counts(handle, {cidr: count for cidr, count in handle.blocks if cidr != block})


def _with_counts(handle: Handle, counts: dict[str, int]) -> Handle:
    return replace(handle, blocks=tuple(sorted((cidr, count) for cidr, count in counts.items() if count > 0)))
