"""The program's own words: help, version, and one line for whatever is wrong."""

import asyncio
import logging
import os
from pathlib import Path

import pytest

import calico
from calico.agent.history import forget_history
from calico.agent.logs import OneLineFormatter
from calico.agent.main import main
from calico.datastore.api import Put
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import CompactedError


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "calico-node [--clean" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{calico.__version__}\n"


def test_unknown_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--detach"]) == 1
    assert capsys.readouterr().err == "calico-node: unknown argument: --detach; see calico-node --help\n"


def test_without_root(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert main([]) == 2
    assert capsys.readouterr().err == "calico-node: this program must be run as root\n"


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("CALICO_DATASTORE", "mysql://x", "datastore 'mysql://x' is not known"),
        ("CALICO_NODENAME", "a b", "node name 'a b' is not valid"),
        ("DOCKER_HOST", "ssh://x", "DOCKER_HOST='ssh://x' is not valid"),
    ],
)
def test_bad_settings_end_it_at_once(
    variable: str,
    value: str,
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("calico.agent.main.start_logging", lambda _level: None)
    monkeypatch.setenv("CALICO_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("CALICO_DATASTORE", f"sqlite://{tmp_path}/x.db")
    monkeypatch.setenv(variable, value)

    assert main([]) == 1
    error = capsys.readouterr().err
    assert error.startswith("calico-node: ")
    assert complaint in error
    assert error.count("\n") == 1


def test_log_lines_cannot_be_forged() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "name %s", ("a\nERROR b\x1b[31m",), None)

    assert OneLineFormatter("%(message)s").format(record) == "name a\\x0aERROR b\\x1b[31m"


def test_history_older_than_an_interval_is_forgotten() -> None:
    async def run() -> MemoryDatastore:
        datastore = MemoryDatastore()
        revisions = [datastore.transact([], [Put("/a", str(number))]) for number in range(3)]
        task = asyncio.create_task(forget_history(datastore, lambda: revisions[-1], interval=0.01))
        while True:
            await asyncio.sleep(0.01)
            try:
                with datastore.watch("/", 0) as watch:
                    watch.next(0.0)
            except CompactedError:
                break
        task.cancel()
        return datastore

    datastore = asyncio.run(asyncio.wait_for(run(), 5))
    current = datastore.get("/a")
    assert current is not None
    assert current.value == "2"
