"""What taking and giving back addresses means to the datastore, inside one transaction.

A block, the affinity that claims it and the handle that counts it always change together; so neither a claim
without a block nor an address without its count can be seen, whenever a process dies. Every assignment also
depends on the pool it comes from: once a pool is removed, nothing more can be taken from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from calico.client.store import Entry, Transaction, entries
from calico.datastore.api import KeyValue
from calico.ipam import blocks, handles, pools
from calico.model.errors import AlreadyExistsError, NotFoundError, ValidationError
from calico.model.keys import (
    AffinityKey,
    BlockKey,
    HandleKey,
    PoolKey,
    affinities_path,
    blocks_path,
    parse_key,
    pools_path,
)
from calico.model.names import validate_name
from calico.model.net import Network, parse_network
from calico.model.record import record, replace
from calico.model.values import AllocationBlock, Attributes, Handle, IPPool

PoolEntry = Entry[PoolKey, IPPool]
Shuffle = Callable[[list[KeyValue]], None]


def attributes_for(handle: str | None, secondary: Mapping[str, object] | None) -> Attributes:
    """Who is to hold an address; ``secondary`` is free text and numbers for the reader of the block."""
    if handle is not None:
        validate_name(handle, "handle")
    return Attributes(handle, tuple(sorted((secondary or {}).items())))


@record
class Demand:
    """Which addresses are wanted: for ``host``, of one IP version, from ``pool`` or from any."""

    host: str
    version: int
    attributes: Attributes
    pool: str | None
    shuffle: Shuffle


def take_some(transaction: Transaction, demand: Demand, count: int, exhausted: set[str]) -> tuple[str, ...]:
    """Take up to ``count`` addresses from one block: an own one, else a new one, else one of another host.

    No address is left for the demand when none is returned. ``exhausted`` collects the own blocks that were found
    full, so that the next call for the same demand passes them over.
    """
    search = _Search(transaction, demand, count, _candidate_pools(transaction, demand))
    taken = search.own(_own_blocks(transaction, demand.host, demand.version), exhausted)
    if taken:
        return taken
    existing = transaction.raw(blocks_path(demand.version))
    return search.new(existing) or search.foreign(list(existing))


def take_address(transaction: Transaction, host: str, address: str, attributes: Attributes) -> None:
    """Take this address for ``host``, claiming its block when nobody has.

    Raises :class:`NotFoundError` when no pool serves it and :class:`AlreadyExistsError` when it is taken.
    """
    network = blocks.block_of(address)
    pool = _serving(_pools(transaction, network.version), network)
    if pool is None:
        raise NotFoundError(f"{address} is not in any configured pools")
    found = transaction.peek(BlockKey(str(network)), AllocationBlock)
    block = found.value if found else blocks.new_block(str(network), host)
    if blocks.attributes_of(block, address) is not None:
        raise AlreadyExistsError(f"IP address is already assigned in pool {pool.value.cidr}.")
    after = blocks.assign_address(block, address, attributes)
    _write_taken(transaction, host, pool, after, found.revision if found else 0, (address,))


def give_back(transaction: Transaction, addresses: Iterable[str]) -> tuple[str, ...]:
    """Release canonical addresses, of any blocks; gives those that were not assigned."""
    unassigned: list[str] = []
    for network, members in group_by_block(addresses).items():
        block = transaction.get(BlockKey(str(network)), AllocationBlock)
        if block is None:
            unassigned += members
            continue
        outcome = blocks.release_addresses(block, members)
        unassigned += outcome.unassigned
        _write_released(transaction, outcome)
    return tuple(unassigned)


def give_back_handle(transaction: Transaction, handle: str, cidr: str) -> tuple[str, ...]:
    """Release what ``handle`` holds in one block and forget the block in the handle; gives the addresses."""
    block = transaction.get(BlockKey(cidr), AllocationBlock)
    outcome = blocks.release_handle(block, handle) if block else None
    if outcome and outcome.released:
        _write_released(transaction, replace(outcome, handles=()))
    counts = transaction.get(HandleKey(handle), Handle)
    if counts is not None:
        _write_handle(transaction, handles.without_block(counts, cidr))
    return outcome.released if outcome else ()


def give_back_affinity(transaction: Transaction, host: str, cidr: str) -> None:
    """End a host's claim on a block; an empty block goes with it, another one serves all hosts from now on."""
    transaction.delete(AffinityKey(host, cidr))
    try:
        block = transaction.get(BlockKey(cidr), AllocationBlock)
    except ValidationError:
        return  # a block that cannot be understood serves nobody, claimed or not
    if block is not None and block.affinity == host:
        _write_block(transaction, replace(block, affinity=None))


def group_by_block(addresses: Iterable[str]) -> dict[Network, list[str]]:
    """Addresses by the block they belong to, in the order given."""
    groups: dict[Network, list[str]] = {}
    for address in addresses:
        groups.setdefault(blocks.block_of(address), []).append(address)
    return groups


def _pools(transaction: Transaction, version: int) -> list[PoolEntry]:
    """The pools to assign from, lowest address first."""
    found = transaction.list(pools_path(version), PoolKey, IPPool)
    return sorted((pool for pool in found if pool.value.ipam), key=lambda pool: parse_network(pool.value.cidr))


def _candidate_pools(transaction: Transaction, demand: Demand) -> list[PoolEntry]:
    candidates = _pools(transaction, demand.version)
    if demand.pool is None:
        return candidates
    chosen = [pool for pool in candidates if pool.value.cidr == demand.pool]
    if not chosen:
        raise NotFoundError(
            f"Invalid CIDR specified for desired pool. No pool found for {demand.pool}. Name one that "
            f"'calicoctl pool show' lists for IPv{demand.version}, or add one with 'calicoctl pool add <CIDR>'."
        )
    return chosen


