"""The network driver: networks become profiles, attachments become endpoints, sandboxes get a veth pair.

    CreateNetwork    the network's record, and those of its profiles that do not exist yet
    CreateEndpoint   the endpoint, with the network's profiles or its own; from here on the agent prepares the kernel
    Join             the veth pair; answers only when the kernel polices the endpoint
    Leave            the veth pair goes
    DeleteEndpoint   the endpoint goes
    DeleteNetwork    profile and record go

Docker moves one end of the pair into the sandbox, names it ``cali0`` and sets addresses and routes there. The
other end stays with the host, which answers ARP for the gateway address (proxy ARP) and routes everything.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from calico.client.networks import PROFILES_FIELD, profiles_of
from calico.client.profiles import Profiles
from calico.client.store import Deadline, Store, Transaction
from calico.model.codec import INTERFACE_PREFIX, interface_name
from calico.model.errors import AlreadyExistsError, CalicoError, NotFoundError, ValidationError
from calico.model.gateways import IPV4_GATEWAY, IPV6_GATEWAY
from calico.model.keys import EndpointKey, NetworkKey, ProfileRulesKey, ProfileTagsKey
from calico.model.names import canonical_mac
from calico.model.net import canonical_cidr
from calico.model.values import DockerNetwork, Endpoint, default_profile
from calico.plugin.ipam import ADDRESS_SPACES, is_any_network
from calico.plugin.profile_list import NETWORKS_OWN, endpoint_profiles, joined, network_profiles
from calico.plugin.server import Answer
from calico.plugin.wire import (
    INTERNAL_OPTION,
    CreateEndpoint,
    CreateNetwork,
    EndpointRequest,
    Interface,
    IPAMData,
    Join,
    NetworkRequest,
    Request,
)

log = logging.getLogger(__name__)

ORCHESTRATOR = "libnetwork"
WORKLOAD = "libnetwork"
CONTAINER_MAC = "ee:ee:ee:ee:ee:ee"
CONNECTED = 1
"""Docker's route type for "on this link, no next hop"."""

_SANDBOX_PREFIX = "tmp"


class Links(Protocol):
    """What the driver needs of the host's interfaces."""

    def create_veth(self, host: str, peer: str, *, peer_mac: str | None = None) -> int:
        """Make a veth pair, its ``host`` end up."""
        ...

    def delete(self, name: str) -> None:
        """Delete an interface, and with a veth its peer; ``NotFoundError`` when there is none."""
        ...


class Readiness(Protocol):
    """How the driver learns that the kernel polices an endpoint."""

    def wait_up(self, key: EndpointKey, revision: int, timeout: float) -> None:
        """Return when the endpoint, as of datastore ``revision``, is in the kernel and its interface is set up.

        Raises ``UnavailableError`` with the reason when that takes longer than ``timeout`` seconds.
        """
        ...


