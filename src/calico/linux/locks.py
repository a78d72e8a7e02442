"""A lock file that says which process runs: one agent per host, and how to find it.

Source: fcntl(2), open file description locks.
"""

import errno
import fcntl
import os
import struct
from pathlib import Path
from types import TracebackType

from calico.linux.refusals import os_error
from calico.model.errors import AlreadyExistsError

_FLOCK = struct.Struct("hhqqi")
_PID_BYTES = 32


class RunLock:
    """The right to be the one process of its kind, by a lock on the file at ``path``.

    The kernel gives the lock back when the process ends, however it ends. The file stays: were it deleted,
    two processes could hold locks on two files of the same name. It holds the pid as text.
    """

    def __init__(self, path: Path, what: str = "another process") -> None:
        self._path = path
        self._what = what
        self._fd = -1

    def __enter__(self) -> "RunLock":
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def acquire(self) -> None:
        """Take the lock without waiting; AlreadyExistsError names the pid that has it."""
        fd = self._open(os.O_RDWR | os.O_CREAT)
        try:
            if not _try_lock(fd):
                pid = _read_pid(fd)
                raise AlreadyExistsError(
                    f"{self._what} already runs{f' with pid {pid}' if pid else ''}: it holds {self._path}"
                )
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(fd)
            raise os_error(f"lock {self._path}", error) from error
        except AlreadyExistsError:
            os.close(fd)
            raise
        self._fd = fd

    def release(self) -> None:
        """Give the lock back; allowed without having it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def holder(self) -> int | None:
        """The pid that holds the lock, 0 when it has not written it yet, ``None`` when nobody does.

        Asking takes nothing, so it cannot make another process's ``acquire`` fail.
        """
        if not self._path.exists():
            return None
        fd = self._open(os.O_RDONLY)
        try:
            query = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_OFD_GETLK, query))[0]
            return None if kind == fcntl.F_UNLCK else _read_pid(fd)
        except OSError as error:
            raise os_error(f"ask who holds {self._path}", error) from error
        finally:
            os.close(fd)

    def _open(self, flags: int) -> int:
        try:
            return os.open(self._path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise os_error(f"open lock file {self._path}", error) from error


def _try_lock(fd: int) -> bool:
    # Not flock(2), which cannot be asked about without taking it; not plain fcntl locks, which a process
    # loses when any of its code closes the same file.
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def _read_pid(fd: int) -> int:
    text = os.pread(fd, _PID_BYTES, 0).strip()
    return int(text) if text.isdigit() else 0
