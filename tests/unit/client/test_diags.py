"""What a host has to tell: every command, what is masked, and what is said when a door is shut."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from calico.client.diags import run_all
from calico.client.diags_sources import HostSources
from calico.datastore.api import Datastore, Put
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import ApplyError, NotFoundError, UnavailableError
from tests.fakes.datastore import FaultyDatastore


class Commands:
    """Programs that print their own command line; ``missing`` ones do not exist, ``failing`` ones fail."""

    def __init__(self, missing: Sequence[str] = (), failing: Sequence[str] = ()) -> None:
        self.missing = missing
        self.failing = failing

    def __call__(self, argv: Sequence[str]) -> str:
        if argv[0] in self.missing:
            raise NotFoundError(f"{argv[0]} is not installed")
        if argv[0] in self.failing:
            raise ApplyError(f"{argv[0]}: not permitted")
        return f"out of {argv[0]}\n"


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def datastore() -> MemoryDatastore:
    return MemoryDatastore()


def gather(sources: HostSources, name: str, notes: list[str]) -> str:
    (collector,) = (each for each in sources.collectors() if each.name == name)
    return collector.gather(notes.append)


def sources(tmp_path: Path, datastore: Datastore, commands: Commands | None = None, **environ: str) -> HostSources:
    return HostSources(environ, lambda: datastore, commands or Commands(), tmp_path)


def test_each_output_stands_under_its_command(notes: list[str]) -> None:
    text = run_all(Commands(), [("ip", "rule"), ("ss", "-a")], notes.append)

    assert text == "# ip rule\n\nout of ip\n\n# ss -a\n\nout of ss\n"
    assert notes == []


def test_a_command_that_is_missing_or_fails_is_said_and_the_next_one_runs(notes: list[str]) -> None:
    text = run_all(Commands(["a"], ["b"]), [("a",), ("b", "-x"), ("c",)], notes.append)

    assert notes == ["  - Missing command: a", "  - Error running b: b: not permitted"]
    assert [line for line in text.splitlines() if line] == [
        "# a", "a is not installed", "# b -x", "b: not permitted", "# c", "out of c",
    ]  # fmt: skip


def test_there_is_a_file_for_everything(tmp_path: Path, datastore: MemoryDatastore) -> None:
    assert [collector.name for collector in sources(tmp_path, datastore).collectors()] == [
        "hostname", "version", "environment", "status", "netstat", "route", "links", "nft", "iptables", "sysctl",
        "docker", "datastore",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["netstat", "route", "links", "iptables"])
def test_commands_only_look(tmp_path: Path, datastore: MemoryDatastore, notes: list[str], name: str) -> None:
    ran: list[Sequence[str]] = []

    def run(argv: Sequence[str]) -> str:
        ran.append(argv)
        return ""

    gather(HostSources({}, lambda: datastore, run, tmp_path), name, notes)

    assert ran
    changing = {"add", "del", "delete", "flush", "set", "replace", "-F", "-A", "-X"}
    assert not any(changing & set(argv) for argv in ran)


def test_kernel_settings_are_read_of_our_interfaces(
    tmp_path: Path, datastore: MemoryDatastore, notes: list[str]
) -> None:
    for name in ("net/ipv4/ip_forward", "net/ipv4/conf/cali1/rp_filter", "net/ipv4/conf/eth0/rp_filter"):
        path = tmp_path / "proc/sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1\n")

    text = gather(sources(tmp_path, datastore), "sysctl", notes)

    assert "net/ipv4/ip_forward = 1\nnet/ipv6/conf/all/forwarding = (No such file or directory)\n" in text
    assert "net/ipv4/conf/cali1/rp_filter = 1\n" in text
    assert "eth0" not in text


def test_only_our_environment_is_told(tmp_path: Path, datastore: MemoryDatastore, notes: list[str]) -> None:
    host = sources(tmp_path, datastore, CALICO_NODENAME="h1", HOME="/root", AWS_SECRET="x", DOCKER_HOST="tcp://h:1")

    assert gather(host, "environment", notes) == "CALICO_NODENAME=h1\nDOCKER_HOST=tcp://h:1\n"


def test_an_agent_that_does_not_run_is_said(tmp_path: Path, datastore: MemoryDatastore, notes: list[str]) -> None:
    assert gather(sources(tmp_path, datastore, CALICO_RUN_DIR=str(tmp_path)), "status", notes) == (
        "calico-node does not run\n"
    )


def test_the_datastore_is_a_line_for_each_key_without_secrets(
    tmp_path: Path, datastore: MemoryDatastore, notes: list[str]
) -> None:
    datastore.transact(
        (),
        (
            Put("/calico/v1/Ready", "true"),
            Put("/calico/v1/config/x", "a\nFILE, /forged, 1\x1b[2J"),
            Put("/calico/libnetwork/v1/n1", json.dumps({"Options": {"proxy": "http://u:p@h", "db_password": "x"}})),
            Put("/elsewhere", "not ours"),
        ),
    )

    assert gather(sources(tmp_path, datastore), "datastore", notes) == (
        "dir?, key, value\n"
        'FILE, /calico/libnetwork/v1/n1, {"Options": {"proxy": "http://u:***@h", "db_password": "***"}}\n'
        "FILE, /calico/v1/Ready, true\n"
        "FILE, /calico/v1/config/x, a\\nFILE, /forged, 1\\x1b[2J\n"
    )


def test_a_datastore_that_does_not_answer_is_said(
    tmp_path: Path, datastore: MemoryDatastore, notes: list[str]
) -> None:
    faulty = FaultyDatastore(datastore)
    faulty.go_down(UnavailableError("etcd://root:hunter2@h:2379 is down"))

    with pytest.raises(UnavailableError, match=r"^etcd://root:\*\*\*@h:2379 is down$"):
        gather(sources(tmp_path, faulty), "datastore", notes)
    assert notes == ["Unable to dump datastore"]


def test_docker_that_does_not_answer_is_said(tmp_path: Path, datastore: MemoryDatastore, notes: list[str]) -> None:
    with pytest.raises(UnavailableError):
        gather(sources(tmp_path, datastore, DOCKER_HOST=f"unix://{tmp_path}/none"), "docker", notes)
