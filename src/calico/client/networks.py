"""Docker networks as Docker described them when they were made; it does not tell again after a restart."""

import time
from collections.abc import Mapping

from calico.client.store import Clock, Store, Transaction
from calico.datastore.api import DEFAULT_TIMEOUT, Datastore
from calico.model.errors import NotFoundError
from calico.model.keys import NETWORKS, NetworkKey
from calico.model.names import is_name, validate_name
from calico.model.values import DockerNetwork

PROFILES_FIELD = "Profiles"
"""Ours in the record of a network: the names of its profiles, in order."""


def profiles_of(network: DockerNetwork, identity: str) -> tuple[str, ...]:
    """The network's profile list as it was made; that of its Id for a record without one."""
    names = network.request.get(PROFILES_FIELD)
    if not isinstance(names, list) or not names or not all(map(is_name, names)):
        return (identity,)
    return tuple(names)


class Networks:
    """The records of Docker networks, by the network's Id."""

    def __init__(
        self, datastore: Datastore, timeout: float = DEFAULT_TIMEOUT, *, clock: Clock = time.monotonic
    ) -> None:
        self._store = Store(datastore, timeout, clock=clock)

    def store(self, network: str, request: Mapping[str, object]) -> None:
        """Keep the body of a CreateNetwork request; a second one for the same Id takes its place."""
        key = NetworkKey(validate_name(network, "network"))
        self._store.run(lambda transaction: transaction.put(key, DockerNetwork(request)))

    def get(self, network: str) -> DockerNetwork:
        """The record of a network; :class:`NotFoundError` when there is none."""
        found = self._store.get(NetworkKey(validate_name(network, "network")), DockerNetwork)
        if found is None:
            raise NotFoundError(f"Network {network} is unknown to Calico.")
        return found

    def list(self) -> tuple[tuple[str, DockerNetwork], ...]:
        """All networks with their Ids, sorted by Id."""
        found = self._store.list(NETWORKS, NetworkKey, DockerNetwork)
        return tuple((entry.key.network, entry.value) for entry in found)

    def delete(self, network: str) -> bool:
        """Forget a network; whether it was known."""
        key = NetworkKey(validate_name(network, "network"))

        def write(transaction: Transaction) -> bool:
            if not transaction.exists(key):
                return False
            transaction.delete(key)
            return True

        return self._store.run(write)
