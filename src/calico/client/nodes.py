"""Nodes: the machines that take part, by the name that stands in their keys."""

from __future__ import annotations

import contextlib
import time
from functools import partial

from calico.client import allocation
from calico.client.affinities import Affinities
from calico.client.pools import DefaultPool, put_default_pools
from calico.client.store import Clock, Entry, Store, Transaction, entries
from calico.datastore.api import DEFAULT_TIMEOUT, Datastore, KeyValue
from calico.model.errors import AlreadyExistsError, InUseError, NotFoundError, ValidationError
from calico.model.keys import (
    BGP,
    HOSTS,
    BGPConfigKey,
    BGPPeerKey,
    ConfigKey,
    EndpointKey,
    HostConfigKey,
    HostIPKey,
    Key,
    ReadyKey,
    endpoints_path,
    names_path,
)
from calico.model.names import validate_node_name
from calico.model.net import address_of, canonical_address, parse_address
from calico.model.record import record
from calico.model.values import DEFAULT_AS_NUMBER, BGPPeer, Endpoint, NodeMesh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from calico.client.host_networks import HostNetwork

GLOBAL_DEFAULTS: tuple[tuple[Key, object], ...] = (
    (ConfigKey("InterfacePrefix"), "cali"),
    (ConfigKey("LogSeverityFile"), "none"),
    (ConfigKey("LogSeverityScreen"), "info"),
    (ConfigKey("LogFilePath"), "none"),
    (ConfigKey("IpInIpEnabled"), "false"),
    (BGPConfigKey("", "as_num"), str(DEFAULT_AS_NUMBER)),
    (BGPConfigKey("", "node_mesh"), NodeMesh(enabled=True)),
)
"""Settings of the whole installation, written when they are absent."""

ADDRESS_IN_USE = (
    "ERROR: IP address {address} is already in use by host {host}. Calico requires each compute host to have a "
    "unique IP. If this is your first time running 'calicoctl node' on this host, ensure that another host is not "
    "already using the same IP address."
)
HOSTNAME_IN_USE = (
    "WARNING: Hostname '{host}' is already in use with IP address {address}. Calico requires each compute host to "
    "have a unique hostname. If this is your first time running 'calicoctl node' on this host, ensure that another "
    "host is not already using the same hostname."
)


@record
class NodeRecord:
    """A registered node: its addresses (empty where it has none), AS number and peers.

    ``as_number`` is the text that stands in the datastore; ``inherited`` says that it is the one of all nodes.
    """

    host: str
    ipv4: str
    ipv6: str
    as_number: str
    inherited: bool
    peers: tuple[BGPPeer, ...]


class Nodes:
    """The registered nodes of the datastore."""

    def __init__(
        self, datastore: Datastore, timeout: float = DEFAULT_TIMEOUT, *, clock: Clock = time.monotonic
    ) -> None:
        self._store = Store(datastore, timeout, clock=clock)
        self._affinities = Affinities(datastore, timeout, clock=clock)

    def register(
        self,
        host: str,
        ipv4: str,
        ipv6: str = "",
        *,
        as_number: int | None = None,
        default_pools: bool = True,
        occupied: Collection[HostNetwork] = (),
    ) -> tuple[DefaultPool, ...]:
        """Write what other nodes must know of this one, and the global settings that are absent.

        An address may be empty when the node has none of that version. Without ``as_number`` the node uses the
        global one. With ``default_pools`` an IP version without pools gets a default one that overlaps none of the
        networks ``occupied`` by the host; which ones is the result.
        Raises :class:`AlreadyExistsError` when another node is registered with one of the addresses.
        """
        validate_node_name(host)
        addresses = {
            4: canonical_address(ipv4, 4) if ipv4 else "",
            6: canonical_address(ipv6, 6) if ipv6 else "",
        }

        def write(transaction: Transaction) -> tuple[DefaultPool, ...]:
            _check_addresses(transaction, host, addresses)
            for key, value in GLOBAL_DEFAULTS:
                _put_absent(transaction, key, value)
            _write_node(transaction, host, addresses, as_number)
            return put_default_pools(transaction, occupied) if default_pools else ()

        return self._store.run(write)

    def list(self) -> tuple[str, ...]:
        """The names of all registered nodes, sorted."""
        found = self._store.list(f"{BGP}/host", BGPConfigKey, str)
        return tuple(sorted({entry.key.host for entry in found if entry.key.name == "ip_addr_v4"}))

    def records(self) -> tuple[NodeRecord, ...]:
        """All registered nodes, sorted by name."""
        found = self._store.raw(BGP)
        settings = {entry.key: entry.value for entry in entries(found, BGPConfigKey, str)}
        default = settings.get(BGPConfigKey("", "as_num")) or str(DEFAULT_AS_NUMBER)
        peers = _peers_by_host(found)
        return tuple(
            _record(host, settings, default, tuple(peers.get(host, ())))
            for host in sorted({key.host for key in settings if key.host and key.name == "ip_addr_v4"})
        )

    def address(self, host: str, version: int) -> str:
        """The address that a node is registered with; empty when it has none or is not registered."""
        return self._store.get(_address_key(host, version), str) or ""

    def address_owner(self, address: str) -> str | None:
        """The node that is registered with this address."""
        version, _ = parse_address(address)
        wanted = canonical_address(address)
        return self._store.run(lambda transaction: _owners(transaction).get((version, wanted)))

    def hostname_warning(self, host: str, ipv4: str) -> str | None:
        """What to tell when the name of this host is registered with another IPv4 address; else ``None``."""
        registered = self.address(host, 4)
        if not registered or not ipv4 or registered == canonical_address(ipv4, 4):
            return None
        return HOSTNAME_IN_USE.format(host=host, address=registered)

    def endpoints(self, host: str) -> tuple[EndpointKey, ...]:
        """The endpoints on a node."""
        found = self._store.list(endpoints_path(host), EndpointKey, Endpoint)
        return tuple(entry.key for entry in found)

    def remove(self, host: str, *, endpoints: bool = False) -> bool:
        """Forget a node with everything that it holds: endpoints, addresses, claims on blocks, settings.

        Tells whether it held anything. Without ``endpoints`` a node that has some stays: :class:`InUseError`.
        What was cut short can be asked for again.
        """
        self.check_removable(host, endpoints=endpoints)
        for key in self.endpoints(host):
            # Somebody else may remove it too, at this very moment.
            with contextlib.suppress(NotFoundError):
                self.remove_endpoint(key)
        self._store.run(partial(_release_tunnel_address, host=host))
        claims = bool(self._affinities.list(host))
        self._affinities.release_host(host)
        directories = (f"{BGP}/host/{host}", f"{HOSTS}/{host}", names_path(host))
        return self._store.delete_below(directories) or claims

    def check_removable(self, host: str, *, endpoints: bool = False) -> None:
        """Raise :class:`InUseError` when a node has endpoints and is not to be removed with them."""
        validate_node_name(host)
        if not endpoints and self.endpoints(host):
            raise InUseError("The node has active Calico endpoints so can't be deleted.")

    def remove_endpoint(self, key: EndpointKey) -> None:
        """Delete an endpoint and release its addresses, in one transaction.

        An address that another endpoint uses too stays assigned. Raises :class:`NotFoundError` when there is
        no such endpoint.
        """

        def write(transaction: Transaction) -> None:
            endpoint = transaction.get(key, Endpoint)
            if endpoint is None:
                raise NotFoundError(f"Endpoint {key.endpoint} is unknown to Calico.")
            transaction.delete(key)
            release_nets(transaction, key, endpoint.nets)

        self._store.run(write)


