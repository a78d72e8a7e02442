"""The run lock: one holder, who can be asked for, and who loses it when he ends."""

import os
from pathlib import Path

import pytest

from calico.linux.locks import RunLock
from calico.model.errors import AlreadyExistsError, ApplyError, NotFoundError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.pid"


def test_second_taker_is_told_who_has_it(path: Path) -> None:
    with RunLock(path), pytest.raises(AlreadyExistsError) as caught:
        RunLock(path, "calico-node").acquire()

    assert str(caught.value) == f"calico-node already runs with pid {os.getpid()}: it holds {path}"


def test_holder_is_known_while_it_holds(path: Path) -> None:
    lock = RunLock(path)

    assert lock.holder() is None
    with lock:
        assert RunLock(path).holder() == os.getpid()
    assert RunLock(path).holder() is None


def test_lock_can_be_taken_again_after_release(path: Path) -> None:
    lock = RunLock(path)
    for _ in range(2):
        lock.acquire()
        lock.release()
        lock.release()

    with RunLock(path):
        assert lock.holder() == os.getpid()


def test_lock_ends_with_its_process(path: Path) -> None:
    ready, say_ready = os.pipe()
    stop, say_stop = os.pipe()
    child = os.fork()
    if child == 0:
        RunLock(path).acquire()
        os.write(say_ready, b"x")
        os.read(stop, 1)
        os._exit(0)  # without a release
    os.read(ready, 1)

    assert RunLock(path).holder() == child
    with pytest.raises(AlreadyExistsError, match=f"pid {child}"):
        RunLock(path).acquire()

    os.write(say_stop, b"x")
    os.waitpid(child, 0)
    for fd in (ready, say_ready, stop, say_stop):
        os.close(fd)
    assert RunLock(path).holder() is None
    with RunLock(path) as lock:
        assert lock.holder() == os.getpid()


def test_old_or_foreign_content_is_no_holder(path: Path) -> None:
    path.write_text("4711 and much more, longer than any number of a process\n")

    assert RunLock(path).holder() is None
    with RunLock(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_holder_that_has_not_written_its_pid_is_number_zero(path: Path) -> None:
    with RunLock(path) as lock:
        path.write_text("")

        assert lock.holder() == 0
        with pytest.raises(AlreadyExistsError, match=r"^another process already runs: it holds"):
            RunLock(path).acquire()


def test_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(NotFoundError, match=r"cannot open lock file .*/none/x: no such file"):
        RunLock(tmp_path / "none" / "x").acquire()
    with pytest.raises(ApplyError):
        RunLock(tmp_path / "link").acquire()
    assert not (tmp_path / "elsewhere").exists()
