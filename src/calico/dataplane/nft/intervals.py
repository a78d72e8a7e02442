"""Networks for interval sets: the kernel refuses elements that overlap, so we join them first."""

from collections.abc import Iterable, Iterator

from calico.model.net import Network, parse_network


def merge_networks(cidrs: Iterable[str]) -> frozenset[str]:
    """The fewest networks that hold the same addresses, as masked CIDR text; both IP versions may be mixed."""
    return frozenset(str(network) for network in _merge(sorted(parse_network(cidr) for cidr in cidrs)))


def _merge(networks: list[Network]) -> Iterator[Network]:
    # Sorted by base and then by length, a network stands before all that it covers and next to its sibling.
    kept: list[Network] = []
    for network in networks:
        if kept and kept[-1].covers(network):
            continue
        kept.append(network)
        while len(kept) > 1 and (parent := _parent(kept[-2], kept[-1])) is not None:
            kept[-2:] = [parent]
    return iter(kept)


def _parent(low: Network, high: Network) -> Network | None:
    """The network that two halves make up, if they are its halves."""
    if (low.version, low.length) != (high.version, high.length) or low.last + 1 != high.base:
        return None
    parent = Network(low.version, low.base, low.length - 1)
    return parent if low.base % parent.size == 0 else None