def release_nets(transaction: Transaction, key: EndpointKey, nets: Iterable[str]) -> None:
    """Release the addresses among networks that an endpoint has no more; what others use too stays assigned."""
    others = transaction.list(HOSTS, EndpointKey, Endpoint)
    shared = {net for entry in others if entry.key != key for net in entry.value.nets}
    allocation.give_back(transaction, [address_of(net) for net in nets if net not in shared and _is_host(net)])


def _peers_by_host(found: Iterable[KeyValue]) -> dict[str, list[BGPPeer]]:
    """The peers that nodes have of their own, lowest address first."""
    peers: dict[str, list[BGPPeer]] = {}
    for entry in sorted(entries(found, BGPPeerKey, BGPPeer), key=_peer_order):
        peers.setdefault(entry.key.host, []).append(entry.value)
    return peers


def _peer_order(entry: Entry[BGPPeerKey, BGPPeer]) -> tuple[int, int]:
    return parse_address(entry.value.address)


def _record(host: str, settings: Mapping[BGPConfigKey, str], default: str, peers: tuple[BGPPeer, ...]) -> NodeRecord:
    own = settings.get(BGPConfigKey(host, "as_num"))
    ipv4, ipv6 = (settings.get(_address_key(host, version), "") for version in (4, 6))
    return NodeRecord(host, ipv4, ipv6, own or default, not own, peers)


def _address_key(host: str, version: int) -> BGPConfigKey:
    return BGPConfigKey(host, f"ip_addr_v{version}")


def _owners(transaction: Transaction) -> dict[tuple[int, str], str]:
    """Which node is registered with which address, by version and address."""
    owners = {}
    for entry in transaction.list(f"{BGP}/host", BGPConfigKey, str):
        for version in (4, 6):
            if entry.value and entry.key == _address_key(entry.key.host, version):
                owners[version, entry.value] = entry.key.host
    return owners


def _check_addresses(transaction: Transaction, host: str, addresses: dict[int, str]) -> None:
    owners = _owners(transaction)
    for version, address in addresses.items():
        owner = owners.get((version, address), host)
        if owner != host:
            raise AlreadyExistsError(ADDRESS_IN_USE.format(address=address, host=owner))


def _write_node(transaction: Transaction, host: str, addresses: dict[int, str], as_number: int | None) -> None:
    transaction.put(ReadyKey(), True)
    for version, address in addresses.items():
        transaction.put(_address_key(host, version), address)
    if addresses[4]:
        transaction.put(HostIPKey(host), addresses[4])
    else:
        transaction.delete(HostIPKey(host))
    if as_number is None:
        transaction.delete(BGPConfigKey(host, "as_num"))
    else:
        transaction.put(BGPConfigKey(host, "as_num"), str(as_number))
    _put_absent(transaction, HostConfigKey(host, "DefaultEndpointToHostAction"), "RETURN")
    transaction.put(HostConfigKey(host, "marker"), "created")


def _put_absent(transaction: Transaction, key: Key, value: object) -> None:
    if not transaction.exists(key):
        transaction.put(key, value)


def _release_tunnel_address(transaction: Transaction, host: str) -> None:
    key = HostConfigKey(host, "IpInIpTunnelAddr")
    address = transaction.get(key, str)
    if address:
        transaction.delete(key)
        with contextlib.suppress(ValidationError):  # what is no address was never assigned
            allocation.give_back(transaction, [canonical_address(address)])


def _is_host(net: str) -> bool:
    """Whether a network is a single address, as those that were assigned are."""
    return net.endswith("/128" if ":" in net else "/32")
