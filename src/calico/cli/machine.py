"""This host, as the commands that concern it need it: its addresses and forwarding, time, and the agent's process."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from calico.client.agent import Agent, run_dir
from calico.model.errors import ApplyError, CalicoError, NotFoundError, UnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from subprocess import Popen
    from typing import NoReturn

    from calico.client.checks import Facts
    from calico.client.containers import Host
    from calico.client.diags import Collector
    from calico.client.host_networks import HostNetwork
    from calico.datastore.api import Datastore
    from calico.linux.addresses import Address

LOG_FILE = "calico-node.log"
_END_SECONDS = 5.0
_CLEAN_SECONDS = 60.0
_FORWARDING = {4: ("net", "ipv4", "ip_forward"), 6: ("net", "ipv6", "conf", "all", "forwarding")}


class AgentProcess:
    """The agent as our child, detached from the terminal, writing to ``log``."""

    def __init__(self, process: Popen[bytes], log: Path, log_start: int) -> None:
        self._process = process
        self._log = log
        self._log_start = log_start

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """How it ended; ``None`` while it runs."""
        return self._process.poll()

    def end(self) -> None:
        """Ask it to end, then make it, and wait until it is gone."""
        from subprocess import TimeoutExpired

        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def log_text(self) -> str:
        """What it has written so far; the beginning of a long story is left out."""
        try:
            with open(self._log, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self._log_start, size - 65536))
                return file.read().decode(errors="backslashreplace")
        except OSError:
            return ""


class Machine:
    """The doors to this host. ``environ`` is passed on to the agent."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.agent = Agent(run_dir(environ))

    def is_root(self) -> bool:
        """Whether the person may change the host."""
        return os.geteuid() == 0

    def now(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def time_of_day(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def is_interactive(self) -> bool:
        """Whether a person can be asked: somebody reads what we print and types what we read."""
        return os.isatty(0) and os.isatty(2)

    def forget_typed(self) -> None:
        """Throw away what was typed before it was asked for."""
        from termios import TCIFLUSH, error, tcflush

        try:
            tcflush(0, TCIFLUSH)
        except error:
            return  # no terminal any more: the next look finds its end

    def wait_enter(self, seconds: float) -> bool | None:
        """Wait for a line to be typed; whether one was, ``None`` when nobody is there to type."""
        from select import select

        if not select([0], [], [], seconds)[0]:
            return False
        try:
            return True if os.read(0, 4096) else None
        except OSError:
            return None

    def addresses(self) -> tuple[Address, ...]:
        """The addresses of all interfaces, in the kernel's order."""
        from calico.linux.addresses import Addresses

        with Addresses() as addresses:
            return addresses.list()

    def networks(self) -> tuple[HostNetwork, ...]:
        """The networks that this host is on or has routes to."""
        from calico.client.host_networks import host_networks
        from calico.linux.routes import ROUTE_PROTOCOL, Routes

        with Routes() as routes:
            listed = [*routes.list(4), *routes.list(6)]
        return host_networks(self.addresses(), listed, own_protocol=ROUTE_PROTOCOL)

    def enable_forwarding(self, version: int) -> None:
        """Let the host pass packets on; a kernel without this IP version has nothing to pass on."""
        from calico.linux.sysctl import Sysctl

        settings, key = Sysctl(), _FORWARDING[version]
        try:
            if settings.read(key) == "0":
                settings.write(key, 1)
        except NotFoundError:
            return
        except CalicoError as error:
            raise ApplyError(f"ERROR: Could not enable ipv{version} forwarding. {error}") from None

    def start_agent(self, log_dir: Path) -> AgentProcess:
        """Start the agent in a session of its own, its output at the end of the log."""
        from subprocess import DEVNULL, STDOUT, Popen

        log = log_dir.absolute() / LOG_FILE
        try:
            log.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            with open(log, "ab") as file:
                log_start = file.tell()
                process = Popen(
                    self._command(),
                    stdin=DEVNULL,
                    stdout=file,
                    stderr=STDOUT,
                    cwd="/",
                    env=self._environ,
                    start_new_session=True,
                )
                return AgentProcess(process, log, log_start)
        except (OSError, ValueError) as error:
            raise ApplyError(f"cannot start calico-node with its log at {log}: {error}") from None

    def become_agent(self) -> NoReturn:
        """Replace this process by the agent."""
        command = self._command()
        try:
            os.execve(command[0], command, dict(self._environ))  # noqa: S606
        except (OSError, ValueError) as error:
            raise ApplyError(f"cannot run calico-node: {error}") from None

    def clean_kernel(self) -> None:
        """Take all that any agent made out of this host's kernel; only while none runs."""
        from subprocess import DEVNULL, PIPE, STDOUT, TimeoutExpired
        from subprocess import run as run_child

        try:
            done = run_child(
                [*self._command(), "--clean"],
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=STDOUT,
                cwd="/",
                env=self._environ,
                timeout=_CLEAN_SECONDS,
                check=False,
            )
        except TimeoutExpired:
            raise UnavailableError(f"calico-node --clean did not end within {_CLEAN_SECONDS:g} s") from None
        except (OSError, ValueError) as error:
            raise ApplyError(f"cannot run calico-node --clean: {error}") from None
        if done.returncode != 0:
            lines = done.stdout.decode(errors="backslashreplace").strip().splitlines()
            reason = lines[-1] if lines else f"exit code {done.returncode}"
            raise ApplyError(f"this host's kernel could not be cleaned: {reason}")

    def has_module(self, name: str) -> bool:
        """Whether the kernel has a feature that may be built as a module, or could load it."""
        from calico.linux.modules import has_module

        return has_module(name)

    def facts(self, node: str, open_datastore: Callable[[], Datastore]) -> Facts:
        """What the checks of this host look at; ``node`` is its name in the datastore."""
        from calico.client.facts import gather_facts

        return gather_facts(self._environ, node, open_datastore)

    def collectors(self, open_datastore: Callable[[], Datastore]) -> tuple[Collector, ...]:
        """What this host has to tell somebody who looks for a fault."""
        from calico.client.diags_sources import HostSources

        return HostSources(self._environ, open_datastore).collectors()

    def container_host(self) -> Host:
        """What commands on containers need of this host."""
        from calico.client.container_host import ContainerHost

        return ContainerHost(self._environ, self.agent)

    def make_folder(self) -> Path:
        """A new folder for files that will be looked at soon, for this person alone."""
        from tempfile import mkdtemp

        try:
            return Path(mkdtemp(prefix="calico-diags-"))
        except OSError as error:
            raise ApplyError(f"cannot make a temporary folder: {error}; set TMPDIR to a folder with room") from None

    def today(self) -> datetime:
        """Date and time here."""
        from datetime import datetime

        return datetime.now().astimezone()

    def terminate(self, pid: int) -> None:
        """Ask a process to end; one that is gone already needs not be asked."""
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        except PermissionError:
            raise ApplyError(f"not allowed to stop process {pid}: run as root") from None

    def _command(self) -> list[str]:
        """The program installed beside this one, or its module when there is none."""
        program = Path(sys.executable).with_name("calico-node")
        if os.access(program, os.X_OK):
            return [str(program)]
        return [sys.executable, "-m", "calico.agent.main"]
