"""``calicoctl bgp`` and ``calicoctl node bgp``: every message, exit code and effect."""

import json

import pytest

from tests.fakes.terminal import Run, Terminal

GLOBAL = "/calico/bgp/v1/global"
OWN = "/calico/bgp/v1/host/h1"
SCOPES = pytest.mark.parametrize(("command", "scope"), [("bgp", GLOBAL), ("node bgp", OWN)])


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@SCOPES
def test_a_peer_is_added_in_silence(terminal: Terminal, command: str, scope: str) -> None:
    assert terminal(f"{command} peer add 1.2.3.4 as 4") == Run(0, "", "")
    assert terminal(f"{command} peer add FD80:0::1 as 4294.566") == Run(0, "", "")

    assert {key: json.loads(value) for key, value in terminal.tree().items()} == {
        f"{scope}/peer_v4/1.2.3.4": {"ip": "1.2.3.4", "as_num": "4"},
        f"{scope}/peer_v6/fd80::1": {"ip": "fd80::1", "as_num": "281412150"},
    }


@SCOPES
def test_adding_a_peer_again_replaces_its_as_number_and_nothing_else(
    terminal: Terminal, command: str, scope: str
) -> None:
    key = f"{scope}/peer_v4/1.2.3.4"
    terminal.put(key, '{"ip": "1.2.3.4", "as_num": "4", "password": "x"}')

    assert terminal(f"{command} peer add 1.2.3.4 as 5") == Run(0, "", "")
    assert json.loads(terminal.get(key) or "") == {"ip": "1.2.3.4", "as_num": "5", "password": "x"}


@SCOPES
def test_a_peer_that_cannot_be_understood_is_replaced(terminal: Terminal, command: str, scope: str) -> None:
    terminal.put(f"{scope}/peer_v4/1.2.3.4", "?")

    assert terminal(f"{command} peer add 1.2.3.4 as 5") == Run(0, "", "")
    assert "1.2.3.4" in terminal(f"{command} peer show").out


@pytest.mark.parametrize(
    ("command", "removed", "unknown"),
    [
        (
            "bgp",
            "BGP peer removed from global configuration",
            "1.2.3.4 is not a globally configured peer.",
        ),
        (
            "node bgp",
            "BGP peer removed from node configuration",
            "1.2.3.4 is not a configured peer for this node.",
        ),
    ],
)
def test_a_peer_is_removed_once(terminal: Terminal, command: str, removed: str, unknown: str) -> None:
    terminal(f"{command} peer add 1.2.3.4 as 4")

    assert terminal(f"{command} peer remove 1.2.3.4") == Run(0, f"{removed}\n", "")
    assert terminal(f"{command} peer remove 1.2.3.4") == Run(0, f"{unknown}\n", "")
    assert terminal.tree() == {}


@pytest.mark.parametrize(
    ("command", "heading", "empty"),
    [
        ("bgp", "Global IPv4 BGP Peer", "No global IPv6 BGP Peers defined."),
        ("node bgp", "Node specific IPv4 BGP Peer", "No IPv6 BGP Peers defined for this node."),
    ],
)
def test_peers_are_shown_by_version_in_the_order_of_addresses(
    terminal: Terminal, command: str, heading: str, empty: str
) -> None:
    for peer in ("10.0.0.10 as 1", "10.0.0.9 as 65535.65535", "9.0.0.1 as 64511"):
        terminal(f"{command} peer add {peer}")
    rule = f"+{'-' * (len(heading) + 2)}+------------+\n"

    assert terminal(f"{command} peer show").out == (
        f"{rule}| {heading} | AS Num     |\n{rule}"
        f"| {'9.0.0.1':{len(heading)}} | 64511      |\n"
        f"| {'10.0.0.9':{len(heading)}} | 4294967295 |\n"
        f"| {'10.0.0.10':{len(heading)}} | 1          |\n"
        f"{rule}{empty}\n\n"
    )
    assert terminal(f"{command} peer show --ipv6").out == f"{empty}\n\n"
    assert terminal(f"{command} peer show --ipv4").out.endswith(rule)
    assert terminal(f"{command} peer show --ipv4 --ipv6").code == 1


def test_without_peers_both_versions_say_so(terminal: Terminal) -> None:
    assert terminal("bgp peer show").out == (
        "No global IPv4 BGP Peers defined.\n\nNo global IPv6 BGP Peers defined.\n\n"
    )


