"""What an operator does around a host: checks it, collects what a fault is found by, takes it out of service."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.system.site import Site, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.conftest import MakeHost

pytestmark = [pytest.mark.kernel, pytest.mark.docker]


@pytest.fixture
def own(make_host: MakeHost) -> Iterator[Site]:
    """A host of the test's own, without calico-node yet."""
    site = Site(make_host("operator", address="192.0.2.9/24", default_route=True))
    yield site
    site.host.calicoctl("node", "stop", "--force", check=False)


def test_a_host_is_checked_before_and_after_the_agent_starts(own: Site) -> None:
    before = own.host.calicoctl("checksystem", "--libnetwork")
    assert (before.stdout, before.stderr) == ("", "")

    own.host.calicoctl("node", "--ip=192.0.2.9")
    after = own.host.calicoctl("checksystem", "--verbose")
    assert after.stderr == ""
    assert "OK: calico-node runs, and its plugin socket answers\n" in after.stdout
    assert "DOCKER-USER" in after.stdout
    assert own.host.run("nft", "list", "tables").stdout.count("table inet calico") == 1

    own.host.run("sysctl", "-w", "net.ipv4.conf.all.rp_filter=2")
    warned = own.host.calicoctl("checksystem")
    assert warned.stderr.startswith("WARNING: net.ipv4.conf.all.rp_filter is 2")

    own.host.run("nft", "add table ip foreign; add chain ip foreign felix-FORWARD")
    own.host.stop_engine()
    refused = own.host.calicoctl("checksystem", check=False)
    assert refused.returncode == 1
    assert "ERROR: rules of another Calico judge our interfaces too (felix-FORWARD in ip foreign)" in refused.stderr
    assert "ERROR: Docker daemon not running." in refused.stderr


def test_diags_collect_everything_of_a_running_host(own: Site, tmp_path: Path) -> None:
    own.host.calicoctl("node", "--ip=192.0.2.9")
    own.network("testnet1")
    endpoint = own.container("one", "testnet1")
    own.host.calicoctl("config", "bgp", "api_token", "hunter2", "--force")

    said = own.host.run("calicoctl", "diags", env={"TMPDIR": str(tmp_path)}).stdout

    assert "Copying Calico logs" in said
    archive = said.strip().splitlines()[-1].removeprefix("Diags saved to ")
    with tarfile.open(archive) as file:
        files = {
            member.name.partition("/")[2]: content.read().decode()
            for member in file.getmembers()
            if (content := file.extractfile(member)) is not None
        }
    assert f"cali{endpoint[:11]}" in files["links"]
    assert own.address("one") in files["route"]
    assert "table inet calico" in files["nft"]
    assert "DOCKER-USER" in files["iptables"]
    assert f"conf/cali{endpoint[:11]}/proxy_arp = 1" in files["sysctl"]
    assert "192.0.2.9" in files["links"]
    assert "in_sync=True" in files["status"]
    assert '"Names"' in files["docker"]
    assert f"/endpoint/{endpoint}, " in files["datastore"]
    assert "hunter2" not in "".join(files.values())
    assert "calico-node" in files["logs/calico-node.log"]
    assert {"date", "hostname", "netstat", "version", "environment"} <= files.keys()


def test_diags_are_collected_without_agent_and_engine(own: Site, tmp_path: Path) -> None:
    own.host.stop_engine()

    said = own.host.run("calicoctl", "diags", env={"TMPDIR": str(tmp_path)}).stdout

    assert ".tar.gz" in said
    assert "No logs found in /var/log/calico; skipping log copying" in said
    assert "Dumping Docker's state\n  - Error gathering diagnostics: " in said


def test_a_host_is_taken_out_of_service_and_back(own: Site) -> None:
    own.host.calicoctl("node", "--ip=192.0.2.9", "--as=64512")
    own.network("testnet1")
    own.container("one", "testnet1")
    address = own.address("one")
    own.host.calicoctl("node", "bgp", "peer", "add", "192.0.2.254", "as", "64511")

    running = own.host.calicoctl("node", "remove", "--remove-endpoints", check=False)
    assert running.returncode == 1
    assert running.stderr.startswith("The node cannot be removed while it is running.")
    own.host.calicoctl("node", "stop", "--force")
    used = own.host.calicoctl("node", "remove", check=False)
    assert used.returncode == 1
    assert used.stderr.startswith("The node has active Calico endpoints so can't be deleted. Force with")
    assert "cali" in own.host.run("ip", "-oneline", "link").stdout

    removed = own.host.calicoctl("node", "remove", "--remove-endpoints")

    assert (removed.stdout, removed.stderr) == ("Node configuration removed\n", "")
    assert "cali" not in own.host.run("ip", "-oneline", "link").stdout
    assert own.host.run("ip", "route", "show", "proto", "67").stdout == ""
    assert "calico" not in own.host.run("nft", "list", "tables").stdout
    assert "cali" not in own.host.run("iptables", "-S", "DOCKER-USER").stdout
    assert own.host.calicoctl("ipam", "info", address).stdout == f"IP {address} is not currently assigned\n"
    assert own.host.name not in own.host.calicoctl("node", "show").stdout

    own.host.calicoctl("node", "--ip=192.0.2.9")
    own.clear()
    own.network("testnet2")
    own.container("two", "testnet2")
    own.container("three", "testnet2")
    assert own.fetches("two", own.address("three"))


def test_the_agents_log_follows_the_setting(own: Site) -> None:
    own.host.calicoctl("node", "--ip=192.0.2.9")
    log = own.host.path("/var/log/calico/calico-node.log")
    assert "DEBUG" not in log.read_text()

    own.host.calicoctl("config", "felix", "loglevel", "debug")
    own.network("testnet1")
    own.container("one", "testnet1")

    wait_until("the log has details", lambda: " DEBUG " in log.read_text())
