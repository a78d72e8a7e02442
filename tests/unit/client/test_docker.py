"""Asking Docker's engine: what is asked, and what comes of every kind of answer."""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from calico.client.docker import NO_DAEMON, NO_PERMISSION, Docker, DockerContainer
from calico.model.errors import ApplyError, CalicoError, NotFoundError, UnavailableError, ValidationError

ID = "0123456789ab" * 5 + "cdef"
CONTAINER = {
    "Id": ID,
    "Name": "/c1",
    "State": {"Status": "running", "Running": True, "Pid": 42},
    "HostConfig": {"NetworkMode": "none"},
}
NOBODY = 65534
Serve = Callable[[bytes], None]


def http(document: object, status: str = "200 OK") -> bytes:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return f"HTTP/1.0 {status}\r\nContent-Type: application/json\r\n\r\n".encode() + body


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "docker.sock"


@pytest.fixture
def docker(path: Path) -> Docker:
    return Docker(f"unix://{path}")


@pytest.fixture
def requests() -> list[bytes]:
    """The first lines of what the engine was asked."""
    return []


@pytest.fixture
def serve(path: Path, requests: list[bytes]) -> Iterator[Serve]:
    """Be an engine that answers one request with the bytes given."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    threads = []

    def answer(data: bytes) -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):  # a client that gave up
            connection.settimeout(5)
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += connection.recv(100)
            requests.append(request.partition(b"\r\n")[0])
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


def test_a_container_is_described(docker: Docker, serve: Serve, requests: list[bytes]) -> None:
    serve(http(CONTAINER))

    assert docker.inspect("c1") == DockerContainer(ID, running=True, pid=42, network_mode="none")
    assert requests == [b"GET /containers/c1/json HTTP/1.0"]


@pytest.mark.parametrize(
    ("state", "running"),
    [
        ({"Running": False, "Pid": 0}, False),
        ({"Running": True, "Pid": 0}, False),
        ({"Running": True, "Pid": 1}, True),
    ],
)
def test_a_container_runs_when_it_has_a_process(
    docker: Docker, serve: Serve, state: dict[str, object], running: bool
) -> None:
    serve(http({**CONTAINER, "State": state}))

    assert docker.inspect("c1").running is running


def test_a_container_that_is_not_there_is_said(docker: Docker, serve: Serve) -> None:
    serve(http({"message": "No such container: c1"}, "404 Not Found"))

    with pytest.raises(NotFoundError, match=r"^Container c1 was not found\.$"):
        docker.inspect("c1")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../images", "a b", "a?size=1", "a%2fb", "x" * 200, "\udcff"])
def test_what_is_no_name_is_not_asked_for(docker: Docker, name: str) -> None:
    """Nobody listens, so that a question would end otherwise."""
    with pytest.raises(NotFoundError, match=r"was not found"):
        docker.inspect(name)


def test_a_refusal_is_told_in_dockers_words(docker: Docker, serve: Serve) -> None:
    serve(http({"message": "Multiple IDs found\nwith provided prefix: 01"}, "500 Internal Server Error"))

    with pytest.raises(ApplyError, match=r"^docker: Multiple IDs found with provided prefix: 01$"):
        docker.inspect("01")


@pytest.mark.parametrize(
    "change",
    [
        {"Id": None},
        {"Id": "a/b"},
        {"State": None},
        {"State": []},
        {"State": {"Running": "yes", "Pid": 42}},
        {"State": {"Running": True, "Pid": True}},
        {"State": {"Running": True}},
        {"HostConfig": {"NetworkMode": None}},
    ],
)
def test_a_description_of_another_kind_is_refused(docker: Docker, serve: Serve, change: dict[str, object]) -> None:
    serve(http({**CONTAINER, **change}))

    with pytest.raises(ValidationError, match=r"^docker's description of the container is not understood"):
        docker.inspect("c1")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        http(b"<html>"),
        http(b""),
        http(b"[" * 100_000),
        b"HTTP/1.0 200 OK\r\n" * 999,
    ],
)
def test_what_is_not_docker_is_refused(docker: Docker, serve: Serve, data: bytes) -> None:
    serve(data)

    with pytest.raises(ValidationError, match=r"check DOCKER_HOST$"):
        docker.inspect("c1")


def test_an_answer_in_pieces_is_put_together(docker: Docker, serve: Serve) -> None:
    serve(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n["one"\r\n1\r\n]\r\n0\r\n\r\n')

    assert docker.get("/x") == ["one"]


def test_no_engine_is_said(docker: Docker, path: Path) -> None:
    with pytest.raises(UnavailableError) as absent:
        docker.inspect("c1")
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    with pytest.raises(UnavailableError) as refused:
        docker.inspect("c1")

    assert (str(absent.value), str(refused.value)) == (NO_DAEMON, NO_DAEMON)


def test_a_socket_for_others_is_said(docker: Docker, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0)
        person = os.geteuid()
        os.seteuid(person or NOBODY)  # root may connect to every socket
        try:
            with pytest.raises(UnavailableError) as error:
                docker.inspect("c1")
        finally:
            os.seteuid(person)

    assert str(error.value) == NO_PERMISSION


def test_an_engine_that_does_not_answer_is_waited_for_so_long(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()

        with pytest.raises(UnavailableError, match=r"^docker did not answer at unix:///.* within 0\.01 s$"):
            Docker(f"unix://{path}", timeout=0.01).inspect("c1")


def test_an_engine_that_answers_for_ever_is_waited_for_so_long(path: Path, serve: Serve) -> None:
    times = iter([0.0, 1.0])
    serve(b"x" * 120)

    with pytest.raises(UnavailableError, match=r"^docker did not answer"):
        Docker(f"unix://{path}", 5, clock=lambda: next(times, 99.0)).inspect("c1")


def test_an_engine_may_be_reached_by_tcp() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve_once, args=(listener, http(CONTAINER)))
        thread.start()

        found = Docker(f"tcp://127.0.0.1:{listener.getsockname()[1]}").inspect("c1")

        thread.join(5)
    assert found.id == ID


def _serve_once(listener: socket.socket, data: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(data)


def test_two_slashes_mean_the_same_as_three(path: Path, serve: Serve) -> None:
    serve(http(CONTAINER))

    assert Docker(f"unix:/{path}").inspect("c1").id == ID


@pytest.mark.parametrize(
    "docker_host",
    ["unix://", "ssh://root@h", "tcp://", "tcp://h:port", "tcp://h:99999", "/run/docker.sock", "tcp://["],
)
def test_other_kinds_of_engine_are_refused(docker_host: str) -> None:
    with pytest.raises(ValidationError, match=r"^DOCKER_HOST=.* use unix:///path or tcp://host:port$"):
        Docker(docker_host)


def test_a_path_that_no_socket_can_have_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(CalicoError, match=r"^cannot talk to docker at unix://"):
        Docker(f"unix://{tmp_path}/{'x' * 120}").inspect("c1")
