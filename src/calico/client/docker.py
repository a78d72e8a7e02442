"""What only a Docker engine knows of its containers, asked over its API.

For commands that a person types. A request of Docker's to the plugin must never lead here: the engine may hold
locks that its API needs.
Source: the Docker Engine API, https://docs.docker.com/reference/api/engine/.
"""

from __future__ import annotations

import errno
import io
import json
import socket
import time
from http.client import HTTPException, HTTPResponse
from urllib.parse import quote, urlsplit

from calico.model.errors import ApplyError, NotFoundError, UnavailableError, ValidationError
from calico.model.names import is_name
from calico.model.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

DEFAULT_ENGINE = "unix:///var/run/docker.sock"
ANSWER_SECONDS = 10.0
HOST_NETWORK = "host"

NO_DAEMON = "Unable to run docker commands. Is the docker daemon running?"
NO_PERMISSION = (
    "Unable to run command.  Re-run the command as root, or configure the docker group to run with sudo privileges "
    "(see docker installation guide for details)."
)

_PORT = 2375
_PIECE = 1 << 16
_LARGEST_ANSWER = 1 << 24
_NOBODY = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR, errno.EHOSTUNREACH, errno.ENETUNREACH)


@record
class DockerContainer:
    """A container as its engine describes it; ``pid`` is that of its first process, 0 when it does not run.

    ``network_mode`` is what ``docker run --network`` said: ``host``, ``none``, ``bridge``, a network's name …
    """

    id: str
    running: bool
    pid: int
    network_mode: str


class Docker:
    """The engine at ``docker_host``: ``unix:///path`` or ``tcp://host:port``, empty for Docker's default socket."""

    def __init__(
        self, docker_host: str = "", timeout: float = ANSWER_SECONDS, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = docker_host or DEFAULT_ENGINE
        self._family, self._address = _parse_engine(self._engine)
        self._timeout = timeout
        self._clock = clock

    def inspect(self, name: str) -> DockerContainer:
        """The container of this name, id or unique beginning of an id; :class:`NotFoundError` when there is none."""
        if not is_name(name) or set(name) == {"."}:  # the engine would look elsewhere
            raise _unknown(name)
        try:
            answer = self.get(f"/containers/{quote(name, safe='')}/json")
        except NotFoundError:
            raise _unknown(name) from None
        return _container(answer)

    def get(self, path: str) -> object:
        """The JSON document at a path of the API.

        Raises :class:`NotFoundError` when there is nothing, :class:`UnavailableError` when the engine does not
        answer in time or not at all, :class:`ApplyError` with its words when it refuses.
        """
        status, body = self._request(path)
        try:
            answer: object = json.loads(body)
        except (ValueError, RecursionError):
            raise ValidationError(f"the answer from {self._engine} is not Docker's; check DOCKER_HOST") from None
        if status == 404:
            raise NotFoundError(_message(answer))
        if status >= 300:
            raise ApplyError(f"docker: {_message(answer)}")
        return answer

    def _request(self, path: str) -> tuple[int, bytes]:
        end = self._clock() + self._timeout
        # HTTP/1.0, so that the answer ends with the connection and one deadline covers it all.
        request = f"GET {path} HTTP/1.0\r\nHost: docker\r\nAccept: application/json\r\n\r\n"
        try:
            with socket.socket(self._family, socket.SOCK_STREAM) as connection:
                connection.settimeout(self._timeout)
                connection.connect(self._address)
                connection.sendall(request.encode("ascii"))
                received = self._receive(connection, end)
        except TimeoutError:
            raise UnavailableError(f"docker did not answer at {self._engine} within {self._timeout:g} s") from None
        except OSError as error:
            raise self._refusal(error) from error
        try:
            return _parse_answer(received)
        except HTTPException:
            raise ValidationError(f"the answer from {self._engine} is not HTTP; check DOCKER_HOST") from None

    def _receive(self, connection: socket.socket, end: float) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while size < _LARGEST_ANSWER:
            left = end - self._clock()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
            piece = connection.recv(_PIECE)
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    def _refusal(self, error: OSError) -> UnavailableError:
        if error.errno in (errno.EACCES, errno.EPERM):
            return UnavailableError(NO_PERMISSION)
        if error.errno in _NOBODY:
            return UnavailableError(NO_DAEMON)
        return UnavailableError(f"cannot talk to docker at {self._engine}: {error.strerror or error}")


class _Received:
    """What came in, as the socket that HTTPResponse reads from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def _parse_engine(docker_host: str) -> tuple[socket.AddressFamily, str | tuple[str, int]]:
    """Where to connect to."""
    fault = ValidationError(f"DOCKER_HOST={docker_host!r} is not valid: use unix:///path or tcp://host:port")
    try:
        parts = urlsplit(docker_host)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise fault from None
    if parts.scheme == "unix" and parts.netloc + parts.path:
        # Two slashes, as in unix://var/run/docker.sock, were Docker's own way for years.
        path = parts.path if not parts.netloc else f"/{parts.netloc}{parts.path}"
        return socket.AF_UNIX, path
    if parts.scheme in ("tcp", "http") and host:
        return (socket.AF_INET6 if ":" in host else socket.AF_INET), (host, port or _PORT)
    raise fault


def _parse_answer(data: bytes) -> tuple[int, bytes]:
    received: Any = _Received(data)
    response = HTTPResponse(received)
    response.begin()
    return response.status, response.read()


def _container(answer: object) -> DockerContainer:
    described = _object(answer)
    state, config = _object(described.get("State")), _object(described.get("HostConfig"))
    identity, mode = described.get("Id"), config.get("NetworkMode", "")
    running, pid = state.get("Running"), state.get("Pid")
    if type(running) is not bool or type(pid) is not int or not isinstance(mode, str) or not is_name(identity):
        raise ValidationError("docker's description of the container is not understood: Id, State or HostConfig")
    return DockerContainer(str(identity), running and pid > 0, pid, mode)


def _object(value: object) -> Mapping[str, object]:
    """A JSON object as it is, an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def _message(answer: object) -> str:
    """The engine's own words, as one line."""
    return " ".join(str(_object(answer).get("message", "it gave no reason")).split())


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(f"Container {name} was not found.")
