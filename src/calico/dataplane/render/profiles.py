"""Profiles and ordered lists of profiles as chains."""

from collections.abc import Iterable

from calico.dataplane.nft.values import Chain, Drop, Jump, NftRule
from calico.dataplane.render.names import list_chain_name, profile_chain_name
from calico.dataplane.render.rules import render_rule
from calico.model.values import ProfileRules, Rule

DIRECTIONS = ("inbound", "outbound")
_WORDS = {"inbound": "in", "outbound": "out"}


def render_profile(name: str, rules: ProfileRules | None) -> dict[str, Chain]:
    """The two chains of a profile, by chain name; ``None`` (missing or invalid) drops in both directions.

    A packet that no rule decides goes back to the list chain. A comment gives a rule's direction and its number,
    1-based as in the profile.
    """
    if rules is None:
        missing = Chain((NftRule((), Drop(), "profile missing or invalid"),))
        return {profile_chain_name(name, direction): missing for direction in DIRECTIONS}
    return {
        profile_chain_name(name, "inbound"): _rules_chain(rules.inbound, "inbound"),
        profile_chain_name(name, "outbound"): _rules_chain(rules.outbound, "outbound"),
    }


def render_profile_list(profiles: tuple[str, ...]) -> dict[str, Chain]:
    """The two chains that try these profiles in order and drop what none of them decides, by chain name.

    The chains jump to those of :func:`render_profile` for each of ``profiles``.
    """
    return {list_chain_name(profiles, direction): _list_chain(profiles, direction) for direction in DIRECTIONS}


def _rules_chain(rules: Iterable[Rule], direction: str) -> Chain:
    numbered = enumerate(rules, start=1)
    return Chain(
        tuple(part for number, rule in numbered for part in render_rule(rule, f"{_WORDS[direction]} {number}"))
    )


def _list_chain(profiles: tuple[str, ...], direction: str) -> Chain:
    jumps = (NftRule((), Jump(profile_chain_name(profile, direction)), _WORDS[direction]) for profile in profiles)
    return Chain((*jumps, NftRule((), Drop(), "no rule decides" if profiles else "no profiles")))
