"""The control socket: one line in, one line out, whatever comes in."""

import asyncio
import json
from pathlib import Path

import pytest

from calico.agent.control import ControlServer
from calico.model.errors import AlreadyExistsError, ValidationError


def ask(path: Path, *lines: bytes) -> list[object]:
    async def run() -> list[object]:
        server = ControlServer(lambda: {"pid": 7, "in_sync": True})
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


@pytest.mark.parametrize("line", [b"\n", b"nonsense\n", b"[]\n", b'{"request": "reboot"}\n', b"\xff\xfe\n"])
def test_anything_else_is_told_what_to_send(tmp_path: Path, line: bytes) -> None:
    (answer,) = ask(tmp_path / "c.sock", line)

    assert isinstance(answer, dict)
    assert set(answer) == {"error"}


def test_only_root_may_connect_and_an_old_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    ask(path)

    ask(path, b'{"request": "status"}\n')

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_socket_that_is_served_is_left_alone(tmp_path: Path) -> None:
    async def run() -> None:
        first, second = ControlServer(dict), ControlServer(dict)
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