class NetworkDriver:
    """Answers the requests of Docker's network driver protocol for one host."""

    def __init__(
        self,
        store: Store,
        profiles: Profiles,
        host: str,
        open_links: Callable[[], AbstractContextManager[Links]],
        readiness: Readiness,
        scope: Callable[[], str],
    ) -> None:
        self._store = store
        self._profiles = profiles
        self._host = host
        self._open_links = open_links
        self._readiness = readiness
        self._scope = scope

    def capabilities(self, _request: Request, _deadline: Deadline) -> Answer:
        """Which hosts a network reaches, in Docker's eyes: ``local`` or ``global``."""
        scope = self._scope()
        return {"Scope": scope, "ConnectivityScope": scope}

    def create_network(self, request: CreateNetwork, deadline: Deadline) -> Answer:
        """Store the network's record and make its profiles; a profile that exists is kept as it is."""
        _check_network(request)
        named = [self._find_profile(name) or name for name in network_profiles(request.driver_options)]
        profiles = tuple(named) or (request.network_id,)
        record = DockerNetwork({**_record(request), PROFILES_FIELD: list(profiles)})

        def operation(transaction: Transaction) -> None:
            for name in profiles:
                profile, tags, rules = default_profile(name), ProfileTagsKey(name), ProfileRulesKey(name)
                if not transaction.exists(tags) and not transaction.exists(rules):
                    transaction.put(tags, profile.tags)
                    transaction.put(rules, profile.rules)
            transaction.put(NetworkKey(request.network_id), record)

        self._store.run(operation, deadline)
        log.info("network %s: created", request.network_id)
        return {}

    def delete_network(self, request: NetworkRequest, deadline: Deadline) -> Answer:
        """Remove the network's record and the profile of its Id; what is gone already is fine.

        Profiles that were named for the network stay: others may use them.
        """

        def operation(transaction: Transaction) -> None:
            for key in (
                NetworkKey(request.network_id),
                ProfileTagsKey(request.network_id),
                ProfileRulesKey(request.network_id),
            ):
                transaction.delete(key)

        self._store.run(operation, deadline)
        log.info("network %s: deleted", request.network_id)
        return {}

    def create_endpoint(self, request: CreateEndpoint, deadline: Deadline) -> Answer:
        """Store the endpoint with the network's profile.

        A repeated call changes nothing but addresses and MAC: the profile list may have been edited since.
        """
        interface = request.interface or Interface()
        if request.publishes_ports:
            # Accepting what is not opened would look like success.
            raise ValidationError(
                "the calico driver does not publish ports: run the container without -p and reach it at its address"
            )
        if not interface.address and not interface.address_ipv6:
            raise ValidationError("the endpoint has no address: create the network with --ipam-driver calico")
        key = self._key(request)
        named = tuple(self._must_find_profile(name) for name in endpoint_profiles(request.options or {}))

        def operation(transaction: Transaction) -> None:
            network = transaction.get(NetworkKey(request.network_id), DockerNetwork)
            if network is None:
                raise NotFoundError(
                    f"network {request.network_id} is not in calico's datastore: remove and create it again"
                )
            own = profiles_of(network, request.network_id)
            fresh = _endpoint(request, interface, joined(named, own) if named else own)
            existing = transaction.get(key, Endpoint)
            wanted = fresh if existing is None else _readdressed(existing, fresh)
            if wanted != existing:
                transaction.put(key, wanted)

        self._store.run(operation, deadline)
        log.info("endpoint %s: created", request.endpoint_id)
        # A value may be answered only for what Docker left open.
        return {"Interface": {} if interface.mac_address else {"MacAddress": CONTAINER_MAC}}

    def delete_endpoint(self, request: EndpointRequest, deadline: Deadline) -> Answer:
        """Remove the endpoint; one that is gone already is fine."""
        self._store.run(lambda transaction: transaction.delete(self._key(request)), deadline)
        log.info("endpoint %s: deleted", request.endpoint_id)
        return {}

    def endpoint_info(self, _request: EndpointRequest, _deadline: Deadline) -> Answer:
        """Nothing beyond what Docker knows itself."""
        return {"Value": {}}

    def join(self, request: Join, deadline: Deadline) -> Answer:
        """Make the veth pair and wait until the kernel polices it; on failure leave nothing behind."""
        key = self._key(request)
        entry = self._store.run(lambda transaction: transaction.peek(key, Endpoint), deadline)
        if entry is None:
            raise NotFoundError(f"endpoint {request.endpoint_id} is not in calico's datastore: attach it again")
        endpoint, peer = entry.value, _sandbox_interface(request.endpoint_id)
        with self._open_links() as links:
            _replace_veth(links, endpoint, peer)
            try:
                self._readiness.wait_up(key, entry.revision, deadline.remaining())
            except CalicoError:
                _delete_link(links, endpoint.name)
                raise
        log.info("endpoint %s: joined by %s", request.endpoint_id, endpoint.name)
        return _join_answer(endpoint, peer)

    def leave(self, request: EndpointRequest, _deadline: Deadline) -> Answer:
        """Delete the veth pair; one that is gone already is fine."""
        with self._open_links() as links:
            _delete_link(links, interface_name(request.endpoint_id))
        log.info("endpoint %s: left", request.endpoint_id)
        return {}

    def nothing(self, _request: Request, _deadline: Deadline) -> Answer:
        """What Docker tells us and we have no use for."""
        return {}

    def _find_profile(self, name: str) -> str | None:
        try:
            return self._profiles.resolve(name)
        except NotFoundError:
            return None

    def _must_find_profile(self, name: str) -> str:
        found = name if name == NETWORKS_OWN else self._find_profile(name)
        if found is None:
            raise NotFoundError(f"profile {name} does not exist: make it with `calicoctl profile add {name}`")
        return found

    def _key(self, request: EndpointRequest) -> EndpointKey:
        return EndpointKey(self._host, ORCHESTRATOR, WORKLOAD, request.endpoint_id)


