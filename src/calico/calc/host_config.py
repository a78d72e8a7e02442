"""The settings of this host that shape its table."""

from collections.abc import Callable

from calico.updates import HostConfigUpdate

ACTION_SETTING = "DefaultEndpointToHostAction"
ACTIONS = ("DROP", "ACCEPT", "RETURN")
DEFAULT_ACTION = "DROP"


class HostConfig:
    """Resolves this host's settings: the host's own value, else the global one, else the default.

    A value that we do not know is the default, which drops: a misspelt setting never opens the host, and a
    broken value of the host's own does not fall back to a global one that somebody meant to override.
    Upper and lower case are the same. Settings of other names and hosts are of no interest here.
    """

    def __init__(self, emit: Callable[[HostConfigUpdate], None]) -> None:
        self._emit = emit
        self._global: str | None = None
        self._own: str | None = None
        self._tell()

    def on_global(self, name: str, value: str | None) -> None:
        """A global setting is now this text, or is gone."""
        if name == ACTION_SETTING:
            self._global = value
            self._tell()

    def on_own(self, name: str, value: str | None) -> None:
        """A setting of our host is now this text, or is gone."""
        if name == ACTION_SETTING:
            self._own = value
            self._tell()

    def _tell(self) -> None:
        text = self._own if self._own is not None else self._global
        action = (text or "").upper()
        self._emit(HostConfigUpdate(action if action in ACTIONS else DEFAULT_ACTION))
