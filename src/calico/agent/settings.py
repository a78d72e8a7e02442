"""The agent's settings, read once from the environment; the variables are described in ``docs/settings.md``."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from calico.client.agent import CONTROL_SOCKET, LOCK_FILE, run_dir
from calico.datastore.open import datastore_url
from calico.model.errors import ValidationError
from calico.model.names import validate_node_name

SCOPES = ("auto", "local", "global")
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


@dataclass(frozen=True, slots=True)
class Settings:
    """How this agent is to run.

    Empty ``docker_host`` means Docker's default socket, empty ``log_level`` what the datastore asks for.
    """

    datastore: str
    node: str
    run_dir: Path
    plugin_socket: Path
    scope: str
    docker_host: str
    log_level: str

    @property
    def lock(self) -> Path:
        """The file that holds the agent's pid and says that it runs."""
        return self.run_dir / LOCK_FILE

    @property
    def control_socket(self) -> Path:
        """Where ``calicoctl`` asks for the agent's state."""
        return self.run_dir / CONTROL_SOCKET


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Raises :class:`ValidationError` naming the variable that is wrong. An empty variable counts as not set."""
    return Settings(
        datastore=datastore_url(environ),
        node=validate_node_name(environ.get("CALICO_NODENAME") or socket.gethostname()),
        run_dir=run_dir(environ),
        plugin_socket=Path(environ.get("CALICO_PLUGIN_SOCKET") or "/run/docker/plugins/calico.sock"),
        scope=_one_of(environ, "CALICO_LIBNETWORK_SCOPE", SCOPES, "auto"),
        docker_host=environ.get("DOCKER_HOST", ""),
        log_level=_one_of(environ, "CALICO_LOG_LEVEL", ("", *LOG_LEVELS), ""),
    )


def _one_of(environ: Mapping[str, str], name: str, values: tuple[str, ...], default: str) -> str:
    value = environ.get(name) or default
    if value not in values:
        raise ValidationError(f"{name}={value!r} is not valid: use one of {', '.join(values)}")
    return value
