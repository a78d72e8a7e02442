"""What people who use Docker see of a calico network, to the letter where they rely on it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.system.site import Site

pytestmark = [pytest.mark.kernel, pytest.mark.docker]

MAC = "ee:ee:ee:ee:ee:ee"
ROUTES = ["default via 169.254.1.1 dev cali0", "169.254.1.1 dev cali0 scope link"]
READ = (
    "import sys; from calico.datastore.open import open_datastore;"
    "print(open_datastore('sqlite:///var/lib/calico/calico.db').get(sys.argv[1]).value)"
)

CREATE = (
    "import sys, http.client, socket; c = http.client.HTTPConnection('docker');"
    "c.sock = socket.socket(socket.AF_UNIX); c.sock.connect('/run/docker.sock');"
    "c.request('POST', '/v1.41/containers/create?name=' + sys.argv[1], sys.argv[2],"
    " {'Content-Type': 'application/json'}); sys.exit(c.getresponse().status != 201)"
)


def output(site: Site, container: str, *words: str) -> list[str]:
    return [line.strip() for line in site.host.docker("exec", container, *words).stdout.splitlines()]


def stored_endpoint(site: Site, endpoint: str) -> dict[str, Any]:
    key = f"/calico/v1/host/{site.host.name}/workload/libnetwork/libnetwork/endpoint/{endpoint}"
    return dict(json.loads(site.host.run("python", "-c", READ, key).stdout))


def endpoints(site: Site) -> int:
    shown = site.host.calicoctl("endpoint", "show", "--detailed").stdout
    return sum(" active " in line for line in shown.splitlines())


def test_an_attachment_is_the_same_for_docker_the_container_and_the_datastore(site: Site) -> None:
    network = site.network("testnet1")
    endpoint = site.container("one", "testnet1", "--label", "foo=bar")
    address = site.address("one")

    assert site.inspect("one")["MacAddress"] == MAC
    assert output(site, "one", "ip", "route") == ROUTES
    assert output(site, "one", "cat", "/sys/class/net/cali0/address") == [MAC]
    assert any(line.startswith(f"inet {address}/32 ") for line in output(site, "one", "ip", "address"))
    assert f"cali{endpoint[:11]}@" in site.host.run("ip", "-oneline", "link").stdout
    stored = stored_endpoint(site, endpoint)
    assert (
        stored.items()
        >= {
            "state": "active",
            "name": f"cali{endpoint[:11]}",
            "mac": MAC,
            "profile_ids": [network],
            "ipv4_nets": [f"{address}/32"],
            "ipv6_nets": [],
        }.items()
    )
    assert "labels" not in stored


def test_a_container_with_ipv6_has_a_way_out_of_each_version(site: Site) -> None:
    site.network("testnet1", "--ipv6")
    endpoint = site.container("one", "testnet1")
    address = str(site.inspect("one")["GlobalIPv6Address"])

    assert output(site, "one", "ip", "route") == ROUTES
    (default,) = (line for line in output(site, "one", "ip", "-6", "route") if line.startswith("default"))
    assert default.startswith("default via fe80::")
    assert " dev cali0 " in default
    assert stored_endpoint(site, endpoint)["ipv6_nets"] == [f"{address}/128"]


def test_a_mac_may_be_chosen(site: Site) -> None:
    mac = "00:22:33:44:55:66"
    site.network("testnet1")
    # Over the API, because clients and engines of different years do not agree on --mac-address.
    body = {"Image": "busybox", "Cmd": ["sleep", "600"], "MacAddress": mac, "HostConfig": {"NetworkMode": "testnet1"}}
    site.host.run("python", "-c", CREATE, "one", json.dumps(body))
    site.host.docker("start", "one")
    endpoint = site.inspect("one")["EndpointID"]
    site.container("two", "testnet1")

    assert site.inspect("one")["MacAddress"] == mac
    assert stored_endpoint(site, endpoint)["mac"] == mac
    assert output(site, "one", "cat", "/sys/class/net/cali0/address") == [mac]
    assert output(site, "one", "ip", "route") == ROUTES
    assert site.pings("two", "one")


def test_a_container_may_leave_its_network_and_come_back(site: Site) -> None:
    site.network("testnet1")
    site.container("one", "testnet1")
    site.container("two", "testnet1")
    two = site.address("two")
    assert endpoints(site) == 2
    assert site.pings("one", "two")
    assert site.pings("two", "one")

    site.host.docker("network", "disconnect", "testnet1", "two")

    assert endpoints(site) == 1
    assert not site.pings("one", two)
    refused = site.host.docker("network", "rm", "testnet1", check=False)
    assert refused.returncode != 0
    site.host.docker("network", "connect", "testnet1", "two")
    assert endpoints(site) == 2
    assert site.pings("one", site.address("two"))

    for name in ("one", "two"):
        site.host.docker("network", "disconnect", "testnet1", name)
    assert endpoints(site) == 0
    site.host.docker("network", "rm", "testnet1")
    assert site.datastore() == []


def test_a_container_reaches_its_host_by_default(site: Site) -> None:
    site.network("testnet1")
    site.container("one", "testnet1")

    assert site.pings("one", "192.0.2.1")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            "--subnet 192.168.0.0/16 --gateway 192.168.0.1",
            "failed to allocate gateway (192.168.0.1): IpamDriver.RequestAddress: Calico IPAM does not support",
        ),
        (
            "--subnet 192.168.0.0/24",
            "IpamDriver.RequestPool: The requested subnet must match the CIDR of a configured Calico IP Pool.",
        ),
        (
            "--subnet 192.168.0.0/16 --ip-range 192.168.0.0/24",
            "IpamDriver.RequestPool: Calico IPAM does not support sub pool configuration on 'docker create network'.",
        ),
        ("--ipam-opt REJECT=1", "IpamDriver.RequestPool: Arbitrary options are not supported"),
    ],
)
def test_networks_that_calico_cannot_give_are_refused_in_the_known_words(
    site: Site, options: str, complaint: str
) -> None:
    words = ("network", "create", "--driver", "calico", "--ipam-driver", "calico", *options.split(), "x")

    refused = site.host.docker(*words, check=False)

    assert refused.returncode == 1
    assert complaint in refused.stderr


@pytest.mark.parametrize("options", ["--subnet 192.168.0.0/16", "--ipv6"])
def test_networks_that_calico_can_give_are_made(site: Site, options: str) -> None:
    assert len(site.network("testnet1", *options.split())) == 64
