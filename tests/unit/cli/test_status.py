"""``calicoctl status``: what it says of the agent and of routing."""

import pytest

from calico.cli.status import _duration
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import UnavailableError
from calico.model.record import replace
from tests.fakes.datastore import FaultyDatastore
from tests.fakes.terminal import READY, FakeMachine, Run, Terminal


@pytest.fixture
def terminal() -> Terminal:
    terminal = Terminal(machine=FakeMachine())
    assert terminal("node --ip=10.9.8.7").code == 0
    return terminal


def test_a_running_agent_is_described(terminal: Terminal) -> None:
    assert terminal("status") == Run(
        0,
        "calico-node is running. Status: Up 3 minutes (pid 4242)\n"
        "Running calico-node version 0.1.0 as node h1\n"
        "Docker plugin: serving\n"
        "Datastore: sqlite:///var/lib/calico/calico.db (in-sync, revision 17)\n"
        "Kernel: in sync, repaired 0 times\n"
        "Endpoints: 3 up, 1 down\n"
        "\n"
        "IPv4 BGP status\n"
        "IP: 10.9.8.7    AS Number: 64511 (inherited)\n"
        "BGP is not in use.\n"
        "\n"
        "IPv6 BGP status\n"
        "No IPv6 address configured.\n"
        "\n",
        "",
    )


def test_an_own_as_number_is_not_inherited(terminal: Terminal) -> None:
    terminal("node --ip=10.9.8.7 --as=64600")

    assert "IP: 10.9.8.7    AS Number: 64600\n" in terminal("status").out


def test_the_last_error_is_shown_without_its_control_characters(terminal: Terminal) -> None:
    terminal.machine.agent.answers = [replace(READY, in_sync=False, last_error="nft:\x1b[2J no")]

    out = terminal("status").out

    assert "Kernel: not in sync, repaired 0 times\n" in out
    assert "Last error: nft:\\x1b[2J no\n" in out


def test_no_agent_is_a_failure() -> None:
    assert Terminal()("status") == Run(1, "", "calico-node is not running\n")


def test_an_agent_that_does_not_listen_yet_is_a_failure(terminal: Terminal) -> None:
    terminal.machine.agent.answers = [None]

    assert terminal("status") == Run(1, "", "calico-node is starting, or ending: it does not answer yet\n")


def test_an_agent_that_does_not_answer_is_a_failure(terminal: Terminal) -> None:
    terminal.machine.agent.answers = [UnavailableError("calico-node did not answer in time")]

    assert terminal("status") == Run(1, "", "calico-node did not answer in time\n")


def test_only_root_may_ask_a_running_agent(terminal: Terminal) -> None:
    terminal.machine.root = False

    assert terminal("status") == Run(2, "", "This command must be run as root.\n")


def test_without_the_datastore_the_agent_is_described_all_the_same() -> None:
    datastore = FaultyDatastore(MemoryDatastore())
    datastore.go_down(UnavailableError("the datastore is down"))
    machine = FakeMachine()
    machine.agent.running = READY.pid

    result = Terminal(datastore, machine)("status")

    assert result.code == 1
    assert result.out.startswith("calico-node is running. Status: Up 3 minutes (pid 4242)\n")
    assert result.err == "the datastore is down\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"), (120, "2 minutes"),
     (3600, "About an hour"), (7200, "2 hours"), (172799, "47 hours"), (172800, "2 days"), (14 * 86400, "2 weeks")],
)  # fmt: skip
def test_durations_are_in_dockers_words(seconds: int, text: str) -> None:
    assert _duration(seconds) == text
