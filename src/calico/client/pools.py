"""Address pools: which ranges exist, and which may be added beside them."""

from __future__ import annotations

import time
from functools import partial

from calico.client.affinities import Affinities
from calico.client.host_networks import HostNetwork, find_overlap
from calico.client.store import WRITES, Clock, Entry, Store, Transaction
from calico.datastore.api import DEFAULT_TIMEOUT, Datastore
from calico.ipam.pools import DEFAULT_POOLS, check_overlap, check_size, cover
from calico.model.errors import AlreadyExistsError, NotFoundError, ValidationError
from calico.model.keys import ConfigKey, PoolKey, pools_path
from calico.model.net import Network, parse_address, parse_network
from calico.model.record import record, replace
from calico.model.values import IPPool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

TUNNEL = "tunl0"
"""The tunnel device that a pool with IP-in-IP names."""

_VERSIONS = (4, 6)
PoolEntry = Entry[PoolKey, IPPool]


@record
class DefaultPool:
    """Which default pool an IP version got, when it had no pool at all.

    ``cidr`` is empty when each of them overlaps a network of the host; ``obstacle`` is the one in the way of the
    preferred pool.
    """

    version: int
    cidr: str
    obstacle: HostNetwork | None = None

    @property
    def notice(self) -> str:
        """What to tell when it is not the preferred one; else empty."""
        if self.obstacle is None:
            return ""
        if not self.cidr:
            return (
                f"every default IPv{self.version} pool overlaps a network of this host, such as {self.obstacle}: "
                "add a pool with 'calicoctl pool add <CIDR>'"
            )
        preferred = DEFAULT_POOLS[self.version][0]
        return f"{preferred} overlaps a network of this host ({self.obstacle}); the default pool is {self.cidr}"


class Pools:
    """The configured pools. No two share an address, and each holds at least one block to assign from."""

    def __init__(
        self, datastore: Datastore, timeout: float = DEFAULT_TIMEOUT, *, clock: Clock = time.monotonic
    ) -> None:
        self._store = Store(datastore, timeout, clock=clock)
        self._affinities = Affinities(datastore, timeout, clock=clock)

    def list(self, version: int | None = None) -> tuple[IPPool, ...]:
        """The pools of one IP version, or of both, lowest address first."""
        versions = _VERSIONS if version is None else (version,)
        found = [entry.value for each in versions for entry in self._entries(each)]
        return tuple(sorted(found, key=lambda pool: parse_network(pool.cidr)))

    def get(self, cidr: str) -> IPPool:
        """The pool with this CIDR (host bits do not matter); :class:`NotFoundError` when there is none."""
        network = parse_network(cidr)
        found = self._store.get(PoolKey(str(network)), IPPool)
        if found is None:
            raise _unknown(network)
        return found

    def pool_of(self, address: str) -> IPPool | None:
        """The pool that an address lies in, whether it serves addresses or not."""
        version, value = parse_address(address)
        return next((pool for pool in self.list(version) if parse_network(pool.cidr).contains(value)), None)

    def add(
        self, cidrs: Sequence[str], *, ipip: bool = False, masquerade: bool = False, ipam: bool = True
    ) -> tuple[IPPool, ...]:
        """Add pools of one IP version, all or none; a CIDR that is a pool already gets these options.

        Host bits are masked away. Raises :class:`ValidationError` for mixed versions, IP-in-IP on IPv6 and a
        pool smaller than a block, :class:`AlreadyExistsError` for one that overlaps with another pool.
        """
        networks = list(dict.fromkeys(parse_network(cidr) for cidr in cidrs))
        if len({network.version for network in networks}) > 1:
            raise ValidationError("All CIDRs of one command must be of the same IP version")
        added = _checked(networks, ipip=ipip, masquerade=masquerade, ipam=ipam)

        def check(transaction: Transaction) -> None:
            present = [entry.value for entry in _list(transaction, networks[0].version)]
            for network in networks:
                check_overlap(network, [*(parse_network(pool.cidr) for pool in present), *networks])

        if added:
            self._write(added, check)
        return added

    def add_range(self, start: str, end: str, *, ipip: bool = False, masquerade: bool = False) -> tuple[IPPool, ...]:
        """Add the fewest pools that hold exactly the addresses ``start`` to ``end``, all or none.

        Raises :class:`ValidationError` as ``add`` does, and when the addresses are not of one version or not in
        ascending order; :class:`AlreadyExistsError` when a pool shares an address with the range.
        """
        (version, first), (other, last) = parse_address(start), parse_address(end)
        if version != other:
            raise ValidationError("START_IP and END_IP must be the same ip version")
        if first >= last:
            raise ValidationError("START_IP must be a smaller ip address than END_IP")
        networks = list(cover(version, first, last))
        added = _checked(networks, ipip=ipip, masquerade=masquerade, ipam=True)

        def check(transaction: Transaction) -> None:
            for entry in _list(transaction, version):
                present = parse_network(entry.value.cidr)
                if present.base <= last and first <= present.last:
                    raise AlreadyExistsError(f"Cannot add range - range conflicts with pool {present}")

        self._write(added, check)
        return added

    def add_defaults(self, occupied: Collection[HostNetwork] = ()) -> tuple[DefaultPool, ...]:
        """Add a default pool that overlaps nothing ``occupied`` for each IP version that has no pool at all."""
        return self._store.run(partial(put_default_pools, occupied=occupied))

    def remove(self, cidr: str) -> None:
        """Remove a pool: from then on it serves nothing more, and no host has a claim on its blocks.

        Addresses in use stay assigned until they are released. Raises :class:`NotFoundError` for an unknown pool.
        """
        network = parse_network(cidr)
        key = PoolKey(str(network))

        def disable(transaction: Transaction) -> None:
            if not transaction.exists(key):
                raise _unknown(network)
            # Claims end before the pool goes: a removal that was cut short can be asked for again.
            transaction.put(key, replace(_present(transaction, key), ipam=False))

        self._store.run(disable)
        self._affinities.release_within(network)
        self._store.run(lambda transaction: transaction.delete(key))

    def release_claims(self, cidr: str) -> None:
        """End the claims on blocks of a pool that is gone; none while another pool has some of its addresses."""
        network = parse_network(cidr)
        if not any(parse_network(pool.cidr).overlaps(network) for pool in self.list(network.version)):
            self._affinities.release_within(network)

    def _write(self, added: tuple[IPPool, ...], check: Callable[[Transaction], None]) -> None:
        def write(transaction: Transaction) -> None:
            check(transaction)
            for pool in added:
                key = PoolKey(pool.cidr)
                transaction.put(key, replace(pool, extra=_present(transaction, key).extra))
            if any(pool.ipip for pool in added):
                transaction.put(ConfigKey("IpInIpEnabled"), "true")

        _, revision = self._store.run_revision(write)
        self._withdraw_when_late(added, revision)

    def _withdraw_when_late(self, added: tuple[IPPool, ...], revision: int) -> None:
        """Take our pools out again when an overlapping one was written between our check and our write.

        A condition on keys cannot see a key that is new; so both writers look again, and the later one yields.
        """
        networks = [parse_network(pool.cidr) for pool in added]
        for entry in self._entries(networks[0].version):
            rival = parse_network(entry.value.cidr)
            if entry.revision < revision and rival not in networks:
                try:
                    for network in networks:
                        check_overlap(network, [rival])
                except AlreadyExistsError:
                    self._store.run(partial(_delete_written, pools=added, revision=revision))
                    raise

    def _entries(self, version: int) -> Iterator[PoolEntry]:
        return self._store.list(pools_path(version), PoolKey, IPPool)


