"""What fills the sets and maps."""

from calico.dataplane.nft.values import IPV4, IPV6, Jump, SetSpec
from calico.dataplane.render.members import (
    dispatch_elements,
    pool_elements,
    source_elements,
    tag_elements,
    tag_set_specs,
)
from calico.dataplane.render.names import list_chain_name, tag_set_name
from calico.model.values import Endpoint, IPPool

ENDPOINT = Endpoint("active", "cali1", None, ("web", "db"), ("10.0.0.1/32",), ("fd00::1/128",))


def test_tag_members_by_version() -> None:
    v4, v6 = tag_set_name("web", 4), tag_set_name("web", 6)

    assert tag_elements("web", ["10.0.0.1", "fd00::1"]) == {v4: {"10.0.0.1"}, v6: {"fd00::1"}}
    assert tag_elements("web", []) == {v4: frozenset(), v6: frozenset()}
    assert tag_set_specs("web") == {v4: SetSpec((IPV4,)), v6: SetSpec((IPV6,))}


def test_an_endpoint_sends_from_its_addresses_only() -> None:
    assert source_elements(ENDPOINT) == {
        "cali-src4": {("cali1", "10.0.0.1")},
        "cali-src6": {("cali1", "fd00::1")},
    }


def test_replies_of_another_network_of_the_container() -> None:
    assert source_elements(ENDPOINT, ["10.9.0.1/32"]) == {
        "cali-src4": {("cali1", "10.0.0.1"), ("cali1", "10.9.0.1")},
        "cali-src6": {("cali1", "fd00::1")},
    }


def test_dispatch_to_the_list_of_each_direction() -> None:
    assert dispatch_elements(ENDPOINT) == {
        "cali-from": {"cali1": Jump(list_chain_name(("web", "db"), "outbound"))},
        "cali-to": {"cali1": Jump(list_chain_name(("web", "db"), "inbound"))},
    }


def test_pools() -> None:
    pools = [IPPool("10.0.0.0/16", masquerade=True), IPPool("10.1.0.0/16"), IPPool("fd00::/64", masquerade=True)]

    assert pool_elements(pools) == {
        "cali-pools4": {"10.0.0.0/16", "10.1.0.0/16"},
        "cali-pools6": {"fd00::/64"},
        "cali-masq4": {"10.0.0.0/16"},
        "cali-masq6": {"fd00::/64"},
    }


def test_no_pools_are_empty_sets() -> None:
    assert set(pool_elements([]).values()) == {frozenset()}
