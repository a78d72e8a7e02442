"""The socket on which ``calicoctl`` asks how the agent is: one JSON line in, one out, and the connection ends."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from calico.linux.listener import listen_unix

log = logging.getLogger(__name__)

REQUEST_BYTES = 4096
REQUEST_SECONDS = 5.0
SOCKET_MODE = 0o600

Status = Callable[[], Mapping[str, object]]


class ControlServer:
    """Answers ``{"request": "status"}`` with what ``status`` gives at that moment."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._server: asyncio.Server | None = None

    async def start(self, path: Path) -> None:
        """Listen on the unix socket ``path``; only root may connect."""
        listener = listen_unix(path, SOCKET_MODE)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=REQUEST_BYTES)

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), REQUEST_SECONDS)
            writer.write(json.dumps(self._answer(line)).encode() + b"\n")
            await asyncio.wait_for(writer.drain(), REQUEST_SECONDS)
        except (OSError, TimeoutError, ValueError) as error:
            log.debug("control connection: %s", error)
        finally:
            writer.close()

    def _answer(self, line: bytes) -> Mapping[str, object]:
        try:
            request = json.loads(line)
        except ValueError:
            request = None
        if not isinstance(request, dict) or request.get("request") != "status":
            return {"error": 'send {"request": "status"}'}
        return self._status()
