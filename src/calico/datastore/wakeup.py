"""A wait that ends when a file of a directory is touched, or when another thread says so.

inotify(7) by way of libc, because the standard library has no binding. Imported only when a watch is opened.
"""

import ctypes
import os
import select
from typing import final

from calico.model.errors import UnavailableError

_IN_ATTRIB = 0x004
_IN_MOVED = 0x0C0
_IN_CREATE = 0x100
_IN_DELETE = 0x200
_IN_DELETE_SELF = 0x400
_IN_MOVE_SELF = 0x800
_MASK = _IN_ATTRIB | _IN_MOVED | _IN_CREATE | _IN_DELETE | _IN_DELETE_SELF | _IN_MOVE_SELF

_WITHOUT_INOTIFY = 0.1
"""Longest wait in seconds when the kernel gives no inotify instance (fs.inotify.max_user_instances)."""


@final
class Wakeup:
    """Waits for one directory. One thread waits, any thread may ``wake``; ``close`` only when nobody waits.

    What happened is not told: the caller looks for himself. Writing to a file is not seen, touching it is
    (``os.utime``), and so are files that come, go, or take another's place.
    """

    def __init__(self, directory: str) -> None:
        try:
            self._event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        except OSError as error:
            raise UnavailableError(f"cannot watch {directory}: {error.strerror}") from error
        self._inotify = _watch_directory(directory)
        self._poll = select.poll()
        for descriptor in (self._event, self._inotify):
            if descriptor is not None:
                self._poll.register(descriptor, select.POLLIN)

    def wait(self, seconds: float) -> None:
        """Return after ``seconds`` at the latest; at once when something happened since the last wait."""
        limit = seconds if self._inotify is not None else min(seconds, _WITHOUT_INOTIFY)
        for descriptor, _ in self._poll.poll(limit * 1000):
            try:
                os.read(descriptor, 8 if descriptor == self._event else 65536)
            except BlockingIOError:
                continue

    def wake(self) -> None:
        """End the wait that is under way, or the next one."""
        os.eventfd_write(self._event, 1)

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self._event)
        if self._inotify is not None:
            os.close(self._inotify)


def _watch_directory(directory: str) -> int | None:
    """A non-blocking inotify descriptor; ``None`` when the kernel refuses one."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if descriptor < 0:
        return None
    if libc.inotify_add_watch(descriptor, os.fsencode(directory), _MASK) < 0:
        os.close(descriptor)
        return None
    return descriptor
