"""Single settings, Docker networks and claims on blocks: small nouns over the datastore."""

import pytest

from calico.client.addresses import Addresses
from calico.client.affinities import Affinities
from calico.client.config import Config
from calico.client.networks import Networks
from calico.client.pools import Pools
from calico.datastore.api import Put
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import NotFoundError, ValidationError
from calico.model.keys import AffinityKey, BGPConfigKey, BlockKey, ConfigKey, HostConfigKey
from calico.model.net import parse_network
from tests.fakes.ipam_state import check_ipam, read_ipam


@pytest.fixture
def datastore() -> MemoryDatastore:
    return MemoryDatastore()


@pytest.mark.parametrize(
    ("key", "path"),
    [
        (ConfigKey("LogSeverityScreen"), "/calico/v1/config/LogSeverityScreen"),
        (HostConfigKey("h1", "x"), "/calico/v1/host/h1/config/x"),
        (BGPConfigKey("", "loglevel"), "/calico/bgp/v1/global/loglevel"),
        (BGPConfigKey("h1", "loglevel"), "/calico/bgp/v1/host/h1/loglevel"),
    ],
)
def test_a_setting_is_written_read_and_removed(
    datastore: MemoryDatastore, key: ConfigKey | HostConfigKey | BGPConfigKey, path: str
) -> None:
    config = Config(datastore)
    assert config.get(key) is None
    config.set(key, "debug")
    assert config.get(key) == "debug"
    assert [(item.key, item.value) for item in datastore.list("/calico").entries] == [(path, "debug")]
    assert config.remove(key)
    assert not config.remove(key)
    assert config.get(key) is None


def test_a_setting_with_an_illegal_name_is_refused(datastore: MemoryDatastore) -> None:
    with pytest.raises(ValidationError, match="setting"):
        Config(datastore).set(ConfigKey("a b"), "x")


class TestNetworks:
    def test_keep_the_request_as_it_came(self, datastore: MemoryDatastore) -> None:
        networks = Networks(datastore)
        request = {"NetworkID": "n1", "Options": {"a": {"b": ["ü", None, 1.5]}}}
        networks.store("n1", request)
        assert networks.get("n1").request == request
        networks.store("n1", {"NetworkID": "n1"})
        assert [(name, dict(found.request)) for name, found in networks.list()] == [("n1", {"NetworkID": "n1"})]

    def test_are_forgotten_once(self, datastore: MemoryDatastore) -> None:
        networks = Networks(datastore)
        networks.store("n1", {})
        assert networks.delete("n1")
        assert not networks.delete("n1")
        with pytest.raises(NotFoundError, match="Network n1 is unknown to Calico"):
            networks.get("n1")

    @pytest.mark.parametrize("network", ["", "a/b", "../x", "x" * 129])
    def test_have_legal_ids(self, datastore: MemoryDatastore, network: str) -> None:
        networks = Networks(datastore)
        for operation in (networks.get, networks.delete, lambda name: networks.store(name, {})):
            with pytest.raises(ValidationError, match="network"):
                operation(network)


class TestAffinities:
    def test_are_listed_by_block_of_one_host_or_all(self, datastore: MemoryDatastore) -> None:
        Pools(datastore).add(["10.0.0.0/24"])
        for host, address in (("h1", "10.0.0.128"), ("h2", "10.0.0.0"), ("h1", "10.0.0.64")):
            Addresses(datastore, host).assign(address)
        blocks = {key: key.cidr for key in Affinities(datastore).list()}
        assert list(blocks.values()) == ["10.0.0.0/26", "10.0.0.64/26", "10.0.0.128/26"]
        assert [key.cidr for key in Affinities(datastore).list("h1")] == ["10.0.0.64/26", "10.0.0.128/26"]

    def test_end_with_the_host_and_take_empty_blocks_along(self, datastore: MemoryDatastore) -> None:
        Pools(datastore).add(["10.0.0.0/24"])
        addresses = Addresses(datastore, "h1")
        addresses.assign("10.0.0.0")
        addresses.assign("10.0.0.64")
        addresses.release(["10.0.0.64"])
        Affinities(datastore).release_host("h1")
        state = read_ipam(datastore)
        assert list(state.blocks) == ["10.0.0.0/26"]
        check_ipam(state)
        addresses.release(["10.0.0.0"])
        assert read_ipam(datastore).blocks == {}

    def test_end_on_blocks_that_are_missing_another_hosts_or_faulty(self, datastore: MemoryDatastore) -> None:
        Pools(datastore).add(["10.0.0.0/24"])
        Addresses(datastore, "h2").assign("10.0.0.0")
        for cidr in ("10.0.0.0/26", "10.0.0.64/26", "10.0.0.128/26"):
            datastore.transact((), (Put(AffinityKey("h1", cidr).path, ""),))
        datastore.transact((), (Put(BlockKey("10.0.0.128/26").path, "{"),))
        affinities = Affinities(datastore)
        affinities.release_within(parse_network("10.0.0.64/26"))
        assert [key.cidr for key in affinities.list("h1")] == ["10.0.0.0/26", "10.0.0.128/26"]
        affinities.release_host("h1")
        assert [(key.host, key.cidr) for key in affinities.list()] == [("h2", "10.0.0.0/26")]
        assert datastore.get(BlockKey("10.0.0.128/26").path) is not None