def test_the_peers_of_a_node_are_not_those_of_all_nodes(terminal: Terminal) -> None:
    terminal("node bgp peer add 1.2.3.4 as 4")

    assert "1.2.3.4" not in terminal("bgp peer show").out
    terminal.environ["CALICO_NODENAME"] = "h2"
    assert "1.2.3.4" not in terminal("node bgp peer show").out


@pytest.mark.parametrize("command", ["bgp", "node bgp"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("peer add 127.a.0.1 as 9", "Invalid IP address specified. '127.a.0.1' is not an IP address"),
        ("peer add aa:bb::zz as 9", "Invalid IP address specified. 'aa:bb::zz' is not an IP address"),
        ("peer remove 10.0.0.0/8", "Invalid IP address specified. '10.0.0.0/8' is not an IP address"),
        ("peer add 1.2.3.4 as nine", "Invalid AS Number specified."),
        ("peer add 1.2.3.4 as 65536.0", "Invalid AS Number specified."),
        ("peer add 1.2.3.4 as 65535.65536", "Invalid AS Number specified."),
        ("peer add 1.2.3.4 as 65535.", "Invalid AS Number specified."),
        ("peer add 1.2.3.4 as -1", "Invalid AS Number specified."),
    ],
)
def test_bad_arguments_change_nothing(terminal: Terminal, command: str, words: str, message: str) -> None:
    assert terminal(f"{command} {words}") == Run(1, "", f"{message}\n")
    assert terminal.tree() == {}


@pytest.mark.parametrize("number", ["9", "65535.65535", "0.65535", "1000000", "65535"])
def test_as_numbers_of_both_forms_are_taken(terminal: Terminal, number: str) -> None:
    assert terminal(f"bgp peer add 1.2.3.4 as {number}") == Run(0, "", "")
    assert terminal(f"bgp default-node-as {number}") == Run(0, "", "")


def test_the_mesh_is_on_until_it_is_switched_off(terminal: Terminal) -> None:
    assert terminal("bgp node-mesh") == Run(0, "on\n", "")
    assert terminal("bgp node-mesh off") == Run(0, "", "")
    assert terminal("bgp node-mesh") == Run(0, "off\n", "")
    assert json.loads(terminal.get(f"{GLOBAL}/node_mesh") or "") == {"enabled": False}
    assert terminal("bgp node-mesh on") == Run(0, "", "")
    assert terminal("bgp node-mesh") == Run(0, "on\n", "")
    assert terminal("bgp node-mesh maybe").code == 1


def test_a_mesh_setting_that_cannot_be_understood_is_named_and_can_be_replaced(terminal: Terminal) -> None:
    terminal.put(f"{GLOBAL}/node_mesh", '{"enabled": "yes"}')

    assert terminal("bgp node-mesh") == Run(1, "", f'{GLOBAL}/node_mesh: enabled: must be true or false, not "yes"\n')
    assert terminal("bgp node-mesh off") == Run(0, "", "")
    assert terminal("bgp node-mesh") == Run(0, "off\n", "")


def test_the_mesh_keeps_what_another_program_put_beside_it(terminal: Terminal) -> None:
    terminal.put(f"{GLOBAL}/node_mesh", '{"enabled": true, "port": 179}')

    terminal("bgp node-mesh off")

    assert json.loads(terminal.get(f"{GLOBAL}/node_mesh") or "") == {"enabled": False, "port": 179}


def test_the_default_as_number(terminal: Terminal) -> None:
    assert terminal("bgp default-node-as") == Run(0, "64511\n", "")
    assert terminal("bgp default-node-as 12345") == Run(0, "", "")
    assert terminal("bgp default-node-as") == Run(0, "12345\n", "")
    for bad in ("9" * 23, "abcde"):
        assert terminal(f"bgp default-node-as {bad}") == Run(1, "", "Invalid AS Number specified.\n")
    assert terminal.get(f"{GLOBAL}/as_num") == "12345"


def test_none_of_it_needs_root(terminal: Terminal) -> None:
    terminal.machine.root = False

    for command in ("bgp node-mesh off", "bgp peer add 1.2.3.4 as 4", "node bgp peer add 1.2.3.4 as 4"):
        assert terminal(command).code == 0
