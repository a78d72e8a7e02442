"""Pools: what may be added beside what, ranges, and what removal leaves."""

import pytest

from calico.client.addresses import Addresses
from calico.client.config import Config
from calico.client.host_networks import HostNetwork
from calico.client.pools import DefaultPool, Pools
from calico.datastore.api import Put
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import AlreadyExistsError, CalicoError, NotFoundError, ValidationError
from calico.model.keys import ConfigKey, PoolKey
from calico.model.net import parse_network
from calico.model.values import IPPool
from tests.fakes.interleaving import CrashError, InterleavedDatastore, crash
from tests.fakes.ipam_state import check_ipam, read_ipam


@pytest.fixture
def datastore() -> MemoryDatastore:
    return MemoryDatastore()


@pytest.fixture
def pools(datastore: MemoryDatastore) -> Pools:
    return Pools(datastore)


def cidrs(pools: Pools, version: int | None = None) -> list[str]:
    return [pool.cidr for pool in pools.list(version)]


class TestAdd:
    def test_masks_and_lists_per_version_in_address_order(self, pools: Pools) -> None:
        pools.add(["10.0.1.5/24", "9.0.0.0/24"])
        pools.add(["fd80::1/64"])
        assert cidrs(pools) == ["9.0.0.0/24", "10.0.1.0/24", "fd80::/64"]
        assert cidrs(pools, 4) == ["9.0.0.0/24", "10.0.1.0/24"]
        assert cidrs(pools, 6) == ["fd80::/64"]

    def test_stores_what_other_programs_read(self, datastore: MemoryDatastore, pools: Pools) -> None:
        pools.add(["10.0.0.0/24"], ipip=True, masquerade=True, ipam=False)
        found = datastore.get("/calico/v1/ipam/v4/pool/10.0.0.0-24")
        assert found is not None
        assert found.value == '{"cidr": "10.0.0.0/24", "ipip": "tunl0", "masquerade": true, "ipam": false}'

    def test_again_replaces_the_options(self, datastore: MemoryDatastore, pools: Pools) -> None:
        datastore.transact((), (Put(PoolKey("10.0.0.0/24").path, '{"cidr": "10.0.0.0/24", "note": 1}'),))
        pools.add(["10.0.0.0/24"], masquerade=True)
        assert pools.get("10.0.0.9/24") == IPPool("10.0.0.0/24", masquerade=True, extra={"note": 1})
        pools.add(["10.0.0.0/24"])
        assert not pools.get("10.0.0.0/24").masquerade

    def test_repairs_a_pool_that_cannot_be_understood(self, datastore: MemoryDatastore, pools: Pools) -> None:
        datastore.transact((), (Put(PoolKey("10.0.0.0/24").path, "{"),))
        assert cidrs(pools) == []
        pools.add(["10.0.0.0/24"])
        assert cidrs(pools) == ["10.0.0.0/24"]

    def test_of_ipip_switches_the_tunnel_on_for_good(self, datastore: MemoryDatastore, pools: Pools) -> None:
        key = ConfigKey("IpInIpEnabled")
        pools.add(["9.0.0.0/24"])
        assert Config(datastore).get(key) is None
        pools.add(["10.0.0.0/24"], ipip=True)
        pools.remove("10.0.0.0/24")
        assert Config(datastore).get(key) == "true"

    @pytest.mark.parametrize(
        ("wanted", "error", "message"),
        [
            (["10.0.0.0/16"], AlreadyExistsError, "Pool 10.0.0.0/16 overlaps with pool 10.0.4.0/24"),
            (["10.0.4.64/26"], AlreadyExistsError, "Pool 10.0.4.64/26 overlaps with pool 10.0.4.0/24"),
            (["10.9.0.0/16", "10.9.1.0/24"], AlreadyExistsError, "overlaps"),
            (["10.9.0.0/24", "10.0.0.0/8"], AlreadyExistsError, "overlaps"),
            (["10.9.0.0/24", "fd80::/64"], ValidationError, "same IP version"),
            (["10.9.0.0/27"], ValidationError, r"Pool 10\.9\.0\.0/27 is too small"),
            (["10.9.0.0/24", "10.9.1.1"], ValidationError, r"Pool 10\.9\.1\.1/32 is too small"),
            (["fd80::/123"], ValidationError, "prefix length of 122 or less"),
            (["10.9.0.0/24", "10"], ValidationError, "'10' is not an IP address"),
        ],
    )
    def test_refuses_all_or_none(
        self, pools: Pools, wanted: list[str], error: type[CalicoError], message: str
    ) -> None:
        pools.add(["10.0.4.0/24"])
        with pytest.raises(error, match=message):
            pools.add(wanted)
        assert cidrs(pools) == ["10.0.4.0/24"]

    def test_refuses_ipip_on_ipv6(self, pools: Pools) -> None:
        with pytest.raises(ValidationError, match="IP in IP not supported for IPv6 pools"):
            pools.add(["fd80::/64"], ipip=True)

    def test_of_one_cidr_twice_is_one_pool(self, pools: Pools) -> None:
        pools.add(["10.0.0.0/24", "10.0.0.7/24"])
        assert cidrs(pools) == ["10.0.0.0/24"]

    def test_of_nothing_does_nothing(self, pools: Pools) -> None:
        assert pools.add([]) == ()

    def test_a_pool_that_serves_no_addresses_may_be_small(self, pools: Pools) -> None:
        pools.add(["10.0.0.0/28"], ipam=False)
        assert cidrs(pools) == ["10.0.0.0/28"]

    @pytest.mark.parametrize("call", [1, 2, 3])
    def test_of_overlapping_ones_by_two_at_once_leaves_one(
        self, datastore: MemoryDatastore, pools: Pools, call: int
    ) -> None:
        seen = InterleavedDatastore(datastore)
        seen.arm(before={call: lambda: pools.add(["10.0.4.0/24"])})
        with pytest.raises(AlreadyExistsError, match="overlaps with pool"):
            Pools(seen).add(["10.0.0.0/16", "10.9.0.0/24"])
        assert cidrs(pools) == ["10.0.4.0/24"]

    def test_stays_when_another_came_later(self, datastore: MemoryDatastore, pools: Pools) -> None:
        seen = InterleavedDatastore(datastore)
        late: list[str] = []

        def meddle() -> None:
            try:
                pools.add(["10.0.4.0/24"])
            except AlreadyExistsError as error:
                late.append(str(error))

        seen.arm(after={3: meddle})
        Pools(seen).add(["10.0.0.0/16"])
        assert seen.calls[2] == "transact"
        assert late == ["Pool 10.0.4.0/24 overlaps with pool 10.0.0.0/16."]
        assert cidrs(pools) == ["10.0.0.0/16"]


