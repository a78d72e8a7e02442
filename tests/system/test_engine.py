"""The harness itself: hosts are real, apart from each other and from the machine, and leave nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.system.namespace import ROOT, CommandError, Namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.system.conftest import MakeHost
    from tests.system.engine import Host

pytestmark = [pytest.mark.kernel, pytest.mark.docker]

_KINDS = ("net", "mnt", "uts", "ipc", "pid")


def namespaces_of(pid: int) -> set[str]:
    """Return the namespaces of a process, as `net:[4026531840]`."""
    return {str(Path(f"/proc/{pid}/ns/{kind}").readlink()) for kind in _KINDS}


def processes_in(namespaces: set[str]) -> Iterator[int]:
    """Yield every process of the machine that lives in one of the namespaces."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found = namespaces_of(int(folder.name))
        except OSError:
            continue
        if found & namespaces:
            yield int(folder.name)


def state_of(machine: Namespace) -> dict[str, object]:
    """Return what a test host could leave behind on the machine that it runs on."""
    mounts = machine.path("/proc/1/mountinfo").read_text().splitlines()
    return {
        "processes": sorted(machine.run("ps", "-e", "--format", "comm").stdout.split()),
        "mounts": sorted(line.split()[4] for line in mounts),
        "links": machine.run("ip", "-oneline", "link").stdout,
        "rules": machine.run("nft", "list", "ruleset").stdout,
        "forwarding": machine.run("sysctl", "net.ipv4.ip_forward").stdout,
        "host name": machine.run("hostname").stdout,
        "named namespaces": machine.run("ip", "netns").stdout,
        "run": sorted(path.name for path in machine.path("/run").iterdir()),
    }


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Return whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def start_container(host: Host, name: str, *options: str) -> str:
    """Start a container that stays; return its address on its first network."""
    host.docker("run", "--detach", "--name", name, *options, "busybox", "sleep", "3600")
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    return host.docker("inspect", "--format", form, name).stdout.split()[0]


def reaches(host: Host, name: str, target: str) -> bool:
    """Tell whether container `name` gets an answer from `target` (an address or a name)."""
    done = host.docker("exec", name, "ping", "-c", "1", "-W", "2", target, check=False)
    return done.returncode == 0


def test_containers_of_one_host_reach_each_other_on_dockers_own_bridge(host: Host) -> None:
    start_container(host, "c1")
    address = start_container(host, "c2")

    assert reaches(host, "c1", address)
    host.docker("rm", "--force", "c1", "c2")


def test_containers_find_each_other_by_name(host: Host) -> None:
    host.docker("network", "create", "named")
    start_container(host, "c1", "--network=named")
    start_container(host, "c2", "--network=named")

    assert reaches(host, "c1", "c2")
    host.docker("rm", "--force", "c1", "c2")
    host.docker("network", "rm", "named")


def test_the_engine_keeps_its_own_forward_policy(host: Host) -> None:
    assert "-P FORWARD DROP" in host.run("iptables", "-S", "FORWARD").stdout


def test_a_host_has_the_agents_folders_to_itself(host: Host) -> None:
    folders = ("/run/calico", "/run/docker/plugins", "/var/lib/calico", "/var/log/calico")
    for folder in folders:
        host.path(f"{folder}/mark-of-a-test").touch()

    seen = [folder for folder in folders if Path(f"{folder}/mark-of-a-test").exists()]

    assert seen == []


def test_programs_of_this_checkout_are_on_the_path(host: Host) -> None:
    found = host.run("sh", "-c", "command -v python").stdout.strip()

    assert found == f"{ROOT}/.venv/bin/python"


def test_a_failing_command_shows_its_output(host: Host) -> None:
    with pytest.raises(CommandError, match="exit 3\nout\nerr"):
        host.run("sh", "-c", "echo out; echo err >&2; exit 3")


def test_a_command_that_takes_too_long_ends_with_its_deadline(host: Host) -> None:
    with pytest.raises(CommandError, match=r"no end after 0\.2 s"):
        host.run("sleep", "987654", timeout=0.2)

    assert wait_until(lambda: "987654" not in host.run("ps", "-eo", "args").stdout)


