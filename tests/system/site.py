"""A host that runs calico-node, as the tests use it: containers, probes, and what is left afterwards."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.system.engine import Host

SERVER = "echo hello > /tmp/index.html; httpd -p 80 -h /tmp; exec httpd -f -p 8080 -h /tmp"
PROBE_SECONDS = "1"


class Site:
    """Networks and containers on one host; `clear` removes them all."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def start_agent(self) -> None:
        """Start calico-node and return when it serves."""
        self.host.calicoctl("node", "--ip=192.0.2.1")

    def kill_agent(self) -> None:
        """End calico-node as a crash would."""
        pid = self.host.run("cat", "/run/calico/calico-node.pid").stdout.strip()
        self.host.run("kill", "-KILL", pid)
        wait_until("the agent is dead", lambda: self.host.run("kill", "-0", pid, check=False).returncode != 0)

    def clear(self) -> None:
        """Remove every container and network that a test made."""
        containers = self.host.docker("ps", "--all", "--quiet").stdout.split()
        if containers:
            self.host.docker("rm", "--force", *containers)
        self.host.docker("network", "prune", "--force")

    def network(self, name: str, *options: str) -> str:
        """Make a calico network and return its Id."""
        words = ("network", "create", "--driver", "calico", "--ipam-driver", "calico", *options, name)
        return self.host.docker(*words).stdout.strip()

    def container(self, name: str, network: str, *options: str, command: str = SERVER) -> str:
        """Start a container that serves ports 80 and 8080, and return its EndpointID once it serves."""
        self.host.docker(
            "run", "--detach", "--name", name, *options, "--network", network, "busybox", "sh", "-c", command
        )
        if command is SERVER:
            wait_until(
                f"{name} serves", lambda: self.execute(name, "wget", "-q", "-O", "-", "http://127.0.0.1:8080/")
            )
        return self.inspect(name)["EndpointID"]

    def inspect(self, container: str) -> dict[str, Any]:
        """Return the container's one attachment, as Docker describes it."""
        described = json.loads(self.host.docker("container", "inspect", container).stdout)[0]
        (attachment,) = described["NetworkSettings"]["Networks"].values()
        return dict(attachment)

    def address(self, container: str) -> str:
        """Return the container's IPv4 address."""
        return str(self.inspect(container)["IPAddress"])

    def namespace(self, container: str) -> str:
        """Return the path of the container's network namespace on the host, for `nsenter`."""
        return self.host.docker("inspect", "--format", "{{.NetworkSettings.SandboxKey}}", container).stdout.strip()

    def execute(self, container: str, *words: str) -> bool:
        """Run a command in a container; whether it succeeded."""
        return self.host.docker("exec", container, *words, check=False).returncode == 0

    def pings(self, container: str, target: str) -> bool:
        """Whether an echo request gets through and its answer back."""
        return self.execute(container, "ping", "-c", "1", "-W", PROBE_SECONDS, target)

    def fetches(self, container: str, target: str, port: int = 80) -> bool:
        """Whether a TCP connection opens and carries an answer."""
        return self.execute(container, "timeout", PROBE_SECONDS, "wget", "-q", "-O", "-", f"http://{target}:{port}/")

    def rules(self, profile: str, *words: str) -> str:
        """Run `calicoctl profile … rule …` and return what it printed."""
        return self.host.calicoctl("profile", profile, "rule", *words).stdout

    def datastore(self) -> list[str]:
        """Return the endpoint and profile ids that calicoctl shows."""
        shown = self.host.calicoctl("endpoint", "show", "--detailed").stdout
        shown += self.host.calicoctl("profile", "show").stdout
        return [
            word for line in shown.splitlines() if line.startswith("|") for word in line.split() if len(word) > 20
        ]

    def status(self) -> str:
        """Return what `calicoctl status` prints."""
        return self.host.calicoctl("status").stdout


def wait_until(what: str, holds: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for something that ends by itself; fail when it does not."""
    due = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < due, f"{what}: not within {seconds} s"
        time.sleep(0.02)
