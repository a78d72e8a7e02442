"""What does not depend on endpoints: the base chains on the kernel's hooks, the maps and the sets they look into.

No marks are used: ``accept`` ends one base chain only, so the sender's and the receiver's policy stand in two base
chains of the same hook, and a packet between two endpoints of one host must be accepted by both.

    prerouting     only an endpoint's own addresses may come out of its interface
    forward-from   the outbound policy of the sending endpoint
    forward-to     the inbound policy of the receiving endpoint
    input-from     the outbound policy of an endpoint that talks to the host
    input-action   what the host does with what that policy let through
    postrouting    what leaves a masqueraded pool for outside of all pools takes the host's address

All filter chains stand before priority 0, where Docker and the host's own rules are, which still decide after us.
"""

from calico.dataplane.nft.values import (
    DESTINATION,
    INTERFACE,
    IPV4,
    IPV6,
    SOURCE,
    Accept,
    BaseChain,
    Chain,
    ConntrackMatch,
    Drop,
    FamilyMatch,
    IcmpMatch,
    InterfaceMatch,
    Jump,
    MapSpec,
    Masquerade,
    NetMatch,
    NftRule,
    PortMatch,
    ProtocolMatch,
    SetMatch,
    SetSpec,
    SourceMatch,
    VerdictMap,
)
from calico.dataplane.render.names import FROM_MAP, MASQUERADE_SETS, POOL_SETS, SOURCE_SETS, TO_MAP
from calico.rules.packet import MLDV2_REPORT, NEIGHBOUR_TYPES
from calico.updates import HostConfigUpdate

INTERFACE_PREFIX = "cali"

_UDP = 17
_ADDRESS_FIELDS = {4: IPV4, 6: IPV6}
_PASS_CHAIN = "cali-input-pass"  # noqa: S105

_ESTABLISHED = NftRule((ConntrackMatch(("established", "related")),), Accept(), "established")
_INVALID = NftRule((ConntrackMatch(("invalid",)),), Drop(), "invalid")


def static_chains(config: HostConfigUpdate) -> dict[str, Chain]:
    """Every base chain and what they jump to, by name; they look into all of the static sets and maps."""
    return {
        "cali-prerouting": _prerouting(),
        "cali-forward-from": _policy("in", FROM_MAP, BaseChain("filter", "forward", -20)),
        "cali-forward-to": _policy("out", TO_MAP, BaseChain("filter", "forward", -10)),
        "cali-input-from": _policy("in", FROM_MAP, BaseChain("filter", "input", -20), _pass()),
        "cali-input-action": _input_action(config.endpoint_to_host_action),
        _PASS_CHAIN: _input_pass(),
        "cali-postrouting": _postrouting(),
    }


def static_sets() -> dict[str, SetSpec]:
    """The sets that exist on every host, by name: sources, pools, masqueraded pools."""
    sources = {SOURCE_SETS[version]: SetSpec((INTERFACE, field)) for version, field in _ADDRESS_FIELDS.items()}
    pools = {
        names[version]: SetSpec((field,), interval=True)
        for names in (POOL_SETS, MASQUERADE_SETS)
        for version, field in _ADDRESS_FIELDS.items()
    }
    return sources | pools


def static_maps() -> dict[str, MapSpec]:
    """The maps that exist on every host, by name: ``cali-from`` and ``cali-to``."""
    return {name: MapSpec((INTERFACE,)) for name in (FROM_MAP, TO_MAP)}


def _others(direction: str) -> NftRule:
    ours_not = InterfaceMatch(direction, INTERFACE_PREFIX, prefix=True, negated=True)
    return NftRule((ours_not,), Accept(), "not an endpoint's")


def _policy(direction: str, map_name: str, base: BaseChain, *first: NftRule) -> Chain:
    """Established, invalid, ``first``, then the policy of the endpoint at the interface; unknown interfaces drop."""
    dispatch = NftRule((), VerdictMap(direction, map_name), "policy of the endpoint")
    unknown = NftRule((), Drop(), "unknown endpoint")
    return Chain((_others(direction), _ESTABLISHED, _INVALID, *first, dispatch, unknown), base)


def _prerouting() -> Chain:
    own = (
        NftRule((SourceMatch(version, name),), Accept(), "address of the endpoint")
        for version, name in SOURCE_SETS.items()
    )
    # A host on an IPv6 link speaks with these sources before it has an address, and they are never forwarded.
    link = NftRule(
        (NetMatch(SOURCE, 6, ("::/128", "fe80::/10")), IcmpMatch(6, (*NEIGHBOUR_TYPES, MLDV2_REPORT))),
        Accept(),
        "neighbour discovery",
    )
    spoofed = NftRule((), Drop(), "not an address of the endpoint")
    return Chain((_others("in"), *own, link, spoofed), BaseChain("filter", "prerouting", -300))


def _pass() -> NftRule:
    return NftRule((), Jump(_PASS_CHAIN), "what always reaches the host")


def _input_pass() -> Chain:
    return Chain(
        (
            NftRule((FamilyMatch(6), IcmpMatch(6, NEIGHBOUR_TYPES)), Accept(), "neighbour discovery"),
            NftRule((FamilyMatch(4), ProtocolMatch(_UDP), *_ports(68, 67)), Accept(), "DHCP"),
            NftRule((FamilyMatch(6), ProtocolMatch(_UDP), *_ports(546, 547)), Accept(), "DHCPv6"),
            NftRule((ProtocolMatch(_UDP), PortMatch(DESTINATION, ((53, 53),))), Accept(), "DNS"),
        )
    )


def _ports(source: int, destination: int) -> tuple[PortMatch, PortMatch]:
    return PortMatch(SOURCE, ((source, source),)), PortMatch(DESTINATION, ((destination, destination),))


def _input_action(action: str) -> Chain:
    # ACCEPT cannot overrule the host's later chains, so it means the same as RETURN. Anything else is DROP.
    verdict = Accept() if action in ("ACCEPT", "RETURN") else Drop()
    final = NftRule((), verdict, "endpoint to host")
    return Chain((_others("in"), _ESTABLISHED, _pass(), final), BaseChain("filter", "input", -10))


def _postrouting() -> Chain:
    rules = (
        NftRule(
            (SetMatch(SOURCE, version, MASQUERADE_SETS[version]), _outside_pools(version)),
            Masquerade(),
            "nat-outgoing",
        )
        for version in (4, 6)
    )
    # Before 100, where Docker's own masquerading stands.
    return Chain(tuple(rules), BaseChain("nat", "postrouting", 90))


def _outside_pools(version: int) -> SetMatch:
    return SetMatch(DESTINATION, version, POOL_SETS[version], negated=True)
