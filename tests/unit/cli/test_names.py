"""Commands that are given names: what they mean, what ``--wide`` adds, and what stays as it always was."""

import json

import pytest

from tests.fakes.terminal import Run, Terminal

NET1, NET2 = "46007b33d4dd56b13ede0f10bb427ba4481e3c0efe64960b0567dd53a80d3420", "f67ee3a3ec1b" + "1" * 52
WEB_ID = "6a853ddc289c4754684a93115c43aa73e3d7a4dd565e272cdc3f18ee3c09ba78"
E1, E2 = "5a21f63bc17feb6b9c879bbbc271594dfa1483ddf9af5171efca7a2d509908e5", "a2205294d53d" + "2" * 52
ENDPOINT = "/calico/v1/host/h1/workload/libnetwork/libnetwork/endpoint"
DOCKER = "/calico/docker/v1/host/h1"


@pytest.fixture
def terminal() -> Terminal:
    """Container ``web`` of shop/web on the networks ``net1`` and ``net2``, and a profile WEB."""
    terminal = Terminal()
    for name in (NET1, NET2, "WEB"):
        terminal(f"profile add {name}")
    for endpoint, network, address in ((E1, NET1, "10.0.0.1"), (E2, NET2, "10.0.0.2")):
        value = {"state": "active", "profile_ids": [network], "ipv4_nets": [f"{address}/32"]}
        terminal.put(f"{ENDPOINT}/{endpoint}", json.dumps(value))
    record = {"name": "web", "project": "shop", "service": "web", "endpoints": {E1: NET1, E2: NET2}}
    terminal.put(f"{DOCKER}/container/{WEB_ID}", json.dumps(record))
    for network, name in ((NET1, "net1"), (NET2, "net2")):
        terminal.put(f"{DOCKER}/network/{network}", json.dumps({"name": name}))
    return terminal


def profiles(terminal: Terminal, endpoint: str = E1) -> list[str]:
    return list(json.loads(terminal.get(f"{ENDPOINT}/{endpoint}") or "")["profile_ids"])


@pytest.mark.parametrize("name", [E1, E1[:4], "web@net1", "shop/web@net1", f"{WEB_ID[:12]}@net1", "10.0.0.1"])
def test_every_endpoint_command_takes_every_name(terminal: Terminal, name: str) -> None:
    assert terminal(f"endpoint {name} profile append WEB") == Run(0, "Profile(s) WEB appended.\n\n", "")
    assert profiles(terminal) == [NET1, "WEB"]
    assert terminal(f"endpoint {name} profile remove WEB") == Run(0, "Profile(s) WEB removed.\n\n", "")
    assert terminal(f"endpoint {name} profile set WEB").code == 0
    assert profiles(terminal) == ["WEB"]
    assert terminal(f"endpoint {name} profile show").out == "+------+\n| Name |\n+------+\n| WEB  |\n+------+\n\n"
    assert profiles(terminal, E2) == [NET2]


@pytest.mark.parametrize(
    ("command", "failed"),
    [
        ("show", "list profiles in"),
        ("append WEB", ""),
        ("remove WEB", ""),
        ("set WEB", ""),
    ],
)
def test_a_container_with_two_endpoints_is_not_guessed(terminal: Terminal, command: str, failed: str) -> None:
    before = terminal.tree()

    result = terminal(f"endpoint web profile {command}")

    assert (result.code, result.out) == (1, "")
    first, *candidates = result.err.splitlines()
    assert first.startswith(f"Failed to {failed}" if failed else "More than 1 endpoint matches")
    assert candidates == [
        "  5a21f63bc17f, container web, service shop/web, network net1, host h1, 10.0.0.1",
        "  a2205294d53d, container web, service shop/web, network net2, host h1, 10.0.0.2",
    ]
    assert terminal.tree() == before


