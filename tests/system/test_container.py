"""Containers that join without a Docker network: `calicoctl container`, on a real engine, kernel and agent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.system.site import SERVER, Site, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.conftest import MakeHost

pytestmark = [pytest.mark.kernel, pytest.mark.docker]

POOL = "10.77.0.0/24"
PROFILES = ("P1", "P2")


class Containers:
    """Containers that Docker gave no Calico network."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.host = site.host

    def start(self, name: str, network: str = "none") -> str:
        """Start a container that serves ports 80 and 8080; its id."""
        run = ("run", "--detach", "--name", name, "--network", network, "busybox", "sh", "-c", SERVER)
        identity = self.host.docker(*run).stdout.strip()
        self.wait_served(name)
        return identity

    def restart(self, name: str) -> None:
        self.host.docker("restart", "--time", "0", name)
        self.wait_served(name)

    def wait_served(self, name: str) -> None:
        wait_until(f"{name} serves", lambda: self.site.execute(name, "wget", "-qO-", "http://127.0.0.1:8080/"))

    def add(self, name: str, ip: str, *options: str, profile: str = "") -> str:
        """Let a container join; its address."""
        words = self.host.calicoctl("container", "add", name, ip, *options).stdout.split()
        assert (words[0], words[2:]) == ("IP", ["added", "to", name])
        if profile:
            self.host.calicoctl("container", name, "profile", "set", profile)
        return words[1]

    def calicoctl(self, *words: str) -> str:
        return self.host.calicoctl("container", *words).stdout

    def refused(self, *words: str) -> str:
        """A command on containers that must fail: its one line."""
        done = self.host.calicoctl("container", *words, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        return done.stderr.strip()

    def reaches(self, name: str, address: str) -> None:
        """Policy that was just changed is in force within milliseconds, but not at once."""
        wait_until(f"{name} reaches {address}", lambda: self.site.pings(name, address))

    def way_out(self, name: str) -> list[str]:
        """The interfaces of the default routes, the preferred one first."""
        shown = self.host.docker("exec", name, "ip", "route").stdout.splitlines()
        return [line.split()[4] for line in shown if line.startswith("default")]

    def clear(self) -> None:
        """Take every container out of Calico."""
        shown = self.host.calicoctl("endpoint", "show", "--detailed").stdout
        rows = [[cell.strip() for cell in line.split("|")] for line in shown.splitlines() if line.startswith("|")]
        for row in rows:
            if row[2] in ("docker", "namespace"):
                path = row[3].replace("-run-netns-", "/run/netns/")
                self.calicoctl("remove", path if row[2] == "namespace" else row[3])


@pytest.fixture
def containers(site: Site) -> Iterator[Containers]:
    made = Containers(site)
    for profile in PROFILES:
        site.host.calicoctl("profile", "add", profile)
    site.host.calicoctl("pool", "add", POOL)
    yield made
    made.clear()
    for profile in PROFILES:
        site.host.calicoctl("profile", "remove", profile, "--no-check")
    site.host.calicoctl("pool", "remove", POOL)
    assert "cali" not in site.host.run("ip", "-oneline", "link").stdout


def test_the_next_free_addresses_are_given_in_order(make_host: MakeHost) -> None:
    site = Site(make_host("fresh", address="192.0.2.7/24", default_route=True))
    site.host.calicoctl("node", "--ip=192.0.2.7")
    site.host.calicoctl("profile", "add", "P1")
    containers = Containers(site)
    for version, first in (("ipv4", "192.168.0."), ("ipv6", "fd80:24e2:f998:72d6::")):
        given = []
        for _ in range(2):
            for name in ("one", "two"):
                containers.start(name)
                given.append(containers.add(name, version, profile="P1"))
            containers.reaches("one", given[-1])
            containers.reaches("two", given[-2])
            for name in ("one", "two"):
                containers.calicoctl("remove", name)
                site.host.docker("rm", "--force", name)

        zero = "0" if version == "ipv4" else ""
        assert given == [f"{first}{last}" for last in (zero, "1", "2", "3")]
    site.host.calicoctl("node", "stop")


def test_addresses_come_from_the_pool_that_is_named(containers: Containers) -> None:
    for name in ("one", "two"):
        containers.start(name)

    assert [containers.add(name, POOL, profile="P1") for name in ("one", "two")] == ["10.77.0.0", "10.77.0.1"]
    containers.reaches("one", "10.77.0.1")


def test_policy_is_in_force_from_the_first_instant(containers: Containers) -> None:
    site = containers.site
    for name in ("one", "two", "other"):
        containers.start(name)
    one, two = containers.add("one", "ipv4"), containers.add("two", "10.77.0.9")
    other = containers.add("other", "ipv4", profile="P2")
    assert not site.pings("one", two)
    assert not site.pings("two", one)

    containers.calicoctl("one", "profile", "set", "P1")
    containers.calicoctl("two", "profile", "append", "P1")

    containers.reaches("one", two)
    containers.reaches("two", one)
    assert site.fetches("one", two)
    assert site.fetches("two", one, 8080)
    for source, target in (("other", one), ("other", two), ("one", other)):
        assert not site.pings(source, target)
        assert not site.fetches(source, target)

    containers.calicoctl("other", "profile", "append", "P1")
    containers.reaches("other", two)
    containers.calicoctl("other", "profile", "remove", "P1")
    wait_until("the profile is gone", lambda: not site.pings("other", two))
    shown = containers.calicoctl("two", "endpoint", "show")
    assert "10.77.0.9/32" in shown
    assert "| P1 " in " ".join(shown.split())


def test_a_container_reaches_its_host(containers: Containers) -> None:
    containers.start("one")
    containers.add("one", "ipv4", profile="P1")

    containers.reaches("one", "192.0.2.1")


def test_both_ip_versions_work_side_by_side(containers: Containers) -> None:
    for name in ("one", "two", "other"):
        containers.start(name)
    containers.add("one", "ipv6", profile="P1")
    two = containers.add("two", "ipv6", profile="P1")
    containers.add("other", "ipv6", profile="P2")

    containers.reaches("one", two)
    assert containers.site.fetches("one", f"[{two}]")
    assert not containers.site.pings("other", two)

    containers.calicoctl("one", "ip", "add", "ipv4")
    containers.calicoctl("two", "ip", "add", "10.77.0.9")
    containers.reaches("one", "10.77.0.9")
    containers.calicoctl("two", "ip", "remove", two)
    assert not containers.site.pings("one", two)
    assert containers.site.fetches("one", "10.77.0.9")


def test_more_addresses_come_and_go(containers: Containers) -> None:
    site = containers.site
    for name in ("one", "two"):
        containers.start(name)
    containers.add("one", "10.77.0.1", profile="P1")
    containers.add("two", "10.77.0.2", "--interface=hello", profile="P1")
    containers.calicoctl("one", "ip", "add", "10.77.0.11")
    containers.calicoctl("two", "ip", "add", "10.77.0.22", "--interface=hello")
    containers.calicoctl("two", "ip", "add", "10.77.0.23")

    def all_reachable() -> None:
        for target in ("10.77.0.2", "10.77.0.22", "10.77.0.23"):
            containers.reaches("one", target)
        for target in ("10.77.0.1", "10.77.0.11"):
            containers.reaches("two", target)

    all_reachable()
    assert "Interface provided does not exist" in containers.refused("one", "ip", "add", "ipv4", "--interface=hello")

    for name in ("one", "two"):
        containers.restart(name)
        assert "has lost its Calico interface" in containers.refused(name, "ip", "add", "ipv4")
        assert "already been configured" in containers.refused("add", name, "ipv4")
        containers.calicoctl("remove", name)
    containers.add("one", "10.77.0.1", profile="P1")
    containers.add("two", "10.77.0.2", "--interface=hello", profile="P1")
    containers.calicoctl("one", "ip", "add", "10.77.0.11")
    for address in ("10.77.0.22", "10.77.0.23"):
        containers.calicoctl("two", "ip", "add", address, "--interface=hello")
    all_reachable()

    containers.calicoctl("one", "ip", "remove", "10.77.0.11")
    containers.calicoctl("two", "ip", "remove", "10.77.0.22", "--interface=hello")
    assert not site.pings("two", "10.77.0.11")
    assert not site.pings("one", "10.77.0.22")
    for source, target in (("one", "10.77.0.2"), ("one", "10.77.0.23"), ("two", "10.77.0.1")):
        assert site.pings(source, target)
    for name, address in (("one", "10.77.0.11"), ("two", "10.77.0.22")):
        assert containers.refused(name, "ip", "remove", address) == (
            "IP address is not assigned to container. Aborting."
        )
        assert "is not currently assigned" in site.host.calicoctl("ipam", "info", address).stdout


def test_a_container_on_dockers_bridge_goes_our_way_and_keeps_its_own(containers: Containers) -> None:
    containers.start("one", network="bridge")
    containers.start("two")
    assert containers.way_out("one") == ["eth0"]

    one, two = containers.add("one", "ipv4", profile="P1"), containers.add("two", "ipv4", profile="P1")

    containers.reaches("one", two)
    containers.reaches("two", one)
    assert containers.way_out("one") == ["eth1", "eth0"]
    described = json.loads(containers.host.docker("container", "inspect", "one").stdout)[0]
    gateway = described["NetworkSettings"]["Networks"]["bridge"]["Gateway"]
    assert containers.site.pings("one", gateway)
    containers.calicoctl("remove", "one")
    assert containers.way_out("one") == ["eth0"]


def test_a_namespace_is_a_container_too(containers: Containers) -> None:
    host = containers.host
    host.run("ip", "netns", "add", "red")
    containers.start("one")
    one = containers.add("one", "ipv4", profile="P1")

    red = containers.add("/run/netns/red", "ipv4", profile="P1")

    containers.reaches("one", red)
    host.run("nsenter", "--net=/run/netns/red", "busybox", "ping", "-c1", "-W1", one)
    shown = host.calicoctl("endpoint", "show", "--detailed", "--orchestrator=namespace").stdout
    assert "-run-netns-red" in shown
    host.run("ip", "netns", "delete", "red")
    assert containers.calicoctl("remove", "/run/netns/red") == "Removed Calico from /run/netns/red\n"
    assert "is not currently assigned" in host.calicoctl("ipam", "info", red).stdout


@pytest.mark.parametrize("known_by", ["id", "beginning"])
def test_a_container_that_docker_removed_can_be_taken_out(containers: Containers, known_by: str) -> None:
    identity = containers.start("one")
    address = containers.add("one", "ipv4")
    containers.host.docker("rm", "--force", "one")
    assert containers.refused("remove", "one") == "Container one was not found."

    containers.calicoctl("remove", identity if known_by == "id" else identity[:12])

    assert "is not currently assigned" in containers.host.calicoctl("ipam", "info", address).stdout
    assert containers.host.run("ip", "route", "show", address).stdout == ""


def test_what_cannot_join_is_refused_and_leaves_nothing(containers: Containers) -> None:
    host = containers.host
    host.docker("run", "--detach", "--name", "hosted", "--network", "host", "busybox", "sleep", "300")
    host.docker("create", "--name", "resting", "--network", "none", "busybox", "sleep", "300")
    containers.start("one")
    before = host.calicoctl("endpoint", "show", "--detailed").stdout, host.run("ip", "-oneline", "link").stdout

    assert containers.refused("add", "hosted", "10.77.0.9") == (
        "Can't add hosted to Calico because it is running NetworkMode = host."
    )
    assert containers.refused("add", "resting", "10.77.0.9") == "resting is not currently running."
    assert containers.refused("add", "nobody", "10.77.0.9") == "Container nobody was not found."
    assert containers.refused("add", "one", "10.99.0.9") == "10.99.0.9 is not in any configured pools"
    assert "Interface lo exists" in containers.refused("add", "one", "10.77.0.9", "--interface=lo")
    no_docker = host.run(
        "calicoctl", "container", "add", "one", "ipv4", check=False, env={"DOCKER_HOST": "unix:///run/none.sock"}
    )
    assert no_docker.stderr == "Unable to run docker commands. Is the docker daemon running?\n"

    after = host.calicoctl("endpoint", "show", "--detailed").stdout, host.run("ip", "-oneline", "link").stdout
    assert after == before
    assert "is not currently assigned" in host.calicoctl("ipam", "info", "10.77.0.9").stdout


def test_without_an_agent_nobody_joins(containers: Containers) -> None:
    containers.start("one")
    containers.host.calicoctl("node", "stop", "--force")

    assert containers.refused("add", "one", "10.77.0.9").startswith("calico-node is not running on this host")

    assert "is not currently assigned" in containers.host.calicoctl("ipam", "info", "10.77.0.9").stdout
    containers.site.start_agent()
    containers.add("one", "10.77.0.9")
