"""Test hosts with a Docker engine of their own, and the link that joins several hosts.

A `Host` is a `Namespace` in which a real dockerd runs on its usual paths (`/run/docker.sock`,
`/run/docker/plugins`), with its data in memory and the local image `busybox` in it. The engine's own
iptables rules stay on: its FORWARD policy is DROP, as on any machine that runs Docker.

A `Lan` is a bridge in a namespace of its own; hosts join it with an address each.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import secrets
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.system.namespace import ROOT, CommandError, HostError, Namespace, require

if TYPE_CHECKING:
    from collections.abc import Callable

_SOCKET = "/run/docker.sock"
_PID_FILE = "/run/docker.pid"
_PROGRAMS = ("dockerd", "docker", "busybox", "iptables")


def require_engine() -> None:
    """Raise HostError when this machine cannot run hosts with an engine."""
    require(*_PROGRAMS)


class Lan(Namespace):
    """An Ethernet segment, and the outside world of the hosts on it.

    `address` (with its prefix length) is its own: a host that joins with a default route sends there
    what it has no other route for, and it answers. It knows no way back to addresses that live
    behind a host, as a stranger would not.
    """

    def __init__(self, name: str = "lan", address: str = "192.0.2.254/24") -> None:
        super().__init__(name)
        self.gateway = address.partition("/")[0]
        try:
            self.run("ip", "link", "add", "br0", "type", "bridge")
            self.run("ip", "address", "add", address, "dev", "br0")
            self.run("ip", "link", "set", "br0", "up")
        except CommandError:
            self.close()
            raise

    def join(self, host: Namespace, address: str, *, default_route: bool = False) -> None:
        """Connect `host` by an interface `eth0` with this address (and prefix length)."""
        port = host.name[:15]
        # From outside both: a process inside either does not see the other's process ids.
        ends = ("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(host.pid))
        subprocess.run(("nsenter", f"--net=/proc/{self.pid}/ns/net", "ip", *ends), check=True, env=self.environment())
        self.run("ip", "link", "set", port, "master", "br0", "up")
        host.run("ip", "address", "add", address, "dev", "eth0")
        host.run("ip", "link", "set", "eth0", "up")
        if default_route:
            host.run("ip", "route", "add", "default", "via", self.gateway)


class Host(Namespace):
    """A machine with its own Docker engine, which runs when the constructor returns.

    `folder` keeps the engine's log for a person to read afterwards. `engine_options` go to dockerd as
    they are, `--live-restore` for example.
    """

    def __init__(self, name: str, folder: Path, *, engine_options: tuple[str, ...] = ()) -> None:
        require_engine()
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "dockerd.log"
        self._options = engine_options
        self._engine: subprocess.Popen[str] | None = None
        super().__init__(name)
        # An own top group, so that what is left in it can be found and taken away.
        self.cgroup = f"calico-test-{secrets.token_hex(4)}"
        try:
            # The machine's configuration is for the machine's engine.
            self.run("mkdir", "-p", "/run/engine/client")
            self.path("/run/engine/daemon.json").write_text("{}")
            self.run(str(ROOT / "packaging/cgroups.sh"))
            self.start_engine()
            self.run(str(ROOT / "packaging/image.sh"), "busybox")
        except BaseException:
            self.close()
            raise

    def environment(self) -> dict[str, str]:
        """Return the environment of commands inside; docker talks to this host's engine."""
        settings = {"DOCKER_HOST": f"unix://{_SOCKET}", "DOCKER_CONFIG": "/run/engine/client"}
        return {**super().environment(), **settings}

    def docker(self, *argv: str, check: bool = True, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run the Docker client against this host's engine; see `run`."""
        return self.run("docker", *argv, check=check, timeout=timeout)

    def calicoctl(self, *argv: str, check: bool = True, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run this checkout's calicoctl on this host; see `run`."""
        return self.run("calicoctl", *argv, check=check, timeout=timeout)

    def start_engine(self, timeout: float = 60) -> None:
        """Start the engine and return once it answers."""
        assert self._engine is None, "the engine runs already"
        with self.log.open("a", encoding="utf-8") as log:
            self._engine = self.popen(
                "dockerd",
                f"--host=unix://{_SOCKET}",
                f"--pidfile={_PID_FILE}",
                "--config-file=/run/engine/daemon.json",
                "--data-root=/run/engine/data",
                "--exec-opt=native.cgroupdriver=cgroupfs",
                f"--cgroup-parent=/{self.cgroup}",
                *self._options,
                stdout=log,
            )
        deadline = time.monotonic() + timeout
        while not self._answers():
            if self._engine.poll() is not None:
                self._engine = None
                raise HostError(f"{self.name}: dockerd ended: {self._reason()} (log: {self.log})")
            if time.monotonic() > deadline:
                raise HostError(f"{self.name}: dockerd does not answer: {self._reason()} (log: {self.log})")
            time.sleep(0.02)

    def stop_engine(self, timeout: float = 60) -> None:
        """Ask the engine to end, and return once it has; it stops its containers."""
        self._end_engine("TERM", timeout)

    def kill_engine(self) -> None:
        """End the engine at once, as a crash would; containers keep running."""
        self._end_engine("KILL", 10)

    def restart_engine(self) -> None:
        """Stop the engine and start it again."""
        self.stop_engine()
        self.start_engine()

    def close(self) -> None:
        """End the host with all that runs on it, and remove its control groups."""
        try:
            if not self.closed:
                # The groups may be mounted in there only, so process 1 must outlive them.
                self.run("kill", "-KILL", "-1", check=False)
                complaint = f"{self.name}: control group {self.cgroup} is busy"
                _wait(lambda: _remove_cgroups(self.path("/sys/fs/cgroup"), self.cgroup), 10, complaint)
        finally:
            super().close()

    def _end_engine(self, signal_name: str, timeout: float) -> None:
        assert self._engine is not None, "the engine does not run"
        self.run("kill", f"-{signal_name}", self.path(_PID_FILE).read_text().strip())
        try:
            self._engine.wait(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise HostError(f"{self.name}: dockerd does not end after {timeout} s (log: {self.log})") from error
        self._engine = None

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("docker", timeout=5)
        with socket.socket(socket.AF_UNIX) as client, contextlib.closing(connection):
            client.settimeout(5)
            try:
                client.connect(str(self.path(_SOCKET)))
                connection.sock = client
                connection.request("GET", "/_ping")
                return connection.getresponse().status == 200
            except (OSError, http.client.HTTPException):
                return False

    def _reason(self) -> str:
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        marks = ("failed to start", "level=fatal", "Status: ")
        failures = [line for line in lines if any(mark in line for mark in marks)]
        return (failures or lines or ["no log"])[-1]


def _remove_cgroups(top: Path, name: str) -> bool:
    """Remove the control group `name`, in every hierarchy below `top`; tell whether none is left."""
    left = False
    for hierarchy in (top, *(path for path in top.iterdir() if path.is_dir())):
        for folder, _, _ in os.walk(hierarchy / name, topdown=False):
            try:
                Path(folder).rmdir()
            except OSError:
                left = True
    return not left


def _wait(condition: Callable[[], bool], timeout: float, complaint: str) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise HostError(complaint)
        time.sleep(0.02)