def _check_network(request: CreateNetwork) -> None:
    """Refuse what we would not honour."""
    if (request.options or {}).get(INTERNAL_OPTION) is True:
        raise ValidationError("the calico driver does not support --internal: use a profile's outbound rules")
    for data in (request.ipv4_data or [], request.ipv6_data or []):
        if len(data) > 1:
            raise ValidationError("the calico driver takes one subnet of each IP version")
        for pool in data:
            _check_calico_ipam(pool)


def _check_calico_ipam(data: IPAMData) -> None:
    if data.address_space not in ADDRESS_SPACES or not is_any_network(data.gateway):
        raise ValidationError(
            "Non-Calico IPAM driver is used: create the network with --ipam-driver calico as well, otherwise "
            "traffic would leave by Docker's bridge and escape policy"
        )


def _record(request: CreateNetwork) -> dict[str, object]:
    """The request in Docker's own field names."""

    def data(pools: list[IPAMData] | None) -> list[dict[str, str]]:
        return [
            {"AddressSpace": pool.address_space, "Pool": pool.pool, "Gateway": pool.gateway} for pool in pools or []
        ]

    return {
        "NetworkID": request.network_id,
        "Options": request.options or {},
        "IPv4Data": data(request.ipv4_data),
        "IPv6Data": data(request.ipv6_data),
    }


def _endpoint(request: CreateEndpoint, interface: Interface, profiles: tuple[str, ...]) -> Endpoint:
    return Endpoint(
        state="active",
        name=interface_name(request.endpoint_id),
        mac=canonical_mac(interface.mac_address or CONTAINER_MAC),
        profiles=profiles,
        ipv4_nets=_host_nets(interface.address, 4),
        ipv6_nets=_host_nets(interface.address_ipv6, 6),
    )


def _host_nets(cidr: str, version: int) -> tuple[str, ...]:
    """The one address of ``cidr``, whatever prefix Docker shows with it: we route single addresses."""
    return (canonical_cidr(cidr.partition("/")[0], version),) if cidr else ()


def _readdressed(existing: Endpoint, fresh: Endpoint) -> Endpoint:
    return Endpoint(
        state=existing.state,
        name=fresh.name,
        mac=fresh.mac,
        profiles=existing.profiles,
        ipv4_nets=fresh.ipv4_nets,
        ipv6_nets=fresh.ipv6_nets,
        ipv4_gateway=existing.ipv4_gateway,
        ipv6_gateway=existing.ipv6_gateway,
        extra=existing.extra,
    )


def _sandbox_interface(endpoint: str) -> str:
    """The name of the container's end until Docker renames it; as long as the host's end."""
    return _SANDBOX_PREFIX + interface_name(endpoint).removeprefix(INTERFACE_PREFIX)


def _replace_veth(links: Links, endpoint: Endpoint, peer: str) -> None:
    """Make the pair; what an earlier, failed Join of the same endpoint left is made anew."""
    try:
        links.create_veth(endpoint.name, peer, peer_mac=endpoint.mac)
    except AlreadyExistsError:
        _delete_link(links, endpoint.name)
        _delete_link(links, peer)
        links.create_veth(endpoint.name, peer, peer_mac=endpoint.mac)


def _delete_link(links: Links, name: str) -> None:
    try:
        links.delete(name)
    except NotFoundError:
        log.debug("interface %s is gone already", name)


def _join_answer(endpoint: Endpoint, peer: str) -> Answer:
    """Default routes through the gateways, each reached by a route of its own: the address is on no subnet.

    IPv6 items only for endpoints that have an IPv6 address: Docker switches IPv6 off in the others, and the
    route would fail.
    """
    answer: dict[str, object] = {"InterfaceName": {"SrcName": peer, "DstPrefix": INTERFACE_PREFIX}}
    routes = []
    if endpoint.ipv4_nets:
        answer["Gateway"] = IPV4_GATEWAY
        routes.append({"Destination": f"{IPV4_GATEWAY}/32", "RouteType": CONNECTED, "NextHop": ""})
    if endpoint.ipv6_nets:
        answer["GatewayIPv6"] = IPV6_GATEWAY
        routes.append({"Destination": f"{IPV6_GATEWAY}/128", "RouteType": CONNECTED, "NextHop": ""})
    return {**answer, "StaticRoutes": routes}