def _own_blocks(transaction: Transaction, host: str, version: int) -> list[Network]:
    """The blocks that the host has claimed, lowest address first."""
    return sorted(_networks(transaction.raw(affinities_path(host, version)), AffinityKey))


def _networks(found: Iterable[KeyValue], kind: type[AffinityKey] | type[BlockKey]) -> Iterator[Network]:
    """The networks that affinity or block keys name; of other sizes than a block are none of ours."""
    for item in found:
        try:
            key = parse_key(item.key)
        except ValidationError:
            continue
        if isinstance(key, kind):
            network = parse_network(key.cidr)
            if network.length == blocks.block_length(network.version):
                yield network


def _serving(candidates: Iterable[PoolEntry], network: Network) -> PoolEntry | None:
    """The pool that serves a whole block: a block that spills out of its pool would hand out strangers."""
    return next((pool for pool in candidates if pools.serves(pool.value, network)), None)


@record
class _Search:
    """One look for free addresses, in one transaction, over the pools that may be used."""

    transaction: Transaction
    demand: Demand
    count: int
    pools: list[PoolEntry]

    def own(self, own: Iterable[Network], exhausted: set[str]) -> tuple[str, ...]:
        """From the blocks that the host has claimed; those outside every pool serve nothing any more."""
        for network in own:
            pool = _serving(self.pools, network)
            if pool is None or str(network) in exhausted:
                continue
            taken = self._from_claimed(pool, str(network))
            if taken:
                return taken
            exhausted.add(str(network))
        return ()

    def _from_claimed(self, pool: PoolEntry, cidr: str) -> tuple[str, ...]:
        """From a block that the host has an affinity for; the block may be missing, or another host's."""
        try:
            found = self.transaction.peek(BlockKey(cidr), AllocationBlock)
        except ValidationError:
            return ()  # nothing can be assigned safely from what cannot be understood
        if found is None:
            return self._take(pool, blocks.new_block(cidr, self.demand.host), 0)
        if found.value.affinity not in (self.demand.host, None):
            return ()
        return self._take(pool, found.value, found.revision)

    def new(self, existing: Iterable[KeyValue]) -> tuple[str, ...]:
        """From the first block, in address order, that does not exist yet."""
        bases = {network.base for network in _networks(existing, BlockKey)}
        for pool in self.pools:
            for network in pools.unclaimed_blocks(parse_network(pool.value.cidr), bases):
                return self._take(pool, blocks.new_block(str(network), self.demand.host), 0)
        return ()

    def foreign(self, others: list[KeyValue]) -> tuple[str, ...]:
        """From a block of another host; shuffled, so that hosts in need do not all meet in one block."""
        self.demand.shuffle(others)
        for found in entries(others, BlockKey, AllocationBlock):
            network = parse_network(found.key.cidr)
            pool = _serving(self.pools, network)
            if pool is not None and network.length == blocks.block_length(network.version):
                taken = self._take(pool, found.value, found.revision)
                if taken and found.value.affinity == self.demand.host:
                    # Ours, but its claim was lost: from now on it is found first, with the own blocks.
                    self.transaction.put(AffinityKey(self.demand.host, found.key.cidr), "")
                if taken:
                    return taken
        return ()

    def _take(self, pool: PoolEntry, block: AllocationBlock, revision: int) -> tuple[str, ...]:
        after, taken = blocks.assign_next(block, self.count, self.demand.attributes)
        if taken:
            _write_taken(self.transaction, self.demand.host, pool, after, revision, taken)
        return taken


def _write_taken(
    transaction: Transaction,
    host: str,
    pool: PoolEntry,
    block: AllocationBlock,
    revision: int,
    taken: tuple[str, ...],
) -> None:
    """Write a block, last seen at ``revision`` (``0``: new), out of which ``taken`` were just taken together.

    A block that nobody claims becomes the host's.
    """
    if revision == 0 or block.affinity is None:
        block = replace(block, affinity=host)
        transaction.put(AffinityKey(host, block.cidr), "")
    key = BlockKey(block.cidr)
    transaction.guard(pool.key, pool.revision)
    transaction.guard(key, revision)
    transaction.put(key, block)
    holder = blocks.attributes_of(block, taken[0])
    if holder is not None and holder.handle is not None:
        counts = transaction.get(HandleKey(holder.handle), Handle) or handles.new_handle(holder.handle)
        _write_handle(transaction, handles.increment(counts, block.cidr, len(taken)))


def _write_released(transaction: Transaction, outcome: blocks.Release) -> None:
    if not outcome.released:
        return
    _write_block(transaction, outcome.block)
    for handle, count in outcome.handles:
        counts = transaction.get(HandleKey(handle), Handle)
        if counts is not None:
            _write_handle(transaction, _decremented(counts, outcome.block.cidr, count))


def _decremented(counts: Handle, cidr: str, count: int) -> Handle:
    try:
        return handles.decrement(counts, cidr, count)
    except ValidationError:
        # A count that somebody wrote by hand must not keep an address from being released.
        return handles.without_block(counts, cidr)


def _write_block(transaction: Transaction, block: AllocationBlock) -> None:
    """Write a block; one that is empty and that nobody claims is of no use to anybody and goes."""
    if block.affinity is None and blocks.is_empty(block):
        transaction.delete(BlockKey(block.cidr))
    else:
        transaction.put(BlockKey(block.cidr), block)


def _write_handle(transaction: Transaction, handle: Handle) -> None:
    key = HandleKey(handle.handle)
    if handles.is_empty(handle):
        transaction.delete(key)
    else:
        transaction.put(key, handle)
