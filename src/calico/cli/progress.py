"""What a person at a terminal sees while a command takes longer than a second: what it does, and for how long.

The kernel's timer calls once a second, whatever the command is waiting for; so no command has to think of it, and
one that is quick shows nothing. The line is on standard error and goes away before anything else is printed.
"""

from __future__ import annotations

import os
from _signal import ITIMER_REAL, SIGALRM, setitimer, signal  # type: ignore[import-not-found]  # not signal: it is slow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

CLEAR_LINE = "\r\x1b[K"
_WIDTH = 78


class Progress:
    """One line on the terminal ``fd``, anew every ``interval`` seconds. ``doing`` says what takes so long."""

    def __init__(self, fd: int, doing: str, interval: float = 1.0) -> None:
        self.doing = doing
        self._fd = fd
        self._interval = interval
        self._ticks = 0
        self._shown = False

    def start(self) -> None:
        """Begin to count; only in the main thread of a program that has no other use for this timer."""
        signal(SIGALRM, self._on_alarm)
        setitimer(ITIMER_REAL, self._interval, self._interval)

    def stop(self) -> None:
        """Count no more, and leave no line behind."""
        setitimer(ITIMER_REAL, 0.0)
        self.hide()

    def hide(self) -> None:
        """Take the line away, because something else is printed; it comes back after a second."""
        if self._shown:
            self._shown = False
            self._write(CLEAR_LINE)

    def _on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        self._ticks += 1
        self._shown = True
        self._write(f"{CLEAR_LINE}{self.doing[:_WIDTH]} … {self._ticks * self._interval:.0f} s")

    def _write(self, text: str) -> None:
        # Not through the stream: a signal may come in the middle of one of its writes.
        try:
            os.write(self._fd, text.encode())
        except OSError:
            return  # the terminal is gone; whoever prints next finds out
