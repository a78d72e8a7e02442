"""What only a file can do to us: locks, damage, missing space and rights, other files in its place."""

import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from calico.datastore.api import Compare, Delete, Event, Put, Snapshot
from calico.datastore.sqlite import SqliteDatastore
from calico.datastore.sqlite_file import SCHEMA_VERSION
from calico.model.errors import CompactedError, ConflictError, UnavailableError

NOBODY = 65534
SOON = 10.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calico.db"


@pytest.fixture
def open_store() -> Iterator[Callable[[Path], SqliteDatastore]]:
    with contextlib.ExitStack() as stack:

        def open_(path: Path) -> SqliteDatastore:
            store = SqliteDatastore(str(path))
            stack.callback(store.close)
            return store

        yield open_


@pytest.fixture
def store(path: Path, open_store: Callable[[Path], SqliteDatastore]) -> SqliteDatastore:
    return open_store(path)


@contextlib.contextmanager
def foreign(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program that opens the file."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@contextlib.contextmanager
def unprivileged() -> Iterator[Path]:
    """A directory of a user without privileges, and being that user."""
    directory = Path(tempfile.mkdtemp())
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(directory, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield directory
    finally:
        if is_root:
            os.seteuid(0)
        directory.chmod(0o700)
        shutil.rmtree(directory)


def unavailable(call: Callable[[], object]) -> str:
    """The one line that ``call`` fails with."""
    with pytest.raises(UnavailableError) as caught:
        call()
    assert str(caught.value).isprintable()
    return str(caught.value)


def put(store: SqliteDatastore, key: str, value: str = "x") -> int:
    return store.transact([], [Put(key, value)])


# The file


def test_the_file_belongs_to_its_maker_alone(tmp_path: Path, open_store: Callable[[Path], SqliteDatastore]) -> None:
    path = tmp_path / "made" / "calico.db"

    put(open_store(path), "/a")

    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


def test_opening_alone_makes_nothing(path: Path) -> None:
    SqliteDatastore(str(path)).close()

    assert not path.exists()


def test_reading_makes_nothing(tmp_path: Path, open_store: Callable[[Path], SqliteDatastore]) -> None:
    path = tmp_path / "unmade" / "calico.db"
    store = open_store(path)

    assert store.get("/a") is None
    assert store.list("/") == Snapshot((), 0)
    assert not path.parent.exists()

    put(open_store(path), "/a")
    assert [entry.key for entry in store.list("/").entries] == ["/a"]


def test_a_watch_from_before_the_file_was_made_sees_the_first_write(
    path: Path, open_store: Callable[[Path], SqliteDatastore]
) -> None:
    store = open_store(path)
    revision = store.list("/").revision
    put(open_store(path), "/a")

    with store.watch("/", revision) as watch:
        assert [event.key for event in watch.next(SOON).events] == ["/a"]


def test_a_path_may_contain_what_means_something_in_a_uri(
    tmp_path: Path, open_store: Callable[[Path], SqliteDatastore]
) -> None:
    path = tmp_path / "a b?mode=ro#%41%"

    put(open_store(path), "/a")

    assert path.exists()


def test_an_empty_file_is_a_new_datastore(path: Path, store: SqliteDatastore) -> None:
    path.touch()

    assert put(store, "/a") > 0


def test_many_openers_at_once_make_one_datastore(path: Path, open_store: Callable[[Path], SqliteDatastore]) -> None:
    with ThreadPoolExecutor(8) as threads:
        revisions = list(threads.map(lambda index: put(open_store(path), f"/{index}"), range(8)))

    assert len(set(revisions)) == 8
    assert len(open_store(path).list("/").entries) == 8


def test_reading_imports_nothing_that_only_a_watch_needs(path: Path) -> None:
    script = (
        f"import sys; from calico.datastore.open import open_datastore; open_datastore('sqlite://{path}').list('/')\n"
        "print(sorted({'ctypes', 'select', 'logging', 'calico.datastore.wakeup', 'pathlib'} & set(sys.modules)))"
    )
    source = Path(__file__).parents[3] / "src"

    done = subprocess.run(
        [sys.executable, "-S", "-c", script], env={"PYTHONPATH": str(source)}, capture_output=True, text=True
    )

    assert done.stdout == "[]\n", done.stderr


# Locks


def test_a_lock_of_another_process_is_waited_for_until_the_deadline(path: Path, store: SqliteDatastore) -> None:
    put(store, "/a")
    with foreign(path) as other:
        other.execute("BEGIN IMMEDIATE")

        message = unavailable(lambda: store.transact([], [Put("/a", "2")], timeout=0.02))

        assert message.startswith(f"{path} was locked by another process for 0.02 s")
        assert store.get("/a").value == "x"
        other.execute("ROLLBACK")
    assert put(store, "/a", "3") > 0


def test_a_new_file_that_another_process_holds_is_waited_for_too(path: Path, store: SqliteDatastore) -> None:
    with foreign(path) as other:
        other.execute("BEGIN EXCLUSIVE")

        assert "was locked by another process" in unavailable(lambda: store.get("/a", timeout=0.02))

        other.execute("ROLLBACK")
    assert store.get("/a") is None


def test_threads_wait_for_each_other_until_the_deadline(store: SqliteDatastore) -> None:
    put(store, "/a")
    with store._file.writing(1), ThreadPoolExecutor() as threads:
        waiting = threads.submit(unavailable, lambda: store.transact([], [Put("/b", "x")], timeout=0.02))

        assert "was busy with other writers for 0.02 s" in waiting.result()


def test_a_refused_transaction_leaves_no_lock_behind(
    path: Path, store: SqliteDatastore, open_store: Callable[[Path], SqliteDatastore]
) -> None:
    put(store, "/a")
    with pytest.raises(ConflictError):
        store.transact([Compare("/a", 0)], [Delete("/a")])

    other = open_store(path)
    assert other.transact([], [Put("/b", "x")], timeout=0.0) > 0


def test_an_open_watch_does_not_keep_the_log_from_being_cleared(path: Path, store: SqliteDatastore) -> None:
    put(store, "/a")
    with store.watch("/", 0) as watch, foreign(path) as other:
        watch.next(SOON)
        put(store, "/b")

        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall() == [(0, 0, 0)]
        assert len(watch.next(SOON).events) == 1


# Damage


def test_a_file_of_something_else_is_named_with_the_way_out(path: Path, store: SqliteDatastore) -> None:
    path.write_text("These are not the bytes of a database, however long one looks at them.\n" * 20)

    message = unavailable(lambda: store.list("/"))

    assert message.startswith(f"{path} is damaged (file is not a database)")
    assert "move it away" in message
    assert "backup" in message


def test_damage_inside_is_found_and_named(
    path: Path, store: SqliteDatastore, open_store: Callable[[Path], SqliteDatastore]
) -> None:
    for index in range(60):
        put(store, f"/{index}", "x" * 500)
    store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    damaged = open_store(path)

    assert f"{path} is damaged (database disk image is malformed)" in unavailable(lambda: damaged.list("/"))
    assert "is damaged" in unavailable(lambda: put(damaged, "/new"))


def test_a_file_cut_short_is_an_error_and_no_empty_datastore(
    path: Path, store: SqliteDatastore, open_store: Callable[[Path], SqliteDatastore]
) -> None:
    for index in range(60):
        put(store, f"/{index}", "x" * 500)
    store.close()
    os.truncate(path, 3 * 4096)

    assert str(path) in unavailable(lambda: open_store(path).list("/"))


def test_a_newer_format_is_refused(path: Path, store: SqliteDatastore) -> None:
    put(store, "/a")
    store.close()
    with foreign(path) as other:
        other.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")

    message = unavailable(lambda: SqliteDatastore(str(path)).get("/a"))

    assert f"has the format {SCHEMA_VERSION + 1} of another version of Calico" in message


def test_the_database_of_another_program_is_left_alone(path: Path, store: SqliteDatastore) -> None:
    with foreign(path) as other:
        other.execute("CREATE TABLE things (name)")
    before = path.read_bytes()

    assert "is a database of another program" in unavailable(lambda: put(store, "/a"))

    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["calico.db"]


def test_text_that_is_not_utf8_spoils_no_other_value(path: Path, store: SqliteDatastore) -> None:
    put(store, "/a", "good")
    with foreign(path) as other:
        other.execute("INSERT INTO entries VALUES ('/b', CAST(x'ff41' AS TEXT), 1)")

    assert [(entry.key, entry.value) for entry in store.list("/").entries] == [("/a", "good"), ("/b", "\ufffdA")]


# Space and rights


def test_a_file_that_cannot_grow_refuses_the_transaction_whole(path: Path, store: SqliteDatastore) -> None:
    revision = put(store, "/a", "1")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        message = unavailable(lambda: store.transact([], [Put("/a", "2"), Put("/big", "x" * 300_000)]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert str(path) in message
    assert "check the disk and the space" in message
    assert [(entry.key, entry.value, entry.revision) for entry in store.list("/").entries] == [("/a", "1", revision)]
    assert put(store, "/a", "3") > revision


def test_a_directory_in_the_place_of_the_file(tmp_path: Path, open_store: Callable[[Path], SqliteDatastore]) -> None:
    assert "is not a file" in unavailable(lambda: open_store(tmp_path).get("/a"))


def test_a_file_in_the_place_of_the_directory(tmp_path: Path, open_store: Callable[[Path], SqliteDatastore]) -> None:
    (tmp_path / "file").touch()

    message = unavailable(lambda: open_store(tmp_path / "file" / "calico.db").get("/a"))

    assert message.endswith("calico.db (Not a directory): set CALICO_DATASTORE to another path")


def test_no_right_to_the_file(
    path: Path, store: SqliteDatastore, open_store: Callable[[Path], SqliteDatastore]
) -> None:
    put(store, "/a")
    path.parent.chmod(0o000)
    try:
        with unprivileged():
            message = unavailable(lambda: open_store(path).get("/a"))
    finally:
        path.parent.chmod(0o700)

    assert message == f"cannot use {path} (Permission denied): run as root"


def test_no_right_to_the_file_alone(open_store: Callable[[Path], SqliteDatastore]) -> None:
    with unprivileged() as directory:
        path = directory / "calico.db"
        put(open_store(path), "/a")
        path.chmod(0o000)

        message = unavailable(lambda: open_store(path).list("/"))

    assert message == f"cannot use {path} (Permission denied): run as root"


def test_no_right_to_make_the_file(open_store: Callable[[Path], SqliteDatastore]) -> None:
    with unprivileged() as directory:
        directory.chmod(0o500)

        message = unavailable(lambda: put(open_store(directory / "calico.db"), "/a"))
        assert "(Permission denied): run as root" in message
        message = unavailable(lambda: put(open_store(directory / "sub" / "calico.db"), "/a"))
        assert "(Permission denied): run as root" in message


def test_a_directory_that_cannot_be_written(open_store: Callable[[Path], SqliteDatastore]) -> None:
    with unprivileged() as directory:
        path = directory / "calico.db"
        first = open_store(path)
        put(first, "/a")
        first.close()
        directory.chmod(0o500)

        message = unavailable(lambda: put(open_store(path), "/a"))

    assert "is its directory writable for this user?" in message


def test_a_file_that_cannot_be_written(open_store: Callable[[Path], SqliteDatastore]) -> None:
    with unprivileged() as directory:
        path = directory / "calico.db"
        first = open_store(path)
        put(first, "/a")
        first.close()
        path.chmod(0o400)

        message = unavailable(lambda: put(open_store(path), "/a"))

    assert "is its directory writable for this user?" in message or "cannot be written" in message


# The file goes away


def test_a_removed_file_is_an_error_until_it_is_back(path: Path, store: SqliteDatastore) -> None:
    revision = put(store, "/a")
    with store.watch("/", revision) as watch:
        path.rename(path.with_suffix(".away"))

        for call in (lambda: store.get("/a"), lambda: put(store, "/b"), lambda: watch.next(SOON)):
            assert "was removed while in use" in unavailable(call)
        assert not path.exists()

        path.with_suffix(".away").rename(path)
        after = put(store, "/b")
        assert watch.next(SOON).events == (Event("/b", "x", after),)


def test_a_waiting_watch_notices_that_the_file_was_removed(path: Path, store: SqliteDatastore) -> None:
    with store.watch("/", 0) as watch, ThreadPoolExecutor() as threads:
        waiting = threads.submit(watch.next, SOON)
        path.unlink()

        assert "was removed while in use" in str(waiting.exception(SOON / 2))


def test_another_database_in_its_place_is_opened_and_ends_the_watches(
    tmp_path: Path, path: Path, store: SqliteDatastore, open_store: Callable[[Path], SqliteDatastore]
) -> None:
    for index in range(3):
        revision = put(store, f"/old{index}")
    backup = open_store(tmp_path / "backup.db")
    for index in range(5):
        put(backup, f"/new{index}")
    backup.close()
    with store.watch("/", revision) as watch, ThreadPoolExecutor() as threads:
        waiting = threads.submit(watch.next, SOON)
        (tmp_path / "calico.db-wal").unlink()
        (tmp_path / "calico.db-shm").unlink()
        (tmp_path / "backup.db").replace(path)

        assert isinstance(waiting.exception(SOON / 2), CompactedError)
        with pytest.raises(CompactedError):
            watch.next(0)
    snapshot = store.list("/")
    assert [entry.key for entry in snapshot.entries] == [f"/new{index}" for index in range(5)]
    with store.watch("/", snapshot.revision) as watch:
        after = put(store, "/a")
        assert watch.next(SOON).events == (Event("/a", "x", after),)


def test_the_log_of_the_old_database_is_never_applied_to_the_new_one(
    tmp_path: Path, path: Path, store: SqliteDatastore, open_store: Callable[[Path], SqliteDatastore]
) -> None:
    put(store, "/old")
    backup = open_store(tmp_path / "backup.db")
    put(backup, "/new")
    backup.close()
    (tmp_path / "backup.db").replace(path)

    message = unavailable(lambda: store.list("/"))

    assert "was replaced while in use" in message
    assert f"remove {path}-wal and {path}-shm" in message
    (tmp_path / "calico.db-wal").unlink()
    (tmp_path / "calico.db-shm").unlink()
    assert [entry.key for entry in store.list("/").entries] == ["/new"]


def test_a_datastore_behind_the_revision_asked_for_is_another_one(store: SqliteDatastore) -> None:
    revision = put(store, "/a")

    with store.watch("/", revision + 1) as watch, pytest.raises(CompactedError):
        watch.next(SOON)
