"""What measures need of the host that they run in: its commands and its agent."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from calico.client.agent import RUN_DIR, Agent

_SECONDS = 60.0
_LOOK = 0.002
_AGENT = Agent(Path(RUN_DIR))


def run(*argv: str) -> str:
    """Run a command; what it printed. AssertionError with its complaint when it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr.strip()}"
    return done.stdout.strip()


def agent_pid() -> int:
    """The process id of calico-node."""
    pid = _AGENT.pid()
    assert pid, "calico-node does not run"
    return pid


def kill_agent() -> None:
    """End calico-node as a crash would."""
    pid = agent_pid()
    os.kill(pid, signal.SIGKILL)
    wait_until("calico-node is dead", lambda: _AGENT.pid() is None)


def start_agent() -> None:
    """Start calico-node; it serves Docker and the kernel is in sync when this returns."""
    run("calicoctl", "node", "--ip=192.0.2.1")


def cpu_seconds(pid: int) -> float:
    """The processor time that a process and its threads have used so far, to the nanosecond."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def wait_until(what: str, holds: Callable[[], bool]) -> None:
    """Wait for something that comes by itself."""
    due = time.monotonic() + _SECONDS
    while not holds():
        assert time.monotonic() < due, f"{what}: not within {_SECONDS:g} s"
        time.sleep(_LOOK)
