"""``calicoctl checksystem``: silent when all is well, one line for each thing that is not."""

import pytest

from calico.client.checks import AgentFacts
from calico.model.record import replace
from tests.fakes.terminal import WELL, FakeMachine, Run, Terminal

TOO_OLD = "ERROR: Docker server must support Docker Remote API v1.21 or greater. (Detected version: 1.20)\n"


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.mark.parametrize("options", ["", "--libnetwork"])
def test_a_good_host_is_not_worth_a_word(terminal: Terminal, options: str) -> None:
    assert terminal(f"checksystem {options}") == Run(0, "", "")


def test_what_is_in_the_way_fails(terminal: Terminal) -> None:
    terminal.machine.seen = replace(WELL, docker=replace(WELL.docker, api_version="1.20"))

    assert terminal("checksystem") == Run(1, "", TOO_OLD)
    assert terminal("checksystem --libnetwork") == Run(
        1, "", f"ERROR: Docker Version does not support Libnetwork.\n{TOO_OLD}"
    )


def test_what_is_worth_knowing_is_said_and_does_not_fail(terminal: Terminal) -> None:
    terminal.machine.seen = replace(WELL, kernel=replace(WELL.kernel, rp_filter="2"))

    result = terminal("checksystem")

    assert (result.code, result.out, result.err.count("\n")) == (0, "", 1)
    assert result.err.startswith("WARNING: net.ipv4.conf.all.rp_filter is 2")


def test_all_problems_are_said_and_whatever_they_hold_stays_on_its_line(terminal: Terminal) -> None:
    terminal.machine.seen = replace(
        WELL,
        kernel=replace(WELL.kernel, nft_fault="a\nb\x1b[2J", link_fault="c"),
        agent=AgentFacts(running=True, fault="d"),
    )

    result = terminal("checksystem")

    assert (result.code, result.out) == (1, "")
    assert [line.split(":")[0] for line in result.err.splitlines()] == ["ERROR"] * 3
    assert all(line.isprintable() for line in result.err.splitlines())


def test_verbose_tells_what_is_well(terminal: Terminal) -> None:
    terminal.machine.seen = replace(WELL, docker=replace(WELL.docker, api_version="1.20"))

    result = terminal("checksystem --verbose")

    assert (result.code, result.err) == (1, TOO_OLD)
    assert "OK: the kernel takes calico's nftables table (libnftables 1.0.6)\n" in result.out
    assert "OK: the datastore sqlite:///var/lib/calico/calico.db can be read and written\n" in result.out
    assert all(line.startswith("OK: ") for line in result.out.splitlines())


def test_fix_is_accepted_and_does_nothing(terminal: Terminal) -> None:
    assert terminal("checksystem --fix") == Run(
        0, "", "WARNING: Deprecated flag --fix: checksystem no longer fixes detected issues\n"
    )


def test_only_root_may() -> None:
    assert Terminal(machine=FakeMachine(root=False))("checksystem") == Run(
        2, "", "This command must be run as root.\n"
    )