def test_an_engine_that_restarts_has_its_images_and_networks_still(make_host: MakeHost) -> None:
    host = make_host("again")
    host.docker("network", "create", "kept")

    host.restart_engine()

    assert host.docker("network", "ls", "--quiet", "--filter=name=kept").stdout
    start_container(host, "c1", "--network=kept")


def test_containers_outlive_an_engine_that_is_killed(make_host: MakeHost) -> None:
    host = make_host("killed", "--live-restore")
    start_container(host, "c1")
    pid = host.docker("inspect", "--format", "{{.State.Pid}}", "c1").stdout.strip()

    host.kill_engine()

    assert host.path(f"/proc/{pid}/comm").read_text().strip() == "sleep"
    host.start_engine()
    assert host.docker("inspect", "--format", "{{.State.Pid}}", "c1").stdout.strip() == pid


def test_two_hosts_run_at_once_and_reach_each_other(make_host: MakeHost) -> None:
    first = make_host("h1", address="192.0.2.11/24")
    second = make_host("h2", address="192.0.2.12/24", default_route=True)

    start_container(first, "same-name")
    start_container(second, "same-name")

    assert [host.run("hostname").stdout.strip() for host in (first, second)] == ["h1", "h2"]
    first.run("busybox", "ping", "-c", "1", "-W", "2", "192.0.2.12")
    assert "default" not in first.run("ip", "route").stdout
    assert "default via 192.0.2.254" in second.run("ip", "route").stdout


LIFE = """
import sys
from pathlib import Path
from tests.system.engine import Host

with Host("gone", Path(sys.argv[1]), engine_options=tuple(sys.argv[2:])) as host:
    print(host.cgroup, flush=True)
    host.docker("network", "create", "net1")
    host.docker("run", "--detach", "--network=net1", "busybox", "sleep", "3600")
    host.run("ip", "netns", "add", "inner")
    host.popen("busybox", "nc", "-l", "-p", "8000")
host.close()
"""


def live(machine: Namespace, folder: Path, *engine_options: str) -> subprocess.CompletedProcess[str]:
    """Run a host from start to end on `machine`: nobody else works there, so every trace is the host's."""
    argv = (sys.executable, "-c", LIFE, str(folder), *engine_options)
    return machine.run(*argv, env={"PYTHONPATH": str(ROOT)}, check=False)


@pytest.mark.parametrize("has_cgroups", [True, False])
def test_a_host_that_ends_leaves_nothing(tmp_path: Path, has_cgroups: bool) -> None:
    with Namespace("machine") as machine:
        if not has_cgroups:
            machine.run("umount", "--recursive", "/sys/fs/cgroup", check=False)
        before = state_of(machine)

        done = live(machine, tmp_path)

        assert (done.returncode, done.stderr) == (0, "")
        assert state_of(machine) == before
        assert not list(Path("/sys/fs/cgroup").rglob(done.stdout.strip()))


def test_a_host_whose_engine_does_not_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    with Namespace("machine") as machine:
        before = state_of(machine)

        done = live(machine, tmp_path, "--storage-driver=none-such")

        assert re.search("HostError: gone: dockerd ended: .*failed to start daemon.*driver", done.stderr)
        assert state_of(machine) == before


def test_nothing_outlives_a_test_run_that_is_killed() -> None:
    code = (
        "import time; from tests.system.namespace import Namespace; "
        "n = Namespace('orphan'); n.popen('sleep', '3600'); print(n.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen((sys.executable, "-c", code), cwd=ROOT, stdout=subprocess.PIPE, text=True) as suite:
        assert suite.stdout is not None
        namespaces = namespaces_of(int(suite.stdout.readline())) - namespaces_of(os.getpid())
        suite.send_signal(signal.SIGKILL)

    assert len(namespaces) == len(_KINDS)
    assert wait_until(lambda: not list(processes_in(namespaces)))


def test_a_namespace_alone_has_nothing_but_loopback() -> None:
    with Namespace("bare") as namespace:
        links = namespace.run("ip", "-oneline", "link").stdout.splitlines()
        orphan = namespace.run("sh", "-c", "sleep 0.01 & echo $!").stdout.strip()

        assert [line.split(": ")[1] for line in links] == ["lo"]
        assert wait_until(lambda: not namespace.path(f"/proc/{orphan}").exists())
