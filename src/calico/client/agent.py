"""The agent of this host, asked through its control socket and its lock file.

lock file        ``calico-node.pid`` in the run folder; the agent holds a lock on it for as long as it lives
control socket   ``control.sock`` beside it: one JSON line asks, one JSON line answers, the connection ends
"""

from __future__ import annotations

import errno
import json
import socket
import time
from pathlib import Path

from calico.linux.locks import RunLock
from calico.model.errors import UnavailableError, ValidationError
from calico.model.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from calico.model.keys import EndpointKey

    T = TypeVar("T")

RUN_DIR = "/run/calico"
LOCK_FILE = "calico-node.pid"
CONTROL_SOCKET = "control.sock"
ANSWER_SECONDS = 5.0

WAIT_SECONDS = 10.0
"""The longest that the agent lets anybody wait for an endpoint."""

NOT_RUNNING = "calico-node is not running on this host: start it with 'calicoctl node'"

_STATUS: Mapping[str, object] = {"request": "status"}
_ANSWER_BYTES = 1 << 16
_NOBODY = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR)


@record
class AgentStatus:
    """What the agent says of itself.

    ``uptime`` is in seconds, ``started`` ISO 8601 text; ``plugin`` is ``serving`` or ``starting``; ``in_sync`` says
    that the kernel has what the datastore asks for; ``datastore_status`` is ``in-sync``, ``resync``, ``wait`` or,
    while its Ready flag holds the host as it is, ``not ready``; ``repairs`` counts how often the kernel was found
    changed by somebody else and put right.
    """

    pid: int
    version: str
    node: str
    uptime: float
    started: str
    plugin: str
    in_sync: bool
    datastore: str
    datastore_status: str
    revision: int
    endpoints_up: int
    endpoints_down: int
    last_error: str | None
    repairs: int

    @property
    def ready(self) -> bool:
        """Whether Docker is served and the kernel is as it should be."""
        return self.plugin == "serving" and self.in_sync


class Agent:
    """The agent whose files are in ``run_dir``; it may run or not."""

    def __init__(self, run_dir: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = RunLock(run_dir / LOCK_FILE, "calico-node")
        self._socket = run_dir / CONTROL_SOCKET
        self._clock = clock

    def pid(self) -> int | None:
        """The process that runs, ``None`` when there is none; 0 in the instant before it has said its pid."""
        return self._lock.holder()

    def status(self, timeout: float = ANSWER_SECONDS) -> AgentStatus | None:
        """What the agent says of itself; ``None`` when nobody listens.

        Raises :class:`UnavailableError` when no answer came in time or only root may ask, :class:`ValidationError`
        when the answer is not understood.
        """
        answer = self._ask(_STATUS, timeout)
        return None if answer is None else _parse(answer)

    def wait_up(self, key: EndpointKey, revision: int, timeout: float = WAIT_SECONDS) -> None:
        """Return when the kernel polices the endpoint as of datastore ``revision`` and its interface works.

        ``timeout`` is at most :data:`WAIT_SECONDS`. Raises :class:`UnavailableError` with the reason when that is
        not so in time, or when no agent runs.
        """
        request = {"request": "wait", "endpoint": key.path, "revision": revision, "timeout": timeout}
        answer = self._ask(request, timeout + ANSWER_SECONDS)
        if answer is None:
            raise UnavailableError(NOT_RUNNING)
        if answer.get("up") is not True:
            raise UnavailableError(str(answer.get("error") or "calico-node did not say whether the endpoint is up"))

    def _ask(self, request: Mapping[str, object], timeout: float) -> dict[str, object] | None:
        """The agent's answer; ``None`` when nobody listens."""
        end = self._clock() + timeout
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(timeout)
                connection.connect(str(self._socket))
                connection.sendall(json.dumps(request).encode() + b"\n")
                answer = self._receive(connection, end)
        except OSError as error:
            if error.errno in _NOBODY:
                return None
            raise self._refusal(error) from error
        return _object(answer)

    def _receive(self, connection: socket.socket, end: float) -> bytes:
        answer = b""
        while not answer.endswith(b"\n") and len(answer) < _ANSWER_BYTES:
            left = end - self._clock()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
            piece = connection.recv(_ANSWER_BYTES)
            if not piece:
                break
            answer += piece
        return answer

    def _refusal(self, error: OSError) -> UnavailableError | ValidationError:
        if error.errno in (errno.EACCES, errno.EPERM):
            return UnavailableError(f"only root may talk to calico-node at {self._socket}: run as root")
        if isinstance(error, TimeoutError):
            return UnavailableError(f"calico-node did not answer in time at {self._socket}")
        if error.errno is None:
            return ValidationError(f"CALICO_RUN_DIR is too long: {self._socket} cannot be a socket's path")
        return UnavailableError(f"cannot talk to calico-node at {self._socket}: {error.strerror}")


def run_dir(environ: Mapping[str, str]) -> Path:
    """The folder of the agent's files, as ``CALICO_RUN_DIR`` says; an empty variable counts as not set."""
    path = Path(environ.get("CALICO_RUN_DIR") or RUN_DIR)
    if not path.is_absolute():
        raise ValidationError(f"CALICO_RUN_DIR={str(path)!r} is not valid: use an absolute path")
    return path


def _object(answer: bytes) -> dict[str, object]:
    try:
        fields = json.loads(answer)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise ValidationError("calico-node's answer is not a JSON object; is another program at its socket?")
    return fields


def _parse(fields: Mapping[str, object]) -> AgentStatus:
    """The answer as a value; fields that we do not know are those of a newer agent."""
    return AgentStatus(
        pid=_field(fields, "pid", int),
        version=_field(fields, "version", str),
        node=_field(fields, "node", str),
        uptime=_seconds(fields),
        started=_field(fields, "started", str),
        plugin=_field(fields, "plugin", str),
        in_sync=_field(fields, "in_sync", bool),
        datastore=_field(fields, "datastore", str),
        datastore_status=_field(fields, "datastore_status", str),
        revision=_field(fields, "revision", int),
        endpoints_up=_field(fields, "endpoints_up", int),
        endpoints_down=_field(fields, "endpoints_down", int),
        last_error=None if fields.get("last_error") is None else _field(fields, "last_error", str),
        repairs=_field(fields, "repairs", int),
    )


def _field(fields: Mapping[str, object], name: str, kind: type[T]) -> T:
    value = fields.get(name)
    if type(value) is not kind:  # exactly: a boolean is no number here
        raise ValidationError(f"calico-node's answer is not understood: {name} is {value!r}, not {kind.__name__}")
    return value


def _seconds(fields: Mapping[str, object]) -> float:
    value = fields.get("uptime")
    return float(value) if type(value) is int else _field(fields, "uptime", float)
