"""Docker's firewall as Docker leaves it: FORWARD drops, and DOCKER-USER is where we may speak."""

import time
from collections.abc import Sequence

import pytest

from tests.functional.dataplane.host import PATIENCE, Container, Host, connects, network
from tests.functional.netns import Netns

pytestmark = pytest.mark.kernel

RULES = ["-A DOCKER-USER -i cali+ -j ACCEPT", "-A DOCKER-USER -o cali+ -j ACCEPT"]
RETURN = "-A DOCKER-USER -j RETURN"


def start_docker(netns: Netns, command: str = "iptables") -> None:
    """What dockerd does to an empty firewall."""
    netns.run(command, "-P", "FORWARD", "DROP")
    netns.run(command, "-N", "DOCKER-USER")
    netns.run(command, "-A", "DOCKER-USER", "-j", "RETURN")
    netns.run(command, "-I", "FORWARD", "-j", "DOCKER-USER")


def rules(netns: Netns, command: str = "iptables") -> list[str]:
    return netns.run(command, "-S", "DOCKER-USER").splitlines()[1:]


def wait_for_rules(netns: Netns, wanted: Sequence[str], command: str = "iptables") -> None:
    deadline = time.monotonic() + PATIENCE
    while (found := rules(netns, command)) != list(wanted):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


@pytest.fixture
def pair(host: Host) -> tuple[Container, Container]:
    return host.container(1, ["one"]), host.container(2, ["one"])


def plug(host: Host, pair: tuple[Container, Container]) -> None:
    for container in pair:
        host.plug(container)


@pytest.mark.parametrize("command", ["iptables", "iptables-legacy"])
def test_endpoints_pass_dockers_drop_from_the_moment_they_are_up(
    host: Host, pair: tuple[Container, Container], command: str
) -> None:
    start_docker(host.netns, command)
    plug(host, pair)
    a, b = pair
    with host.driver() as driver:
        driver.start(*network("one", *pair))
        driver.wait_up(a)
        driver.wait_up(b)

        assert rules(host.netns, command) == [*RULES, RETURN]
        assert connects(a.netns, b.netns, b.address)
        assert driver.statuses.snapshot().repairs == 0
    assert connects(a.netns, b.netns, b.address), "they stay when we stop"

    with host.driver() as driver:
        driver.start(*network("one", *pair))
        driver.wait_up(a)
        assert rules(host.netns, command) == [*RULES, RETURN], "a new agent adds none"


def test_docker_started_after_us(host: Host, pair: tuple[Container, Container]) -> None:
    plug(host, pair)
    a, b = pair
    with host.driver(check_interval=3600.0) as driver:
        driver.start(*network("one", *pair))
        driver.wait_up(a)
        driver.wait_up(b)
        start_docker(host.netns)
        start_docker(host.netns, "ip6tables")

        wait_for_rules(host.netns, [*RULES, RETURN])
        wait_for_rules(host.netns, [*RULES, RETURN], "ip6tables")
        assert connects(a.netns, b.netns, b.address)


@pytest.mark.parametrize(
    ("change", "rest"),
    [
        (["-F", "DOCKER-USER"], []),
        (["-D", "DOCKER-USER", "1"], [RETURN]),
        (["-D", "DOCKER-USER", "-o", "cali+", "-j", "ACCEPT"], [RETURN]),
        (["-I", "DOCKER-USER", "-j", "DROP"], ["-A DOCKER-USER -j DROP", RETURN]),
    ],
)
def test_rules_that_others_take_away_come_back(
    host: Host, pair: tuple[Container, Container], change: list[str], rest: list[str]
) -> None:
    start_docker(host.netns)
    plug(host, pair)
    a, b = pair
    with host.driver(check_interval=3600.0) as driver:
        driver.start(*network("one", *pair))
        driver.wait_up(a)
        driver.wait_up(b)

        host.netns.run("iptables", *change)

        wait_for_rules(host.netns, [*RULES, *rest])
        assert connects(a.netns, b.netns, b.address)


def test_endpoint_is_not_up_before_dockers_chain_is_right(host: Host, pair: tuple[Container, Container]) -> None:
    start_docker(host.netns)
    plug(host, pair)
    a, b = pair
    with host.driver(check_interval=3600.0) as driver:
        driver.start(*network("one", *pair))
        driver.wait_up(a)
        host.netns.run("iptables", "-F", "DOCKER-USER")
        driver.send()
        driver.wait_up(b)

        assert rules(host.netns) == RULES


def test_rules_survive_being_saved_and_restored(host: Host, pair: tuple[Container, Container]) -> None:
    start_docker(host.netns)
    with host.driver() as driver:
        driver.start()
        wait_for_rules(host.netns, [*RULES, RETURN])
        saved = host.netns.run("iptables-save")
        host.netns.run("iptables-restore", stdin=saved)
        driver.send()
        with_counters = host.netns.run("iptables-save", "-c")
        host.netns.run("iptables-restore", "-c", stdin=with_counters)

        assert rules(host.netns) == [*RULES, RETURN]
        assert driver.statuses.snapshot().repairs == 0


def test_legacy_rules_come_back_at_the_check(host: Host, pair: tuple[Container, Container]) -> None:
    start_docker(host.netns, "iptables-legacy")
    with host.driver(check_interval=0.1) as driver:
        driver.start()
        wait_for_rules(host.netns, [*RULES, RETURN], "iptables-legacy")
        host.netns.run("iptables-legacy", "-F", "DOCKER-USER")
        wait_for_rules(host.netns, RULES, "iptables-legacy")


def test_host_without_docker_gets_no_firewall(host: Host, pair: tuple[Container, Container]) -> None:
    plug(host, pair)
    with host.driver() as driver:
        driver.start(*network("one", *pair))
        driver.wait_up(pair[0])

        assert host.netns.run("nft", "list", "tables") == "table inet calico\n"
