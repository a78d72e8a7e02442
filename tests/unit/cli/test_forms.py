"""`-o yaml` and `-o json` on every command that shows something: one document form, which `apply` reads."""

import io
import json

import pytest
import yaml

from calico.cli.output import Output, render_table
from tests.fakes.terminal import READY, Terminal

ENDPOINT = "/calico/v1/host/{}/workload/libnetwork/libnetwork/endpoint/{}"


@pytest.fixture
def terminal() -> Terminal:
    terminal = Terminal()
    for host, name in (("h1", "e1"), ("h2", "e2")):
        value = {"state": "active", "mac": "ee:ee:ee:ee:ee:ee", "profile_ids": ["WEB"], "ipv4_nets": ["10.1.0.1/32"]}
        terminal.put(ENDPOINT.format(host, name), json.dumps(value))
    terminal("profile add WEB")
    terminal("profile add DB")
    terminal("pool add 10.1.0.0/16")
    terminal("pool add fd80::/64")
    terminal("bgp peer add 192.0.2.1 as 1")
    terminal("bgp peer add fd80::1 as 2")
    terminal("node bgp peer add 192.0.2.1 as 3")
    terminal("node --runtime=none")
    terminal.machine.agent.running = READY.pid
    return terminal


def shown(terminal: Terminal, command: str) -> list[str]:
    """The documents that a command prints, in both forms, each as a few words."""
    result = terminal(f"{command} -o json")
    assert (result.code, result.err) == (0, "")
    documents = json.loads(result.out)
    as_yaml = list(yaml.safe_load_all(terminal(f"{command} -o yaml").out))
    assert as_yaml == (documents or [[]])
    fields = ("kind", "name", "cidr", "address", "as", "host")
    return [" ".join(str(one[field]) for field in fields if field in one) for one in documents]


@pytest.mark.parametrize(
    ("command", "documents"),
    [
        ("profile show", ["profile DB", "profile WEB"]),
        ("profile show --detailed", ["profile DB", "profile WEB"]),
        ("profile WEB rule show", ["profile WEB"]),
        ("profile WEB tag show", ["profile WEB"]),
        ("endpoint show", ["endpoint e1 h1", "endpoint e2 h2"]),
        ("endpoint show --host=h2 --detailed", ["endpoint e2 h2"]),
        ("endpoint show --host=h3", []),
        ("endpoint e2 profile show", ["endpoint e2 h2"]),
        ("pool show --ipv4", ["pool 10.1.0.0/16"]),
        ("pool show --ipv6", ["pool fd80::/64"]),
        ("bgp peer show", ["bgp-peer 192.0.2.1 1", "bgp-peer fd80::1 2"]),
        ("bgp peer show --ipv6", ["bgp-peer fd80::1 2"]),
        ("node bgp peer show", ["bgp-peer 192.0.2.1 3 h1"]),
        ("node bgp peer show --ipv6", []),
    ],
)  # fmt: skip
def test_what_is_shown_applies_and_changes_nothing(terminal: Terminal, command: str, documents: list[str]) -> None:
    assert shown(terminal, command) == documents

    before = terminal.tree()
    for form in ("yaml", "json"):
        assert terminal("apply -f -", stdin=terminal(f"{command} -o {form}").out).code == 0
    assert terminal.tree() == before


def test_the_table_is_what_it_was(terminal: Terminal) -> None:
    for command in ("profile show", "endpoint show", "pool show", "bgp peer show", "profile WEB rule show", "status"):
        assert terminal(f"{command} -o table") == terminal(command)


@pytest.mark.parametrize(
    "command", ["profile show", "endpoint show", "pool show", "status", "ipam info 10.1.0.1", "node show"]
)
def test_another_form_is_refused(terminal: Terminal, command: str) -> None:
    result = terminal(f"{command} -o xml")
    assert (result.code, result.err) == (1, "-o xml is not valid: use table, yaml or json\n")


def test_status_as_data(terminal: Terminal) -> None:
    status = json.loads(terminal("status -o json").out)

    assert (status["pid"], status["in_sync"], status["endpoints_up"]) == (READY.pid, True, 3)
    assert status["routing"] == {"ipv4": "10.9.8.7", "ipv6": None, "as": "64511", "as-inherited": True}
    assert yaml.safe_load(terminal("status -o yaml").out) == status


def test_ipam_info_as_data(terminal: Terminal) -> None:
    assert json.loads(terminal("ipam info 10.1.0.9 -o json").out) == {"address": "10.1.0.9", "assigned": False}


def test_nodes_as_data(terminal: Terminal) -> None:
    assert json.loads(terminal("node show -o json").out) == [
        {
            "host": "h1",
            "ipv4": "10.9.8.7",
            "ipv6": None,
            "as": "64511",
            "as-inherited": True,
            "peers": [{"address": "192.0.2.1", "as": 3}],
        }
    ]


def test_a_profile_that_cannot_be_understood_is_said(terminal: Terminal) -> None:
    terminal.put("/calico/v1/policy/profile/WEB/rules", "{")

    listed, single = terminal("profile show -o json"), terminal("profile WEB rule show -o json")

    assert (listed.code, len(json.loads(listed.out))) == (1, 1)
    assert listed.err.startswith("not printed: /calico/v1/policy/profile/WEB/rules: not JSON")
    assert (single.code, single.out) == (1, "")
    assert "/calico/v1/policy/profile/WEB/rules: not JSON" in single.err


class TestStyles:
    """Bold and colours, where somebody sees them."""

    def output(self, *, styled: bool) -> tuple[Output, list[str]]:
        stream = io.StringIO()
        written: list[str] = []
        stream.write = written.append  # type: ignore[method-assign, assignment]
        return Output(stream, io.StringIO(), styled=styled), written

    def test_a_table_has_a_bold_head_and_else_is_the_same(self) -> None:
        out, written = self.output(styled=True)
        out.table(["Name", "B"], [("a|b", "c")])

        text = "".join(written)
        assert text.replace("\x1b[1m", "").replace("\x1b[0m", "") == render_table(["Name", "B"], [("a|b", "c")])
        assert text.splitlines()[1] == "|\x1b[1m Name \x1b[0m|\x1b[1m B \x1b[0m|"
        assert "\x1b" not in text.split("\n", 2)[2]

    def test_without_a_terminal_there_is_none(self) -> None:
        out, written = self.output(styled=False)
        out.table(["Name"], [])
        out.line("text", "31")

        assert "\x1b" not in "".join(written)

    def test_text_from_outside_cannot_style(self) -> None:
        out, written = self.output(styled=True)
        out.line("\x1b[2Jtext", "31")

        assert written == ["\x1b[31m\\x1b[2Jtext\x1b[0m\n"]
