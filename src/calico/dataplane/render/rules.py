"""One rule of a profile as rules of nftables."""

from collections.abc import Iterable, Iterator

from calico.dataplane.nft.values import (
    DESTINATION,
    SOURCE,
    Accept,
    Drop,
    FamilyMatch,
    IcmpMatch,
    Match,
    NetMatch,
    NftRule,
    PortMatch,
    PortRange,
    ProtocolMatch,
    SetMatch,
)
from calico.dataplane.render.names import tag_set_name
from calico.model.errors import ValidationError
from calico.model.net import parse_network
from calico.model.protocols import FAMILY_OF, protocol_number
from calico.model.values import Rule
from calico.rules.evaluate import families


def render_rule(rule: Rule, comment: str) -> tuple[NftRule, ...]:
    """The rules that do what ``rule`` says; none when it can never match.

    A rule that names tags becomes one for each IP version, because a set of addresses holds one version. A rule
    that cannot be rendered drops everything at its place, because what it was meant to deny must not pass.
    """
    try:
        versions = families(rule)
        if versions == (4, 6) and not (rule.src_tag or rule.dst_tag):
            return (_render(rule, None, comment),)
        return tuple(_render(rule, version, comment) for version in versions)
    except ValidationError:
        return (NftRule((), Drop(), f"{comment} cannot be rendered and drops"),)


def merge_ranges(ranges: Iterable[PortRange]) -> tuple[PortRange, ...]:
    """The same ports as sorted ranges that neither overlap nor touch; the kernel refuses overlaps."""
    merged: list[PortRange] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _render(rule: Rule, version: int | None, comment: str) -> NftRule:
    addresses = tuple(_address_matches(rule, version)) if version else ()
    family = (FamilyMatch(version),) if version and not addresses else ()
    matches = (*family, *_protocol_matches(rule), *addresses, *_port_matches(rule))
    return NftRule(matches, Accept() if rule.action == "allow" else Drop(), comment)


def _protocol_matches(rule: Rule) -> Iterator[Match]:
    if rule.protocol is None:
        return
    if rule.icmp_type is not None:
        yield IcmpMatch(FAMILY_OF[rule.protocol], (rule.icmp_type,), rule.icmp_code)
    else:
        yield ProtocolMatch(protocol_number(rule.protocol))


def _address_matches(rule: Rule, version: int) -> Iterator[Match]:
    for side, tag, net in ((SOURCE, rule.src_tag, rule.src_net), (DESTINATION, rule.dst_tag, rule.dst_net)):
        if net is not None:
            yield NetMatch(side, version, (str(parse_network(net)),))
        if tag is not None:
            yield SetMatch(side, version, tag_set_name(tag, version))


def _port_matches(rule: Rule) -> Iterator[Match]:
    for side, ranges in ((SOURCE, rule.src_ports), (DESTINATION, rule.dst_ports)):
        if ranges:
            yield PortMatch(side, merge_ranges(ranges))