def test_show_lists_all_that_a_name_calls(terminal: Terminal) -> None:
    both = terminal("endpoint show --detailed --endpoint=web").out
    one = terminal("endpoint show --detailed --endpoint=web@net2").out
    none = terminal("endpoint show --detailed --endpoint=nobody")

    assert E1 in both
    assert E2 in both
    assert E1 not in one
    assert E2 in one
    assert none.code == 0
    assert len(none.out.splitlines()) == 5


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("endpoint wbe profile show", "Endpoint wbe is unknown to Calico. Did you mean web?"),
        ("endpoint wbe profile append WEB", "Endpoint wbe is unknown to Calico. Did you mean web?"),
        ("endpoint wbe profile set WEB", "Endpoint could not be found. Did you mean web?"),
        ("endpoint web@net1 profile append WBE", "Profile with name WBE was not found. Did you mean WEB?"),
        ("profile WBE rule show", "Profile WBE not found. Did you mean WEB?"),
        ("profile nett1 tag show", "Profile nett1 not found. Did you mean net1?"),
    ],
)
def test_a_mistyped_name_suggests_the_nearest(terminal: Terminal, command: str, message: str) -> None:
    result = terminal(command)

    assert (result.code, result.out) == (1, "")
    assert result.err.endswith(f"{message}\n")


def test_profile_commands_take_the_name_of_a_network(terminal: Terminal) -> None:
    assert terminal("profile net1 rule add inbound allow tcp to ports 80") == Run(0, "", "")
    assert terminal("profile net1 tag add T").out == f"Tag T added to profile {NET1}\n"
    assert terminal("profile net1 tag show").out == f"{NET1}\nT\n"
    shown = terminal("profile net1 rule show")
    assert shown == terminal(f"profile {NET1} rule show")
    assert "   2 allow tcp to ports 80\n" in shown.out
    document = terminal("profile net1 rule json").out
    assert json.loads(document)["id"] == NET1
    assert terminal("profile net1 rule update", stdin=document).code == 0
    assert terminal("profile net1 rule remove inbound --at=2") == Run(0, "", "")
    assert "net1" not in "".join(key for key in terminal.tree() if "/policy/" in key)


def test_endpoints_take_profiles_by_the_name_of_a_network(terminal: Terminal) -> None:
    assert terminal("endpoint web@net1 profile set WEB net2").out == f"Profile(s) set to WEB,\n{NET2}.\n\n"
    assert profiles(terminal) == ["WEB", NET2]
    assert terminal(f"endpoint web@net1 profile append net2 {NET2}").err == (
        f"Profile with name {NET2} was specified more than once.\n"
    )


def test_a_change_by_the_beginning_of_a_name_says_whose(terminal: Terminal) -> None:
    terminal("profile add PRODUCTION")

    assert terminal("profile PROD rule add inbound deny") == Run(0, "", "PROD is profile PRODUCTION\n")
    assert terminal("profile PROD rule show").err == ""
    assert terminal("endpoint web@net1 profile append PROD").err == "PROD is profile PRODUCTION\n"
    assert profiles(terminal) == [NET1, "PRODUCTION"]


def test_a_change_by_the_name_of_a_network_with_another_profile_says_whose(terminal: Terminal) -> None:
    terminal.put(f"/calico/libnetwork/v1/{NET1}", json.dumps({"Profiles": ["WEB"]}))

    assert terminal("profile net1 rule add inbound deny") == Run(0, "", "net1 is profile WEB\n")


def test_a_profile_is_removed_by_its_whole_name_only(terminal: Terminal) -> None:
    terminal("profile add PRODUCTION")

    assert terminal("profile remove PROD").out == "Profile PROD not found.\n"
    assert terminal(f"profile remove {NET2[:12]} --no-check").out == f"Profile {NET2[:12]} not found.\n"
    assert terminal("profile remove net2 --no-check").out == f"Deleted profile {NET2}\n"
    assert terminal("profile remove PRODUCTION").out == "Deleted profile PRODUCTION\n"


def test_a_new_profile_is_called_what_was_typed(terminal: Terminal) -> None:
    assert terminal("profile add net1").out == "Created profile net1\n"
    assert terminal("profile add PROD").out == "Created profile PROD\n"
    assert terminal("profile net1 tag show").out == "net1\n"


def test_a_deleted_profile_can_be_taken_off_by_its_beginning(terminal: Terminal) -> None:
    terminal("endpoint web@net1 profile append WEB")
    terminal(f"profile remove {NET1} --no-check")

    assert terminal(f"endpoint web@net1 profile remove {NET1[:8]}").code == 0
    assert profiles(terminal) == ["WEB"]