class TestRange:
    def test_is_covered_by_the_fewest_pools(self, pools: Pools) -> None:
        added = pools.add_range("172.24.0.0", "172.24.25.255", masquerade=True)
        assert [pool.cidr for pool in added] == ["172.24.0.0/20", "172.24.16.0/21", "172.24.24.0/23"]
        assert pools.list(4) == added
        assert all(pool.masquerade for pool in added)

    @pytest.mark.parametrize("present", ["10.0.1.0/24", "10.0.0.0/16", "10.0.2.0/23", "9.0.0.0/8", "0.0.0.0/0"])
    def test_conflicts_with_any_pool_that_shares_an_address(self, pools: Pools, present: str) -> None:
        pools.add([present])
        start, end = ("8.0.0.0", "9.0.0.255") if present == "9.0.0.0/8" else ("10.0.0.0", "10.0.2.255")
        with pytest.raises(AlreadyExistsError, match=f"Cannot add range - range conflicts with pool {present}"):
            pools.add_range(start, end)
        assert cidrs(pools) == [present]

    def test_beside_others_is_fine(self, pools: Pools) -> None:
        pools.add(["10.0.3.0/24"])
        pools.add(["fd80::/64"])
        pools.add_range("10.0.2.0", "10.0.2.255")
        assert cidrs(pools, 4) == ["10.0.2.0/24", "10.0.3.0/24"]

    @pytest.mark.parametrize(
        ("start", "end", "message"),
        [
            ("10.0.0.0", "fd80::", "START_IP and END_IP must be the same ip version"),
            ("10.0.0.2", "10.0.0.1", "START_IP must be a smaller ip address than END_IP"),
            ("10.0.0.1", "10.0.0.1", "START_IP must be a smaller ip address than END_IP"),
            ("10.0.0.0", "10.0.0.64", r"Pool 10\.0\.0\.64/32 is too small"),
            ("10.0.0.a", "10.0.0.64", "not an IP address"),
            ("fd80::1", "fd80:ffff::fffe", "too small|more than 100"),
        ],
    )
    def test_refuses_what_makes_no_pools(self, pools: Pools, start: str, end: str, message: str) -> None:
        with pytest.raises(ValidationError, match=message):
            pools.add_range(start, end)
        assert cidrs(pools) == []


