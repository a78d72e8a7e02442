"""What fills the sets and maps: tag members, endpoints, pools."""

from collections.abc import Iterable, Mapping

from calico.dataplane.nft.values import IPV4, IPV6, Element, Jump, MapVerdict, SetSpec
from calico.dataplane.render.names import (
    FROM_MAP,
    MASQUERADE_SETS,
    POOL_SETS,
    SOURCE_SETS,
    TO_MAP,
    list_chain_name,
    tag_set_name,
)
from calico.model.net import address_of
from calico.model.values import Endpoint, IPPool

_VERSIONS = (4, 6)


def tag_set_specs(tag: str) -> dict[str, SetSpec]:
    """Both sets of a tag, by name."""
    return {tag_set_name(tag, 4): SetSpec((IPV4,)), tag_set_name(tag, 6): SetSpec((IPV6,))}


def tag_elements(tag: str, members: Iterable[str]) -> dict[str, frozenset[Element]]:
    """The elements of both sets of a tag, by set name; ``members`` are addresses of both IP versions."""
    split = _by_version(members)
    return {tag_set_name(tag, version): frozenset(split[version]) for version in _VERSIONS}


def source_elements(endpoint: Endpoint, further_nets: Iterable[str] = ()) -> dict[str, frozenset[Element]]:
    """The pairs (interface, address) that the endpoint may send from, by set name (``SOURCE_SETS``).

    ``further_nets`` are the networks of other endpoints of the same container: with several networks a reply may
    leave by another interface than its request came in.
    """
    split = _by_version(address_of(net) for net in (*endpoint.nets, *further_nets))
    return {
        name: frozenset((endpoint.name, address) for address in split[version])
        for version, name in SOURCE_SETS.items()
    }


def dispatch_elements(endpoint: Endpoint) -> dict[str, dict[Element, MapVerdict]]:
    """The element of each dispatch map that leads to the endpoint's list chains, by map name.

    It jumps, so that whatever comes back undecided meets the drop after the lookup.
    """
    return {
        FROM_MAP: {endpoint.name: Jump(list_chain_name(endpoint.profiles, "outbound"))},
        TO_MAP: {endpoint.name: Jump(list_chain_name(endpoint.profiles, "inbound"))},
    }


def pool_elements(pools: Iterable[IPPool]) -> dict[str, frozenset[Element]]:
    """The networks of all pools and of the masqueraded ones, by name of the interval set; all four sets."""
    pools = tuple(pools)
    every = _by_version(pool.cidr for pool in pools)
    masqueraded = _by_version(pool.cidr for pool in pools if pool.masquerade)
    return _named(POOL_SETS, every) | _named(MASQUERADE_SETS, masqueraded)


def _named(names: Mapping[int, str], split: Mapping[int, list[str]]) -> dict[str, frozenset[Element]]:
    return {names[version]: frozenset(split[version]) for version in _VERSIONS}


def _by_version(texts: Iterable[str]) -> Mapping[int, list[str]]:
    split: dict[int, list[str]] = {4: [], 6: []}
    for text in texts:
        split[6 if ":" in text else 4].append(text)
    return split
