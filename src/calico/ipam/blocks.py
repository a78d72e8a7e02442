"""Decisions on one allocation block: take addresses from it, give them back, say who holds what.

Every function takes a block and returns a new one. Blocks come valid out of the codec: the queue holds
exactly the free ordinals, and every entry of ``attributes`` is used by some ordinal.
"""

from __future__ import annotations

from calico.model.errors import AlreadyExistsError, ValidationError
from calico.model.net import Network, bits, format_address, parse_address, parse_network
from calico.model.record import record, replace
from calico.model.values import AllocationBlock, Attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

BLOCK_SIZE = 64
"""Addresses in a block, in both IP versions."""

_BLOCK_BITS = 6


def block_length(version: int) -> int:
    """The prefix length of a block: 26 for IPv4, 122 for IPv6."""
    return bits(version) - _BLOCK_BITS


def block_of(address: str) -> Network:
    """The block that an address belongs to."""
    version, value = parse_address(address)
    return Network(version, value >> _BLOCK_BITS << _BLOCK_BITS, block_length(version))


def new_block(cidr: str, host: str | None) -> AllocationBlock:
    """A block with nothing assigned, claimed by ``host``."""
    network = parse_network(cidr)
    if network.length != block_length(network.version):
        raise ValidationError(f"{cidr} is not a block: its prefix length is not {block_length(network.version)}")
    return AllocationBlock(str(network), host, (None,) * BLOCK_SIZE, (), tuple(range(BLOCK_SIZE)))


def is_empty(block: AllocationBlock) -> bool:
    """Whether no address of the block is assigned."""
    return len(block.unallocated) == len(block.allocations)


def assign_next(
    block: AllocationBlock, count: int, attributes: Attributes
) -> tuple[AllocationBlock, tuple[str, ...]]:
    """Take up to ``count`` addresses from the front of the queue; fewer, or none, when the block runs full."""
    ordinals = block.unallocated[: max(count, 0)]
    if not ordinals:
        return block, ()
    taken = _take(block, ordinals, block.unallocated[len(ordinals) :], attributes)
    return taken, tuple(_address_at(block, ordinal) for ordinal in ordinals)


def assign_address(block: AllocationBlock, address: str, attributes: Attributes) -> AllocationBlock:
    """Take this address, wherever it stands in the queue; :class:`AlreadyExistsError` when it is taken."""
    ordinal = _ordinal_of(block, address)
    if block.allocations[ordinal] is not None:
        raise AlreadyExistsError(f"address {address} is already assigned")
    queue = tuple(free for free in block.unallocated if free != ordinal)
    return _take(block, (ordinal,), queue, attributes)


@record
class Release:
    """What giving addresses back came to.

    ``unassigned`` are those that were free already; ``handles`` says how many addresses of each handle
    were released (addresses without a handle are not counted).
    """

    block: AllocationBlock
    released: tuple[str, ...]
    unassigned: tuple[str, ...]
    handles: tuple[tuple[str, int], ...]


def release_addresses(block: AllocationBlock, addresses: Iterable[str]) -> Release:
    """Give addresses back: they join the end of the queue in the order given."""
    freed: list[int] = []
    unassigned: list[str] = []
    for address in dict.fromkeys(addresses):
        ordinal = _ordinal_of(block, address)
        if block.allocations[ordinal] is None:
            unassigned.append(address)
        else:
            freed.append(ordinal)
    return _release(block, freed, tuple(unassigned))


def release_handle(block: AllocationBlock, handle: str) -> Release:
    """Give all addresses of a handle back, lowest first."""
    return _release(block, _ordinals_of_handle(block, handle), ())


def addresses_by_handle(block: AllocationBlock, handle: str | None) -> tuple[str, ...]:
    """The addresses taken under ``handle`` (``None``: under no handle), lowest first."""
    return tuple(_address_at(block, ordinal) for ordinal in _ordinals_of_handle(block, handle))


def attributes_of(block: AllocationBlock, address: str) -> Attributes | None:
    """Who holds an address of this block; ``None`` when it is free."""
    index = block.allocations[_ordinal_of(block, address)]
    return None if index is None else block.attributes[index]


def assignments(block: AllocationBlock) -> tuple[tuple[str, Attributes], ...]:
    """Every assigned address with who holds it, lowest first."""
    return tuple(
        (_address_at(block, ordinal), block.attributes[index])
        for ordinal, index in enumerate(block.allocations)
        if index is not None
    )


def _take(
    block: AllocationBlock, ordinals: tuple[int, ...], queue: tuple[int, ...], attributes: Attributes
) -> AllocationBlock:
    """Mark ``ordinals`` as taken; equal attributes share one entry."""
    entries = block.attributes
    if attributes in entries:
        index = entries.index(attributes)
    else:
        index, entries = len(entries), (*entries, attributes)
    allocations = list(block.allocations)
    for ordinal in ordinals:
        allocations[ordinal] = index
    return replace(block, allocations=tuple(allocations), attributes=entries, unallocated=queue)


def _release(block: AllocationBlock, freed: list[int], unassigned: tuple[str, ...]) -> Release:
    if not freed:
        return Release(block, (), unassigned, ())
    handles: dict[str, int] = {}
    allocations = list(block.allocations)
    for ordinal in freed:
        index = allocations[ordinal]
        if index is not None and (handle := block.attributes[index].handle) is not None:
            handles[handle] = handles.get(handle, 0) + 1
        allocations[ordinal] = None
    compacted, attributes = _compact(allocations, block.attributes)
    after = replace(block, allocations=compacted, attributes=attributes, unallocated=(*block.unallocated, *freed))
    return Release(after, tuple(_address_at(block, ordinal) for ordinal in freed), unassigned, tuple(handles.items()))


def _compact(
    allocations: list[int | None], attributes: tuple[Attributes, ...]
) -> tuple[tuple[int | None, ...], tuple[Attributes, ...]]:
    """Drop the entries that nobody refers to any more and renumber the references to the others."""
    used = sorted({index for index in allocations if index is not None})
    renumbered = {old: new for new, old in enumerate(used)}
    return (
        tuple(None if index is None else renumbered[index] for index in allocations),
        tuple(attributes[index] for index in used),
    )


def _ordinals_of_handle(block: AllocationBlock, handle: str | None) -> list[int]:
    return [
        ordinal
        for ordinal, index in enumerate(block.allocations)
        if index is not None and block.attributes[index].handle == handle
    ]


def _ordinal_of(block: AllocationBlock, address: str) -> int:
    network = parse_network(block.cidr)
    version, value = parse_address(address)
    if version != network.version or not network.contains(value):
        raise ValidationError(f"address {address} is not in block {block.cidr}")
    return value - network.base


def _address_at(block: AllocationBlock, ordinal: int) -> str:
    network = parse_network(block.cidr)
    return format_address(network.version, network.base + ordinal)
