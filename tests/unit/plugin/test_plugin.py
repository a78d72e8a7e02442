"""Docker's protocol as Docker speaks it: JSON bodies in, status and JSON out, effects in the datastore."""

import asyncio
import io
import json
import time
from collections.abc import Mapping
from contextlib import nullcontext

import pytest
from aiohttp.test_utils import TestClient, TestServer

from calico.client.addresses import Addresses
from calico.client.profiles import Profiles
from calico.client.store import Store
from calico.datastore.api import Delete, Put
from calico.datastore.memory import MemoryDatastore
from calico.model.codec import encode
from calico.model.errors import AlreadyExistsError, NotFoundError, UnavailableError
from calico.model.keys import EndpointKey, NetworkKey, PoolKey, ProfileRulesKey, ProfileTagsKey
from calico.model.values import DockerNetwork, Endpoint, IPPool, ProfileRules, Rule, default_profile
from calico.plugin.ipam import IPAMDriver
from calico.plugin.methods import plugin_methods
from calico.plugin.network import NetworkDriver
from calico.plugin.server import PluginServer

NETWORK = "46007b33d4dd56b13ede0f10bb427ba4481e3c0efe64960b0567dd53a80d3420"
ENDPOINT = "5a21f63bc17feb6b9c879bbbc271594dfa1483ddf9af5171efca7a2d509908e5"
KEY = EndpointKey("h1", "libnetwork", "libnetwork", ENDPOINT)
IPV4_DATA = [{"AddressSpace": "CalicoLocalAddressSpace", "Pool": "0.0.0.0/0", "Gateway": "0.0.0.0/0"}]
CREATE_NETWORK = {"NetworkID": NETWORK, "Options": {"com.docker.network.generic": {}}, "IPv4Data": IPV4_DATA}
IDS = {"NetworkID": NETWORK, "EndpointID": ENDPOINT}
CREATE_ENDPOINT = {
    **IDS,
    "Interface": {"Address": "192.168.0.2/32", "AddressIPv6": "", "MacAddress": ""},
    "Options": {},
}


class FakeLinks:
    """The host's interfaces by name, with their peers."""

    def __init__(self) -> None:
        self.peers: dict[str, str] = {}
        self.macs: dict[str, str | None] = {}

    def create_veth(self, host: str, peer: str, *, peer_mac: str | None = None) -> int:
        if host in self.peers or peer in self.peers:
            raise AlreadyExistsError(f"{host} exists")
        self.peers |= {host: peer, peer: host}
        self.macs[peer] = peer_mac
        return len(self.peers)

    def delete(self, name: str) -> None:
        if name not in self.peers:
            raise NotFoundError(f"no interface {name}")
        self.peers.pop(self.peers.pop(name), None)


