"""Nodes: what registration writes and keeps, conflicts of addresses and names, and removal."""

import pytest

from calico.client.addresses import Addresses
from calico.client.bgp import BGP
from calico.client.config import Config
from calico.client.endpoints import Endpoints
from calico.client.nodes import NodeRecord, Nodes
from calico.client.pools import Pools
from calico.datastore.api import Put
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import AlreadyExistsError, InUseError, NotFoundError, ValidationError
from calico.model.keys import BGPConfigKey, ConfigKey, ContainerNameKey, EndpointKey, HostConfigKey
from calico.model.values import BGPPeer, Endpoint
from tests.fakes.interleaving import CrashError, InterleavedDatastore, crash
from tests.fakes.ipam_state import read_ipam


@pytest.fixture
def datastore() -> MemoryDatastore:
    return MemoryDatastore()


@pytest.fixture
def nodes(datastore: MemoryDatastore) -> Nodes:
    return Nodes(datastore)


def tree(datastore: MemoryDatastore) -> dict[str, str]:
    return {item.key.removeprefix("/calico/"): item.value for item in datastore.list("/calico").entries}


def attach(datastore: MemoryDatastore, host: str, endpoint: str, *nets: str) -> EndpointKey:
    key = EndpointKey(host, "libnetwork", "libnetwork", endpoint)
    v4, v6 = (tuple(net for net in nets if (":" in net) == six) for six in (False, True))
    Endpoints(datastore).create(key, Endpoint("active", "cali1", None, ipv4_nets=v4, ipv6_nets=v6))
    return key