class TestRemove:
    def test_refuses_an_unknown_one(self, pools: Pools) -> None:
        pools.add(["10.0.0.0/24"])
        with pytest.raises(NotFoundError, match=r"10\.0\.0\.0/25 is not a configured pool\."):
            pools.remove("10.0.0.1/25")
        assert cidrs(pools) == ["10.0.0.0/24"]

    def test_ends_the_claims_of_all_hosts_on_its_blocks_alone(self, datastore: MemoryDatastore, pools: Pools) -> None:
        pools.add(["10.0.0.0/24", "10.1.0.0/24"])
        for host in ("h1", "h2"):
            Addresses(datastore, host).auto_assign(4)
        Addresses(datastore, "h1").assign("10.1.0.1")
        Addresses(datastore, "h2").release(["10.0.0.64"])
        pools.remove("10.0.0.0/24")
        state = read_ipam(datastore)
        assert cidrs(pools) == ["10.1.0.0/24"]
        assert state.affinities == {("h1", "10.1.0.0/26")}
        assert {cidr: block.affinity for cidr, block in state.blocks.items()} == {
            "10.0.0.0/26": None,
            "10.1.0.0/26": "h1",
        }
        assert set(state.assigned) == {"10.0.0.0", "10.1.0.1"}

    def test_and_adding_again_serves_what_is_free(self, datastore: MemoryDatastore, pools: Pools) -> None:
        pools.add(["10.0.0.0/26"])
        addresses = Addresses(datastore, "h1")
        addresses.auto_assign(4, 2)
        pools.remove("10.0.0.0/26")
        pools.add(["10.0.0.0/26"])
        assert Addresses(datastore, "h2").auto_assign(4) == ["10.0.0.2"]
        assert len(addresses.auto_assign(4, 64)) == 61

    def test_works_for_a_pool_that_cannot_be_understood(self, datastore: MemoryDatastore, pools: Pools) -> None:
        datastore.transact((), (Put(PoolKey("10.0.0.0/24").path, "{"),))
        pools.remove("10.0.0.0/24")
        assert datastore.list("/calico").entries == ()

    def test_can_be_asked_for_again_after_a_death(self, datastore: MemoryDatastore, pools: Pools) -> None:
        seen = InterleavedDatastore(datastore)
        for call in range(1, 7):
            pools.add(["10.0.0.0/24"])
            Addresses(datastore, "h1").auto_assign(4)
            seen.arm(before={call: crash})
            with pytest.raises(CrashError):
                Pools(seen).remove("10.0.0.0/24")
            assert cidrs(pools) == ["10.0.0.0/24"]
            pools.remove("10.0.0.0/24")
            state = read_ipam(datastore)
            assert (cidrs(pools), state.affinities) == ([], frozenset())
            check_ipam(state)


def test_an_address_has_a_pool_whether_it_serves_or_not(pools: Pools) -> None:
    pools.add(["10.0.0.0/24"], ipam=False)
    pools.add(["10.0.1.0/24"])
    assert pools.pool_of("10.0.0.7") == IPPool("10.0.0.0/24", ipam=False)
    assert pools.pool_of("10.0.1.7") == IPPool("10.0.1.0/24")
    assert pools.pool_of("10.0.2.0") is None
    assert pools.pool_of("fd80::") is None


def test_a_pool_that_is_not_there_is_not_found(pools: Pools) -> None:
    with pytest.raises(NotFoundError, match=r"10\.0\.0\.0/24 is not a configured pool\."):
        pools.get("10.0.0.0/24")


def test_default_pools_come_where_there_is_none(pools: Pools) -> None:
    pools.add(["10.0.0.0/24"])
    assert pools.add_defaults() == (DefaultPool(6, "fd80:24e2:f998:72d6::/64"),)
    assert pools.add_defaults() == ()
    assert cidrs(pools) == ["10.0.0.0/24", "fd80:24e2:f998:72d6::/64"]


def occupied(*cidrs: str) -> tuple[HostNetwork, ...]:
    return tuple(HostNetwork(parse_network(cidr), "eth0") for cidr in cidrs)


@pytest.mark.parametrize(
    ("lan", "pool", "notice"),
    [
        (["10.0.0.0/24"], "192.168.0.0/16", ""),
        (
            ["192.168.0.0/24"],
            "10.65.0.0/16",
            (
                "192.168.0.0/16 overlaps a network of this host (192.168.0.0/24 on eth0); "
                "the default pool is 10.65.0.0/16"
            ),
        ),
        (
            ["10.0.0.0/8", "192.168.7.7/32"],
            "172.28.0.0/16",
            (
                "192.168.0.0/16 overlaps a network of this host (192.168.7.7/32 on eth0); "
                "the default pool is 172.28.0.0/16"
            ),
        ),
        (
            ["10.0.0.0/8", "192.0.0.0/8", "172.16.0.0/12", "100.64.0.0/10"],
            "",
            (
                "every default IPv4 pool overlaps a network of this host, such as 192.0.0.0/8 on eth0: "
                "add a pool with 'calicoctl pool add <CIDR>'"
            ),
        ),
    ],
)
def test_a_default_pool_takes_no_network_of_the_host(pools: Pools, lan: list[str], pool: str, notice: str) -> None:
    ipv4, ipv6 = pools.add_defaults(occupied(*lan))

    assert (ipv4.cidr, ipv4.notice, ipv6.notice) == (pool, notice, "")
    assert [found.cidr for found in pools.list(4)] == [pool] * bool(pool)


def test_another_ipv6_default_pool_is_at_hand(pools: Pools) -> None:
    pools.add_defaults(occupied("fd80:24e2:f998:72d6:1::/80"))

    assert [pool.cidr for pool in pools.list(6)] == ["fd4c:91b7:6e03:a5d8::/64"]
