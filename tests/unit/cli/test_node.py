"""``calicoctl node``: registering this host, starting the agent and stopping it."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from calico.client.addresses import Addresses
from calico.datastore.memory import MemoryDatastore
from calico.linux.addresses import Address
from calico.linux.routes import Route
from calico.model.errors import ApplyError, UnavailableError, ValidationError
from calico.model.record import replace
from tests.fakes.datastore import FaultyDatastore
from tests.fakes.terminal import ETH0, LOOPBACK, READY, STARTING, Executed, FakeMachine, Run, Terminal

DETECTED = "No IP provided. Using detected IP: 10.9.8.7\n"
RUNNING = "Calico node is running with pid: 4242\n"


@pytest.fixture
def machine() -> FakeMachine:
    return FakeMachine()


@pytest.fixture
def terminal(machine: FakeMachine) -> Terminal:
    return Terminal(machine=machine)


def refused(text: str) -> Run:
    """Failure with one line on standard error."""
    return Run(1, "", f"{text}\n")


def add_endpoint(terminal: Terminal, host: str = "h1", nets: Sequence[str] = ()) -> None:
    value = {"state": "active", "mac": "ee:ee:ee:ee:ee:ee", "ipv4_nets": list(nets)}
    terminal.put(f"/calico/v1/host/{host}/workload/libnetwork/libnetwork/endpoint/e1", json.dumps(value))


def test_start_registers_the_host_and_runs_the_agent(terminal: Terminal, machine: FakeMachine) -> None:
    assert terminal("node --ip=10.9.8.7 --ip6=fd80::7 --as=64512 --libnetwork") == Run(
        0,
        RUNNING,
        "WARNING: Could not confirm that the provided IPv6 address is assigned to this host.\n",
    )
    tree = terminal.tree()
    assert tree["/calico/bgp/v1/host/h1/ip_addr_v4"] == "10.9.8.7"
    assert tree["/calico/bgp/v1/host/h1/ip_addr_v6"] == "fd80::7"
    assert tree["/calico/bgp/v1/host/h1/as_num"] == "64512"
    assert tree["/calico/v1/Ready"] == "true"
    assert "/calico/v1/ipam/v4/pool/192.168.0.0-16" in tree
    assert machine.forwarding == [4, 6]
    assert machine.log_dirs == [Path("/var/log/calico")]
    assert [process.ended for process in machine.started] == [False]


def test_the_address_is_detected(terminal: Terminal) -> None:
    assert terminal("node") == Run(0, DETECTED + RUNNING, "")
    assert terminal.get("/calico/bgp/v1/host/h1/ip_addr_v4") == "10.9.8.7"


def test_the_default_pool_avoids_the_networks_of_the_host(terminal: Terminal, machine: FakeMachine) -> None:
    machine.own = (LOOPBACK, Address("eth0", "192.168.0.10/24"))
    machine.routes = (Route("10.65.0.0/16", "eth0", gateway="192.168.0.1", protocol=4),)

    assert terminal("node --ip=192.168.0.10") == Run(
        0,
        "192.168.0.0/16 overlaps a network of this host (192.168.0.0/24 on eth0); the default pool is 10.66.0.0/16\n"
        + RUNNING,
        "",
    )
    assert "/calico/v1/ipam/v4/pool/10.66.0.0-16" in terminal.tree()
    assert "/calico/v1/ipam/v4/pool/192.168.0.0-16" not in terminal.tree()
    assert terminal("node --ip=192.168.0.10").out == RUNNING.replace("is running", "is already running")


@pytest.mark.parametrize(
    "device", ["docker0", "docker_gwbridge", "br-0123456789ab", "cbr0", "virbr0", "lxcbr0", "veth1", "cali1", "tunl0"]
)
def test_interfaces_of_containers_are_not_the_host(device: str) -> None:
    machine = FakeMachine(
        addresses=(LOOPBACK, Address("eth1", "10.1.1.1/24"), ETH0, Address(device, "172.17.0.1/16"))
    )

    assert Terminal(machine=machine)("node").out.startswith(DETECTED)


def test_link_local_and_ipv6_addresses_are_not_detected() -> None:
    others = (Address("eth0", "169.254.3.4/16", "link"), Address("eth0", "fd80::7/64"))

    assert Terminal(machine=FakeMachine(addresses=(ETH0, *others)))("node").out.startswith(DETECTED)


def test_a_host_without_an_address_must_be_told_one() -> None:
    machine = FakeMachine(addresses=(LOOPBACK, Address("docker0", "172.17.0.1/16")))
    terminal = Terminal(machine=machine)

    assert terminal("node") == refused(
        "Couldn't autodetect a management IP address. Please provide an IP by rerunning the command with the "
        "--ip=<IP_ADDRESS> flag."
    )
    assert terminal.tree() == {}
    assert machine.started == []


@pytest.mark.parametrize(
    "command",
    ["node", "node --runtime=none", "node stop", "node stop --force", "node --ip=bad", "node remove",
     "node remove --hostname=h1"],
)  # fmt: skip
def test_only_root_may(command: str) -> None:
    terminal = Terminal(machine=FakeMachine(root=False))

    assert terminal(command) == Run(2, "", "This command must be run as root.\n")
    assert terminal.datastore.opened == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--ip=bad", "Invalid IPv4 address specified with --ip argument."),
        ("--ip=fd80::1", "Invalid IPv4 address specified with --ip argument."),
        ("--ip=10.0.0.1/24", "Invalid IPv4 address specified with --ip argument."),
        ("--ip6=10.0.0.1", "Invalid IPv6 address specified with --ip6 argument."),
        ("--as=nine", "Invalid AS Number specified."),
        ("--as=65536.0", "Invalid AS Number specified."),
        ("--as=65535.65536", "Invalid AS Number specified."),
        ("--as=65535.", "Invalid AS Number specified."),
        ("--as=.5", "Invalid AS Number specified."),
        ("--as=1.2.3", "Invalid AS Number specified."),
        ("--as=4294967296", "Invalid AS Number specified."),
        ("--as=-1", "Invalid AS Number specified."),
        ("--detach=yes", "Valid values for --detach are 'true' and 'false'"),
        ("--runtime=docker", "Runtime must be 'process' or 'none'."),
        ("--ip=a --ip6=b --as=c",
         ("Invalid IPv4 address specified with --ip argument. Invalid IPv6 address specified with --ip6 argument. "
         "Invalid AS Number specified.")),
    ],
)  # fmt: skip
def test_bad_options_change_nothing(terminal: Terminal, machine: FakeMachine, options: str, message: str) -> None:
    assert terminal(f"node {options}") == refused(message)
    assert terminal.tree() == {}
    assert (machine.forwarding, machine.started) == ([], [])


@pytest.mark.parametrize(
    ("text", "number"),
    [("9", 9), ("0.65535", 65535), ("65535.65535", 4294967295), ("4294.566", 281412150), ("1000000", 1000000)],
)
def test_as_numbers(terminal: Terminal, text: str, number: int) -> None:
    assert terminal(f"node --runtime=none --as={text}").code == 0
    assert terminal.get("/calico/bgp/v1/host/h1/as_num") == str(number)


def test_empty_options_count_as_not_given(terminal: Terminal) -> None:
    assert terminal("node --ip= --ip6= --as= --log-dir= --detach= --runtime=") == Run(0, DETECTED + RUNNING, "")


def test_without_a_runtime_the_host_is_only_registered(terminal: Terminal, machine: FakeMachine) -> None:
    assert terminal("node --runtime=none") == Run(0, DETECTED, "")
    assert terminal.get("/calico/v1/host/h1/bird_ip") == "10.9.8.7"
    assert machine.started == []


def test_an_address_of_another_node_is_refused(terminal: Terminal, machine: FakeMachine) -> None:
    terminal("node --runtime=none")
    before = terminal.tree()
    terminal.environ["CALICO_NODENAME"] = "h2"

    result = terminal("node --ip=10.9.8.7")

    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("ERROR: IP address 10.9.8.7 is already in use by host h1. Calico requires each")
    assert terminal.tree() == before
    assert machine.started == []


def test_an_address_that_is_not_on_this_host_is_doubted(terminal: Terminal) -> None:
    result = terminal("node --ip=10.1.2.3")

    assert result.code == 0
    assert result.err == "WARNING: Could not confirm that the provided IPv4 address is assigned to this host.\n"


def test_the_name_of_another_node_is_doubted(terminal: Terminal, machine: FakeMachine) -> None:
    terminal("node --runtime=none --ip=10.9.8.7")
    machine.own = (Address("eth0", "10.9.8.8/24"),)

    result = terminal("node")

    assert result.code == 0
    assert result.err.startswith("WARNING: Hostname 'h1' is already in use with IP address 10.9.8.7.")
    assert terminal.get("/calico/bgp/v1/host/h1/ip_addr_v4") == "10.9.8.8"


def test_forwarding_that_cannot_be_enabled_ends_the_command(terminal: Terminal, machine: FakeMachine) -> None:
    machine.forwarding_error = ApplyError("ERROR: Could not enable ipv4 forwarding. /proc/sys is read-only here")

    assert terminal("node --ip=10.9.8.7") == refused(
        "ERROR: Could not enable ipv4 forwarding. /proc/sys is read-only here"
    )
    assert terminal.tree() == {}


def test_start_returns_when_the_agent_is_ready(terminal: Terminal, machine: FakeMachine) -> None:
    not_answering = UnavailableError("calico-node did not answer in time")
    another = replace(READY, pid=77)
    machine.agent.answers = [None, None, not_answering, STARTING, another, replace(READY, in_sync=False), READY]

    assert terminal("node") == Run(0, DETECTED + RUNNING, "")
    assert machine.time == pytest.approx(6 * 0.05)


def test_an_agent_that_ends_at_once_says_why(terminal: Terminal, machine: FakeMachine) -> None:
    machine.agent.answers = [None]
    machine.exit_code = 1
    machine.log_text = "2026 INFO starting\n2026 ERROR cannot open /dev/net\x1b[2J: no nft\n2026 INFO bye\n\n"

    assert terminal("node") == Run(
        1, DETECTED, "calico-node ended with exit code 1: 2026 ERROR cannot open /dev/net\\x1b[2J: no nft\n"
    )
    assert machine.started[0].ended


def test_an_agent_that_ends_without_a_word(terminal: Terminal, machine: FakeMachine) -> None:
    machine.exit_code = -9

    assert terminal("node").err == "calico-node ended with exit code -9: it wrote nothing to its log\n"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (None, "it does not answer"),
        (STARTING, "the plugin is starting, the kernel is not in sync"),
        (replace(STARTING, last_error="nft: not permitted"), "nft: not permitted"),
    ],
)
def test_an_agent_that_is_not_ready_in_time_is_ended(
    terminal: Terminal, machine: FakeMachine, answer: object, state: str
) -> None:
    machine.agent.answers = [answer]  # type: ignore[list-item]
    machine.log_text = "last line"

    assert terminal("node") == Run(
        1, DETECTED, f"calico-node was not ready within 30 s: {state}; its log ends with: last line\n"
    )
    assert machine.started[0].ended
    assert machine.time == pytest.approx(30, abs=0.1)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValidationError("answer is not understood")])
def test_whatever_ends_the_waiting_ends_the_agent(
    terminal: Terminal, machine: FakeMachine, error: BaseException
) -> None:
    def fail(_timeout: float) -> None:
        raise error

    machine.agent.status = fail  # type: ignore[assignment,method-assign]

    assert terminal("node").code != 0
    assert machine.started[0].ended


def test_a_running_agent_is_left_alone(terminal: Terminal, machine: FakeMachine) -> None:
    machine.agent.running = 99
    machine.agent.answers = [STARTING, replace(READY, pid=99)]

    assert terminal("node --ip=10.9.8.7") == Run(0, "Calico node is already running with pid: 99\n", "")
    assert machine.started == []


def test_a_running_agent_that_is_not_ready_is_a_failure_and_left_alone(
    terminal: Terminal, machine: FakeMachine
) -> None:
    machine.agent.running = 99
    machine.agent.answers = [STARTING]

    assert terminal("node --ip=10.9.8.7") == refused(
        "calico-node was not ready within 30 s: the plugin is starting, the kernel is not in sync"
    )
    assert machine.agent.running == 99


def test_in_the_foreground_the_program_becomes_the_agent(terminal: Terminal, machine: FakeMachine) -> None:
    with pytest.raises(Executed):
        terminal("node --detach=false")

    assert terminal.datastore.closed == 1
    assert terminal.get("/calico/v1/Ready") == "true"
    assert machine.started == []


def test_the_log_goes_where_it_is_told(terminal: Terminal, machine: FakeMachine) -> None:
    terminal("node --log-dir /tmp/logs")

    assert machine.log_dirs == [Path("/tmp/logs")]


def test_stop_ends_the_agent_and_keeps_the_data(terminal: Terminal, machine: FakeMachine) -> None:
    terminal("node")
    add_endpoint(terminal, host="h2")
    before = terminal.tree()

    assert terminal("node stop") == Run(0, "Node stopped\n", "")
    assert machine.terminated == [4242]
    assert terminal.tree() == before


def test_stop_without_an_agent_is_no_failure(terminal: Terminal, machine: FakeMachine) -> None:
    add_endpoint(terminal)

    assert terminal("node stop") == Run(0, "Calico node is not running.\n", "")
    assert machine.terminated == []


def test_stop_with_endpoints_needs_force(terminal: Terminal, machine: FakeMachine) -> None:
    machine.agent.running = 4242
    add_endpoint(terminal)

    result = terminal("node stop")

    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith("Current host has active endpoints so can't be stopped.  Force with --force")
    assert machine.terminated == []
    assert terminal("node stop --force") == Run(
        0,
        "Stopping node while host has active endpoints.  If this in error, restart the\n"
        "node using the 'calicoctl node' command.\n\nNode stopped\n",
        "",
    )
    assert machine.terminated == [4242]


def test_stop_without_a_datastore_needs_force() -> None:
    datastore = FaultyDatastore(MemoryDatastore())
    datastore.go_down(UnavailableError("the datastore is down"))
    machine = FakeMachine()
    machine.agent.running = 4242
    terminal = Terminal(datastore, machine)

    assert terminal("node stop") == refused(
        "the datastore is down; to stop the node without knowing its endpoints, use --force"
    )
    assert terminal("node stop --force") == Run(0, "Node stopped\n", "")


def test_an_agent_that_does_not_end_is_a_failure(terminal: Terminal, machine: FakeMachine) -> None:
    machine.agent.running = 4242
    machine.stubborn = True

    assert terminal("node stop") == refused(
        "calico-node (pid 4242) did not end within 30 s; if it hangs: kill -9 4242"
    )
    assert machine.time == pytest.approx(30, abs=0.1)


@pytest.mark.parametrize("command", ["node --ip=10.9.8.7", "node stop", "node remove"])
def test_an_agent_that_has_not_said_its_pid_is_not_touched(
    terminal: Terminal, machine: FakeMachine, command: str
) -> None:
    """Signalling "pid 0" would reach our own process group."""
    machine.agent.running = 0

    assert terminal(command) == refused("calico-node is starting and has not said its pid; try again")
    assert (machine.terminated, machine.started) == ([], [])


class TestRemove:
    def test_takes_this_host_out_of_the_kernel_and_the_datastore(
        self, terminal: Terminal, machine: FakeMachine
    ) -> None:
        terminal("node --runtime=none --ip=10.9.8.7 --as=64512")
        before = {key for key in terminal.tree() if "/h1/" in key}
        (address,) = Addresses(terminal.datastore, "h1").auto_assign(4)
        add_endpoint(terminal, nets=[f"{address}/32"])
        terminal("node bgp peer add 1.2.3.4 as 4")

        assert terminal("node remove --remove-endpoints") == Run(0, "Node configuration removed\n", "")

        assert before
        assert [key for key in terminal.tree() if "/h1/" in key or "/block/" in key] == []
        assert "/calico/v1/ipam/v4/pool/192.168.0.0-16" in terminal.tree()
        assert terminal(f"ipam info {address}").out == f"IP {address} is not currently assigned\n"
        assert machine.cleaned == 1

    def test_again_is_no_failure(self, terminal: Terminal, machine: FakeMachine) -> None:
        terminal("node --runtime=none")
        terminal("node remove")

        assert terminal("node remove") == Run(0, "Node h1 is not registered.\n", "")
        assert machine.cleaned == 2

    @pytest.mark.parametrize("options", ["", "--hostname=h1", "--hostname=h2"])
    def test_with_endpoints_needs_the_option(self, terminal: Terminal, machine: FakeMachine, options: str) -> None:
        add_endpoint(terminal)
        add_endpoint(terminal, host="h2")
        before = terminal.tree()

        result = terminal(f"node remove {options}")

        assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
        assert result.err.startswith(
            "The node has active Calico endpoints so can't be deleted. Force with --remove-endpoints"
        )
        assert terminal.tree() == before
        assert machine.cleaned == 0

    @pytest.mark.parametrize("options", ["", "--remove-endpoints", "--hostname=h1"])
    def test_is_refused_while_the_agent_runs(self, terminal: Terminal, machine: FakeMachine, options: str) -> None:
        terminal("node")
        before = terminal.tree()

        assert terminal(f"node remove {options}") == refused(
            "The node cannot be removed while it is running.  Please run 'calicoctl node stop' to stop the node "
            "before removing it."
        )
        assert terminal.tree() == before
        assert machine.cleaned == 0

    def test_keeps_the_data_when_the_kernel_cannot_be_cleaned(self, terminal: Terminal, machine: FakeMachine) -> None:
        terminal("node --runtime=none")
        before = terminal.tree()
        machine.clean_error = ApplyError("this host's kernel could not be cleaned: no nft")

        assert terminal("node remove") == refused("this host's kernel could not be cleaned: no nft")
        assert terminal.tree() == before

    def test_of_another_host_leaves_this_one_alone(self, terminal: Terminal, machine: FakeMachine) -> None:
        terminal("node")
        own = terminal.tree()
        add_endpoint(terminal, host="h2")
        terminal.put("/calico/bgp/v1/host/h2/ip_addr_v4", "10.9.8.9")
        machine.root = False

        assert terminal("node remove --remove-endpoints --hostname=h2") == Run(0, "Node configuration removed\n", "")
        assert terminal.tree() == own
        assert (machine.cleaned, machine.terminated) == (0, [])

    @pytest.mark.parametrize("text", ["no-such", "h2"])
    def test_of_a_host_that_nobody_knows_is_no_failure(self, terminal: Terminal, text: str) -> None:
        assert terminal(f"node remove --hostname={text}") == Run(0, f"Node {text} is not registered.\n", "")

    def test_of_a_host_that_cannot_be_one_is_refused(self, terminal: Terminal) -> None:
        terminal("node --runtime=none")

        result = terminal("node remove --hostname=../h1")

        assert (result.code, result.out) == (1, "")
        assert result.err.startswith("node name '../h1' is not valid")


class TestShow:
    def test_prints_every_host_with_its_own_peers(self, terminal: Terminal) -> None:
        terminal("node --runtime=none --ip=10.9.8.7 --ip6=fd80::7")
        for peer in ("10.0.0.10 as 1", "10.0.0.9 as 2", "fd80::9 as 3"):
            terminal(f"node bgp peer add {peer}")
        terminal("bgp peer add 10.0.0.1 as 64511")
        terminal.environ["CALICO_NODENAME"] = "a"
        terminal("node --runtime=none --ip=10.9.8.8 --as=64512")

        assert terminal("node show") == Run(
            0,
            "+----------+-----------+-----------+-------------------+----------------+--------------+\n"
            "| Hostname | Bird IPv4 | Bird IPv6 |       AS Num      |  BGP Peers v4  | BGP Peers v6 |\n"
            "+----------+-----------+-----------+-------------------+----------------+--------------+\n"
            "|    a     |  10.9.8.8 |           |       64512       |                |              |\n"
            "|    h1    |  10.9.8.7 |  fd80::7  | 64511 (inherited) | 10.0.0.9 as 2  | fd80::9 as 3 |\n"
            "|          |           |           |                   | 10.0.0.10 as 1 |              |\n"
            "+----------+-----------+-----------+-------------------+----------------+--------------+\n",
            "",
        )

    def test_without_hosts_is_an_empty_table(self, terminal: Terminal) -> None:
        assert len(terminal("node show").out.splitlines()) == 4

    def test_leaves_out_what_cannot_be_understood(self, terminal: Terminal) -> None:
        terminal("node --runtime=none")
        terminal.put("/calico/bgp/v1/host/h1/peer_v4/1.2.3.4", "?")
        terminal.put("/calico/bgp/v1/host/h1/peer_v4/nowhere", "{}")
        terminal.put("/calico/bgp/v1/host/h;2/ip_addr_v4", "10.0.0.1")

        assert terminal("node show").out.count("h1") == 1
        assert "10.0.0.1" not in terminal("node show").out


@pytest.mark.parametrize("command", ["node start", "node stop now", "node remove now", "node bgp", "node --ip"])
def test_what_is_not_in_the_grammar(terminal: Terminal, machine: FakeMachine, command: str) -> None:
    result = terminal(command)

    assert result.code == 1
    assert "Usage:\n  calicoctl node" in result.err
    assert machine.started == []
