"""Containers that are network namespaces join and leave, with the real kernel below and no agent to wait for."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from calico.client.container_host import ContainerHost
from calico.client.containers import AddressRequest, Containers
from calico.client.endpoints import Endpoints
from calico.client.pools import Pools
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import AlreadyExistsError, NotFoundError, UnavailableError, ValidationError
from calico.model.values import Endpoint
from tests.fakes.containers import FakeLocalAgent
from tests.fakes.ipam_state import check_ipam, read_ipam
from tests.fakes.terminal import READY
from tests.functional.netns import Netns

pytestmark = pytest.mark.kernel

POOL = "10.1.0.0/24"
POOL_IPV6 = "fd80::/64"


class Site:
    """A host in a namespace of its own, and one container."""

    def __init__(self, host: Netns, inside: Netns) -> None:
        self.netns = host
        self.inside = inside
        self.path = inside.path
        self.datastore = MemoryDatastore()
        for pool in (POOL, POOL_IPV6):
            Pools(self.datastore).add([pool])
        self.agent = FakeLocalAgent(READY, lambda _: None)
        host_doors = ContainerHost({"DOCKER_HOST": "unix:///nonexistent"}, self.agent)  # type: ignore[arg-type]
        self.containers = Containers(self.datastore, READY.node, host_doors)

    def endpoint(self) -> Endpoint:
        ((_, endpoint),) = Endpoints(self.datastore).list()
        return endpoint

    def addresses(self, interface: str = "eth1") -> set[str]:
        found = self.inside.ip("address", "show", "dev", interface)
        return {one["local"] for link in found for one in link["addr_info"] if one.get("scope") == "global"}

    def way_out(self, version: int) -> tuple[str, str]:
        route = self.inside.ip(f"-{version}", "route", "show", "default")[0]
        return route["gateway"], route["dev"]

    def interfaces(self) -> list[list[str]]:
        return [[link["ifname"] for link in netns.ip("link")] for netns in (self.netns, self.inside)]

    def assigned(self) -> set[str]:
        state = read_ipam(self.datastore)
        check_ipam(state)
        return set(state.assigned)


@pytest.fixture
def site(netns: Netns, make_netns: Callable[[], Netns]) -> Site:
    return Site(netns, make_netns())


def test_a_namespace_joins_and_leaves(site: Site) -> None:
    address = site.containers.add(site.path, AddressRequest(4))

    endpoint = site.endpoint()
    (link,) = site.inside.ip("link", "show", "eth1")
    assert (link["address"], endpoint.nets) == (endpoint.mac, (f"{address}/32",))
    assert site.interfaces() == [["lo", endpoint.name], ["lo", "eth1"]]
    assert site.addresses() == {address} == site.assigned()
    assert site.way_out(4) == ("169.254.1.1", "eth1")
    assert site.containers.remove(site.path)
    assert site.interfaces() == [["lo"], ["lo"]]
    assert site.assigned() == set()


def test_addresses_of_both_ip_versions_come_and_go(site: Site) -> None:
    site.containers.add(site.path, AddressRequest(6, address="fd80::7"), "hello")
    site.containers.add_address(site.path, AddressRequest(4, pool=POOL))
    site.containers.add_address(site.path, AddressRequest(4, address="10.1.0.9"), "hello")
    assert site.addresses("hello") == {"fd80::7", "10.1.0.0", "10.1.0.9"} == site.assigned()
    assert site.way_out(6) == ("fe80::ecee:eeff:fe00:1", "hello")
    assert site.way_out(4) == ("169.254.1.1", "hello")

    site.containers.remove_address(site.path, "10.1.0.0")
    assert site.way_out(4) == ("169.254.1.1", "hello")
    site.containers.remove_address(site.path, "10.1.0.9")

    assert site.inside.ip("-4", "route", "show", "default") == []
    assert site.addresses("hello") == {"fd80::7"} == site.assigned()
    with pytest.raises(NotFoundError, match="IP address is not assigned to container"):
        site.containers.remove_address(site.path, "10.1.0.9")


def test_a_namespace_that_is_gone_can_be_removed(site: Site) -> None:
    site.containers.add(site.path, AddressRequest(4))
    site.inside.close()

    assert site.containers.remove(site.path)

    assert site.assigned() == set()
    with pytest.raises(NotFoundError, match="was not found"):
        site.containers.add(site.path, AddressRequest(4))


@pytest.mark.parametrize("version", [4, 6])
def test_what_is_not_up_in_time_is_taken_back(site: Site, version: int) -> None:
    site.agent.fault = UnavailableError("not up")

    with pytest.raises(UnavailableError):
        site.containers.add(site.path, AddressRequest(version))

    assert site.interfaces() == [["lo"], ["lo"]]
    assert site.assigned() == set()
    site.agent.fault = None
    site.containers.add(site.path, AddressRequest(4))
    site.agent.fault = UnavailableError("not up")
    before = (site.addresses(), site.assigned(), site.inside.ip("route"), site.endpoint())
    with pytest.raises(UnavailableError):
        site.containers.add_address(site.path, AddressRequest(version))
    assert (site.addresses(), site.assigned(), site.inside.ip("route"), site.endpoint()) == before


def test_an_interface_in_use_is_refused(site: Site) -> None:
    site.inside.run("ip", "link", "add", "eth1", "type", "bridge")

    with pytest.raises(AlreadyExistsError, match="Interface eth1 exists"):
        site.containers.add(site.path, AddressRequest(4))

    assert site.assigned() == set()


def test_the_hosts_own_namespace_is_refused(site: Site) -> None:
    with pytest.raises(ValidationError, match="NetworkMode = host"):
        site.containers.add(f"/proc/{os.getpid()}/task/{os.getpid()}/ns/net", AddressRequest(4))


def test_a_file_that_is_no_namespace_is_refused(site: Site, tmp_path: Path) -> None:
    link = Path(f"/tmp/calico-test-{os.getpid()}")  # a short path, as it becomes part of a key
    link.symlink_to(tmp_path / "plain")
    (tmp_path / "plain").touch()
    try:
        with pytest.raises(Exception, match="cannot enter the network namespace"):
            site.containers.add(str(link), AddressRequest(4))
    finally:
        link.unlink()

    assert site.assigned() == set()
