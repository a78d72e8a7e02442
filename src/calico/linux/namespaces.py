"""Network namespaces: network stacks of their own, one per container.

Source: network_namespaces(7), setns(2).
"""

import ctypes
import os
import threading
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

    @classmethod
    def new(cls) -> "Namespace":
        """One of its own with nothing in it but a loopback interface that is down; the last user takes it along.

        Raises ApplyError when the kernel refuses it (no root).
        """
        made: list[Namespace | Exception] = []

        def make() -> None:
            try:
                _call("unshare", _CLONE_NEWNET, what="make a network namespace")
                made.append(cls.current())
            except Exception as error:
                made.append(error)

        # A thread of its own takes the step, and with it goes what only that thread has.
        thread = threading.Thread(target=make, name="namespace")
        thread.start()
        thread.join()
        (result,) = made
        if isinstance(result, Exception):
            raise result
        return result

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
    _call("setns", fd, _CLONE_NEWNET, what=f"enter the network namespace {name}")


def _call(function: str, *arguments: int, what: str) -> None:
    # os.setns and os.unshare exist from Python 3.12 on.
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, function)(*arguments) != 0:
        raise kernel_error(what, ctypes.get_errno())
