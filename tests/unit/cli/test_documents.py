"""The commands on documents: get, apply, diff, delete, confirm."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from calico.client.keeper import Keeper
from calico.client.profiles import Profiles
from tests.fakes.terminal import Run, Terminal

ENDPOINT = "/calico/v1/host/h1/workload/libnetwork/libnetwork/endpoint/e1"
WEB = """\
kind: profile
name: web
tags: [web]
inbound:
  - allow tcp to ports 80
outbound:
  - allow
"""
FILE = f"""\
{WEB}---
kind: endpoint
name: e1
profiles: [web]
"""


@pytest.fixture
def terminal() -> Terminal:
    terminal = Terminal()
    endpoint = {"state": "active", "mac": "ee:ee:ee:ee:ee:ee", "ipv4_nets": ["10.1.0.1/32"], "profile_ids": ["base"]}
    terminal.put(ENDPOINT, json.dumps(endpoint))
    terminal("profile add base")
    return terminal


class Agent:
    """An agent that answers announcements, in a thread as in a process of its own."""

    def __init__(self, terminal: Terminal) -> None:
        self.keeper = Keeper(terminal.datastore, "h1", log=print)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Agent":
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        self.keeper.close()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self.keeper.step(0.01)


@pytest.fixture
def agent(terminal: Terminal) -> Iterator[Agent]:
    with Agent(terminal) as agent:
        yield agent


class TestGet:
    def test_prints_everything_so_that_apply_reads_it(self, terminal: Terminal) -> None:
        terminal("apply -f -", stdin=FILE)
        terminal("pool add 10.1.0.0/16 --nat-outgoing")

        shown = terminal("get")

        assert (shown.code, shown.err) == (0, "")
        assert shown.out == (
            "kind: profile\nname: base\ntags: [base]\n"
            "inbound:\n  - allow from tag base\noutbound:\n  - allow\n"
            f"---\n{WEB}"
            "---\nkind: pool\ncidr: 10.1.0.0/16\nipip: false\nnat-outgoing: true\nipam: true\n"
            "---\nkind: endpoint\nhost: h1\norchestrator: libnetwork\nworkload: libnetwork\n"
            "name: e1\nprofiles: [web]\n"
            "status:\n  state: active\n  interface: calie1\n  mac: ee:ee:ee:ee:ee:ee\n  addresses: [10.1.0.1/32]\n"
        )
        before = terminal.tree()
        again = terminal("apply -f -", stdin=shown.out)
        assert again.out == (
            "profile base unchanged\nprofile web unchanged\npool 10.1.0.0/16 unchanged\nendpoint e1 unchanged\n"
        )
        assert terminal.tree() == before

    def test_of_one_kind_or_several(self, terminal: Terminal) -> None:
        terminal("pool add 10.1.0.0/16")

        assert terminal("get pool -o json").out == (
            '[\n  {\n    "kind": "pool",\n    "cidr": "10.1.0.0/16",\n    "ipip": false,\n'
            '    "nat-outgoing": false,\n'
            '    "ipam": true\n  }\n]\n'
        )
        kinds = [document["kind"] for document in json.loads(terminal("get endpoints,profile -o json").out)]
        assert kinds == ["profile", "endpoint"]
        assert terminal("get bgp-peers").out == "[]\n"

    def test_of_one_thing(self, terminal: Terminal) -> None:
        terminal("pool add 10.1.0.0/16")
        terminal("bgp peer add 192.0.2.1 as 64512")
        terminal("node bgp peer add 192.0.2.1 as 64513")
        terminal.put(
            "/calico/docker/v1/host/h1/container/c1", json.dumps({"name": "web-1", "endpoints": {"e1": "n"}})
        )

        names = {"profile": "base", "pool": "10.1.7.7/16", "bgp-peer": "192.0.2.1", "endpoint": "web-1"}
        shown = {kind: json.loads(terminal(f"get {kind} {name} -o json").out) for kind, name in names.items()}

        assert shown["profile"][0]["name"] == "base"
        assert shown["pool"][0]["cidr"] == "10.1.0.0/16"
        assert [peer["as"] for peer in shown["bgp-peer"]] == [64512, 64513]
        assert shown["endpoint"][0]["name"] == "e1"

    def test_as_a_table(self, terminal: Terminal) -> None:
        terminal("pool add 10.1.0.0/16 --nat-outgoing")
        terminal("node bgp peer add 192.0.2.1 as 64513")

        assert terminal("get -o table").out == (
            "+----------+-------------+-------------------------------------------+\n"
            "| Kind     | Name        | Content                                   |\n"
            "+----------+-------------+-------------------------------------------+\n"
            "| profile  | base        | 1 inbound and 1 outbound rules, tags base |\n"
            "| pool     | 10.1.0.0/16 | nat-outgoing                              |\n"
            "| bgp-peer | 192.0.2.1   | as 64513 of host h1                       |\n"
            "| endpoint | e1          | host h1, profiles base                    |\n"
            "+----------+-------------+-------------------------------------------+\n"
        )

    @pytest.mark.parametrize(
        ("command", "complaint"),
        [
            ("get policy", "'policy' is not a kind: use profile, pool, bgp-peer or endpoint"),
            ("get profile nosuch", "Profile nosuch not found."),
            ("get pool 10.2.0.0/16", "There is no pool 10.2.0.0/16."),
            ("get bgp-peer 1.2.3.4", "There is no bgp-peer 1.2.3.4."),
            ("get endpoint e9", "There is no endpoint e9."),
            ("get profile,pool web", "a name needs one kind before it"),
            ("get -o xml", "-o xml is not valid: use table, yaml or json"),
        ],
    )
    def test_what_is_refused(self, terminal: Terminal, command: str, complaint: str) -> None:
        result = terminal(command)

        assert (result.code, result.out) == (1, "")
        assert result.err.startswith(complaint)

    def test_tells_what_it_cannot_print(self, terminal: Terminal) -> None:
        terminal.put("/calico/v1/policy/profile/bad/rules", "{")

        result = terminal("get profile")

        assert result.code == 1
        assert result.out.startswith("kind: profile\nname: base\n")
        assert result.err.startswith("not printed: /calico/v1/policy/profile/bad/rules: not JSON")
        assert terminal("get profile base").code == 0
        assert terminal("get profile bad").code == 1


class TestApply:
    def test_from_a_file_or_standard_input(self, terminal: Terminal, tmp_path: Path) -> None:
        (tmp_path / "web.yaml").write_text(FILE)

        first = terminal(["apply", "-f", str(tmp_path / "web.yaml")])
        second = terminal("apply -f-", stdin=FILE)

        assert (first.code, first.out, first.err) == (0, "profile web created\nendpoint e1 changed\n", "")
        assert second.out == "profile web unchanged\nendpoint e1 unchanged\n"
        assert json.loads(terminal.get(ENDPOINT) or "")["profile_ids"] == ["web"]

    def test_dry_run_changes_nothing(self, terminal: Terminal) -> None:
        before = terminal.tree()

        result = terminal("apply -f - --dry-run", stdin=FILE)

        assert (result.code, result.out) == (0, "profile web would be created\nendpoint e1 would be changed\n")
        assert terminal.tree() == before

    def test_a_fault_is_told_with_its_place(self, terminal: Terminal, tmp_path: Path) -> None:
        path = tmp_path / "web.yaml"
        path.write_text(WEB.replace("tcp to", "tcp too"))
        before = terminal.tree()

        result = terminal(["apply", "-f", str(path)])

        assert (result.code, result.out) == (1, "")
        assert result.err.startswith(f"{path}:5:15: word 3 of the rule: 'too' not expected here; expected")
        assert result.err.count("\n") == 1
        assert terminal.tree() == before

    def test_a_file_that_cannot_be_read(self, terminal: Terminal, tmp_path: Path) -> None:
        (tmp_path / "bad").write_bytes(b"kind: \xff")

        errors = {
            name: terminal(["apply", "-f", str(tmp_path / name)]).err.removeprefix(f"{tmp_path}/")
            for name in ("none", "bad", "")
        }

        (tmp_path / "long").write_bytes(b"# \xc3\xa9" * (1 << 20))
        assert terminal(["apply", "-f", str(tmp_path / "long")]).err.endswith("split the file\n")
        assert errors["none"] == "none: there is no such file\n"
        assert errors["bad"] == "bad: not UTF-8 text, at byte 7\n"
        assert errors[""].endswith("cannot be read: Is a directory\n")
        assert terminal(["apply", "-f", "a\0b"]).err == "a\\x00b: cannot be read: embedded null byte\n"

    def test_a_tunnel_that_cannot_be_is_refused_as_by_pool_add(self, terminal: Terminal) -> None:
        file = "{kind: pool, cidr: 10.1.0.0/16, ipip: true}"
        terminal.machine.modules.clear()

        for command in ("apply -f -", "apply -f - --dry-run"):
            result = terminal(command, stdin=file)
            assert (result.code, result.err) == (
                1,
                "stdin:1:39: ipip is not possible: this host's kernel has no IP-in-IP\n",
            )

        terminal.put("/calico/v1/ipam/v4/pool/10.1.0.0-16", '{"cidr": "10.1.0.0/16", "ipip": "tunl0"}')
        assert terminal("apply -f -", stdin=file).code == 0


class TestConfirm:
    def test_without_a_terminal_it_tells_how(self, terminal: Terminal, agent: Agent) -> None:
        result = terminal("apply -f - --confirm=60s", stdin=FILE)

        assert (result.code, result.err) == (0, "")
        assert result.out == (
            "profile web created\nendpoint e1 changed\nTaken back in 60 s unless confirmed by: calicoctl confirm\n"
        )
        shown = terminal("confirm show").out
        assert shown.startswith("A change made from h1 is taken back in ")
        assert shown.endswith("unless it is confirmed:\n  profile web\n  endpoint e1 of host h1\n")

    def test_keeps_it(self, terminal: Terminal, agent: Agent) -> None:
        terminal("apply -f - --confirm=60s", stdin=FILE)

        result = terminal("confirm")

        assert (result.code, result.out) == (0, "Confirmed: profile web, endpoint e1 of host h1\n")
        assert terminal("profile web rule show").code == 0
        again = terminal("confirm")
        assert again.code == 0
        assert again.out.startswith("No change waits for confirmation. The last one was confirmed at ")

    def test_undo_takes_it_back(self, terminal: Terminal, agent: Agent) -> None:
        terminal("apply -f - --confirm=60s", stdin=FILE)

        result = terminal("confirm undo")

        assert (result.code, result.out) == (0, "Taken back: profile web, endpoint e1 of host h1\n")
        assert not Profiles(terminal.datastore).exists("web")
        for command in ("confirm", "confirm undo"):
            again = terminal(command)
            assert (again.code, again.out) == (1, "")
            assert again.err.startswith("No change waits for confirmation. The last one was taken back at ")

    def test_undo_names_what_it_left(self, terminal: Terminal, agent: Agent) -> None:
        terminal("apply -f - --confirm=60s", stdin=FILE)
        terminal("profile web tag add new")

        result = terminal("confirm undo")

        assert (result.code, result.out) == (1, "Taken back: endpoint e1 of host h1\n")
        assert result.err == "Left because others have changed it since: profile web\n"
        assert "left because others had changed it: profile web." in terminal("confirm show").out

    def test_with_nothing_that_waits(self, terminal: Terminal) -> None:
        assert terminal("confirm").err == "No change waits for confirmation.\n"
        assert terminal("confirm show").out == "No change waits for confirmation.\n"

    def test_that_changes_nothing_needs_no_confirmation(self, terminal: Terminal) -> None:
        terminal("apply -f -", stdin=FILE)

        result = terminal("apply -f - --confirm=60", stdin=FILE)

        assert (result.code, result.out) == (0, "profile web unchanged\nendpoint e1 unchanged\n")

    @pytest.mark.parametrize("time", ["0s", "0", "2d", "x", "-1", "1.5s", "25h", "9999999s", "s", ""])
    def test_times_that_are_refused(self, terminal: Terminal, agent: Agent, time: str) -> None:
        before = terminal.tree()

        result = terminal(["apply", "-f", "-", f"--confirm={time}"], stdin=FILE)

        assert result.code == 1
        assert terminal.tree() == before

    @pytest.mark.parametrize(("time", "seconds"), [("90", 90), ("60s", 60), ("5m", 300), ("1h", 3600)])
    def test_times(self, terminal: Terminal, agent: Agent, time: str, seconds: int) -> None:
        result = terminal(f"apply -f - --confirm={time}", stdin=FILE)
        assert f"Taken back in {seconds} s unless" in result.out


class TestAtTheTerminal:
    def apply(self, terminal: Terminal, *typed: bool | BaseException | None) -> Run:
        terminal.machine.typed = list(typed)
        return terminal("apply -f - --confirm=3s", stdin=FILE)

    def test_enter_keeps_it(self, terminal: Terminal, agent: Agent) -> None:
        result = self.apply(terminal, False, True)

        assert result.code == 0
        assert result.out.endswith("\nConfirmed.\n")
        assert result.err.split("\r\x1b[K")[1:] == [
            "Press Enter within 3 s to keep this, Ctrl-C to take it back now: ",
            "Press Enter within 2 s to keep this, Ctrl-C to take it back now: ",
            "",
        ]
        assert Profiles(terminal.datastore).exists("web")

    def test_without_enter_it_is_taken_back(self, terminal: Terminal, agent: Agent) -> None:
        result = self.apply(terminal)

        assert result.code == 1
        assert result.out.endswith("Taken back: profile web, endpoint e1 of host h1\n")
        assert result.err.endswith("\r\x1b[KNot confirmed within 3 s.\n")
        assert not Profiles(terminal.datastore).exists("web")

    def test_ctrl_c_takes_it_back_at_once(self, terminal: Terminal, agent: Agent) -> None:
        result = self.apply(terminal, KeyboardInterrupt())

        assert result.code == 1
        assert result.out.endswith("Taken back: profile web, endpoint e1 of host h1\n")
        assert not Profiles(terminal.datastore).exists("web")

    def test_a_terminal_that_has_gone_leaves_it_to_the_agent(self, terminal: Terminal, agent: Agent) -> None:
        result = self.apply(terminal, None)

        assert result.code == 0
        assert "taken back in time unless confirmed by: calicoctl confirm" in result.out
        assert "profile web" in terminal("confirm show").out

    @pytest.mark.parametrize(
        ("command", "code", "end"),
        [("confirm", 0, "\nConfirmed elsewhere.\n"), ("confirm undo", 1, "Not confirmed: taken back.\n")],
    )
    def test_it_may_be_decided_elsewhere(
        self, terminal: Terminal, agent: Agent, command: str, code: int, end: str
    ) -> None:
        other = Terminal(terminal.datastore)

        class Meanwhile(list[object]):
            def pop(self, _index: object = 0) -> bool:
                other(command)
                return False

        terminal.machine.typed = Meanwhile([1])  # type: ignore[assignment]
        result = terminal("apply -f - --confirm=3s", stdin=FILE)

        assert result.code == code
        assert end in result.out + result.err


class TestDiff:
    def test_shows_what_apply_would_change(self, terminal: Terminal) -> None:
        terminal("apply -f -", stdin=FILE)
        changed = WEB.replace("ports 80", "ports 80,443") + "---\nkind: pool\ncidr: 10.1.0.0/16\n"
        before = terminal.tree()

        result = terminal("diff -f -", stdin=changed)

        assert (result.code, result.err) == (1, "")
        assert result.out == (
            "--- profile web (datastore)\n"
            "+++ profile web (stdin:1)\n"
            "@@ -2,6 +2,6 @@\n"
            " name: web\n"
            " tags: [web]\n"
            " inbound:\n"
            "-  - allow tcp to ports 80\n"
            "+  - allow tcp to ports 80,443\n"
            " outbound:\n"
            "   - allow\n"
            "--- pool 10.1.0.0/16 (not in the datastore)\n"
            "+++ pool 10.1.0.0/16 (stdin:9)\n"
            "@@ -0,0 +1,5 @@\n"
            "+kind: pool\n"
            "+cidr: 10.1.0.0/16\n"
            "+ipip: false\n"
            "+nat-outgoing: false\n"
            "+ipam: true\n"
        )
        assert terminal.tree() == before

    def test_leaves_out_what_cannot_be_changed(self, terminal: Terminal) -> None:
        shown = terminal("diff -f -", stdin="{kind: endpoint, name: e1, profiles: []}").out

        assert shown.splitlines()[-2:] == ["-profiles: [base]", "+profiles: []"]

    def test_exit_codes_are_those_of_diff(self, terminal: Terminal) -> None:
        terminal("apply -f -", stdin=FILE)

        assert terminal("diff -f -", stdin=FILE).code == 0
        assert terminal("diff -f -", stdin=WEB.replace("80", "81")).code == 1
        assert terminal("diff -f -", stdin="{").code == 2
        assert terminal("diff -f /nonexistent").code == 2
        assert terminal("diff").code == 2


class TestDelete:
    def test_removes_what_the_file_names(self, terminal: Terminal) -> None:
        before = terminal.tree()
        terminal("apply -f -", stdin=FILE.replace("[web]\n", "[base, web]\n"))

        result = terminal("delete -f -", stdin=FILE)

        assert (result.code, result.out) == (0, "profile web deleted\nendpoint e1 changed\n")
        assert terminal.tree().keys() == before.keys()
        assert terminal("delete -f -", stdin=FILE).out == "profile web absent\nendpoint e1 unchanged\n"

    def test_dry_run_changes_nothing(self, terminal: Terminal) -> None:
        terminal("apply -f -", stdin=FILE)
        before = terminal.tree()

        result = terminal("delete -f - --dry-run", stdin=FILE)

        assert result.out == "profile web would be deleted\nendpoint e1 would be changed\n"
        assert terminal.tree() == before

    def test_a_profile_in_use_needs_no_check(self, terminal: Terminal) -> None:
        file = "{kind: profile, name: base}"

        result = terminal("delete -f -", stdin=file)

        assert result.code == 1
        assert result.err.startswith("stdin:1:1: profile base is in use by endpoint e1 of host h1")
        assert terminal("delete -f - --no-check", stdin=file).out == "profile base deleted\n"
