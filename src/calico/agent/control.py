"""The socket on which ``calicoctl`` asks the agent: one JSON line in, one out, and the connection ends.

    {"request": "status"}                          how the agent is
    {"request": "wait", "endpoint": <key>, "revision": <n>, "timeout": <s>}
                                                   {"up": true} once the kernel polices the endpoint as of this
                                                   datastore revision and its interface works

What cannot be answered is ``{"error": <one line>}``.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from calico.client.agent import WAIT_SECONDS
from calico.linux.listener import listen_unix
from calico.model.errors import CalicoError, ValidationError
from calico.model.keys import EndpointKey, parse_key

log = logging.getLogger(__name__)

REQUEST_BYTES = 4096
REQUEST_SECONDS = 5.0
WAITERS = 8
"""Who waits may keep an agent that is told to end from ending, so they are few and nobody waits for long."""
SOCKET_MODE = 0o600

Answer = Mapping[str, object]
Status = Callable[[], Answer]


class Readiness(Protocol):
    """Who knows how far the kernel is."""

    def wait_up(self, key: EndpointKey, revision: int, timeout: float) -> None:
        """Return when the endpoint is up as of datastore ``revision``; UnavailableError with the reason if not."""
        ...


class ControlServer:
    """Answers with what ``status`` gives at that moment, and waits for endpoints to be up."""

    def __init__(self, status: Status, readiness: Readiness) -> None:
        self._status = status
        self._readiness = readiness
        self._waiters = ThreadPoolExecutor(WAITERS, thread_name_prefix="control")
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[object]] = set()

    async def start(self, path: Path) -> None:
        """Listen on the unix socket ``path``; only root may connect."""
        listener = listen_unix(path, SOCKET_MODE)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=REQUEST_BYTES)

    async def stop(self) -> None:
        """Listen no more, and leave those who wait without an answer."""
        if self._server is not None:
            self._server.close()
            for connection in self._connections:
                connection.cancel()
            self._waiters.shutdown(wait=False, cancel_futures=True)
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)
        try:
            line = await asyncio.wait_for(reader.readline(), REQUEST_SECONDS)
            answer = await self._answer(line)
            writer.write(json.dumps(answer).encode() + b"\n")
            await asyncio.wait_for(writer.drain(), REQUEST_SECONDS)
        except (OSError, TimeoutError, ValueError) as error:
            log.debug("control connection: %s", error)
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> Answer:
        request = _parse(line)
        try:
            match request.get("request"):
                case "status":
                    return self._status()
                case "wait":
                    await self._wait_up(request)
                    return {"up": True}
                case _:
                    return {"error": 'send {"request": "status"} or {"request": "wait", …}'}
        except CalicoError as error:
            return {"error": str(error)}

    async def _wait_up(self, request: Mapping[str, object]) -> None:
        path, revision, timeout = (request.get(name) for name in ("endpoint", "revision", "timeout"))
        key = parse_key(path) if isinstance(path, str) else None
        if not isinstance(key, EndpointKey):
            raise ValidationError(f"{path!r} is not the key of an endpoint")
        if type(revision) is not int or not isinstance(timeout, int | float) or not 0 <= timeout <= WAIT_SECONDS:
            raise ValidationError(f"send a revision and a timeout of at most {WAIT_SECONDS:g} s")
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._waiters, self._readiness.wait_up, key, revision, timeout)


def _parse(line: bytes) -> dict[str, object]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return request if isinstance(request, dict) else {}
