"""Names of kernel objects: recognisably ours, from a fixed alphabet, one for each thing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.dataplane.render.names import list_chain_name, profile_chain_name, tag_set_names

NAMES = ["web", "WEB", "a.b", "a_b", "a-b", "0" * 128, "-", "."]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_of_a_fixed_alphabet_and_length(name: str) -> None:
    made = [
        *tag_set_names(name),
        profile_chain_name(name, "inbound"),
        profile_chain_name(name, "outbound"),
        list_chain_name((name,), "inbound"),
        list_chain_name((name,), "outbound"),
    ]

    assert all(re.fullmatch(r"cali-(t4|t6|pi|po|li|lo)-[0-9a-f]{24}", text) for text in made)
    assert len(set(made)) == 6


names = st.text("ab.-_", min_size=1, max_size=4)


@given(st.lists(st.tuples(names, names), min_size=2, max_size=2, unique=True))
def test_different_lists_have_different_chains(lists: list[tuple[str, ...]]) -> None:
    assert list_chain_name(lists[0], "inbound") != list_chain_name(lists[1], "inbound")


def test_a_list_is_more_than_its_letters() -> None:
    lists = [(), ("ab",), ("a", "b"), ("b", "a"), ("a", "b", "b")]

    assert len({list_chain_name(profiles, "inbound") for profiles in lists}) == len(lists)
