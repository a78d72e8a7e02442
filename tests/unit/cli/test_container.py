"""``calicoctl container``: every message, exit code and effect; what containers get is tested below the commands."""

import json

import pytest

from calico.client.docker import NO_DAEMON, NO_PERMISSION
from calico.model.errors import UnavailableError
from tests.fakes.containers import StackState
from tests.fakes.terminal import FakeMachine, Run, Terminal

C1 = "64" + "0" * 62
C2 = "65" + "0" * 62
ENDPOINT = "01" + "00" * 15
KEY = f"/calico/v1/host/h1/workload/docker/{C1}/endpoint/{ENDPOINT}"
NO_ADDRESS = "Invalid IP address specified.  Argument must be a valid IP or CIDR."
SEVERAL = (
    "More than 1 endpoint matches the provided criteria.  Please provide additional parameters to refine the search."
)


@pytest.fixture
def terminal() -> Terminal:
    """Running containers ``c1`` and ``c2``, a pool of each IP version, profiles ``A`` and ``B``."""
    terminal = Terminal()
    for name in ("c1", "c2"):
        terminal.machine.containers.run(name)
    for command in ("pool add 10.1.0.0/24", "pool add fd80::/64", "profile add A", "profile add B"):
        assert terminal(command).code == 0
    return terminal


def stack(terminal: Terminal, name: str = "c1") -> StackState:
    return terminal.machine.containers.processes[terminal.machine.containers.docker.containers[name].pid][1]


def endpoint(terminal: Terminal) -> dict[str, object]:
    found: dict[str, object] = json.loads(terminal.get(KEY) or "{}")
    return found


def said(text: str) -> Run:
    """Success with a paragraph of one line on standard output."""
    return Run(0, f"{text}\n\n", "")


def refused(text: str) -> Run:
    """Failure with one line on standard error."""
    return Run(1, "", f"{text}\n")


# ---- add and remove ------------------------------------------------------------------------------


def test_a_container_joins(terminal: Terminal) -> None:
    assert terminal("container add c1 10.1.0.7") == said("IP 10.1.0.7 added to c1")

    assert endpoint(terminal) == {
        "state": "active",
        "name": "cali01000000000",
        "mac": "02:00:00:00:00:00",
        "profile_ids": [],
        "ipv4_nets": ["10.1.0.7/32"],
        "ipv6_nets": [],
        "ipv4_gateway": None,
        "ipv6_gateway": None,
    }
    assert list(stack(terminal).interfaces) == ["eth1"]


@pytest.mark.parametrize(
    ("ip", "address"),
    [
        ("ipv4", "10.1.0.0"),
        ("IPv4", "10.1.0.0"),
        ("ipv6", "fd80::"),
        ("IPV6", "fd80::"),
        ("10.1.0.0/24", "10.1.0.0"),
        ("10.1.0.77/24", "10.1.0.0"),
        ("fd80::/64", "fd80::"),
        ("FD80:0::9", "fd80::9"),
    ],
)
def test_an_address_may_be_asked_for_in_many_ways(terminal: Terminal, ip: str, address: str) -> None:
    assert terminal(["container", "add", "c1", ip]) == said(f"IP {address} added to c1")
    assert terminal("container add c2 10.1.0.200").code == 0
    assert terminal(["container", "c2", "ip", "add", ip]).code == int(ip == "FD80:0::9")