def put_default_pools(transaction: Transaction, occupied: Collection[HostNetwork]) -> tuple[DefaultPool, ...]:
    """Write a default pool for each IP version that has no pool, valid or not; what these versions got."""
    chosen = tuple(
        _choose_default(version, occupied) for version in _VERSIONS if not transaction.raw(pools_path(version))
    )
    for default in chosen:
        if default.cidr:
            transaction.guard(PoolKey(default.cidr), 0)
            transaction.put(PoolKey(default.cidr), IPPool(default.cidr))
    return chosen


def _choose_default(version: int, occupied: Collection[HostNetwork]) -> DefaultPool:
    overlaps = {cidr: find_overlap(parse_network(cidr), occupied) for cidr in DEFAULT_POOLS[version]}
    cidr = next((cidr for cidr, overlap in overlaps.items() if overlap is None), "")
    return DefaultPool(version, cidr, overlaps[DEFAULT_POOLS[version][0]])


def _checked(networks: Sequence[Network], *, ipip: bool, masquerade: bool, ipam: bool) -> tuple[IPPool, ...]:
    """The pools of these networks, when each of them alone may be one."""
    if len(networks) > WRITES:
        raise ValidationError(f"The range takes {len(networks)} pools, more than {WRITES}: align its ends better")
    for network in networks:
        if ipip and network.version == 6:
            raise ValidationError("IP in IP not supported for IPv6 pools")
        if ipam:
            check_size(network)
    device = TUNNEL if ipip else None
    return tuple(IPPool(str(network), device, masquerade, ipam) for network in networks)


def _unknown(network: Network) -> NotFoundError:
    return NotFoundError(f"{network} is not a configured pool.")


def _list(transaction: Transaction, version: int) -> Iterator[PoolEntry]:
    return transaction.list(pools_path(version), PoolKey, IPPool)


def _present(transaction: Transaction, key: PoolKey) -> IPPool:
    """The pool at a key, or one without options when there is none or it cannot be understood."""
    try:
        return transaction.get(key, IPPool) or IPPool(key.cidr)
    except ValidationError:
        return IPPool(key.cidr)


def _delete_written(transaction: Transaction, pools: tuple[IPPool, ...], revision: int) -> None:
    for pool in pools:
        found = transaction.peek(PoolKey(pool.cidr), IPPool)
        if found is not None and found.revision == revision:
            transaction.guard(found.key, revision)
            transaction.delete(found.key)