class FakeReadiness:
    """Says at once that the endpoint is up, or why it is not."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.waited: list[tuple[EndpointKey, int]] = []

    def wait_up(self, key: EndpointKey, revision: int, timeout: float) -> None:
        assert 0 < timeout <= 15
        self.waited.append((key, revision))
        if self.reason:
            raise UnavailableError(self.reason)


class Plugin:
    """A plugin on a memory datastore, with two pools."""

    def __init__(self) -> None:
        self.datastore = MemoryDatastore()
        self.store = Store(self.datastore)
        self.links = FakeLinks()
        self.readiness = FakeReadiness()
        for cidr in ("192.168.0.0/16", "fd80:24e2:f998:72d6::/64"):
            self.put(PoolKey(cidr), IPPool(cidr))
        network = NetworkDriver(
            self.store,
            Profiles(self.datastore),
            "h1",
            lambda: nullcontext(self.links),
            self.readiness,
            lambda: "local",
        )
        ipam = IPAMDriver(self.store, Addresses(self.datastore, "h1"))
        self.server = PluginServer(plugin_methods(network, ipam), time.monotonic)

    def put(self, key: PoolKey | ProfileRulesKey | ProfileTagsKey | EndpointKey, value: object) -> None:
        self.datastore.transact([], [Put(key.path, encode(key, value))])

    def endpoint(self) -> Endpoint | None:
        return self.store.get(KEY, Endpoint)

    def raw(self, path: str, body: bytes, verb: str = "POST") -> tuple[int, dict[str, object]]:
        async def call() -> tuple[int, dict[str, object]]:
            async with TestClient(TestServer(self.server.application())) as client:
                answer = await client.request(verb, path, data=io.BytesIO(body))
                return answer.status, json.loads(await answer.read())

        return asyncio.run(call())

    def call(self, method: str, body: Mapping[str, object] | None = None) -> tuple[int, dict[str, object]]:
        return self.raw(f"/{method}", b"" if body is None else json.dumps(body).encode())

    def must(self, method: str, body: Mapping[str, object] | None = None) -> dict[str, object]:
        status, answer = self.call(method, body)
        assert status == 200, answer
        return answer


@pytest.fixture
def plugin() -> Plugin:
    return Plugin()


@pytest.mark.parametrize("body", [b"", b"null", b"{}"])
def test_activation_takes_any_empty_body(plugin: Plugin, body: bytes) -> None:
    assert plugin.raw("/Plugin.Activate", body) == (200, {"Implements": ["NetworkDriver", "IpamDriver"]})


def test_capabilities(plugin: Plugin) -> None:
    assert plugin.must("NetworkDriver.GetCapabilities") == {"Scope": "local", "ConnectivityScope": "local"}
    assert plugin.must("IpamDriver.GetCapabilities") == {"RequiresMACAddress": False, "RequiresRequestReplay": False}
    assert plugin.must("IpamDriver.GetDefaultAddressSpaces") == {
        "LocalDefaultAddressSpace": "CalicoLocalAddressSpace",
        "GlobalDefaultAddressSpace": "CalicoGlobalAddressSpace",
    }


@pytest.mark.parametrize(
    ("path", "verb"), [("/NetworkDriver.GwAllocCheck", "POST"), ("/", "POST"), ("/Plugin.Activate", "GET")]
)
def test_what_we_do_not_have_is_404(plugin: Plugin, path: str, verb: str) -> None:
    status, answer = plugin.raw(path, b"{}", verb)

    assert status == 404
    assert "is not a method of the calico plugin" in str(answer["Err"])


@pytest.mark.parametrize(
    ("method", "body", "fault"),
    [
        ("NetworkDriver.CreateNetwork", b"", "NetworkID"),
        ("NetworkDriver.CreateNetwork", b"{", "malformed request"),
        ("NetworkDriver.CreateNetwork", b"[]", "malformed request"),
        ("NetworkDriver.CreateNetwork", b'{"NetworkID": 7}', "$.NetworkID"),
        ("NetworkDriver.CreateNetwork", b'{"NetworkID": "$(reboot)"}', "NetworkID '$(reboot)' is not a valid name"),
        ("NetworkDriver.DeleteNetwork", b'{"NetworkID": "a/../b"}', "is not a valid name"),
        (
            "NetworkDriver.Join",
            b'{"NetworkID": "a", "EndpointID": "b;drop"}',
            "EndpointID 'b;drop' is not a valid name",
        ),
        (
            "NetworkDriver.CreateEndpoint",
            b'{"NetworkID": "a", "EndpointID": "b", "Interface": {"Address": "fd80::1/64"}}',
            "'fd80::1/64' is not an IPv4 CIDR",
        ),
        (
            "NetworkDriver.CreateEndpoint",
            b'{"NetworkID": "a", "EndpointID": "b", "Interface": {"MacAddress": "x"}}',
            "'x' is not a MAC address",
        ),
        ("IpamDriver.RequestPool", b'{"Pool": "10/8"}', "'10' is not an IP address"),
        ("IpamDriver.RequestAddress", b'{"PoolID": "CalicoPoolIPv4", "Address": "x"}', "'x' is not an IP address"),
        ("IpamDriver.ReleaseAddress", b"null", "PoolID"),
        ("NetworkDriver.CreateNetwork", b'{"NetworkID": "' + b"[" * 200_000 + b'"}', "is not a valid name"),
    ],
)
def test_malformed_requests_change_nothing(plugin: Plugin, method: str, body: bytes, fault: str) -> None:
    before = plugin.datastore.list("/")

    status, answer = plugin.raw(f"/{method}", body)

    assert status == 400
    assert fault in str(answer["Err"])
    assert "\n" not in str(answer["Err"])
    assert plugin.datastore.list("/") == before


def test_huge_requests_are_refused(plugin: Plugin) -> None:
    status, answer = plugin.raw("/NetworkDriver.CreateNetwork", b" " * (1 << 21))

    assert (status, answer) == (400, {"Err": "the request is larger than 1048576 bytes"})


def test_network_becomes_a_default_profile(plugin: Plugin) -> None:
    assert plugin.must("NetworkDriver.CreateNetwork", CREATE_NETWORK) == {}

    profile = default_profile(NETWORK)
    assert plugin.store.get(ProfileTagsKey(NETWORK), tuple) == profile.tags
    assert plugin.store.get(ProfileRulesKey(NETWORK), ProfileRules) == profile.rules
    record = plugin.store.get(NetworkKey(NETWORK), DockerNetwork)
    assert record is not None
    assert record.request["IPv4Data"] == IPV4_DATA


def test_creating_a_network_again_keeps_edited_rules(plugin: Plugin) -> None:
    plugin.must("NetworkDriver.CreateNetwork", CREATE_NETWORK)
    edited = ProfileRules(inbound=(Rule("deny"),))
    plugin.put(ProfileRulesKey(NETWORK), edited)

    plugin.must("NetworkDriver.CreateNetwork", CREATE_NETWORK)

    assert plugin.store.get(ProfileRulesKey(NETWORK), ProfileRules) == edited


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            {"IPv4Data": [{"AddressSpace": "LocalDefault", "Pool": "172.18.0.0/16", "Gateway": "172.18.0.1/16"}]},
            "Non-Calico IPAM driver is used",
        ),
        ({"IPv4Data": IPV4_DATA * 2}, "one subnet of each IP version"),
        ({"Options": {"com.docker.network.internal": True}}, "does not support --internal"),
        ({"Options": {"com.docker.network.generic": {"mtu": "9000"}}}, "does not know the option 'mtu'"),
    ],
)
def test_networks_that_we_could_not_honour_are_refused(plugin: Plugin, change: dict[str, object], fault: str) -> None:
    status, answer = plugin.call("NetworkDriver.CreateNetwork", {**CREATE_NETWORK, **change})

    assert status == 500
    assert fault in str(answer["Err"])
    assert plugin.store.get(NetworkKey(NETWORK), DockerNetwork) is None


def test_options_of_newer_engines_are_tolerated(plugin: Plugin) -> None:
    options = {"com.docker.network.enable_ipv4": True, "com.docker.network.new": {"x": 1}}

    plugin.must("NetworkDriver.CreateNetwork", {**CREATE_NETWORK, "Options": options, "IPv6Data": None, "More": 1})


def test_deleted_network_leaves_nothing_and_may_be_deleted_again(plugin: Plugin) -> None:
    before = plugin.datastore.list("/").entries
    plugin.must("NetworkDriver.CreateNetwork", CREATE_NETWORK)

    for _ in range(2):
        assert plugin.must("NetworkDriver.DeleteNetwork", {"NetworkID": NETWORK}) == {}

    assert plugin.datastore.list("/").entries == before


def test_endpoint_is_stored_under_dockers_id(plugin: Plugin) -> None:
    plugin.must("NetworkDriver.CreateNetwork", CREATE_NETWORK)

    answer = plugin.must("NetworkDriver.CreateEndpoint", CREATE_ENDPOINT)

    assert answer == {"Interface": {"MacAddress": "ee:ee:ee:ee:ee:ee"}}
    assert plugin.endpoint() == Endpoint(
        "active", "cali5a21f63bc17", "ee:ee:ee:ee:ee:ee", (NETWORK,), ("192.168.0.2/32",)
    )


def test_a_mac_that_was_given_is_kept_and_not_answered(plugin: Plugin) -> None:
    plugin.must("NetworkDriver.CreateNetwork", CREATE_NETWORK)
    interface = {"Address": "192.168.0.2/24", "AddressIPv6": "fd80::2/64", "MacAddress": "00:22:33:44:55:66"}

    answer = plugin.must("NetworkDriver.CreateEndpoint", {**CREATE_ENDPOINT, "Interface": interface})

    assert answer == {"Interface": {}}
    endpoint = plugin.endpoint()
    assert endpoint is not None
    assert endpoint.mac == "00:22:33:44:55:66"
    assert endpoint.nets == ("192.168.0.2/32", "fd80::2/128")


def test_repeated_endpoint_keeps_edited_profiles(plugin: Plugin) -> None:
    plugin.must("NetworkDriver.CreateNetwork", CREATE_NETWORK)
    plugin.must("NetworkDriver.CreateEndpoint", CREATE_ENDPOINT)
    plugin.put(KEY, Endpoint("active", "cali5a21f63bc17", "ee:ee:ee:ee:ee:ee", ("WEB", "DB"), ("192.168.0.2/32",)))
    before = plugin.datastore.list("/")

    plugin.must("NetworkDriver.CreateEndpoint", CREATE_ENDPOINT)

    assert plugin.datastore.list("/") == before


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"NetworkID": "unknown"}, "network unknown is not in calico's datastore"),
        ({"Interface": None}, "the endpoint has no address"),
        ({"Options": {"com.docker.network.portmap": [{"Port": 80}]}}, "does not publish ports"),
    ],
)
def test_endpoints_that_we_could_not_honour_are_refused(
    plugin: Plugin, change: dict[str, object], fault: str
) -> None:
    plugin.must("NetworkDriver.CreateNetwork", CREATE_NETWORK)

    status, answer = plugin.call("NetworkDriver.CreateEndpoint", {**CREATE_ENDPOINT, **change})

    assert status == 500
    assert fault in str(answer["Err"])
    assert plugin.endpoint() is None


def attach(plugin: Plugin) -> None:
    plugin.must("NetworkDriver.CreateNetwork", CREATE_NETWORK)
    plugin.must("NetworkDriver.CreateEndpoint", CREATE_ENDPOINT)


def test_join_answers_when_the_kernel_is_ready(plugin: Plugin) -> None:
    attach(plugin)

    answer = plugin.must("NetworkDriver.Join", {**IDS, "SandboxKey": "/var/run/docker/netns/x", "Options": {}})

    assert answer == {
        "InterfaceName": {"SrcName": "tmp5a21f63bc17", "DstPrefix": "cali"},
        "Gateway": "169.254.1.1",
        "StaticRoutes": [{"Destination": "169.254.1.1/32", "RouteType": 1, "NextHop": ""}],
    }
    stored = plugin.datastore.get(KEY.path)
    assert stored is not None
    assert plugin.readiness.waited == [(KEY, stored.revision)]
    assert plugin.links.peers["cali5a21f63bc17"] == "tmp5a21f63bc17"
    assert plugin.links.macs["tmp5a21f63bc17"] == "ee:ee:ee:ee:ee:ee"


def test_join_with_ipv6_has_a_second_gateway(plugin: Plugin) -> None:
    plugin.must("NetworkDriver.CreateNetwork", CREATE_NETWORK)
    plugin.must("NetworkDriver.CreateEndpoint", {**IDS, "Interface": {"AddressIPv6": "fd80::2/64"}})

    answer = plugin.must("NetworkDriver.Join", IDS)

    assert "Gateway" not in answer
    assert str(answer["GatewayIPv6"]).startswith("fe80::")
    assert answer["StaticRoutes"] == [{"Destination": f"{answer['GatewayIPv6']}/128", "RouteType": 1, "NextHop": ""}]


def test_failed_join_leaves_nothing_behind(plugin: Plugin) -> None:
    attach(plugin)
    plugin.readiness.reason = "the kernel refused"

    assert plugin.call("NetworkDriver.Join", IDS) == (500, {"Err": "the kernel refused"})
    assert plugin.links.peers == {}

    plugin.readiness.reason = None
    plugin.must("NetworkDriver.Join", IDS)


def test_repeated_join_makes_the_pair_anew(plugin: Plugin) -> None:
    attach(plugin)

    assert plugin.must("NetworkDriver.Join", IDS) == plugin.must("NetworkDriver.Join", IDS)


def test_join_of_an_unknown_endpoint_is_refused(plugin: Plugin) -> None:
    status, answer = plugin.call("NetworkDriver.Join", IDS)

    assert status == 500
    assert "is not in calico's datastore" in str(answer["Err"])
    assert plugin.links.peers == {}


def test_leave_and_delete_are_final_and_may_be_repeated(plugin: Plugin) -> None:
    attach(plugin)
    plugin.must("NetworkDriver.Join", IDS)

    for method in ("Leave", "DeleteEndpoint") * 2:
        assert plugin.must(f"NetworkDriver.{method}", IDS) == {}

    assert plugin.links.peers == {}
    assert plugin.endpoint() is None


def test_what_docker_tells_and_asks_by_the_way_is_answered(plugin: Plugin) -> None:
    attach(plugin)
    node = {"DiscoveryType": 1, "DiscoveryData": {"Address": "192.0.2.2", "BindAddress": "0.0.0.0", "Self": False}}

    assert plugin.must("NetworkDriver.EndpointOperInfo", IDS) == {"Value": {}}
    for method in ("DiscoverNew", "DiscoverDelete"):
        assert plugin.must(f"NetworkDriver.{method}", node) == {}


def test_pool_placeholders(plugin: Plugin) -> None:
    assert plugin.must("IpamDriver.RequestPool", {"AddressSpace": "CalicoLocalAddressSpace", "V6": False}) == {
        "PoolID": "CalicoPoolIPv4",
        "Pool": "0.0.0.0/0",
        "Data": {"com.docker.network.gateway": "0.0.0.0/0"},
    }
    assert plugin.must("IpamDriver.RequestPool", {"V6": True}) == {
        "PoolID": "CalicoPoolIPv6",
        "Pool": "fd80:24e2:f998:72d6::/64",
        "Data": {"com.docker.network.gateway": "::/0"},
    }
    assert plugin.must("IpamDriver.RequestPool", {"Pool": "192.168.0.0/16"})["PoolID"] == "192.168.0.0/16"
    assert plugin.must("IpamDriver.RequestPool", {"Pool": "fd80:24e2:f998:72d6::/64", "V6": True}) == {
        "PoolID": "fd80:24e2:f998:72d6::/64",
        "Pool": "fd80:24e2:f998:72d6::/64",
        "Data": {"com.docker.network.gateway": "::/0"},
    }
    assert plugin.must("IpamDriver.ReleasePool", {"PoolID": "192.168.0.0/16"}) == {}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"Pool": "192.168.0.0/24"}, "The requested subnet must match the CIDR of a configured Calico IP Pool."),
        ({"Pool": "192.168.0.0/16", "SubPool": "192.168.1.0/24"}, "does not support sub pool configuration"),
        ({"Options": {"a": "b"}}, "Arbitrary options are not supported"),
    ],
)
def test_pools_that_we_do_not_have_are_refused(plugin: Plugin, body: dict[str, object], fault: str) -> None:
    status, answer = plugin.call("IpamDriver.RequestPool", body)

    assert status == 500
    assert fault in str(answer["Err"])


def request_address(plugin: Plugin, pool: str = "CalicoPoolIPv4", address: str = "") -> tuple[int, dict[str, object]]:
    return plugin.call("IpamDriver.RequestAddress", {"PoolID": pool, "Address": address, "Options": None})


def test_addresses_are_given_out_in_order_and_taken_back(plugin: Plugin) -> None:
    assert request_address(plugin) == (200, {"Address": "192.168.0.0/32", "Data": {}})
    assert request_address(plugin) == (200, {"Address": "192.168.0.1/32", "Data": {}})
    assert request_address(plugin, "CalicoPoolIPv6")[1]["Address"] == "fd80:24e2:f998:72d6::/128"
    assert request_address(plugin, "192.168.0.0/16", "192.168.7.7")[1]["Address"] == "192.168.7.7/32"
    for _ in range(2):
        assert plugin.must("IpamDriver.ReleaseAddress", {"PoolID": "CalicoPoolIPv4", "Address": "192.168.0.0"}) == {}
    assert request_address(plugin)[1]["Address"] == "192.168.0.2/32"


@pytest.mark.parametrize("address", ["0.0.0.0", "::", ""])
def test_placeholder_gateways_are_released_silently(plugin: Plugin, address: str) -> None:
    before = plugin.datastore.list("/")

    plugin.must("IpamDriver.ReleaseAddress", {"PoolID": "CalicoPoolIPv4", "Address": address})

    assert plugin.datastore.list("/") == before


@pytest.mark.parametrize(
    ("pool", "address", "fault"),
    [
        ("192.168.0.0/16", "10.0.0.1", "10.0.0.1 is not in the network's pool 192.168.0.0/16"),
        ("CalicoPoolIPv4", "10.0.0.1", "10.0.0.1 is not in any configured pools"),
        ("CalicoPoolIPv4", "192.168.7.7", "is already assigned in pool 192.168.0.0/16"),
        ("10.9.0.0/16", "", "10.9.0.0/16"),
        ("nonsense", "", "'nonsense' is not an IP address"),
    ],
)
def test_addresses_that_cannot_be_given_are_refused(plugin: Plugin, pool: str, address: str, fault: str) -> None:
    request_address(plugin, "CalicoPoolIPv4", "192.168.7.7")

    status, answer = request_address(plugin, pool, address)

    assert status == 500
    assert fault in str(answer["Err"])


def test_gateways_are_refused(plugin: Plugin) -> None:
    options = {"RequestAddressType": "com.docker.network.gateway"}

    status, answer = plugin.call(
        "IpamDriver.RequestAddress", {"PoolID": "CalicoPoolIPv4", "Address": "192.168.0.1", "Options": options}
    )

    assert (status, answer) == (500, {"Err": "Calico IPAM does not support specifying a gateway."})


def test_exhausted_pool_says_what_to_do(plugin: Plugin) -> None:
    plugin.datastore.transact([], [Delete(PoolKey("192.168.0.0/16").path)])
    plugin.put(PoolKey("10.9.0.0/26"), IPPool("10.9.0.0/26"))
    for _ in range(64):
        assert request_address(plugin)[0] == 200

    status, answer = request_address(plugin)

    assert status == 500
    assert answer["Err"] == "no address is free in any IPv4 pool: add one with `calicoctl pool add CIDR`"


@pytest.mark.parametrize(
    "method", ["NetworkDriver.CreateNetwork", "NetworkDriver.CreateEndpoint", "NetworkDriver.Join"]
)
def test_internal_errors_do_not_reach_docker_as_tracebacks(
    plugin: Plugin, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    attach(plugin)
    plugin.datastore.get = None  # type: ignore[assignment,method-assign]  # any programming error

    status, answer = plugin.call(method, {**CREATE_NETWORK, **CREATE_ENDPOINT})

    assert status == 500
    assert answer == {"Err": "internal error (TypeError); see the agent's log"}
    assert "Traceback" in caplog.text