def test_a_rule_takes_the_name_of_a_network_for_its_tag(terminal: Terminal) -> None:
    terminal("profile WEB rule add inbound allow from tag net1 to ports 80")
    assert terminal("profile WEB rule add inbound allow tcp from tag net1 to ports 80") == Run(0, "", "")
    assert f"allow tcp from tag {NET1} to ports 80" in terminal("profile WEB rule show").out
    assert terminal("profile WEB rule add inbound allow tcp from tag net1 to ports 80").out == (
        "Rule already present, skipping.\n"
    )
    assert terminal("profile WEB rule remove inbound allow tcp from tag net1 to ports 80") == Run(0, "", "")
    assert NET1 not in terminal("profile WEB rule show").out


def test_a_tag_that_is_carried_means_itself(terminal: Terminal) -> None:
    terminal("profile WEB tag add net1")

    terminal("profile WEB rule add inbound allow from tag net1")

    assert "allow from tag net1\n" in terminal("profile WEB rule show").out


def test_a_rule_with_the_name_itself_is_removed_first(terminal: Terminal) -> None:
    for tag in ("net1", NET1):
        rule = {"action": "deny", "src_tag": tag}
        document = json.loads(terminal("profile WEB rule json").out)
        document["inbound_rules"].append(rule)
        terminal("profile WEB rule update", stdin=json.dumps(document))

    terminal("profile WEB rule remove inbound deny from tag net1")

    assert f"deny from tag {NET1}\n" in terminal("profile WEB rule show").out
    assert "deny from tag net1\n" not in terminal("profile WEB rule show").out


def test_rules_are_shown_with_names_that_may_be_typed_again(terminal: Terminal) -> None:
    terminal(f"profile WEB rule add inbound deny from tag {NET1} to tag {NET2}")
    assert f"deny from tag {NET1} to tag {NET2}\n" in terminal("profile WEB rule show").out

    shown = terminal("profile WEB rule show --wide").out

    assert shown.splitlines()[2] == "   2 deny from tag net1 to tag net2"
    assert terminal("profile WEB rule remove inbound deny from tag net1 to tag net2") == Run(0, "", "")


def rows(text: str) -> list[list[str]]:
    """The cells of a table, header first."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]


def test_wide_adds_names_at_the_end(terminal: Terminal) -> None:
    plain, wide = rows(terminal("endpoint show --detailed").out), rows(terminal("endpoint show --wide").out)

    assert [row[: len(plain[0])] for row in wide] == plain
    assert [row[len(plain[0]) :] for row in wide] == [
        ["Container", "Network", "Service"],
        ["web", "net1", "shop/web"],
        ["web", "net2", "shop/web"],
    ]
    assert terminal("endpoint show --wide --detailed").out == terminal("endpoint show --wide").out


def test_wide_names_the_networks_of_profiles(terminal: Terminal) -> None:
    assert rows(terminal("profile show --wide").out) == [
        ["Name", "Network"],
        [NET1, "net1"],
        ["WEB", ""],
        [NET2, "net2"],
    ]
    assert rows(terminal("endpoint web@net1 profile show --wide").out) == [["Name", "Network"], [NET1, "net1"]]
    assert rows(terminal("profile show --detailed --wide").out) == [
        ["Name", "Host", "Orchestrator ID", "Workload ID", "Endpoint ID", "State", "Container", "Network", "Service"],
        [NET1, "h1", "libnetwork", "libnetwork", E1, "active", "web", "net1", "shop/web"],
        ["WEB", *["None"] * 5, "", "", ""],
        [NET2, "h1", "libnetwork", "libnetwork", E2, "active", "web", "net2", "shop/web"],
    ]


def test_ids_stand_where_no_name_is_known(terminal: Terminal) -> None:
    terminal.put(f"{DOCKER}/network/{NET1}", "garbage")
    terminal.put(f"{DOCKER}/container/{WEB_ID}", json.dumps({"endpoints": {E1: NET1}}))

    assert [row[-3:] for row in rows(terminal("endpoint show --wide").out)[1:]] == [[WEB_ID, NET1, ""], ["", "", ""]]


def test_names_change_nothing_in_what_was_always_printed(terminal: Terminal) -> None:
    commands = [
        "profile show", "profile show --detailed", "endpoint show", "endpoint show --detailed",
        f"endpoint {E1} profile show", f"profile {NET1} rule show", f"profile {NET1} tag show",
    ]  # fmt: skip
    before = [terminal(command) for command in commands]
    for key in terminal.tree():
        if key.startswith("/calico/docker/"):
            terminal.put(key, "")

    assert [terminal(command) for command in commands] == before
