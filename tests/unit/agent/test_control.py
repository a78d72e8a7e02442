"""The control socket: one line in, one line out, whatever comes in."""

import asyncio
import contextlib
import json
import threading
from pathlib import Path

import pytest

from calico.agent.control import ControlServer
from calico.model.errors import AlreadyExistsError, UnavailableError, ValidationError
from calico.model.keys import EndpointKey

KEY = EndpointKey("h1", "docker", "w", "e")
WAIT = {"request": "wait", "endpoint": KEY.path, "revision": 7, "timeout": 2.5}


class FakeReadiness:
    """Everything is up at once, unless there is a ``fault``; ``asked`` is who was waited for."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.asked: list[object] = []

    def wait_up(self, key: EndpointKey, revision: int, timeout: float) -> None:
        self.asked.append((key, revision, timeout))
        if self.fault:
            raise UnavailableError(self.fault)


def ask(path: Path, *lines: bytes, readiness: FakeReadiness | None = None) -> list[object]:
    async def run() -> list[object]:
        server = ControlServer(lambda: {"pid": 7, "in_sync": True}, readiness or FakeReadiness())
        await server.start(path)
        answers = []
        for line in lines:
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(line)
            answers.append(json.loads(await reader.readline()))
            assert await reader.read() == b""
            writer.close()
        await server.stop()
        return answers

    return asyncio.run(run())


def test_status_is_answered(tmp_path: Path) -> None:
    assert ask(tmp_path / "c.sock", b'{"request": "status"}\n') == [{"pid": 7, "in_sync": True}]


@pytest.mark.parametrize(
    "line", [b"\n", b"nonsense\n", b"[]\n", b'{"request": "reboot"}\n', b"\xff\xfe\n", b"[" * 3000 + b"\n"]
)
def test_anything_else_is_told_what_to_send(tmp_path: Path, line: bytes) -> None:
    (answer,) = ask(tmp_path / "c.sock", line)

    assert isinstance(answer, dict)
    assert set(answer) == {"error"}


def test_an_endpoint_is_waited_for(tmp_path: Path) -> None:
    readiness = FakeReadiness()

    answers = ask(tmp_path / "c.sock", json.dumps(WAIT).encode() + b"\n", readiness=readiness)

    assert answers == [{"up": True}]
    assert readiness.asked == [(KEY, 7, 2.5)]


def test_an_endpoint_that_does_not_come_up_is_told_with_the_reason(tmp_path: Path) -> None:
    line = json.dumps(WAIT).encode() + b"\n"

    assert ask(tmp_path / "c.sock", line, readiness=FakeReadiness("it is down")) == [{"error": "it is down"}]


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": None},
        {"endpoint": "/calico/v1/Ready"},
        {"endpoint": "/calico/v1/host/h1/workload/docker/w/endpoint/a;b"},
        {"revision": "7"},
        {"revision": True},
        {"timeout": None},
        {"timeout": -1},
        {"timeout": 11},
    ],
)
def test_a_wait_that_makes_no_sense_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    readiness = FakeReadiness()

    (answer,) = ask(tmp_path / "c.sock", json.dumps({**WAIT, **change}).encode() + b"\n", readiness=readiness)

    assert isinstance(answer, dict)
    assert set(answer) == {"error"}
    assert readiness.asked == []


def test_who_waits_neither_keeps_others_waiting_nor_the_agent_from_ending(tmp_path: Path) -> None:
    asked, release = threading.Event(), threading.Event()

    class Slow:
        def wait_up(self, _key: EndpointKey, _revision: int, _timeout: float) -> None:
            asked.set()
            release.wait(10)

    async def run() -> None:
        server = ControlServer(lambda: {"pid": 7}, Slow())
        await server.start(tmp_path / "c.sock")
        waiting, waiting_writer = await asyncio.open_unix_connection(tmp_path / "c.sock")
        waiting_writer.write(json.dumps(WAIT).encode() + b"\n")
        await asyncio.to_thread(asked.wait, 10)
        reader, writer = await asyncio.open_unix_connection(tmp_path / "c.sock")
        writer.write(b'{"request": "status"}\n')
        assert json.loads(await reader.readline()) == {"pid": 7}

        await server.stop()

        with contextlib.suppress(ConnectionError):
            assert await waiting.read() == b""
        writer.close()
        waiting_writer.close()

    try:
        asyncio.run(run())
    finally:
        release.set()


def test_only_root_may_connect_and_an_old_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    ask(path)

    ask(path, b'{"request": "status"}\n')

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_socket_that_is_served_is_left_alone(tmp_path: Path) -> None:
    async def run() -> None:
        first, second = ControlServer(dict, FakeReadiness()), ControlServer(dict, FakeReadiness())
        await first.start(tmp_path / "c.sock")
        try:
            with pytest.raises(AlreadyExistsError, match="another program serves"):
                await second.start(tmp_path / "c.sock")
        finally:
            await first.stop()

    asyncio.run(run())


def test_a_path_that_no_socket_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="too long for a unix socket"):
        ask(tmp_path / ("x" * 100))
