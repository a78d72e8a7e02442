"""Completion: candidates for the last word, from the same usage lines as help; never an error."""

import subprocess
import sys
from pathlib import Path

import pytest

from calico.datastore.memory import MemoryDatastore
from tests.fakes.datastore import FaultyDatastore
from tests.fakes.terminal import Terminal

BIN = Path(sys.executable).parent


@pytest.fixture
def terminal() -> Terminal:
    terminal = Terminal()
    for command in ("profile add WEB", "profile add DB", "pool add 10.1.0.0/16"):
        assert terminal(command).code == 0
    return terminal


def offered(terminal: Terminal, *words: str) -> list[str]:
    run = terminal(["__complete", *words])
    assert (run.code, run.err) == (0, "")
    return run.out.splitlines()


@pytest.mark.parametrize(
    ("words", "candidates"),
    [
        (("prof",), ["profile"]),
        (("nonsense", ""), []),
        (("profile", ""), ["DB", "WEB", "add", "remove", "show"]),
        (("profile", "W"), ["WEB"]),
        (("profile", "WEB", ""), ["rule", "tag"]),
        (("profile", "WEB", "rule", "add", ""), ["inbound", "outbound"]),
        (("profile", "WEB", "rule", "add", "inbound", "al"), ["allow"]),
        (("profile", "WEB", "rule", "add", "--at=1", "inbound", "allow", "icmp", "t"), ["to", "type"]),
        (("profile", "WEB", "rule", "add", "inbound", "allow", "from", "tag", ""), ["DB", "WEB"]),
        (("profile", "WEB", "rule", "add", "inbound", "--"), ["--at="]),
        (("pool", "remove", "10"), ["10.1.0.0/16"]),
        (("explain", "web", ""), ["host"]),
        (("explain", "web", "host", "ud"), ["udp/", "udplite/"]),
        (("explain", "web", "host", "-"), ["--from-ip=", "--from-port=", "-4", "-6", "-o"]),
        (("profile", "show", "-o", ""), ["json", "table", "yaml"]),
        (("profile", "show", "-"), ["--detailed", "--wide", "-o"]),
        (("profile", "-o", "json", ""), ["DB", "WEB", "add", "remove", "show"]),
        (("get", "p"), ["pool", "profile"]),
        (("get", "profile", ""), ["DB", "WEB"]),
        (("get", "pool", ""), ["10.1.0.0/16"]),
        (("get", "bgp-peer", ""), []),
        (("get", "profile", "WEB", ""), []),
        (("completion", ""), ["bash", "zsh"]),
        (("version", ""), []),
        (("profile", "add", "--"), []),
    ],
)
def test_candidates(terminal: Terminal, words: tuple[str, ...], candidates: list[str]) -> None:
    assert offered(terminal, *words) == candidates


def test_files_are_offered_where_one_is_read(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("web.yaml", "db.yaml", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "x.yaml").touch()
    monkeypatch.chdir(tmp_path)

    assert offered(terminal, "apply", "-f", "") == ["-", "db.yaml", "more/", "web.yaml"]
    assert offered(terminal, "diff", "-f", "w") == ["web.yaml"]
    assert offered(terminal, "delete", "-f", "more/") == ["more/x.yaml"]
    assert offered(terminal, "apply", "-f", f"{tmp_path}/.") == [f"{tmp_path}/.hidden"]
    assert offered(terminal, "apply", "-f", "none/x") == []
    assert offered(terminal, "apply", "-f", "x\0") == []


def test_docker_names_are_offered(terminal: Terminal) -> None:
    terminal.put("/calico/v1/host/h1/workload/libnetwork/libnetwork/endpoint/e1", '{"state": "active"}')
    record = '{"name": "web", "project": "shop", "service": "front", "endpoints": {"e1": "n1"}}'
    terminal.put("/calico/docker/v1/host/h1/container/c1", record)
    terminal.put("/calico/docker/v1/host/h1/network/n1", '{"name": "net1"}')
    terminal.put("/calico/docker/v1/host/h1/network/n2", '{"name": "not a name"}')

    every = ["e1", "shop/front", "shop/front@net1", "show", "web", "web@net1"]
    assert offered(terminal, "endpoint", "") == every
    assert offered(terminal, "profile", "n") == ["net1"]
    assert offered(terminal, "profile", "WEB", "rule", "add", "inbound", "allow", "from", "tag", "n") == ["net1"]


def test_a_datastore_that_is_away_offers_nothing() -> None:
    away = FaultyDatastore(MemoryDatastore())
    away.go_down()
    terminal = Terminal(away)

    assert offered(terminal, "profile", "W") == []


def test_bash_completes_with_the_printed_script(tmp_path: Path) -> None:
    line = "calicoctl pool add --nat"
    shell = (
        f"source <(calicoctl completion bash); COMP_LINE='calicoctl ver'; COMP_POINT=13; _calicoctl;"
        f' echo "${{COMPREPLY[*]}}"; COMP_LINE="{line}"; COMP_POINT={len(line)}; _calicoctl; echo "${{COMPREPLY[*]}}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", shell],
        env={"PATH": f"{BIN}:/usr/bin:/bin", "CALICO_DATASTORE": f"sqlite://{tmp_path}/x.db"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stdout.splitlines() == ["version", "--nat-outgoing"]
