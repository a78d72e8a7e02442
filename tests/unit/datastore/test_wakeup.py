"""The wait on a directory: what ends it, and what it does without inotify."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from calico.datastore.wakeup import Wakeup

SOON = 10.0


@pytest.fixture
def wakeup(tmp_path: Path) -> Iterator[Wakeup]:
    made = Wakeup(str(tmp_path))
    yield made
    made.close()


def ends(wakeup: Wakeup) -> bool:
    """Whether the next wait ends well before its time."""
    with ThreadPoolExecutor() as threads:
        try:
            threads.submit(wakeup.wait, SOON).result(SOON / 2)
        except TimeoutError:
            return False
    return True


def test_a_call_ends_the_wait_also_beforehand(wakeup: Wakeup) -> None:
    wakeup.wake()
    wakeup.wake()

    assert ends(wakeup)


def test_a_file_that_comes_is_touched_or_goes_ends_the_wait(wakeup: Wakeup, tmp_path: Path) -> None:
    file = tmp_path / "file"
    for act in (file.touch, file.touch, lambda: file.rename(tmp_path / "other"), (tmp_path / "other").unlink):
        act()
        assert ends(wakeup)


def test_a_wait_takes_away_what_ended_it(wakeup: Wakeup, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    wakeup.wake()
    wakeup.wait(SOON)

    assert not wakeup._poll.poll(0)


def test_without_inotify_the_wait_is_short(tmp_path: Path) -> None:
    wakeup = Wakeup(str(tmp_path / "absent"))

    wakeup.wait(SOON)
    wakeup.close()
