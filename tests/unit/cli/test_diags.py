"""``calicoctl diags``: what it says while it collects, and what is in the file then."""

import os
import stat
import tarfile
from pathlib import Path

import pytest

from calico.client.diags import Collector
from calico.model.errors import NotFoundError
from tests.fakes.terminal import FakeMachine, Run, Terminal


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    machine = FakeMachine()
    machine.folder = tmp_path / "made"
    machine.folder.mkdir()
    machine.sources = (
        Collector("hostname", "", lambda _note: "h1\n"),
        Collector("route", "Dumping routes", lambda _note: "default via 10.0.0.1\n"),
    )
    return Terminal(machine=machine)


def files(archive: Path) -> dict[str, str]:
    with tarfile.open(archive) as file:
        members = [(member, file.extractfile(member)) for member in file.getmembers()]
        return {member.name: content.read().decode() for member, content in members if content is not None}


def test_everything_is_in_one_file_and_its_path_is_said(terminal: Terminal, logs: Path) -> None:
    (logs / "calico-node.log").write_text("started\n")
    folder = terminal.machine.folder
    name = "diags-231126_200506"

    assert terminal(f"diags --log-dir={logs}") == Run(
        0,
        f"Collecting diags\nUsing temp dir: {folder}\nDumping routes\nCopying Calico logs\n\n"
        f"Diags saved to {folder}/{name}.tar.gz\n",
        "",
    )
    assert files(folder / f"{name}.tar.gz") == {
        f"{name}/date": "DATE=2026-11-23_20-05-06\n",
        f"{name}/hostname": "h1\n",
        f"{name}/route": "default via 10.0.0.1\n",
        f"{name}/logs/calico-node.log": "started\n",
    }
    assert stat.S_IMODE((folder / f"{name}.tar.gz").stat().st_mode) == 0o600


def test_nothing_points_to_a_foreign_service(terminal: Terminal, logs: Path) -> None:
    result = terminal(f"diags --log-dir={logs}")

    assert "http" not in result.out + result.err


def test_collectors_that_fail_do_not_stop_the_others(terminal: Terminal, logs: Path) -> None:
    def missing(_note: object) -> str:
        raise NotFoundError("ss is not installed")

    def broken(_note: object) -> str:
        raise RuntimeError("boom")

    terminal.machine.sources = (
        Collector("netstat", "Dumping netstat output", missing),
        Collector("nft", "Dumping nft ruleset", broken),
        *terminal.machine.sources,
    )

    result = terminal(f"diags --log-dir={logs}")

    assert result.code == 0
    assert (
        "Dumping netstat output\n  - Error gathering diagnostics: ss is not installed\n"
        "Dumping nft ruleset\n  - Error gathering diagnostics: RuntimeError: boom\n"
        "Dumping routes\n"
    ) in result.out
    found = {name.partition("/")[2]: text for name, text in files(next(terminal.machine.folder.glob("*.gz"))).items()}
    assert (found["netstat"], found["nft"], found["hostname"]) == (
        "ss is not installed\n",
        "RuntimeError: boom\n",
        "h1\n",
    )


@pytest.mark.parametrize("make", [True, False])
def test_a_folder_without_logs_is_said(terminal: Terminal, logs: Path, make: bool) -> None:
    if not make:
        logs.rmdir()

    assert f"No logs found in {logs}; skipping log copying\n" in terminal(f"diags --log-dir={logs}").out


def test_only_root_may(tmp_path: Path) -> None:
    terminal = Terminal(machine=FakeMachine(root=False))

    assert terminal("diags") == Run(2, "", "This command must be run as root.\n")


def test_without_room_there_is_one_line(terminal: Terminal) -> None:
    terminal.machine.folder = Path("/proc/self")

    result = terminal("diags")

    assert result.code == 1
    assert result.err.startswith("cannot write below /proc/self: ")
    assert result.err.count("\n") == 1


def test_logs_are_copied_without_following_links_out(terminal: Terminal, logs: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (logs / "link").symlink_to(tmp_path / "secret")
    (logs / "old").mkdir()
    (logs / "old" / "calico-node.log.1").write_bytes(b"before \xff ETCD_PASSWORD=hunter2\n")
    (logs / "lock").write_text("x")
    os.mkfifo(logs / "pipe")

    terminal(f"diags --log-dir={logs}")

    found = files(next(terminal.machine.folder.glob("*.gz")))
    assert {name.partition("/logs/")[2]: text for name, text in found.items() if "/logs/" in name} == {
        "old/calico-node.log.1": "before \\xff ETCD_PASSWORD=***\n"
    }
