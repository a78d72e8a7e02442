"""Decisions on pools: which may be added, which serves a block, which blocks a pool is made of."""

from collections.abc import Collection, Iterable, Iterator

from calico.ipam.blocks import BLOCK_SIZE, block_length
from calico.model.errors import AlreadyExistsError, ValidationError
from calico.model.net import Network, bits, parse_network
from calico.model.values import IPPool

DEFAULT_POOLS = {
    4: ("192.168.0.0/16", "10.65.0.0/16", "10.66.0.0/16", "172.28.0.0/16", "100.96.0.0/16"),
    6: ("fd80:24e2:f998:72d6::/64", "fd4c:91b7:6e03:a5d8::/64"),
}
"""What may be the pool of an installation that has none, by IP version, the preferred one first."""


def check_size(pool: Network) -> None:
    """Refuse a pool that is smaller than a block: no whole block fits, so nothing could be assigned."""
    longest = block_length(pool.version)
    if pool.length > longest:
        raise ValidationError(
            f"Pool {pool} is too small: an IPv{pool.version} pool must have a prefix length of {longest} or less."
        )


def check_overlap(pool: Network, others: Iterable[Network]) -> None:
    """Refuse a pool that shares addresses with another one; the same CIDR is the same pool."""
    for other in others:
        if other != pool and other.overlaps(pool):
            raise AlreadyExistsError(f"Pool {pool} overlaps with pool {other}.")


def serves(pool: IPPool, network: Network) -> bool:
    """Whether addresses of ``network`` may be assigned from the pool: only when it holds all of them."""
    return pool.ipam and parse_network(pool.cidr).covers(network)


def unclaimed_blocks(pool: Network, existing: Collection[int]) -> Iterator[Network]:
    """The blocks of a pool in address order, except those whose base is in ``existing``.

    Lazy: a /64 holds more blocks than can be listed, and the first free one is all that is asked for.
    """
    length = block_length(pool.version)
    if pool.length > length:
        return
    base = pool.base
    while base <= pool.last:
        if base not in existing:
            yield Network(pool.version, base, length)
        base += BLOCK_SIZE


def cover(version: int, first: int, last: int) -> Iterator[Network]:
    """The fewest networks that together hold exactly the addresses ``first`` to ``last``, in order."""
    while first <= last:
        aligned = (first & -first).bit_length() - 1 if first else bits(version)
        fitting = (last - first + 1).bit_length() - 1
        host_bits = min(aligned, fitting)
        yield Network(version, first, bits(version) - host_bits)
        first += 1 << host_bits
