"""What a person at a terminal sees and nobody else does: styles, and that something takes long."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from calico.cli.output import Output
from calico.cli.progress import CLEAR_LINE, Progress

PROGRAM = "import sys; from calico.cli.main import main; sys.exit(main())"


class Screen:
    """The reading end of what somebody sees."""

    def __init__(self) -> None:
        self.fd, self.writing = os.pipe()

    def read(self, seconds: float = 5) -> str:
        assert select.select([self.fd], [], [], seconds)[0]
        return os.read(self.fd, 65536).decode()

    def is_empty(self) -> bool:
        return not select.select([self.fd], [], [], 0)[0]


@pytest.fixture
def screen() -> Iterator[Screen]:
    screen = Screen()
    yield screen
    os.close(screen.fd)
    os.close(screen.writing)


def test_it_counts_while_something_takes_long(screen: Screen) -> None:
    progress = Progress(screen.writing, "Working", interval=0.01)
    progress.start()
    try:
        assert screen.read().startswith(f"{CLEAR_LINE}Working … 0 s")
        progress.doing = "Starting calico-node"
        deadline = time.monotonic() + 5
        while "Starting calico-node … " not in screen.read():
            assert time.monotonic() < deadline
    finally:
        progress.stop()
    assert screen.is_empty() or screen.read().endswith(CLEAR_LINE)


def test_a_quick_command_shows_nothing(screen: Screen) -> None:
    progress = Progress(screen.writing, "Working")
    progress.start()
    progress.stop()

    assert screen.is_empty()


def test_it_goes_away_before_anything_is_printed(screen: Screen) -> None:
    progress = Progress(screen.writing, "Working", interval=0.001)
    progress.start()
    screen.read()
    with open(screen.writing, "w", closefd=False) as stream:
        out = Output(stream, stream, progress=progress)
        out.end_progress()
        out.line("done")
        out.flush()

    assert screen.read().endswith(f"{CLEAR_LINE}done\n")


def test_a_terminal_that_is_gone_does_not_matter() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    progress = Progress(writing, "Working", interval=0.001)
    progress.start()
    time.sleep(0.01)
    progress.stop()
    os.close(writing)


def at_a_terminal(datastore: Path, *arguments: str, **environ: str) -> str:
    """What a command writes to a terminal of its own."""
    master, slave = pty.openpty()
    settings = {"PATH": os.environ["PATH"], "TERM": "xterm", "CALICO_DATASTORE": f"sqlite://{datastore}", **environ}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], stdin=slave, stdout=slave, stderr=slave, env=settings
    ):
        os.close(slave)
        text = b""
        while True:
            try:
                text += os.read(master, 65536)
            except OSError:  # how a terminal ends
                break
    os.close(master)
    return text.decode()


def test_the_head_of_a_table_is_bold_at_a_terminal(tmp_path: Path) -> None:
    shown = at_a_terminal(tmp_path / "calico.db", "pool", "show", "--ipv4")

    assert "|\x1b[1m IPv4 CIDR \x1b[0m|\x1b[1m Options \x1b[0m|" in shown


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_who_wants_no_styles_gets_none(tmp_path: Path, environ: dict[str, str]) -> None:
    assert "\x1b" not in at_a_terminal(tmp_path / "calico.db", "pool", "show", **environ)
