"""The session that a person has at the terminal: the seed's, to the letter, and the policy tutorial."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.system.namespace import ROOT

if TYPE_CHECKING:
    from tests.system.site import Site

pytestmark = [pytest.mark.kernel, pytest.mark.docker]


def test_docker_and_calicoctl_show_the_same_ids(site: Site) -> None:
    network = site.network("testnet1")
    endpoint = site.container("one", "testnet1")

    shown = json.loads(site.host.docker("network", "inspect", "testnet1").stdout)[0]

    assert (shown["Name"], shown["Id"], shown["Driver"], shown["IPAM"]["Driver"]) == (
        "testnet1",
        network,
        "calico",
        "calico",
    )
    (container,) = shown["Containers"].values()
    assert container["EndpointID"] == endpoint
    assert container["MacAddress"] == "ee:ee:ee:ee:ee:ee"
    assert site.host.calicoctl("endpoint", endpoint, "profile", "show").stdout == (
        "+------------------------------------------------------------------+\n"
        "|                               Name                               |\n"
        "+------------------------------------------------------------------+\n"
        f"| {network} |\n"
        "+------------------------------------------------------------------+\n"
        "\n"
    )
    assert site.rules(network, "show") == (
        f"Inbound rules:\n   1 allow from tag {network}\nOutbound rules:\n   1 allow\n"
    )


def test_members_reach_each_other_and_nobody_else_does(site: Site) -> None:
    site.network("testnet1")
    site.network("testnet2")
    for name, network in (("one", "testnet1"), ("two", "testnet1"), ("other", "testnet2")):
        site.container(name, network)
    two, other = site.address("two"), site.address("other")

    for target in ("two", two):
        assert site.pings("one", target)
        assert site.fetches("one", target)
        assert site.fetches("one", target, 8080)
    for source, target in (("other", two), ("one", other)):
        assert not site.pings(source, target)
        assert not site.fetches(source, target)


def test_policy_changes_while_containers_run(site: Site) -> None:
    first, second = site.network("testnet1"), site.network("testnet2")
    for name, network in (("one", "testnet1"), ("two", "testnet1"), ("other", "testnet2")):
        site.container(name, network)
    two = site.address("two")

    site.rules(first, "remove", "inbound", "allow", "from", "tag", first)
    assert not site.fetches("one", two)

    site.rules(first, "add", "inbound", "allow", "tcp", "to", "ports", "80,443")
    site.rules(first, "add", "inbound", "allow", "icmp", "type", "8")
    for source in ("one", "other"):
        assert site.fetches(source, two)
        assert site.pings(source, two)
        assert not site.fetches(source, two, 8080)

    site.rules(first, "add", "inbound", "allow", "tcp", "from", "tag", second, "to", "ports", "8080")
    assert site.fetches("other", two, 8080)
    assert not site.fetches("one", two, 8080)

    site.rules(first, "add", "inbound", "--at=1", "deny", "from", "tag", second)
    assert not site.fetches("other", two)
    assert site.fetches("one", two)


def test_endpoint_takes_profiles_of_its_own_in_order(site: Site) -> None:
    network = site.network("testnet1")
    site.container("one", "testnet1")
    endpoint = site.container("two", "testnet1")
    two = site.address("two")
    site.host.calicoctl("profile", "add", "SHUT")
    site.rules("SHUT", "remove", "inbound", "--at=1")
    site.rules("SHUT", "add", "inbound", "deny", "tcp", "to", "ports", "8080")

    site.host.calicoctl("endpoint", endpoint, "profile", "set", "SHUT", network)
    assert site.fetches("one", two)
    assert not site.fetches("one", two, 8080)

    site.host.calicoctl("endpoint", endpoint, "profile", "set", network, "SHUT")
    assert site.fetches("one", two, 8080)

    site.host.calicoctl("endpoint", endpoint, "profile", "set")
    assert not site.fetches("one", two)
    assert not site.fetches("two", site.address("one"))
    site.host.calicoctl("profile", "remove", "SHUT")


def test_everything_goes_when_docker_removes_it(site: Site) -> None:
    site.network("testnet1")
    site.container("one", "testnet1")
    address = site.address("one")
    refused = site.host.docker("network", "rm", "testnet1", check=False)
    assert refused.returncode != 0
    assert "has active endpoints" in refused.stderr

    site.host.docker("rm", "--force", "one")
    site.host.docker("network", "rm", "testnet1")

    assert site.datastore() == []
    assert "is not currently assigned" in site.host.calicoctl("ipam", "info", address).stdout
    assert "cali" not in site.host.run("ip", "-oneline", "link").stdout
    assert site.host.run("ip", "route", "show", "proto", "67").stdout == ""


def test_a_restarted_container_has_policy_again(site: Site) -> None:
    site.network("testnet1")
    site.container("one", "testnet1")
    site.container("two", "testnet1")

    site.host.docker("restart", "--time", "0", "two")

    assert site.pings("one", "two")
    assert site.pings("two", "one")


def test_a_container_has_its_network_from_its_first_instant(site: Site) -> None:
    """No pause and no retry: the first packet of the first process gets through, or is dropped, as policy says."""
    site.network("testnet1")
    site.network("testnet2")
    site.container("two", "testnet1")
    two = site.address("two")
    fetch = f"timeout 2 wget -q -O - http://{two}/; exit $?"  # the shell stays process 1, which signals do not end

    for _ in range(5):
        assert (
            site.host.docker("run", "--rm", "--network", "testnet1", "busybox", "sh", "-c", fetch).stdout == "hello\n"
        )
    stranger = site.host.docker("run", "--rm", "--network", "testnet2", "busybox", "sh", "-c", fetch, check=False)
    assert stranger.returncode != 0


def test_a_container_cannot_use_another_address(site: Site) -> None:
    site.network("testnet1")
    site.container("one", "testnet1", "--cap-add", "NET_ADMIN")
    site.container("two", "testnet1")
    two = site.address("two")
    assert site.pings("one", two)

    site.execute("one", "ip", "address", "add", "192.168.200.1/32", "dev", "cali0")

    assert not site.execute("one", "ping", "-c", "1", "-W", "1", "-I", "192.168.200.1", two)
    assert site.pings("one", two)


def test_addresses_may_be_chosen(site: Site) -> None:
    site.network("testnet1", "--subnet", "192.168.0.0/16")
    site.container("one", "testnet1", "--ip", "192.168.77.7")
    site.container("two", "testnet1")

    assert site.address("one") == "192.168.77.7"
    assert site.pings("two", "192.168.77.7")
    assert site.pings("one", "two")
    taken = site.host.docker(
        "run", "--rm", "--network", "testnet1", "--ip", "192.168.77.7", "busybox", "true", check=False
    )
    assert taken.returncode != 0
    assert "is already assigned in pool" in taken.stderr


def test_ipv6_obeys_the_same_policy(site: Site) -> None:
    site.network("testnet1", "--ipv6")
    site.network("testnet2", "--ipv6")
    for name, network in (("one", "testnet1"), ("two", "testnet1"), ("other", "testnet2")):
        site.container(name, network)
    two = str(site.inspect("two")["GlobalIPv6Address"])
    assert two.startswith("fd80:")

    assert site.fetches("one", f"[{two}]")
    assert site.pings("one", two)
    assert not site.fetches("other", f"[{two}]")
    assert not site.pings("other", two)
    assert site.fetches("one", site.address("two"))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("network", "create", "-d", "calico", "x"), "create the network with --ipam-driver calico as well"),
        (
            ("network", "create", "-d", "calico", "--ipam-driver", "calico", "--subnet", "10.9.0.0/24", "x"),
            "must match the CIDR of a configured Calico IP Pool",
        ),
        (
            ("network", "create", "-d", "calico", "--ipam-driver", "calico", "--opt", "a=b", "x"),
            "does not know the option 'a'",
        ),
        (("network", "create", "-d", "calico", "--ipam-driver", "calico", "--internal", "x"), "--internal"),
        (("run", "--rm", "-p", "8080:80", "--network", "testnet1", "busybox", "true"), "does not publish ports"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(site: Site, words: tuple[str, ...], complaint: str) -> None:
    site.network("testnet1")
    before = site.datastore()

    refused = site.host.docker(*words, check=False)

    assert refused.returncode != 0
    assert complaint in refused.stderr
    assert site.datastore() == before


def test_the_demo_tells_the_truth(site: Site) -> None:
    demo = (sys.executable, str(ROOT / "demo/demo.py"))

    told = site.host.run(*demo, "up", timeout=120).stdout

    assert "The system stays up for you to play with" in told
    assert site.fetches("carol", site.address("bob"), 8080)
    site.host.run(*demo, "down")
    assert site.host.docker("ps", "--all", "--quiet").stdout == ""
    assert "testnet" not in site.host.docker("network", "ls").stdout
    assert "calico" not in site.host.run("nft", "list", "tables").stdout
    site.start_agent()


def test_policy_is_complete_when_a_container_starts(site: Site) -> None:
    """Profiles named with the network and with the attachment hold from the first packet on."""
    site.host.calicoctl("profile", "add", "WEB")
    site.rules("WEB", "remove", "inbound", "--at=1")
    site.rules("WEB", "add", "inbound", "allow", "tcp", "to", "ports", "80")
    site.network("front", "--opt", "profiles=WEB")
    site.network("back")
    site.container("one", "front")
    site.container("two", 'name=back,"driver-opt=calico.profiles=web,@network"')
    site.container("three", "back")
    two = site.address("two")

    assert site.fetches("one", two)
    assert not site.fetches("one", two, 8080)
    assert site.fetches("three", two, 8080)
    refused = site.host.docker(
        "run", "--rm", "--network", "name=back,driver-opt=calico.profiles=nobody", "busybox", "true", check=False
    )
    assert "profile nobody does not exist" in refused.stderr

    site.clear()
    site.host.calicoctl("profile", "remove", "WEB")
