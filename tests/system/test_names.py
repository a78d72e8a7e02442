"""Names that Docker gave, in calicoctl: known at once, kept up to date, and the same whoever asks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.system.site import wait_until

if TYPE_CHECKING:
    from tests.system.site import Site

pytestmark = [pytest.mark.kernel, pytest.mark.docker]

SOON = 1.0
"""Seconds. The first look nearly always finds the name there."""

SLEEP = "sleep 100000"
SHOP = ("--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.service=web")


def calls(site: Site, name: str) -> str:
    """The endpoint id that a name calls; empty when there is none."""
    shown = site.host.calicoctl("endpoint", "show", "--detailed", f"--endpoint={name}").stdout
    rows = [
        line.split("|") for line in shown.splitlines()[3:] if line.startswith("| ") and line.split("|")[4].strip()
    ]
    return rows[0][4].strip() if rows else ""


def records(site: Site) -> list[str]:
    """The keys of all names in the datastore."""
    program = (
        "from calico.datastore.open import open_datastore, datastore_url; "
        "print(*[item.key for item in open_datastore(datastore_url({})).list('/calico/docker').entries], sep='\\n')"
    )
    return site.host.run("python", "-c", program).stdout.split()


def test_a_container_is_known_by_every_name_as_soon_as_it_runs(site: Site) -> None:
    network = site.network("testnet1")
    endpoint = site.container("web", "testnet1", *SHOP, command=SLEEP)
    container = json.loads(site.host.docker("container", "inspect", "web").stdout)[0]["Id"]

    wait_until("the name is known", lambda: calls(site, "web") == endpoint, SOON)

    for name in ("shop/web", container, container[:12], endpoint[:12], site.address("web"), "web@testnet1"):
        assert calls(site, name) == endpoint
    assert network in site.host.calicoctl("endpoint", "web", "profile", "show").stdout
    wide = site.host.calicoctl("endpoint", "show", "--wide").stdout
    assert [cell.strip() for cell in wide.splitlines()[3].split("|")[-4:-1]] == ["web", "testnet1", "shop/web"]


def test_a_new_name_takes_the_place_of_the_old_one(site: Site) -> None:
    site.network("testnet1")
    endpoint = site.container("one", "testnet1", command=SLEEP)
    wait_until("the name is known", lambda: calls(site, "one") == endpoint, SOON)

    site.host.docker("rename", "one", "two")

    wait_until("the new name is known", lambda: calls(site, "two") == endpoint, SOON)
    assert calls(site, "one") == ""


def test_policy_is_written_with_the_names_of_networks(site: Site) -> None:
    first = site.network("testnet1")
    second = site.network("testnet2")
    site.container("one", "testnet1")
    site.container("other", "testnet2")
    address = site.address("one")
    assert not site.fetches("other", address)

    assert site.rules("testnet1", "show") == site.rules(first, "show")
    site.rules("testnet1", "add", "inbound", "allow", "tcp", "from", "tag", "testnet2", "to", "ports", "80")

    assert f"allow tcp from tag {second} to ports 80" in site.rules(first, "show")
    assert "allow tcp from tag testnet2 to ports 80" in site.rules("testnet1", "show", "--wide")
    assert site.fetches("other", address)
    assert not site.fetches("other", address, 8080)
    site.host.calicoctl("endpoint", "other", "profile", "append", "testnet1")
    assert site.fetches("other", address, 8080)


def test_what_is_gone_has_no_name(site: Site) -> None:
    network = site.network("testnet1")
    site.container("one", "testnet1", command=SLEEP)
    wait_until("both names are known", lambda: len(records(site)) == 2, SOON)

    site.host.docker("stop", "--time", "0", "one")
    wait_until("it is told that it does not run", lambda: "while it does not run" in _refusal(site, "one"), SOON)
    site.host.docker("rm", "one")
    wait_until(
        "its record is gone", lambda: records(site) == [f"/calico/docker/v1/host/host/network/{network}"], SOON
    )
    site.host.docker("network", "rm", "testnet1")
    wait_until("no record is left", lambda: records(site) == [], SOON)


def test_a_fresh_agent_finds_what_happened_without_it(site: Site) -> None:
    site.network("testnet1")
    endpoint = site.container("one", "testnet1", command=SLEEP)
    site.container("gone", "testnet1", command=SLEEP)
    wait_until("both are known", lambda: calls(site, "one") == endpoint and bool(calls(site, "gone")), SOON)

    site.kill_agent()
    assert calls(site, "one") == endpoint
    site.host.docker("rename", "one", "two")
    site.start_agent()

    wait_until("the new name is known", lambda: calls(site, "two") == endpoint)
    assert calls(site, "one") == ""
    site.host.docker("rm", "--force", "gone")
    wait_until("events are followed again", lambda: len(records(site)) == 2)


def test_names_outlive_the_engine_and_follow_it_again(site: Site) -> None:
    site.network("testnet1")
    site.container("one", "testnet1", "--restart=always", "--stop-signal=KILL", command=SLEEP)
    wait_until("it is known", lambda: calls(site, "one") != "", SOON)

    site.host.stop_engine()
    assert len(records(site)) == 2
    site.host.start_engine()

    # Docker starts the container again, with another endpoint.
    wait_until("it is known again", lambda: calls(site, "one") != "")
    assert calls(site, "one") == site.inspect("one")["EndpointID"]
    site.host.docker("rename", "one", "two")
    wait_until("the new name is known", lambda: calls(site, "two") != "")


def test_containers_of_one_service_are_told_apart(site: Site) -> None:
    site.network("testnet1")
    endpoints = {
        name: site.container(name, "testnet1", *SHOP, command=SLEEP) for name in ("shop-web-1", "shop-web-2")
    }
    wait_until("both are known", lambda: all(calls(site, name) == id_ for name, id_ in endpoints.items()), SOON)

    refused = site.host.calicoctl("endpoint", "shop/web", "profile", "show", check=False)

    assert (refused.returncode, refused.stdout) == (1, "")
    listed = sorted(line for line in refused.stderr.splitlines() if line.startswith("  "))
    assert listed == sorted(
        f"  {id_[:12]}, container {name}, service shop/web, network testnet1, host host, {site.address(name)}"
        for name, id_ in endpoints.items()
    )
    assert site.host.calicoctl("endpoint", "shop-web-1", "profile", "show").returncode == 0


def test_a_container_that_joined_by_hand_is_known_by_its_name(site: Site) -> None:
    site.host.docker("run", "--detach", "--name", "plain", "--network", "none", "busybox", "sleep", "100000")
    site.host.docker("run", "--detach", "--name", "stranger", "--network", "none", "busybox", "sleep", "100000")
    assert records(site) == []

    site.host.calicoctl("container", "add", "plain", "ipv4")

    wait_until("it is known", lambda: calls(site, "plain") != "", SOON)
    site.host.docker("rename", "plain", "simple")
    wait_until("the new name is known", lambda: calls(site, "simple") != "", SOON)
    site.host.calicoctl("container", "remove", "simple")
    wait_until("no record is left", lambda: records(site) == [], SOON)


def _refusal(site: Site, name: str) -> str:
    return site.host.calicoctl("endpoint", name, "profile", "show", check=False).stderr
