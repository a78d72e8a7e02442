"""Rendered policy evaluated as the kernel would, against the one evaluator; and tables after any history."""

from collections.abc import Callable
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from calico.dataplane.nft.table import NftTable
from calico.dataplane.nft.values import BaseChain, Chain, Drop, Jump, MapSpec, NftRule, SetSpec
from calico.dataplane.render.members import tag_elements, tag_set_specs
from calico.dataplane.render.names import list_chain_name
from calico.dataplane.render.profiles import render_profile, render_profile_list
from calico.model.errors import ApplyError
from calico.model.values import ProfileRules
from calico.rules.evaluate import evaluate
from calico.rules.packet import Packet
from tests.fakes.host import FakeHost, FakeTable
from tests.fakes.nft import FakeNft
from tests.fakes.strategies import ADDRESSES, TAGS, packets, profile_rules

tag_members = st.fixed_dictionaries({tag: st.sets(st.sampled_from([*ADDRESSES[4], *ADDRESSES[6]])) for tag in TAGS})
profiles = st.dictionaries(st.sampled_from(("p", "q", "r")), st.none() | profile_rules(), min_size=1)
directions = st.sampled_from(("inbound", "outbound"))


@given(profiles, directions, packets(), tag_members)
def test_the_rendered_chains_decide_as_the_evaluator(
    named: dict[str, ProfileRules | None], direction: str, packet: Packet, members: dict[str, set[str]]
) -> None:
    table = FakeTable()
    for tag, addresses in members.items():
        elements = tag_elements(tag, addresses)
        for name, spec in tag_set_specs(tag).items():
            table.set_set(name, spec, elements[name])
    for name, rules in named.items():
        for chain_name, chain in render_profile(name, rules).items():
            table.set_chain(chain_name, chain)
    for chain_name, chain in render_profile_list(tuple(named)).items():
        table.set_chain(chain_name, chain)
    policy = Jump(list_chain_name(tuple(named), direction))
    table.set_chain("cali-base", Chain((NftRule((), policy),), BaseChain("filter", "forward", 0)))
    table.apply()

    outcome = FakeHost(table, ()).send(packet, "eth0")
    decision = evaluate(direction, list(named.items()), packet, lambda tag: members[tag])

    assert outcome.passed == decision.allowed


Act = Callable[[NftTable], None]
names = st.sampled_from(("cali-a", "cali-b", "cali-c"))
hosts = st.sampled_from(("10.0.0.1", "10.0.0.2", "10.0.0.3"))
networks = st.sampled_from(("10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/9", "10.128.0.0/9"))
LEAVES = ("cali-x", "cali-y")
acts: st.SearchStrategy[Act] = st.one_of(
    st.builds(
        lambda name, leaves: lambda t: t.set_chain(name, Chain(tuple(NftRule((), Jump(leaf)) for leaf in leaves))),
        names,
        st.lists(st.sampled_from(LEAVES), max_size=2),
    ),
    st.builds(lambda name: lambda t: t.remove_chain(name), names),
    st.builds(lambda elements: lambda t: t.set_set("cali-s", SetSpec(("ipv4_addr",)), elements), st.sets(hosts)),
    st.builds(lambda: lambda t: t.remove_set("cali-s")),
    st.builds(
        lambda added, removed: lambda t: t.change_elements("cali-n", added, removed),
        st.sets(networks),
        st.sets(networks),
    ),
    st.builds(
        lambda added, removed: lambda t: t.change_map("cali-m", added, removed),
        st.dictionaries(st.sampled_from(("cali1", "cali2")), st.sampled_from([Drop(), *map(Jump, LEAVES)])),
        st.sets(st.sampled_from(("cali1", "cali2"))),
    ),
    st.just(lambda t: t.apply()),
)


@given(st.lists(acts, max_size=12), st.integers(0, 12))
def test_any_history_ends_with_what_is_desired(history: list[Act], refused: int) -> None:
    nft = FakeNft()
    table = NftTable(nft)
    for leaf in LEAVES:
        table.set_chain(leaf, Chain((NftRule((), Drop()),)))
    table.set_set("cali-n", SetSpec(("ipv4_addr",), interval=True), ())
    table.set_map("cali-m", MapSpec(("ifname",)), {})

    for number, act in enumerate(history):
        if number == refused:
            nft.refuse_next("not now")
        with suppress(ApplyError):
            act(table)
    with suppress(ApplyError):
        table.apply()
    table.apply()

    assert table.apply() is False
    assert table.resync() == []
    assert table.apply() is False
