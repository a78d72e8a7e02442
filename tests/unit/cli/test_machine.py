"""The doors to this host that need neither root nor a network."""

import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from calico.cli import machine as machine_module
from calico.cli.machine import Machine
from calico.model.errors import ApplyError, UnavailableError, ValidationError


class ScriptedMachine(Machine):
    """Starts a script in place of the agent."""

    def __init__(self, folder: Path, script: str) -> None:
        super().__init__({"CALICO_RUN_DIR": str(folder), "GREETING": "hello", "PATH": os.environ["PATH"]})
        self._script = folder / "agent"
        self._script.write_text(f"#!/bin/sh\n{script}\n")
        self._script.chmod(0o755)

    def _command(self) -> list[str]:
        return [str(self._script), "argument"]


def test_the_agent_runs_in_a_session_of_its_own_with_its_output_in_the_log(tmp_path: Path) -> None:
    log_dir = tmp_path / "a" / "b"
    machine = ScriptedMachine(tmp_path, 'echo "$GREETING $1 $(pwd)"; echo oops >&2; exec sleep 60')

    process = machine.start_agent(log_dir)
    try:
        assert os.getsid(process.pid) == process.pid
        assert process.exit_code() is None
    finally:
        process.end()

    assert process.exit_code() == -signal.SIGTERM


def test_only_what_this_agent_wrote_counts(tmp_path: Path) -> None:
    (tmp_path / "calico-node.log").write_text("of an earlier agent\n")
    machine = ScriptedMachine(tmp_path, 'echo "$GREETING $1 $(pwd)"; echo oops >&2; exit 3')

    process = machine.start_agent(tmp_path)
    while process.exit_code() is None:
        os.sched_yield()

    assert process.exit_code() == 3
    assert process.log_text() == "hello argument /\noops\n"
    assert (tmp_path / "calico-node.log").read_text() == "of an earlier agent\nhello argument /\noops\n"


def test_an_agent_that_will_not_end_is_made_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_module, "_END_SECONDS", 0.01)
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    machine = ScriptedMachine(tmp_path, f"trap '' TERM; echo > {ready}; while :; do sleep 1; done")

    process = machine.start_agent(tmp_path)
    ready.read_bytes()
    process.end()

    assert process.exit_code() == -signal.SIGKILL


@pytest.mark.parametrize("log_dir", ["/dev/null/logs", "/proc/logs", "a\0b"])
def test_a_log_that_cannot_be_written_is_one_line(tmp_path: Path, log_dir: str) -> None:
    with pytest.raises(ApplyError, match=r"^cannot start calico-node with its log at "):
        ScriptedMachine(tmp_path, "exit").start_agent(Path(log_dir))


def test_a_program_that_cannot_be_run_is_one_line(tmp_path: Path) -> None:
    machine = ScriptedMachine(tmp_path, "exit")
    (tmp_path / "agent").chmod(stat.S_IRUSR)

    with pytest.raises(ApplyError, match=r"^cannot run calico-node: "):
        machine.become_agent()


def test_cleaning_runs_the_agents_own_clean_up(tmp_path: Path) -> None:
    machine = ScriptedMachine(tmp_path, f'echo "$GREETING $* $(pwd)" > {tmp_path}/said')

    machine.clean_kernel()

    assert (tmp_path / "said").read_text() == "hello argument --clean /\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [("echo starting; echo 'calico-node: no nft' >&2; exit 1", "calico-node: no nft"), ("exit 3", "exit code 3")],
)
def test_cleaning_that_fails_says_why(tmp_path: Path, script: str, reason: str) -> None:
    with pytest.raises(ApplyError, match=f"^this host's kernel could not be cleaned: {reason}$"):
        ScriptedMachine(tmp_path, script).clean_kernel()


def test_cleaning_has_a_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_module, "_CLEAN_SECONDS", 0.01)

    with pytest.raises(UnavailableError, match="did not end within"):
        ScriptedMachine(tmp_path, "exec sleep 60").clean_kernel()


def test_cleaning_by_a_program_that_cannot_be_run_is_one_line(tmp_path: Path) -> None:
    machine = ScriptedMachine(tmp_path, "exit")
    (tmp_path / "agent").chmod(stat.S_IRUSR)

    with pytest.raises(ApplyError, match=r"^cannot run calico-node --clean: "):
        machine.clean_kernel()


def test_a_vanished_log_has_no_text(tmp_path: Path) -> None:
    process = ScriptedMachine(tmp_path, "exit").start_agent(tmp_path)
    process.end()
    (tmp_path / "calico-node.log").unlink()

    assert process.log_text() == ""


def test_the_program_beside_the_interpreter_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert Machine({})._command() == [str(tmp_path / "python"), "-m", "calico.agent.main"]

    program = tmp_path / "calico-node"
    program.touch(mode=0o755)
    assert Machine({})._command() == [str(program)]


def test_terminating_a_process_that_is_gone_is_no_failure(tmp_path: Path) -> None:
    process = ScriptedMachine(tmp_path, "exit").start_agent(tmp_path)
    process.end()

    Machine({}).terminate(process.pid)


def test_the_run_folder_must_be_absolute() -> None:
    with pytest.raises(ValidationError, match=r"^CALICO_RUN_DIR='run' is not valid: use an absolute path$"):
        Machine({"CALICO_RUN_DIR": "run"})


def test_the_hosts_addresses_include_loopback() -> None:
    assert ("lo", "127.0.0.1/8") in {(address.device, address.cidr) for address in Machine({}).addresses()}
