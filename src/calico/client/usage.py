"""How full the pools are, and who uses which address."""

from __future__ import annotations

import time

from calico.client.pools import Pools
from calico.client.store import Clock, Store
from calico.datastore.api import DEFAULT_TIMEOUT, Datastore
from calico.ipam.blocks import assignments
from calico.model.keys import HOSTS, BlockKey, EndpointKey, blocks_path
from calico.model.net import address_of, parse_address, parse_network
from calico.model.record import record
from calico.model.values import AllocationBlock, Attributes, Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_VERSIONS = (4, 6)


@record
class PoolUsage:
    """How many addresses of a pool are assigned, and how many can be; none where the pool serves none.

    ``cidr`` is empty for the addresses that lie in no pool any more.
    """

    cidr: str
    used: int
    free: int


@record
class Assignment:
    """An assigned address.

    ``node`` and ``endpoint`` say whose it is; without an endpoint ``node`` is the host that claims its block. Either
    may be empty.
    """

    address: str
    node: str
    endpoint: str
    attributes: Attributes


class Usage:
    """What is assigned, over all hosts."""

    def __init__(
        self, datastore: Datastore, timeout: float = DEFAULT_TIMEOUT, *, clock: Clock = time.monotonic
    ) -> None:
        self._store = Store(datastore, timeout, clock=clock)
        self._pools = Pools(datastore, timeout, clock=clock)

    def pools(self) -> tuple[PoolUsage, ...]:
        """The pools, lowest address first, IPv4 before IPv6, then what lies in none, if anything."""
        networks = {parse_network(pool.cidr): pool for pool in self._pools.list()}
        used = dict.fromkeys(networks, 0)
        outside = 0
        for block in self._blocks():
            count = len(block.allocations) - len(block.unallocated)
            pool = next((each for each in networks if each.covers(parse_network(block.cidr))), None)
            if pool is None:
                outside += count
            else:
                used[pool] += count
        found = [
            PoolUsage(str(network), used[network], network.size - used[network] if pool.ipam else 0)
            for network, pool in networks.items()
        ]
        return (*found, *[PoolUsage("", outside, 0)] * bool(outside))

    def addresses(self) -> tuple[Assignment, ...]:
        """Every assigned address, lowest first, IPv4 before IPv6."""
        holders = {
            address_of(net): entry.key
            for entry in self._store.list(HOSTS, EndpointKey, Endpoint)
            for net in entry.value.nets
        }
        found = []
        for block in self._blocks():
            for address, attributes in assignments(block):
                key = holders.get(address)
                node, endpoint = (key.host, key.endpoint) if key else (block.affinity or "", "")
                found.append(Assignment(address, node, endpoint, attributes))
        return tuple(sorted(found, key=lambda each: parse_address(each.address)))

    def _blocks(self) -> Iterator[AllocationBlock]:
        for version in _VERSIONS:
            for entry in self._store.list(blocks_path(version), BlockKey, AllocationBlock):
                yield entry.value
