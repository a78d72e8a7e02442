"""The agent's log: one line an event on standard error; what came from outside cannot forge lines."""

import logging
import sys
from collections.abc import Callable

from calico.model.changes import Change
from calico.model.keys import ConfigKey, HostConfigKey

DEFAULT_LEVEL = "info"
SETTING = "LogSeverityScreen"
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


LONGEST_LINE = 2000


class OneLineFormatter(logging.Formatter):
    """Writes control characters as escapes, so that a hostile name stays inside its line, and cuts long lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the name is logging's)
        text = super().formatMessage(record)
        if len(text) > LONGEST_LINE:
            text = f"{text[:LONGEST_LINE]}... ({len(text) - LONGEST_LINE} characters more)"
        return text.translate(_ESCAPES)


_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160))}


class LogLevel:
    """Keeps the log at the level that the datastore asks for: this node's own setting, else the one of all nodes.

    A value that we do not know counts as absent; without any the level is ``DEFAULT_LEVEL``.
    """

    def __init__(self, node: str, set_level: Callable[[int], None]) -> None:
        self._own = HostConfigKey(node, SETTING)
        self._texts: dict[object, object] = {}
        self._set_level = set_level

    def on_message(self, message: object) -> None:
        """Take what the syncer tells; most of it is of no interest here."""
        if isinstance(message, Change) and message.key in (_GLOBAL, self._own):
            self._texts[message.key] = message.value
            wanted = (self._texts.get(self._own), self._texts.get(_GLOBAL), DEFAULT_LEVEL)
            self._set_level(next(_LEVELS[text] for text in wanted if isinstance(text, str) and text in _LEVELS))


_GLOBAL = ConfigKey(SETTING)
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}


def start_logging(level: str) -> None:
    """Log to standard error from ``level`` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLineFormatter(FORMAT))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
