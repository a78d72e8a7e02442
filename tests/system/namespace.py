"""A machine within the machine: own network, mounts, host name and process ids.

It is as much of a host as the product sees of one: `/run`, `/var/lib/calico` and `/var/log/calico` are
its own, its network has nothing but loopback until something is joined to it, and its sysctls under
`net` are its own. The rest of the file system is the machine's.

Everything inside ends with process 1 (see `tests.system.init`): `close` kills that one process, and so
does the kernel when the test run itself is killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
_INIT = Path(__file__).with_name("init.py")
_PATH = f"{ROOT}/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROGRAMS = ("ip", "mount", "nsenter", "setpriv", "unshare")
_ADVICE = "`make test` sets this machine up"
# What configures the product or the Docker client must come from the test, not from the person's shell.
_FOREIGN = ("CALICO_", "ETCD_", "DOCKER_")


class CommandError(AssertionError):
    """A command inside a host failed or took too long; the text has its output."""


class HostError(AssertionError):
    """A host cannot be had, in one line that says why."""


def require(*programs: str) -> None:
    """Raise HostError unless this process is root and the machine has the programs of hosts, and these."""
    if os.geteuid() != 0:
        raise HostError(f"test hosts need root: {_ADVICE}")
    missing = [name for name in (*_PROGRAMS, *programs) if shutil.which(name, path=_PATH) is None]
    if missing:
        raise HostError(f"test hosts need {', '.join(missing)}: {_ADVICE}")


class Namespace:
    """One such machine, without an engine.

    `pid` is its process 1 as the machine numbers it: the handle to its namespaces under /proc. `closed`
    tells whether `close` was called.
    """

    def __init__(self, name: str) -> None:
        """Start the machine `name`; the name is its host name, too."""
        require()
        self.name = name
        self.closed = False
        self._processes: list[subprocess.Popen[str]] = []
        # Killed with this process and killing its child: nothing outlives a test run that is killed.
        own = ("unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child=KILL")
        self._keeper = subprocess.Popen(
            ("setpriv", "--pdeathsig", "KILL", *own, sys.executable, "-I", str(_INIT), name),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment(),
        )
        assert self._keeper.stdout is not None
        word, _, rest = self._keeper.stdout.readline().strip().partition(" ")
        if word != "ready":
            self._keeper.kill()
            self._end_keeper()
            raise HostError(f"host {name} did not start: {rest if word == 'error' else f'{word} {rest}'}")
        self.pid = int(rest)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def environment(self) -> dict[str, str]:
        """Return the environment of commands inside: the machine's, without settings for our programs."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN)}
        return {**kept, "PATH": _PATH, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "HOME": "/root"}

    def run(
        self,
        *argv: str,
        check: bool = True,
        timeout: float = 60,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside and return its result, output as text.

        `timeout` is in seconds. `env` adds to `environment()`. Raises CommandError when the command
        takes longer, or when it fails and `check` is set.
        """
        try:
            done = subprocess.run(
                self._enter(argv),
                capture_output=True,
                text=True,
                timeout=timeout,
                env={**self.environment(), **(env or {})},
                **({"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}),
            )
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"{self.name}: {' '.join(argv)}: no end after {timeout} s") from error
        if check and done.returncode != 0:
            raise CommandError(
                f"{self.name}: {' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}".rstrip()
            )
        return done

    def popen(
        self,
        *argv: str,
        stdout: int | IO[str] = subprocess.PIPE,
        stderr: int | IO[str] = subprocess.STDOUT,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a command inside and return at once.

        Any signal to the returned process ends the command with SIGKILL; to signal it kindly, `run`
        kill with its pid inside. What still runs is ended by `close`.
        """
        process = subprocess.Popen(
            self._enter(argv),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            env={**self.environment(), **(env or {})},
        )
        self._processes.append(process)
        return process

    def path(self, inside: str) -> Path:
        """Return where this process finds the file that is at `inside` there, sockets too."""
        return Path(f"/proc/{self.pid}/root{inside}")

    def close(self) -> None:
        """End every process inside; its namespaces and mounts go with them. May be called twice."""
        if self.closed:
            return
        self.closed = True
        if self._keeper.poll() is None:
            # The kernel lets process 1 go only after all others in there are gone.
            os.kill(self.pid, signal.SIGKILL)
        self._end_keeper()
        for process in self._processes:
            process.wait(timeout=30)
            if process.stdout is not None:
                process.stdout.close()

    def _end_keeper(self) -> None:
        self._keeper.wait(timeout=30)
        assert self._keeper.stdout is not None
        self._keeper.stdout.close()

    def _enter(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        # Not `ip netns exec`: it mounts /sys anew, and an engine finds no control groups there.
        enter = ("nsenter", f"--target={self.pid}", "--net", "--mount", "--uts", "--ipc", "--pid", "--wd=/")
        return (*enter, "setpriv", "--pdeathsig", "KILL", *argv)
