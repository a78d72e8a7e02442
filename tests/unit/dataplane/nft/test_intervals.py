"""Joining networks: the fewest that hold the same addresses, and never two that overlap."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.dataplane.nft.intervals import merge_networks


@pytest.mark.parametrize(
    ("cidrs", "merged"),
    [
        ([], []),
        (["10.0.0.0/8"], ["10.0.0.0/8"]),
        (["10.1.2.3/8"], ["10.0.0.0/8"]),
        (["10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8"], ["10.0.0.0/8"]),
        (["10.0.0.0/9", "10.128.0.0/9"], ["10.0.0.0/8"]),
        (["10.128.0.0/9", "11.0.0.0/9"], ["10.128.0.0/9", "11.0.0.0/9"]),
        (["10.0.0.0/10", "10.64.0.0/10", "10.128.0.0/9"], ["10.0.0.0/8"]),
        (["0.0.0.0/0", "::/0", "fd00::/8"], ["0.0.0.0/0", "::/0"]),
        (["10.0.0.1"], ["10.0.0.1/32"]),
    ],
)
def test_merge(cidrs: list[str], merged: list[str]) -> None:
    assert merge_networks(cidrs) == frozenset(merged)


networks = st.builds(
    lambda base, length: str(ipaddress.ip_network((base << 24, length), strict=False)),
    st.integers(0, 255),
    st.integers(2, 10),
)


@given(st.lists(networks, max_size=12))
def test_same_as_the_standard_library(cidrs: list[str]) -> None:
    expected = ipaddress.collapse_addresses(ipaddress.IPv4Network(cidr) for cidr in cidrs)

    assert merge_networks(cidrs) == frozenset(map(str, expected))
