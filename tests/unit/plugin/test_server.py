"""The server on its socket, for what never becomes a request."""

import asyncio
import logging
import time
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from calico.client.store import Deadline
from calico.model.errors import NotFoundError
from calico.plugin.server import LONGEST_ERROR, Answer, Method, PluginServer
from calico.plugin.wire import Request


class Heard(logging.Handler):
    """Sets an event when something is logged."""

    def __init__(self, event: asyncio.Event) -> None:
        super().__init__()
        self._event = event

    def emit(self, record: logging.LogRecord) -> None:
        self._event.set()


@pytest.mark.parametrize(
    ("sent", "logged"),
    [
        (b"GET / HTTP/9.9\r\n\r\n", "this is not HTTP: 400, message: Bad status line"),
        (b"POST /Known HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", "Known: the request was not whole"),
    ],
)
def test_broken_requests_are_logged_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sent: bytes, logged: str
) -> None:
    async def talk() -> None:
        heard = asyncio.Event()
        handler, log = Heard(heard), logging.getLogger("calico.plugin.server")
        log.addHandler(handler)
        server = PluginServer({"Known": Method(Request, lambda _request, _deadline: {})}, time.monotonic)
        await server.start(tmp_path / "plugin.sock")
        _, writer = await asyncio.open_unix_connection(str(tmp_path / "plugin.sock"))
        writer.write(sent)
        await writer.drain()
        writer.close()
        await asyncio.wait_for(heard.wait(), 5)
        await writer.wait_closed()
        await server.stop()
        log.removeHandler(handler)

    asyncio.run(talk())

    assert logged in caplog.text
    assert "Traceback" not in caplog.text


def test_a_long_refusal_keeps_what_is_wrong_and_what_to_do() -> None:
    def refuse(_request: Request, _deadline: Deadline) -> Answer:
        raise NotFoundError(f"no pool {'9' * 5000}: add one")

    async def ask() -> str:
        server = PluginServer({"Known": Method(Request, refuse)}, time.monotonic)
        async with TestClient(TestServer(server.application())) as client:
            answer = await client.post("/Known", data=b"{}")
            assert answer.status == 500
            text = (await answer.json(content_type=None))["Err"]
        await server.stop()
        return str(text)

    text = asyncio.run(ask())

    assert len(text) == LONGEST_ERROR + 3
    assert text.startswith("no pool 9999")
    assert text.endswith("999: add one")
