"""Settings that live in the datastore, as text: global ones, those of one host, those of routing.

scope    whose settings are meant: ``felix`` (the policy of all nodes), ``bgp`` (the routing of all nodes),
         ``node bgp`` (the routing of one node)
option   a setting by the name that people use for it, with the values that it takes
"""

from __future__ import annotations

import time

from calico.client.store import Clock, Store, Transaction
from calico.datastore.api import DEFAULT_TIMEOUT, Datastore
from calico.model.errors import ValidationError
from calico.model.keys import BGPConfigKey, ConfigKey, HostConfigKey
from calico.model.names import validate_name, validate_node_name
from calico.model.record import record

SettingKey = ConfigKey | HostConfigKey | BGPConfigKey

FELIX, BGP, NODE_BGP = "felix", "bgp", "node bgp"
"""The scopes."""


@record
class Option:
    """Where an option is kept, and the values that it takes."""

    setting: str
    values: tuple[str, ...]


_BGP_OPTIONS = {"loglevel": Option("loglevel", ("none", "debug", "info"))}
OPTIONS = {
    FELIX: {"loglevel": Option("LogSeverityScreen", ("none", "debug", "info", "warning", "error", "critical"))},
    BGP: _BGP_OPTIONS,
    NODE_BGP: _BGP_OPTIONS,
}
"""The options of each scope, by name."""


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


def option_key(scope: str, name: str, host: str) -> SettingKey:
    """Where the option ``name`` is kept; a name that is no option stands for the setting of that very name.

    ``host`` matters to the scope of one node only. Raises :class:`ValidationError` for what cannot be the name of a
    setting, and for the node mesh, which is no text.
    """
    option = OPTIONS[scope].get(name)
    setting = option.setting if option else validate_name(name, "setting")
    if scope == FELIX:
        return ConfigKey(setting)
    if setting == "node_mesh":
        raise ValidationError("node_mesh is not a single value: use 'calicoctl bgp node-mesh'")
    return BGPConfigKey(validate_node_name(host) if scope == NODE_BGP else "", setting)


def option_doubt(scope: str, name: str, value: str | None) -> str:
    """What is unusual about an option or the value that it is to have; empty when nothing is."""
    option = OPTIONS[scope].get(name)
    if option is None:
        return f"The configuration '{name}' is not recognized as a valid option."
    if value is not None and value not in option.values:
        return f"The configuration value '{value}' is not recognized as a valid value."
    return ""
