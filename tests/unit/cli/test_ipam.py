"""``calicoctl ipam``: every message, exit code and effect."""

import json

import pytest

from calico.client.addresses import Addresses
from tests.fakes.terminal import NODE, Run, Terminal


@pytest.fixture
def terminal() -> Terminal:
    terminal = Terminal()
    terminal("pool add 10.0.1.0/24")
    return terminal


@pytest.mark.parametrize("verb", ["release", "info"])
@pytest.mark.parametrize("text", ["10", "10.0.0.0/24", "aa:bb::zz", "", "$(id)", "10.0.0.1 ", "::1%lo"])
def test_an_address_must_be_one(terminal: Terminal, verb: str, text: str) -> None:
    result = terminal(["ipam", verb, text])

    assert result == Run(1, "", f"Invalid IP address specified. {text!r} is not an IP address\n")


def test_an_assigned_address_is_released(terminal: Terminal) -> None:
    (address,) = Addresses(terminal.datastore, NODE).auto_assign(4)

    assert terminal(f"ipam release {address}") == Run(0, "Address successfully released\n", "")
    assert terminal(f"ipam info {address}") == Run(0, f"IP {address} is not currently assigned\n", "")


@pytest.mark.parametrize("address", ["10.0.1.7", "192.0.2.1", "fd80::1"])
def test_an_address_that_is_free_already_is_no_failure(terminal: Terminal, address: str) -> None:
    assert terminal(f"ipam release {address}") == Run(0, "Failed to release address\n", "")


def test_info_prints_what_was_noted(terminal: Terminal) -> None:
    addresses = Addresses(terminal.datastore, NODE)
    addresses.assign("10.0.1.1", attributes={"container": "c1\x1b[2J"})
    addresses.assign("10.0.1.2")

    assert terminal("ipam info 10.0.1.1") == Run(0, "{'container': 'c1\\x1b[2J'}\n", "")
    assert terminal("ipam info 10.0.1.2") == Run(0, "No attributes defined for 10.0.1.2\n", "")
    assert terminal("ipam info 10.0.1.3") == Run(0, "IP 10.0.1.3 is not currently assigned\n", "")


def test_a_node_name_that_cannot_be_one_is_named(terminal: Terminal) -> None:
    terminal.environ["CALICO_NODENAME"] = "a/b"

    assert terminal("ipam info 10.0.1.1") == Run(
        1, "", "node name 'a/b' is not valid: letters, digits, dots, dashes and underscores only\n"
    )


def test_pools_show_how_full_they_are(terminal: Terminal) -> None:
    terminal("pool add 10.0.2.0/26")
    Addresses(terminal.datastore, NODE).auto_assign(4, 3, pool="10.0.1.0/24")

    assert terminal("ipam show") == Run(
        0,
        "+-------------+------+------+\n"
        "|     Pool    | Used | Free |\n"
        "+-------------+------+------+\n"
        "| 10.0.1.0/24 |  3   | 253  |\n"
        "| 10.0.2.0/26 |  0   |  64  |\n"
        "+-------------+------+------+\n",
        "",
    )
    terminal("pool remove 10.0.1.0/24")
    assert json.loads(terminal("ipam show -o json").out) == [
        {"pool": "10.0.2.0/26", "used": 0, "free": 64},
        {"pool": None, "used": 3, "free": 0},
    ]


def test_assigned_addresses_are_shown_with_who_has_them(terminal: Terminal) -> None:
    addresses = Addresses(terminal.datastore, NODE)
    addresses.assign("10.0.1.10", attributes={"orchestrator": "libnetwork"})
    addresses.assign("10.0.1.9", handle="h")
    terminal.put(
        "/calico/v1/host/h2/workload/libnetwork/libnetwork/endpoint/e1",
        json.dumps({"state": "active", "mac": "ee:ee:ee:ee:ee:ee", "ipv4_nets": ["10.0.1.10/32"]}),
    )

    assert terminal("ipam show --addresses").out.splitlines()[3:-1] == [
        "|  10.0.1.9 |  h1  |          |         handle=h        |",
        "| 10.0.1.10 |  h2  |    e1    | orchestrator=libnetwork |",
    ]
    assert json.loads(terminal("ipam show --addresses -o json").out) == [
        {"address": "10.0.1.9", "node": "h1", "endpoint": None, "handle": "h", "attributes": {}},
        {
            "address": "10.0.1.10",
            "node": "h2",
            "endpoint": "e1",
            "handle": None,
            "attributes": {"orchestrator": "libnetwork"},
        },
    ]