class TestRegister:
    def test_writes_exactly_this(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        nodes.register("h1", "10.9.8.7")
        assert tree(datastore) == {
            "v1/Ready": "true",
            "v1/config/InterfacePrefix": "cali",
            "v1/config/LogSeverityFile": "none",
            "v1/config/LogSeverityScreen": "info",
            "v1/config/LogFilePath": "none",
            "v1/config/IpInIpEnabled": "false",
            "v1/host/h1/bird_ip": "10.9.8.7",
            "v1/host/h1/config/marker": "created",
            "v1/host/h1/config/DefaultEndpointToHostAction": "RETURN",
            "v1/ipam/v4/pool/192.168.0.0-16": '{"cidr": "192.168.0.0/16"}',
            "v1/ipam/v6/pool/fd80:24e2:f998:72d6::-64": '{"cidr": "fd80:24e2:f998:72d6::/64"}',
            "bgp/v1/global/as_num": "64511",
            "bgp/v1/global/node_mesh": '{"enabled": true}',
            "bgp/v1/host/h1/ip_addr_v4": "10.9.8.7",
            "bgp/v1/host/h1/ip_addr_v6": "",
        }

    def test_is_one_transaction(self, datastore: MemoryDatastore) -> None:
        seen = InterleavedDatastore(datastore)
        Nodes(seen).register("h1", "10.9.8.7")
        assert seen.calls.count("transact") == 1

    def test_keeps_what_was_set_by_hand(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        config = Config(datastore)
        kept: dict[ConfigKey | HostConfigKey | BGPConfigKey, str] = {
            ConfigKey("LogSeverityScreen"): "debug",
            HostConfigKey("h1", "DefaultEndpointToHostAction"): "DROP",
            BGPConfigKey("", "as_num"): "65000",
        }
        for key, value in kept.items():
            config.set(key, value)
        Pools(datastore).add(["10.0.0.0/24"])
        nodes.register("h1", "10.9.8.7")
        assert {key: config.get(key) for key in kept} == kept
        assert [pool.cidr for pool in Pools(datastore).list(4)] == ["10.0.0.0/24"]

    def test_again_updates_addresses_and_as_number(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        nodes.register("h1", "10.9.8.7", as_number=65001)
        assert tree(datastore)["bgp/v1/host/h1/as_num"] == "65001"
        nodes.register("h1", "10.9.8.8", "FD80:0::1")
        found = tree(datastore)
        assert "bgp/v1/host/h1/as_num" not in found
        assert found["v1/host/h1/bird_ip"] == "10.9.8.8"
        assert (nodes.address("h1", 4), nodes.address("h1", 6)) == ("10.9.8.8", "fd80::1")

    def test_without_an_ipv4_address_leaves_none_behind(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        nodes.register("h1", "10.9.8.7")
        nodes.register("h1", "", "fd80::1")
        assert "v1/host/h1/bird_ip" not in tree(datastore)
        assert nodes.address("h1", 4) == ""

    def test_can_do_without_default_pools(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        nodes.register("h1", "10.9.8.7", default_pools=False)
        assert Pools(datastore).list() == ()

    @pytest.mark.parametrize(("ipv4", "ipv6"), [("10.9.8.7", ""), ("10.9.8.9", "fd80::1")])
    def test_refuses_the_address_of_another_host(
        self, datastore: MemoryDatastore, nodes: Nodes, ipv4: str, ipv6: str
    ) -> None:
        nodes.register("h2", "10.9.8.7", "fd80::1")
        before = tree(datastore)
        address = ipv6 or ipv4
        with pytest.raises(AlreadyExistsError) as caught:
            nodes.register("h1", ipv4, ipv6)
        assert str(caught.value) == (
            f"ERROR: IP address {address} is already in use by host h2. Calico requires each compute host to have a "
            "unique IP. If this is your first time running 'calicoctl node' on this host, ensure that another host "
            "is not already using the same IP address."
        )
        assert tree(datastore) == before

    @pytest.mark.parametrize(
        ("host", "ipv4", "ipv6"),
        [("h/1", "10.9.8.7", ""), ("h1", "fd80::1", ""), ("h1", "10", ""), ("h1", "10.9.8.7", "10.9.8.7")],
    )
    def test_refuses_what_is_malformed(
        self, datastore: MemoryDatastore, nodes: Nodes, host: str, ipv4: str, ipv6: str
    ) -> None:
        with pytest.raises(ValidationError):
            nodes.register(host, ipv4, ipv6)
        assert tree(datastore) == {}

    def test_of_two_hosts_at_once_is_consistent(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        seen = InterleavedDatastore(datastore)
        Nodes(seen).register("h1", "10.9.8.1")
        last = len(seen.calls)
        for call in range(1, last + 1):
            fresh = MemoryDatastore()
            seen = InterleavedDatastore(fresh)
            seen.arm(before={call: lambda fresh=fresh: Nodes(fresh).register("h2", "10.9.8.2")})  # type: ignore[misc]
            Nodes(seen).register("h1", "10.9.8.1")
            assert Nodes(fresh).list() == ("h1", "h2")
            assert len(Pools(fresh).list()) == 2


class TestLookUp:
    def test_finds_owners_of_addresses(self, nodes: Nodes) -> None:
        nodes.register("h1", "10.9.8.7", "fd80::1")
        assert nodes.address_owner("10.9.8.7") == "h1"
        assert nodes.address_owner("FD80:0::1") == "h1"
        assert nodes.address_owner("10.9.8.8") is None

    def test_knows_nothing_of_a_stranger(self, nodes: Nodes) -> None:
        assert nodes.address("h9", 4) == ""
        assert nodes.list() == ()

    def test_warns_with_the_registered_address(self, nodes: Nodes) -> None:
        assert nodes.hostname_warning("h1", "10.9.8.8") is None
        nodes.register("h1", "10.9.8.7")
        assert nodes.hostname_warning("h1", "10.9.8.7") is None
        assert nodes.hostname_warning("h1", "10.9.8.8") == (
            "WARNING: Hostname 'h1' is already in use with IP address 10.9.8.7. Calico requires each compute host to "
            "have a unique hostname. If this is your first time running 'calicoctl node' on this host, ensure that "
            "another host is not already using the same hostname."
        )

    def test_lists_the_endpoints_of_one_host(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        key = attach(datastore, "h1", "e1")
        attach(datastore, "h10", "e2")
        assert nodes.endpoints("h1") == (key,)


class TestRecords:
    def test_tell_of_each_node_what_is_its_own(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        nodes.register("h2", "10.9.8.8", as_number=65001)
        nodes.register("h1", "10.9.8.7", "fd80::7")
        for address, number, host in (("10.0.0.10", 1, "h1"), ("10.0.0.9", 2, "h1"), ("10.0.0.1", 3, "")):
            BGP(datastore).add_peer(address, number, host)
        assert nodes.records() == (
            NodeRecord("h1", "10.9.8.7", "fd80::7", "64511", True, (BGPPeer("10.0.0.9", 2), BGPPeer("10.0.0.10", 1))),
            NodeRecord("h2", "10.9.8.8", "", "65001", False, ()),
        )

    def test_follow_the_number_of_all_nodes(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        nodes.register("h1", "10.9.8.7")
        BGP(datastore).set_default_as_number(65002)
        assert [record.as_number for record in nodes.records()] == ["65002"]

    def test_are_of_registered_nodes_only(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        BGP(datastore).add_peer("10.0.0.1", 3, "h1")
        assert nodes.records() == ()


class TestRemove:
    def fill(self, datastore: MemoryDatastore) -> None:
        """Two hosts, each with an endpoint and a further address."""
        Nodes(datastore).register("h1", "10.9.8.1")
        Nodes(datastore).register("h2", "10.9.8.2")
        for host in ("h1", "h2"):
            addresses = Addresses(datastore, host)
            v4, v6 = addresses.auto_assign(4, handle=host)[0], addresses.auto_assign(6, handle=host)[0]
            attach(datastore, host, "e1", f"{v4}/32", f"{v6}/128")

    def test_refuses_a_host_in_use(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        self.fill(datastore)
        before = tree(datastore)
        with pytest.raises(InUseError, match="The node has active Calico endpoints so can't be deleted"):
            nodes.remove("h1")
        assert tree(datastore) == before

    def test_leaves_nothing_of_the_host_and_all_of_others(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        self.fill(datastore)
        others = {path: text for path, text in tree(datastore).items() if "h2" in path}
        nodes.remove("h1", endpoints=True)
        found = tree(datastore)
        assert [path for path in found if "h1" in path.split("/")] == []
        assert {path: text for path, text in found.items() if "h2" in path} == others
        state = read_ipam(datastore)
        assert set(state.assigned.values()) == {"h2"}
        assert {block.affinity for block in state.blocks.values()} == {"h2"}
        assert nodes.list() == ("h2",)

    def test_releases_the_tunnel_address(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        nodes.register("h1", "10.9.8.1")
        tunnel = Addresses(datastore, "h1").auto_assign(4)[0]
        Config(datastore).set(HostConfigKey("h1", "IpInIpTunnelAddr"), tunnel)
        nodes.remove("h1")
        assert read_ipam(datastore).assigned == {}

    def test_of_an_unknown_host_is_fine(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        self.fill(datastore)
        before = tree(datastore)
        assert not nodes.remove("h9")
        assert tree(datastore) == before

    def test_forgets_what_docker_called_its_containers(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        for host in ("h1", "h2"):
            nodes.register(host, f"10.9.8.{host[1]}")
            datastore.transact((), (Put(ContainerNameKey(host, "c1").path, '{"name": "web"}'),))
        nodes.remove("h1")
        assert datastore.get(ContainerNameKey("h1", "c1").path) is None
        assert datastore.get(ContainerNameKey("h2", "c1").path) is not None

    def test_tells_whether_the_host_held_anything(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        nodes.register("h1", "10.9.8.1")
        assert nodes.remove("h1")
        assert not nodes.remove("h1")
        Addresses(datastore, "h1").assign("192.168.0.0")
        assert nodes.remove("h1")

    def test_goes_on_when_somebody_else_removes_an_endpoint(self, datastore: MemoryDatastore) -> None:
        self.fill(datastore)
        (key,) = Nodes(datastore).endpoints("h1")
        seen = InterleavedDatastore(datastore)
        # The endpoints are listed, then each is removed.
        seen.arm(after={1: lambda: Nodes(datastore).remove_endpoint(key)})
        assert Nodes(seen).remove("h1", endpoints=True)
        assert [path for path in tree(datastore) if "h1" in path.split("/")] == []

    def test_is_not_held_up_by_a_tunnel_address_that_is_none(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        nodes.register("h1", "10.9.8.1")
        Config(datastore).set(HostConfigKey("h1", "IpInIpTunnelAddr"), "nowhere")
        assert nodes.remove("h1")
        assert [path for path in tree(datastore) if "h1" in path.split("/")] == []

    def test_can_be_asked_for_again_after_a_death(self, datastore: MemoryDatastore) -> None:
        finished = False
        call = 0
        while not finished:
            call += 1
            fresh = MemoryDatastore()
            self.fill(fresh)
            seen = InterleavedDatastore(fresh)
            seen.arm(before={call: crash})
            try:
                Nodes(seen).remove("h1", endpoints=True)
                finished = True
            except CrashError:
                Nodes(fresh).remove("h1", endpoints=True)
            assert [path for path in tree(fresh) if "h1" in path.split("/")] == []
            assert set(read_ipam(fresh).assigned.values()) == {"h2"}
        assert call > 10


class TestRemoveEndpoint:
    def test_releases_its_addresses_with_it(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        nodes.register("h1", "10.9.8.1")
        address = Addresses(datastore, "h1").auto_assign(4, handle="c1")[0]
        key = attach(datastore, "h1", "e1", f"{address}/32", "10.99.0.0/24")
        seen = InterleavedDatastore(datastore)
        Nodes(seen).remove_endpoint(key)
        assert seen.calls.count("transact") == 1
        assert read_ipam(datastore).assigned == {}
        assert nodes.endpoints("h1") == ()

    def test_keeps_an_address_that_another_endpoint_uses(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        nodes.register("h1", "10.9.8.1")
        address = Addresses(datastore, "h1").auto_assign(4)[0]
        key = attach(datastore, "h1", "e1", f"{address}/32")
        attach(datastore, "h2", "e2", f"{address}/32")
        nodes.remove_endpoint(key)
        assert set(read_ipam(datastore).assigned) == {address}

    def test_refuses_an_unknown_one(self, nodes: Nodes) -> None:
        with pytest.raises(NotFoundError, match="Endpoint e1 is unknown to Calico"):
            nodes.remove_endpoint(EndpointKey("h1", "o", "w", "e1"))

    def test_of_a_faulty_one_says_where(self, datastore: MemoryDatastore, nodes: Nodes) -> None:
        key = EndpointKey("h1", "o", "w", "e1")
        datastore.transact((), (Put(key.path, "{"),))
        with pytest.raises(ValidationError, match="endpoint/e1: not JSON"):
            nodes.remove_endpoint(key)
