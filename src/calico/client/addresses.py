"""Assigning and releasing addresses, by any number of hosts and threads at the same time.

An address that is returned is committed, and no address is returned twice before it was released.
"""

import time
from collections.abc import Iterable, Mapping
from functools import partial

from calico.client import allocation
from calico.client.allocation import Demand, Shuffle
from calico.client.store import Clock, Deadline, Store
from calico.datastore.api import DEFAULT_TIMEOUT, Datastore, KeyValue
from calico.ipam import blocks
from calico.model.errors import CalicoError, NotFoundError
from calico.model.keys import BlockKey, HandleKey, blocks_path
from calico.model.names import validate_name, validate_node_name
from calico.model.net import canonical_address, parse_address, parse_network
from calico.model.values import AllocationBlock, Attributes, Handle


def _keep_order(_items: list[KeyValue]) -> None:
    pass


class Addresses:
    """The addresses of all pools, as ``host`` sees them: it assigns from blocks that it claims.

    ``shuffle`` reorders a list in place (``random.shuffle`` in a program that assigns): the order in which
    blocks of other hosts are tried when nothing else is left.
    Every method ends within ``timeout`` seconds; its own argument wins over the one of the class.
    """

    def __init__(
        self,
        datastore: Datastore,
        host: str,
        timeout: float = DEFAULT_TIMEOUT,
        *,
        shuffle: Shuffle = _keep_order,
        clock: Clock = time.monotonic,
    ) -> None:
        self._store = Store(datastore, timeout, clock=clock)
        self._host = validate_node_name(host)
        self._shuffle = shuffle

    def auto_assign(
        self,
        version: int,
        count: int = 1,
        *,
        handle: str | None = None,
        attributes: Mapping[str, object] | None = None,
        pool: str | None = None,
        timeout: float | None = None,
    ) -> list[str]:
        """Assign ``count`` free addresses of IP ``version``; fewer, down to none, when there are no more.

        They come from blocks that this host has claimed, then from new ones, then from those of other hosts;
        only from pools that serve addresses, or from ``pool`` (CIDR text of a configured pool, else
        :class:`NotFoundError`). Raises only when nothing was assigned: what was is always returned.
        """
        cidr = None if pool is None else str(parse_network(pool))
        holder = allocation.attributes_for(handle, attributes)
        demand = Demand(self._host, version, holder, cidr, self._shuffle)
        return self._take_all(demand, count, self._store.deadline(timeout))

    def _take_all(self, demand: Demand, count: int, deadline: Deadline) -> list[str]:
        taken: list[str] = []
        exhausted: set[str] = set()
        while len(taken) < count:
            take = partial(allocation.take_some, demand=demand, count=count - len(taken), exhausted=exhausted)
            try:
                some = self._store.run(take, deadline)
            except CalicoError:
                if not taken:
                    raise
                break  # earlier blocks are committed: the caller must learn of these addresses
            if not some:
                break
            taken += some
        return taken

    def assign(
        self,
        address: str,
        *,
        handle: str | None = None,
        attributes: Mapping[str, object] | None = None,
        timeout: float | None = None,
    ) -> None:
        """Assign this address.

        Raises :class:`NotFoundError` when it lies in no pool that serves addresses and
        :class:`AlreadyExistsError` when it is taken.
        """
        wanted = canonical_address(address)
        holder = allocation.attributes_for(handle, attributes)
        take = partial(allocation.take_address, host=self._host, address=wanted, attributes=holder)
        self._store.run(take, self._store.deadline(timeout))

    def release(self, addresses: Iterable[str], *, timeout: float | None = None) -> list[str]:
        """Give addresses back; returns those that were not assigned. Each block is one transaction."""
        deadline = self._store.deadline(timeout)
        unassigned: list[str] = []
        for members in allocation.group_by_block(map(canonical_address, addresses)).values():
            unassigned += self._store.run(partial(allocation.give_back, addresses=members), deadline)
        return unassigned

    def release_by_handle(self, handle: str, *, timeout: float | None = None) -> list[str]:
        """Give back every address taken under ``handle``; :class:`NotFoundError` when there is none such."""
        deadline = self._store.deadline(timeout)
        released: list[str] = []
        for cidr in self._handle_blocks(handle, deadline):
            give_back = partial(allocation.give_back_handle, handle=handle, cidr=cidr)
            released += self._store.run(give_back, deadline)
        return released

    def by_handle(self, handle: str) -> list[str]:
        """Every address taken under ``handle``; :class:`NotFoundError` when there is no such handle."""
        found: list[str] = []
        for cidr in self._handle_blocks(handle, None):
            block = self._store.get(BlockKey(cidr), AllocationBlock)
            found += blocks.addresses_by_handle(block, handle) if block else ()
        return found

    def _handle_blocks(self, handle: str, deadline: Deadline | None) -> list[str]:
        key = HandleKey(validate_name(handle, "handle"))
        counts = self._store.run(lambda transaction: transaction.get(key, Handle), deadline)
        if counts is None:
            raise NotFoundError(f"No address is assigned under handle {handle}.")
        return [cidr for cidr, _ in counts.blocks]

    def info(self, address: str, *, timeout: float | None = None) -> Attributes | None:
        """Who holds ``address``; ``None`` when it is not assigned."""
        wanted = canonical_address(address)
        key = BlockKey(str(blocks.block_of(wanted)))
        block = self._store.run(
            lambda transaction: transaction.get(key, AllocationBlock), self._store.deadline(timeout)
        )
        return None if block is None else blocks.attributes_of(block, wanted)

    def list(self, version: int) -> list[tuple[str, Attributes]]:
        """Every assigned address of one IP version, of all hosts, with who holds it, lowest first."""
        found: list[tuple[str, Attributes]] = []
        for entry in self._store.list(blocks_path(version), BlockKey, AllocationBlock):
            found += blocks.assignments(entry.value)
        return sorted(found, key=lambda item: parse_address(item[0]))
