"""Settings that live in the datastore, as text: global ones, those of one host, those of routing."""

import time

from calico.client.store import Clock, Store, Transaction
from calico.datastore.api import DEFAULT_TIMEOUT, Datastore
from calico.model.keys import BGPConfigKey, ConfigKey, HostConfigKey

SettingKey = ConfigKey | HostConfigKey | BGPConfigKey


class Config:
    """Single settings, each at a key of its own."""

    def __init__(
        self, datastore: Datastore, timeout: float = DEFAULT_TIMEOUT, *, clock: Clock = time.monotonic
    ) -> None:
        self._store = Store(datastore, timeout, clock=clock)

    def get(self, key: SettingKey) -> str | None:
        """The text of a setting; ``None`` when it is not set."""
        return self._store.get(key, str)

    def set(self, key: SettingKey, value: str) -> None:
        """Write a setting."""
        self._store.run(lambda transaction: transaction.put(key, value))

    def remove(self, key: SettingKey) -> bool:
        """Remove a setting; whether it was set."""

        def write(transaction: Transaction) -> bool:
            if not transaction.exists(key):
                return False
            transaction.delete(key)
            return True

        return self._store.run(write)
