"""The SQLite database file: making it, opening it, noticing that it went away, and saying what is wrong with it.

    connection  belongs to one thread while it is in use; idle ones wait in a small pool
    identity    device and inode; another inode at the same path is another database
    generation  how often the path came to name another database while we were using it

A file that vanishes is an error: its datastore may come back, and nobody is told that everything is gone.
A file that another one replaced is opened anew, and the watches on the old one end with ``CompactedError``.
"""
# ruff: noqa: PTH103, PTH116, PTH120
# pathlib would cost the start of every command 4 ms.

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import stat
import threading
import time

from calico.model.errors import CalicoError, UnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

APPLICATION_ID = 0x43414C49  # "CALI", see file(1) and PRAGMA application_id
SCHEMA_VERSION = 1
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, revision INTEGER NOT NULL, key TEXT NOT NULL, value TEXT);
CREATE TABLE compaction (revision INTEGER NOT NULL);
INSERT INTO compaction VALUES (0);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""  # noqa: S608  (our own numbers)
"""``entries`` is what is, ``events`` what happened. A transaction's revision is the id of its last event,
so AUTOINCREMENT keeps a revision from ever being used again, after a compaction too."""

_IDLE_CONNECTIONS = 4
_WAL_LIMIT = 8 << 20  # bytes that the log keeps on disk after it grew
_INSTRUCTIONS_PER_CHECK = 50_000  # of SQLite's machine, between two looks at the deadline: about a millisecond
_RETRY = 0.005  # seconds between two attempts to open a file that another process is just making
_LOOK_AGAIN = 0.001  # seconds between two looks at the lock of another process

_MALFORMED = (
    "{path} is damaged ({reason}): stop calico-node, move it away with its -wal and -shm files,"
    " and put a backup in its place or start with an empty datastore"
)
_FAULTS = {
    sqlite3.SQLITE_BUSY: "{path} was locked by another process for {timeout:.3g} s: try again, or find it with fuser",
    sqlite3.SQLITE_INTERRUPT: "{path} did not answer within {timeout:.3g} s: try again",
    sqlite3.SQLITE_FULL: "no space is left for {path}: free some and try again; nothing was written",
    sqlite3.SQLITE_CORRUPT: _MALFORMED,
    sqlite3.SQLITE_NOTADB: _MALFORMED,
    sqlite3.SQLITE_READONLY: "{path} cannot be written ({reason}): is its directory writable for this user?",
    sqlite3.SQLITE_CANTOPEN: "{path} cannot be opened ({reason}): is its directory writable for this user?",
    sqlite3.SQLITE_IOERR: "{path} cannot be read or written ({reason}): check the disk and the space left on it",
}
_FAULTS[sqlite3.SQLITE_LOCKED] = _FAULTS[sqlite3.SQLITE_BUSY]

Identity = tuple[int, int]


class _Opened:
    """A connection, the file that it was opened on, and when the call that uses it must be over."""

    __slots__ = ("connection", "deadline", "identity")

    def __init__(self, connection: sqlite3.Connection, identity: Identity, deadline: float) -> None:
        self.connection = connection
        self.identity = identity
        self.deadline = deadline

    def is_late(self) -> bool:
        return time.monotonic() > self.deadline

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self.connection.close()


