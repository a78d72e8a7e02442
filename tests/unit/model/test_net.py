"""Address arithmetic: strict, canonical, and right at the edges."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.model.errors import ValidationError
from calico.model.net import Network, canonical_address, canonical_cidr, format_address, parse_address, parse_network


@pytest.mark.parametrize(
    "text", ["10", "192.168", "4294967295", "10.0.0.256", "10.0.0.1 ", "1.2.3.04", "fe80::1%lo", ""]
)
def test_lenient_spellings_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        parse_address(text)


@pytest.mark.parametrize(
    "text", ["10/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/8/8", "1.2.3.4/²"]
)
def test_bad_networks_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        parse_network(text)


def test_bare_address_is_a_network_of_one() -> None:
    assert str(parse_network("10.0.0.1")) == "10.0.0.1/32"
    assert canonical_cidr("FD80::1") == "fd80::1/128"


def test_host_bits_are_kept_in_text_and_masked_in_networks() -> None:
    assert canonical_cidr("10.1.2.3/8") == "10.1.2.3/8"
    assert str(parse_network("10.1.2.3/8")) == "10.0.0.0/8"


def test_family_is_checked() -> None:
    with pytest.raises(ValidationError, match="is not an IPv6 address"):
        canonical_address("10.0.0.1", 6)


@given(st.integers(0, 2**32 - 1), st.integers(0, 32), st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_agrees_with_the_standard_library(a: int, a_length: int, b: int, b_length: int) -> None:
    ours = [parse_network(f"{format_address(4, value)}/{length}") for value, length in ((a, a_length), (b, b_length))]
    theirs = [
        ipaddress.IPv4Network((value, length), strict=False) for value, length in ((a, a_length), (b, b_length))
    ]

    assert [str(network) for network in ours] == [str(network) for network in theirs]
    assert ours[0].covers(ours[1]) == theirs[1].subnet_of(theirs[0])
    assert ours[0].overlaps(ours[1]) == theirs[0].overlaps(theirs[1])
    assert ours[0].contains(b) == (ipaddress.IPv4Address(b) in theirs[0])
    assert ours[0].size == theirs[0].num_addresses


def test_families_never_overlap() -> None:
    assert not Network(4, 0, 0).overlaps(Network(6, 0, 0))
