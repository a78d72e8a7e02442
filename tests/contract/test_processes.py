"""A store that several processes use at once, made by whichever comes first."""

import subprocess
import sys
from pathlib import Path

from tests.contract.conftest import Backend

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0


def start(shared: Backend, task: str, number: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.contract.worker", shared.url, task, str(number)],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_write_and_watch_at_once_from_the_first_moment(shared: Backend) -> None:
    writers, watchers, rounds = 3, 2, 25
    total = writers * rounds
    processes = [start(shared, "follow", total) for _ in range(watchers)]
    processes += [start(shared, "count", rounds) for _ in range(writers)]

    outputs = [process.communicate(timeout=DEADLINE)[0] for process in processes]

    assert [process.returncode for process in processes] == [0] * len(processes)
    lines = outputs[0].splitlines()[1:]
    assert outputs[0] == outputs[1]
    assert [line.split()[1] for line in lines] == [str(value) for value in range(1, total + 1)]
    revisions = [int(line.split()[0]) for line in lines]
    assert revisions == sorted(set(revisions))


def test_what_a_killed_writer_was_told_is_kept_and_whole(shared: Backend) -> None:
    writer = start(shared, "append", 1_000_000)
    assert writer.stdout is not None
    told = [writer.stdout.readline() for _ in range(40)]
    writer.kill()
    # Not communicate(): it would leave out what readline() has read ahead.
    rest = writer.stdout.read().splitlines()
    writer.stdout.close()
    writer.wait(timeout=DEADLINE)
    last = int([*told, *rest][-1])

    entries = shared.open().list("/d").entries

    assert [entry.key for entry in entries] == ["/d/left", "/d/right"]
    assert entries[0].value == entries[1].value
    assert int(entries[0].value) in (last, last + 1)