@pytest.mark.parametrize(
    "ip",
    [
        "127.a.0.1", "aa:bb::zz", "", "ipv5", "10", "192.168", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "/24",
        "10.1.0.1 ", "10.1.0.1/24/1", "fe80::1%eth0", "\x1b[2J", "999.1.1.1", "010.1.0.1",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(terminal: Terminal, ip: str) -> None:
    before = terminal.tree()

    for command in (["container", "add", "c1", ip], ["container", "c1", "ip", "add", ip]):
        assert terminal(command) == refused(NO_ADDRESS)

    assert terminal.tree() == before
    assert terminal.machine.containers.docker.asked == []


@pytest.mark.parametrize("ip", ["ipv4", "10.1.0.0/24", "10.1.0.7/32", "127.a.0.1", ""])
def test_only_an_address_can_be_removed(terminal: Terminal, ip: str) -> None:
    terminal("container add c1 10.1.0.7")

    result = terminal(["container", "c1", "ip", "remove", ip])

    assert result.code == 1
    assert result.err.startswith("Invalid IP address specified. ")
    assert endpoint(terminal)["ipv4_nets"] == ["10.1.0.7/32"]


@pytest.mark.parametrize("ip", ["10.0.0.0/8", "10.1.0.0/25", "10.1.0.7/32", "fd80::/63"])
def test_a_cidr_must_be_that_of_a_pool(terminal: Terminal, ip: str) -> None:
    assert terminal(f"container add c1 {ip}") == refused(
        f"Invalid CIDR specified for desired pool. No pool found for {ip}. Name one that 'calicoctl pool show' lists "
        f"for IPv{6 if ':' in ip else 4}, or add one with 'calicoctl pool add <CIDR>'."
    )


def test_the_interface_may_be_named(terminal: Terminal) -> None:
    assert terminal("container add c1 ipv4 --interface=hello").code == 0
    assert terminal("container c1 ip add ipv4 --interface hello").code == 0

    assert list(stack(terminal).interfaces) == ["hello"]


@pytest.mark.parametrize("interface", ["", "a/b", "x" * 16, "a b", "..", "a:b"])
def test_a_name_that_no_interface_can_have_is_refused(terminal: Terminal, interface: str) -> None:
    before = terminal.tree()

    for command in (["container", "add", "c1", "ipv4"], ["container", "c1", "ip", "add", "ipv4"]):
        result = terminal([*command, f"--interface={interface}"])

        assert result.code == 1
        assert "is not an interface name" in result.err
    assert terminal.tree() == before


def test_a_container_leaves(terminal: Terminal) -> None:
    before = terminal("ipam info 10.1.0.0")
    terminal("container add c1 ipv4")

    assert terminal("container remove c1") == Run(0, "Removed Calico from c1\n", "")
    assert terminal.get(KEY) is None
    assert terminal("ipam info 10.1.0.0") == before
    assert terminal("container remove c1") == Run(0, "Failed find Calico data for c1\n", "")


@pytest.mark.parametrize(
    "command",
    ["container add c9 ipv4", "container remove c9", "container c9 ip add ipv4", "container c9 ip remove 10.1.0.1",
     "container c9 endpoint show", "container c9 profile set A", "container c9 profile append A",
     "container c9 profile remove A"],
)  # fmt: skip
def test_a_container_that_nobody_knows_is_refused(terminal: Terminal, command: str) -> None:
    before = terminal.tree()

    result = terminal(command)

    assert result == refused("Container c9 was not found.")
    assert terminal.tree() == before


@pytest.mark.parametrize("fault", [NO_DAEMON, NO_PERMISSION])
def test_docker_may_not_answer(terminal: Terminal, fault: str) -> None:
    terminal.machine.containers.docker.fault = UnavailableError(fault)

    for command in ("add c1 ipv4", "remove c1", "c1 ip add ipv4", "c1 endpoint show", "c1 profile set A"):
        assert terminal(f"container {command}") == refused(fault)


@pytest.mark.parametrize(
    "command", ["add c1 ipv4", "add c1 nonsense", "remove c1", "c1 ip add ipv4", "c1 ip remove 10.1.0.1"]
)
def test_only_root_may(command: str) -> None:
    terminal = Terminal(machine=FakeMachine(root=False))

    assert terminal(f"container {command}") == Run(2, "", "This command must be run as root.\n")
    assert terminal.datastore.opened == 0


def test_everybody_may_look(terminal: Terminal) -> None:
    terminal("container add c1 ipv4")
    terminal.machine.root = False

    assert terminal("container c1 endpoint show").code == 0
    assert terminal("container c1 profile set A").code == 0


def test_without_an_agent_nothing_is_done(terminal: Terminal) -> None:
    terminal.machine.containers.agent.state = None
    before = terminal.tree()

    assert terminal("container add c1 ipv4") == refused(
        "calico-node is not running on this host: start it with 'calicoctl node'"
    )
    assert terminal.tree() == before


@pytest.mark.parametrize(
    ("arrange", "message"),
    [
        ("container add c1 ipv4", "c1 has already been configured with Calico Networking."),
        ("container add c2 10.1.0.7", "IP address is already assigned in pool 10.1.0.0/24."),
        ("pool remove 10.1.0.0/24", "10.1.0.7 is not in any configured pools"),
    ],
)
def test_what_keeps_a_container_from_joining_is_said(terminal: Terminal, arrange: str, message: str) -> None:
    terminal(arrange)

    assert terminal("container add c1 10.1.0.7") == refused(message)


# ---- addresses -----------------------------------------------------------------------------------


def test_addresses_come_and_go(terminal: Terminal) -> None:
    terminal("container add c1 ipv4")

    assert terminal("container c1 ip add fd80::7") == said("IP fd80::7 added to c1")
    assert endpoint(terminal)["ipv6_nets"] == ["fd80::7/128"]
    assert terminal("container c1 ip remove FD80::7") == said("IP fd80::7 removed from c1")
    assert endpoint(terminal)["ipv6_nets"] == []
    assert terminal("container c1 ip remove fd80::7") == refused("IP address is not assigned to container. Aborting.")


def test_addresses_are_for_containers_that_joined(terminal: Terminal) -> None:
    assert terminal("container c1 ip add ipv4") == refused(
        "Container c1 is unknown to Calico. Use `calicoctl container add` to add the container to the Calico network."
    )
    assert terminal("container c1 ip remove 10.1.0.7") == refused("Container is unknown to Calico.")


def test_addresses_are_for_containers_that_run(terminal: Terminal) -> None:
    terminal("container add c1 ipv4")
    terminal.machine.containers.stop("c1")

    for command in ("add c1 ipv4", "c1 ip add ipv4", "c1 ip remove 10.1.0.0"):
        assert terminal(f"container {command}") == refused("c1 is not currently running.")


def test_an_interface_that_is_not_there_is_refused(terminal: Terminal) -> None:
    terminal("container add c1 ipv4")
    before = terminal.tree()

    for command in ("add ipv4", "remove 10.1.0.0"):
        assert terminal(f"container c1 ip {command} --interface=eth7") == refused(
            "Interface provided does not exist in container. Aborting."
        )
    assert terminal.tree() == before


# ---- endpoints and profiles ----------------------------------------------------------------------


def test_the_endpoint_is_shown_as_endpoint_show_does(terminal: Terminal) -> None:
    terminal("container add c1 ipv4")
    terminal("container c1 profile set B A")

    for name in ("c1", C1, C1[:12]):
        assert terminal(f"container {name} endpoint show") == terminal(f"endpoint show --detailed --workload={C1}")
    assert "| B,A " in " ".join(terminal("container c1 endpoint show").out.split())
    assert C1 not in terminal("container c2 endpoint show").out


def test_profiles_are_changed_in_order(terminal: Terminal) -> None:
    terminal("container add c1 ipv4")

    assert terminal("container c1 profile append B") == said("Profile(s) B appended.")
    assert terminal("container c1 profile append A") == said("Profile(s) A appended.")
    assert endpoint(terminal)["profile_ids"] == ["B", "A"]
    assert terminal("container c1 profile append A") == said("Profile A is already in endpoint profile list")
    assert terminal("container c1 profile remove B") == said("Profile(s) B removed.")
    assert terminal("container c1 profile remove B") == said("Profile B is not in endpoint profile list.")
    assert terminal("container c1 profile set B A") == said("Profile(s) set to B, A.")
    assert endpoint(terminal)["profile_ids"] == ["B", "A"]
    assert terminal("container c1 profile set") == said("Removed all profiles from endpoint.")
    assert endpoint(terminal)["profile_ids"] == []
    for verb in ("append", "remove"):
        assert terminal(f"container c1 profile {verb}") == said("No profile specified.")


def test_profiles_may_be_changed_while_the_container_rests(terminal: Terminal) -> None:
    terminal("container add c1 ipv4")
    terminal.machine.containers.stop("c1")

    assert terminal("container c1 profile set A").code == 0
    del terminal.machine.containers.docker.containers["c1"]
    assert terminal(f"container {C1} profile set B").code == 0
    assert endpoint(terminal)["profile_ids"] == ["B"]


@pytest.mark.parametrize(
    ("verb", "what"),
    [("append", "append profiles to"), ("remove", "remove profiles from"), ("set", "set profiles for")],
)
def test_profiles_are_for_containers_that_joined(terminal: Terminal, verb: str, what: str) -> None:
    assert terminal(f"container c1 profile {verb} A") == refused(
        f"Failed to {what} endpoint. Container c1 is unknown to Calico."
    )


@pytest.mark.parametrize("command", ["profile append A", "profile remove A", "profile set A", "ip add ipv4"])
def test_several_endpoints_are_told_the_same_everywhere(terminal: Terminal, command: str) -> None:
    terminal("container add c1 ipv4")
    terminal.put(KEY + "2", json.dumps({"state": "active", "mac": "02:00:00:00:00:09"}))
    before = terminal.tree()

    result = terminal(f"container c1 {command}")

    assert (result.code, result.out) == (1, "")
    assert SEVERAL in result.err
    assert terminal.tree() == before


@pytest.mark.parametrize("command", ["profile append NONE", "profile set A A", "profile set 'a;b'"])
def test_profiles_are_checked(terminal: Terminal, command: str) -> None:
    terminal("container add c1 ipv4")
    before = terminal.tree()

    assert terminal(f"container c1 {command}").code == 1
    assert terminal.tree() == before


def test_a_namespace_is_a_container_too(terminal: Terminal) -> None:
    terminal.machine.containers.stacks["/run/netns/red"] = StackState()

    assert terminal("container add /run/netns/red ipv4") == said("IP 10.1.0.0 added to /run/netns/red")
    assert terminal("container /run/netns/red profile set A").code == 0
    assert "-run-netns-red" in terminal("container /run/netns/red endpoint show").out
    del terminal.machine.containers.stacks["/run/netns/red"]
    assert terminal("container add /run/netns/red ipv4") == refused("Container /run/netns/red was not found.")
    assert terminal("container remove /run/netns/red") == Run(0, "Removed Calico from /run/netns/red\n", "")
    assert terminal.machine.containers.docker.asked == []
