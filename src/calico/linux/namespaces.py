"""Network namespaces: network stacks of their own, one per container.

Source: network_namespaces(7), setns(2).
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from calico.linux.refusals import kernel_error, os_error

_CLONE_NEWNET = 0x40000000


class Namespace:
    """An open network namespace, which lives at least as long as this object."""

    def __init__(self, path: str) -> None:
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise os_error(f"open network namespace {path}", error) from error
        self._path = path

    @classmethod
    def of_process(cls, pid: int) -> "Namespace":
        """That of a process."""
        return cls(f"/proc/{pid}/ns/net")

    @classmethod
    def current(cls) -> "Namespace":
        """That of the calling thread."""
        return cls("/proc/thread-self/ns/net")

    def __enter__(self) -> "Namespace":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Namespace) and os.path.sameopenfile(self._fd, other._fd)

    def close(self) -> None:
        """Let go of it; closing twice is allowed."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def fileno(self) -> int:
        """The open file, as ``Links`` takes it."""
        return self._fd

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Run a block inside: sockets and threads made there belong to the namespace, for life.

        Only the calling thread moves. Files are not touched: /sys still shows the host's interfaces.
        """
        with Namespace.current() as home:
            _enter(self._fd, self._path)
            try:
                yield
            finally:
                _enter(home.fileno(), "the thread came from")


def _enter(fd: int, name: str) -> None:
    # os.setns exists from Python 3.12 on.
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(fd, _CLONE_NEWNET) != 0:
        raise kernel_error(f"enter the network namespace {name}", ctypes.get_errno())
