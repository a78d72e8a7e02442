"""Asking the agent through its control socket, and finding it through its lock."""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from calico.client.agent import Agent, run_dir
from calico.linux.locks import RunLock
from calico.model.errors import CalicoError, UnavailableError, ValidationError
from calico.model.keys import EndpointKey

ANSWER = {
    "pid": 42,
    "version": "0.1.0",
    "node": "h1",
    "uptime": 12.5,
    "started": "2026-11-23T20:00:00+00:00",
    "plugin": "serving",
    "in_sync": True,
    "datastore": "sqlite:///var/lib/calico/calico.db",
    "datastore_status": "in-sync",
    "revision": 7,
    "endpoints_up": 2,
    "endpoints_down": 1,
    "last_error": None,
    "repairs": 0,
}
KEY = EndpointKey("h1", "docker", "w", "e")
Serve = Callable[[bytes], None]


@pytest.fixture
def requests() -> list[object]:
    """What the agent was asked."""
    return []


@pytest.fixture
def serve(tmp_path: Path, requests: list[object]) -> Iterator[Serve]:
    """Answer one request at the control socket with the bytes given."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "control.sock"))
    listener.listen()
    threads = []

    def answer(data: bytes) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(5)
            request = b""
            while not request.endswith(b"\n"):
                request += connection.recv(100)
            requests.append(json.loads(request))
            with contextlib.suppress(OSError):  # a client that gave up
                for start in range(0, len(data), 50):
                    connection.sendall(data[start : start + 50])

    def start(data: bytes) -> None:
        thread = threading.Thread(target=answer, args=(data,))
        thread.start()
        threads.append(thread)

    with listener:
        yield start
        for thread in threads:
            thread.join(5)


def line(**changes: object) -> bytes:
    return json.dumps({**ANSWER, **changes}).encode() + b"\n"


def test_the_answer_is_a_value(tmp_path: Path, serve: Serve, requests: list[object]) -> None:
    serve(line(uptime=3, last_error="nft: no", field_of_a_newer_agent=1))

    status = Agent(tmp_path).status()

    assert status is not None
    assert (status.pid, status.uptime, status.last_error, status.endpoints_up) == (42, 3.0, "nft: no", 2)
    assert status.ready
    assert requests == [{"request": "status"}]


@pytest.mark.parametrize("changes", [{"plugin": "starting"}, {"in_sync": False}])
def test_an_agent_is_ready_when_it_serves_and_the_kernel_is_in_sync(
    tmp_path: Path, serve: Serve, changes: dict[str, object]
) -> None:
    serve(line(**changes))

    status = Agent(tmp_path).status()

    assert status is not None
    assert not status.ready


@pytest.mark.parametrize("data", [b"", b"\n", b"[]\n", b"not json\n", b"[" * 5000 + b"\n", b"\xff\n", b"x" * 100_000])
def test_an_answer_of_another_kind_is_refused(tmp_path: Path, serve: Serve, data: bytes) -> None:
    serve(data[:65536])

    with pytest.raises(ValidationError, match=r"^calico-node's answer is not a JSON object"):
        Agent(tmp_path).status()


@pytest.mark.parametrize(
    ("field", "value"),
    [("pid", "42"), ("pid", True), ("in_sync", 1), ("uptime", "12"), ("plugin", None), ("last_error", 5)],
)
def test_a_field_of_another_kind_is_named(tmp_path: Path, serve: Serve, field: str, value: object) -> None:
    serve(line(**{field: value}))

    with pytest.raises(ValidationError, match=rf"^calico-node's answer is not understood: {field} is "):
        Agent(tmp_path).status()


def test_an_endpoint_is_waited_for(tmp_path: Path, serve: Serve, requests: list[object]) -> None:
    serve(b'{"up": true}\n')

    Agent(tmp_path).wait_up(KEY, 17, 2.5)

    assert requests == [{"request": "wait", "endpoint": KEY.path, "revision": 17, "timeout": 2.5}]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"error": "interface cali0 is down"}\n', "^interface cali0 is down$"),
        (b'{"up": 1}\n', "^calico-node did not say whether the endpoint is up$"),
    ],
)
def test_an_endpoint_that_is_not_up_is_a_failure(tmp_path: Path, serve: Serve, data: bytes, message: str) -> None:
    serve(data)

    with pytest.raises(UnavailableError, match=message):
        Agent(tmp_path).wait_up(KEY, 17)


def test_nobody_can_be_waited_for_without_an_agent(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"^calico-node is not running on this host"):
        Agent(tmp_path).wait_up(KEY, 17)


def test_nobody_listens(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    assert agent.status() is None

    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "control.sock"))
    assert agent.status() is None
    assert Agent(tmp_path / "control.sock").status() is None


def test_an_agent_that_does_not_answer_is_waited_for_so_long(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "control.sock"))
        silent.listen()

        with pytest.raises(UnavailableError, match=r"^calico-node did not answer in time at "):
            Agent(tmp_path).status(timeout=0.01)


def test_an_agent_that_answers_for_ever_is_waited_for_so_long(tmp_path: Path, serve: Serve) -> None:
    times = iter([0.0, 1.0])
    serve(b"x" * 120)

    with pytest.raises(UnavailableError, match=r"^calico-node did not answer in time at "):
        Agent(tmp_path, clock=lambda: next(times, 99.0)).status(timeout=5)


def test_a_path_that_no_socket_can_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(CalicoError, match=r"^CALICO_RUN_DIR is too long"):
        Agent(tmp_path / ("x" * 120)).status()


def test_the_lock_says_who_runs(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    assert agent.pid() is None

    with RunLock(tmp_path / "calico-node.pid"):
        assert agent.pid() == os.getpid()
    assert agent.pid() is None


@pytest.mark.parametrize(
    ("environ", "path"),
    [({}, "/run/calico"), ({"CALICO_RUN_DIR": ""}, "/run/calico"), ({"CALICO_RUN_DIR": "/x/y"}, "/x/y")],
)
def test_the_folder_comes_from_the_environment(environ: dict[str, str], path: str) -> None:
    assert run_dir(environ) == Path(path)