class DatabaseFile:
    """The file at ``path``, made on first use. All methods may be called from any thread."""

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)
        self.generation = 0
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._idle: list[_Opened] = []
        self._identity: Identity | None = None
        self._log: Identity | None = None
        self._closed = False

    @property
    def directory(self) -> str:
        """Where the file and its log are."""
        return os.path.dirname(self.path)

    def is_unmade(self) -> bool:
        """Whether nobody has made the file yet; what cannot be found out, the next use will tell."""
        with self._lock:
            if self._identity is not None or self._closed:
                return False
        try:
            os.stat(self.path)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return False

    @contextlib.contextmanager
    def reading(self, timeout: float) -> Iterator[sqlite3.Connection]:
        """A read transaction: all statements see one state. Fetch all rows inside."""
        with self._connection(timeout) as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def writing(self, timeout: float) -> Iterator[sqlite3.Connection]:
        """The one write transaction of all processes; on disk when the block is left, undone when it raises."""
        deadline = time.monotonic() + timeout
        # Threads of one process queue up here and need not look again and again.
        if not self._writing.acquire(timeout=max(timeout, 0)):
            raise UnavailableError(f"{self.path} was busy with other writers for {timeout:.3g} s: try again")
        try:
            with self._connection(max(deadline - time.monotonic(), 0)) as connection:
                _begin_writing(connection, deadline)
                yield connection
                connection.execute("COMMIT")
            # Watches wait for this. One that misses it, because we die here, looks by itself within a second.
            with contextlib.suppress(OSError):
                os.utime(self.path)
        finally:
            self._writing.release()

    def close(self) -> None:
        """Close every idle connection now and the others when their calls end."""
        with self._lock:
            self._closed = True
            self._close_idle()

    @contextlib.contextmanager
    def _connection(self, timeout: float) -> Iterator[sqlite3.Connection]:
        opened = None
        try:
            opened = self._take(timeout)
            yield opened.connection
        except CalicoError:
            if opened is not None:
                self._give_back(opened)
            raise
        except BaseException as error:
            if opened is not None:
                opened.close()
            if isinstance(error, sqlite3.Error | OSError):
                raise self._translate(error, timeout) from error
            raise
        else:
            self._give_back(opened)

    def _take(self, timeout: float) -> _Opened:
        identity = self._find()
        with self._lock:
            if self._closed:
                raise UnavailableError(f"{self.path} is closed")
            if self._identity not in (None, identity):
                self._accept_replacement()
            self._identity = identity
            opened = self._idle.pop() if self._idle else None
        deadline = time.monotonic() + timeout
        if opened is None:
            opened = self._open(identity, deadline)
        opened.deadline = deadline
        opened.connection.execute(f"PRAGMA busy_timeout = {max(int(timeout * 1000), 0)}")
        return opened

    def _give_back(self, opened: _Opened) -> None:
        try:
            opened.connection.rollback()
        except sqlite3.Error:
            opened.close()
            return
        with self._lock:
            if not self._closed and opened.identity == self._identity and len(self._idle) < _IDLE_CONNECTIONS:
                self._idle.append(opened)
                return
        opened.close()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _find(self) -> Identity:
        """The identity of the file, which is made when this object never saw it."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            if self._identity is not None:
                raise UnavailableError(
                    f"{self.path} was removed while in use: put it back, or restart calico-node to begin with"
                    " an empty datastore"
                ) from None
            self._make()
            found = os.stat(self.path)
        if not stat.S_ISREG(found.st_mode):
            raise UnavailableError(f"{self.path} is not a file: move it away or set CALICO_DATASTORE to another path")
        return found.st_dev, found.st_ino

    def _make(self) -> None:
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        # Not open(): closing the descriptor would drop the locks that SQLite has in this process (fcntl(2)).
        with contextlib.suppress(FileExistsError):
            os.mknod(self.path, stat.S_IFREG | 0o600)

    def _accept_replacement(self) -> None:
        """Another database has taken the path. ``_lock`` is held."""
        if self._log is not None and self._log == _identity_of(self.path + "-wal"):
            # SQLite would apply the old log to the new database and ruin it.
            raise UnavailableError(
                f"{self.path} was replaced while in use and the log of the old one is still there:"
                f" stop calico-node, remove {self.path}-wal and {self.path}-shm, and start it again"
            )
        self.generation += 1
        self._close_idle()

    def _open(self, identity: Identity, deadline: float) -> _Opened:
        while True:
            connection = sqlite3.connect(
                _uri(self.path),
                uri=True,
                timeout=max(deadline - time.monotonic(), 0),
                isolation_level=None,
                check_same_thread=False,
            )
            opened = _Opened(connection, identity, deadline)
            try:
                self._prepare(opened)
            except sqlite3.OperationalError as error:
                opened.close()
                # The change to write-ahead logging does not wait for its lock.
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or opened.is_late():
                    raise
                time.sleep(_RETRY)
            except BaseException:
                opened.close()
                raise
            else:
                self._log = _identity_of(self.path + "-wal")
                return opened

    def _prepare(self, opened: _Opened) -> None:
        connection = opened.connection
        # Text that is not UTF-8 spoils its own value only, not every listing that contains it.
        connection.text_factory = functools.partial(str, encoding="utf-8", errors="replace")
        connection.set_progress_handler(opened.is_late, _INSTRUCTIONS_PER_CHECK)
        is_new = self._check_schema(connection)
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchall()
        if mode != [("wal",)]:
            raise UnavailableError(f"{self.path} cannot be shared by processes: put it on a local file system")
        # With less a power cut can take back a revision that others have seen and give its number to another.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}").fetchall()
        if is_new:
            self._make_schema(connection)

    def _check_schema(self, connection: sqlite3.Connection) -> bool:
        """Whether the file is new; raises when it is not one that we can use."""
        connection.execute("BEGIN")  # another process may just be making the schema
        ((application,),) = connection.execute("PRAGMA application_id").fetchall()
        ((version,),) = connection.execute("PRAGMA user_version").fetchall()
        ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        connection.execute("COMMIT")
        if application == APPLICATION_ID and version == SCHEMA_VERSION:
            return False
        if application == APPLICATION_ID:
            raise UnavailableError(
                f"{self.path} has the format {version} of another version of Calico, this one reads {SCHEMA_VERSION}:"
                " use that version, or set CALICO_DATASTORE to another path"
            )
        if application or version or tables:
            raise UnavailableError(
                f"{self.path} is a database of another program: set CALICO_DATASTORE to another path"
            )
        return True

    def _make_schema(self, connection: sqlite3.Connection) -> None:
        try:
            connection.executescript(_SCHEMA)
        except sqlite3.OperationalError:
            if connection.in_transaction:
                connection.rollback()
            # Another process was faster: then it is all there.
            if self._check_schema(connection):
                raise

    def _translate(self, error: sqlite3.Error | OSError, timeout: float) -> UnavailableError:
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            advice = "run as root" if isinstance(error, PermissionError) else "set CALICO_DATASTORE to another path"
            return UnavailableError(f"cannot use {self.path} ({reason}): {advice}")
        # An error of the sqlite3 module itself, not of the library, carries no code.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        hidden = os.geteuid() != 0 and not os.access(self.path, os.R_OK | os.W_OK, effective_ids=True)
        if code == sqlite3.SQLITE_CANTOPEN and hidden:
            return UnavailableError(f"cannot use {self.path} (Permission denied): run as root")
        message = _FAULTS.get(code, "{path} cannot be used ({reason}): is it a Calico datastore?")
        return UnavailableError(message.format(path=self.path, reason=error, timeout=timeout))


def _begin_writing(connection: sqlite3.Connection, deadline: float) -> None:
    """Take the write lock; raises SQLITE_BUSY when it is not free by ``deadline``."""
    # SQLite's own wait sleeps up to 0.1 s at a time: others that write all the while can pass it by for seconds.
    connection.execute("PRAGMA busy_timeout = 0")
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(_LOOK_AGAIN)
        else:
            return


def _identity_of(path: str) -> Identity | None:
    """Device and inode; ``None`` when there is no such file or it is empty."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found.st_size else None


def _uri(path: str) -> str:
    """The URI that opens an existing file for writing and never makes one (sqlite.org/uri.html)."""
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file://{quoted}?mode=rw"
