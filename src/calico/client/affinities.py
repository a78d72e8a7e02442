"""The claims of hosts on blocks, and how they end."""

import time
from collections.abc import Iterable
from functools import partial

from calico.client import allocation
from calico.client.store import Clock, Store
from calico.datastore.api import DEFAULT_TIMEOUT, Datastore
from calico.model.keys import AFFINITIES, AffinityKey
from calico.model.net import Network, parse_network


class Affinities:
    """Which host has claimed which blocks. Claiming is part of assigning an address."""

    def __init__(
        self, datastore: Datastore, timeout: float = DEFAULT_TIMEOUT, *, clock: Clock = time.monotonic
    ) -> None:
        self._store = Store(datastore, timeout, clock=clock)

    def list(self, host: str = "") -> tuple[AffinityKey, ...]:
        """The claims of ``host``, or of all hosts, lowest block first."""
        directory = f"{AFFINITIES}/{host}" if host else AFFINITIES
        found = self._store.list(directory, AffinityKey, str)
        return tuple(sorted((entry.key for entry in found), key=lambda key: parse_network(key.cidr)))

    def release_host(self, host: str) -> None:
        """End all claims of a host: for a host that is taken out of service."""
        self._release(self.list(host))

    def release_within(self, pool: Network) -> None:
        """End all claims, of any host, on blocks of a pool that serves no more."""
        self._release(key for key in self.list() if pool.covers(parse_network(key.cidr)))

    def _release(self, claims: Iterable[AffinityKey]) -> None:
        for claim in claims:
            self._store.run(partial(allocation.give_back_affinity, host=claim.host, cidr=claim.cidr))
