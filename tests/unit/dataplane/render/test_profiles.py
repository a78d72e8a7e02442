"""Profiles and lists of profiles as chains."""

from calico.dataplane.nft.values import Accept, Chain, Drop, Jump, NftRule
from calico.dataplane.render.names import list_chain_name, profile_chain_name
from calico.dataplane.render.profiles import render_profile, render_profile_list
from calico.model.values import ProfileRules, Rule

IN, OUT = profile_chain_name("web", "inbound"), profile_chain_name("web", "outbound")


def comments(chain: Chain) -> list[str]:
    return [rule.comment for rule in chain.rules]


def test_each_direction_has_its_chain() -> None:
    chains = render_profile("web", ProfileRules(inbound=(Rule("deny"),), outbound=(Rule("allow"),)))

    assert chains == {
        IN: Chain((NftRule((), Drop(), "in 1"),)),
        OUT: Chain((NftRule((), Accept(), "out 1"),)),
    }


def test_an_undecided_packet_leaves_the_chain() -> None:
    assert render_profile("web", ProfileRules()) == {IN: Chain(), OUT: Chain()}


def test_a_missing_profile_drops_both_ways_and_says_so() -> None:
    missing = Chain((NftRule((), Drop(), "profile missing or invalid"),))

    assert render_profile("web", None) == {IN: missing, OUT: missing}


def test_comments_number_the_rules_of_the_profile() -> None:
    never = Rule("allow", src_net="10.0.0.0/8", dst_net="fd00::/8")
    twice = Rule("allow", src_tag="web")
    chains = render_profile("web", ProfileRules(inbound=(twice, never, Rule("deny"))))

    assert comments(chains[IN]) == ["in 1", "in 1", "in 3"]


def test_a_list_tries_its_profiles_in_order_and_drops() -> None:
    chains = render_profile_list(("web", "db"))

    assert set(chains) == {list_chain_name(("web", "db"), "inbound"), list_chain_name(("web", "db"), "outbound")}
    assert [rule.verdict for rule in chains[list_chain_name(("web", "db"), "outbound")].rules] == [
        Jump(profile_chain_name("web", "outbound")),
        Jump(profile_chain_name("db", "outbound")),
        Drop(),
    ]


def test_an_empty_list_drops() -> None:
    assert all(chain == Chain((NftRule((), Drop(), "no profiles"),)) for chain in render_profile_list(()).values())
