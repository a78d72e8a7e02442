"""What fills the sets and maps: tag members, endpoints, pools."""

from collections.abc import Iterable

from calico.dataplane.nft.values import Element, MapVerdict, SetSpec
from calico.model.values import Endpoint, IPPool

TAG_SET_SPECS: dict[int, SetSpec] = {}


def tag_elements(tag: str, members: Iterable[str]) -> dict[str, frozenset[Element]]:
    """The elements of both sets of a tag, by set name; ``members`` are addresses of both IP versions."""
    raise NotImplementedError


def source_elements(endpoint: Endpoint, further_nets: Iterable[str] = ()) -> dict[str, frozenset[Element]]:
    """The pairs (interface, address) that the endpoint may send from, by set name (``SOURCE_SETS``).

    ``further_nets`` are the networks of other endpoints of the same container: with several networks a reply may
    leave by another interface than its request came in.
    """
    raise NotImplementedError


def dispatch_elements(endpoint: Endpoint) -> dict[str, dict[Element, MapVerdict]]:
    """The element of each dispatch map that leads to the endpoint's list chains, by map name."""
    raise NotImplementedError


def pool_elements(pools: Iterable[IPPool]) -> dict[str, frozenset[Element]]:
    """The networks of all pools and of the masqueraded ones, by name of the interval set; all four sets."""
    raise NotImplementedError
