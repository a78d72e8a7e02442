"""Pools: which may be added, which serves a block, what a pool and a range are made of."""

from itertools import islice

import pytest

from calico.ipam.pools import check_overlap, check_size, cover, serves, unclaimed_blocks
from calico.model.errors import AlreadyExistsError, ValidationError
from calico.model.net import parse_address, parse_network
from calico.model.values import IPPool


@pytest.mark.parametrize("cidr", ["10.0.0.0/26", "10.0.0.0/8", "fd80::/122", "fd80::/64"])
def test_a_pool_of_at_least_one_block_will_do(cidr: str) -> None:
    check_size(parse_network(cidr))


@pytest.mark.parametrize("cidr", ["10.0.0.0/27", "10.0.0.1", "fd80::/123"])
def test_a_pool_smaller_than_a_block_is_refused(cidr: str) -> None:
    with pytest.raises(ValidationError, match="too small"):
        check_size(parse_network(cidr))


@pytest.mark.parametrize("other", ["10.0.0.0/16", "10.0.1.0/24", "0.0.0.0/0"])
def test_overlap_is_refused_from_inside_and_outside(other: str) -> None:
    with pytest.raises(AlreadyExistsError, match=f"overlaps with pool {other}"):
        check_overlap(parse_network("10.0.0.0/20"), [parse_network("10.64.0.0/16"), parse_network(other)])


def test_a_pool_does_not_overlap_with_itself_or_a_neighbour_or_another_version() -> None:
    others = [parse_network(cidr) for cidr in ("10.0.0.0/20", "10.0.16.0/20", "::/0")]
    check_overlap(parse_network("10.0.0.0/20"), others)


@pytest.mark.parametrize(
    ("pool", "served"),
    [
        (IPPool("10.0.1.0/24"), True),
        (IPPool("10.0.1.0/26"), True),
        (IPPool("10.0.1.0/28"), False),
        (IPPool("10.0.0.0/24"), False),
        (IPPool("10.0.1.0/24", ipam=False), False),
        (IPPool("::/0"), False),
    ],
)
def test_a_block_is_served_by_a_pool_that_holds_all_of_it(pool: IPPool, served: bool) -> None:
    assert serves(pool, parse_network("10.0.1.0/26")) is served


def test_blocks_of_a_pool_come_in_address_order_without_those_that_exist() -> None:
    pool = parse_network("10.0.0.0/24")
    existing = {parse_network("10.0.0.64/26").base}
    found = [str(block) for block in unclaimed_blocks(pool, existing)]
    assert found == ["10.0.0.0/26", "10.0.0.128/26", "10.0.0.192/26"]


def test_a_large_pool_is_walked_lazily() -> None:
    first = islice(unclaimed_blocks(parse_network("fd80::/64"), set()), 2)
    assert [str(block) for block in first] == ["fd80::/122", "fd80::40/122"]


def test_the_last_block_of_a_16_is_its_1024th() -> None:
    found = list(unclaimed_blocks(parse_network("10.11.0.0/16"), set()))
    assert (len(found), str(found[-1])) == (1024, "10.11.255.192/26")


def test_a_pool_smaller_than_a_block_has_none() -> None:
    assert list(unclaimed_blocks(parse_network("10.0.0.0/27"), set())) == []


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("172.24.0.0", "172.24.25.255", ["172.24.0.0/20", "172.24.16.0/21", "172.24.24.0/23"]),
        ("1.2.3.0", "1.2.3.255", ["1.2.3.0/24"]),
        ("0.0.0.0", "255.255.255.255", ["0.0.0.0/0"]),
        ("10.0.0.1", "10.0.0.4", ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/32"]),
        ("fd80::", "fd80::ffff", ["fd80::/112"]),
        ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ["::/0"]),
    ],
)
def test_a_range_is_covered_by_the_fewest_networks(start: str, end: str, expected: list[str]) -> None:
    (version, first), (_, last) = parse_address(start), parse_address(end)
    assert [str(network) for network in cover(version, first, last)] == expected
