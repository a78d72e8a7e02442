"""The IPAM driver: Docker's pools and addresses, out of calico's pools.

Docker asks for a pool once per network and for an address once per attachment. Without ``--subnet`` a network
draws on every pool; with it, on the pool of exactly that CIDR. The gateway that we name with a pool only keeps
Docker from taking an address of the pool for one: the real next hop is link-local and belongs to no pool.
"""

import logging

from calico.client.addresses import Addresses
from calico.client.store import Deadline, Store
from calico.model.errors import CalicoError, NotFoundError, ValidationError
from calico.model.keys import PoolKey, pools_path
from calico.model.net import bits, canonical_address, parse_address, parse_network
from calico.model.values import IPPool
from calico.plugin.server import Answer
from calico.plugin.wire import (
    ADDRESS_TYPE_OPTION,
    GATEWAY_DATA,
    ReleaseAddress,
    ReleasePool,
    Request,
    RequestAddress,
    RequestPool,
)

log = logging.getLogger(__name__)

LOCAL_SPACE = "CalicoLocalAddressSpace"
GLOBAL_SPACE = "CalicoGlobalAddressSpace"
ADDRESS_SPACES = (LOCAL_SPACE, GLOBAL_SPACE)
ANY_POOL = {4: "CalicoPoolIPv4", 6: "CalicoPoolIPv6"}
ANY_NETWORK = {4: "0.0.0.0/0", 6: "::/0"}
_GATEWAY_TYPE = "com.docker.network.gateway"
_UNSPECIFIED = ("0.0.0.0", "::")
_ATTRIBUTES = {"orchestrator": "libnetwork"}


def is_any_network(gateway: str) -> bool:
    """Whether a network's gateway is the placeholder that :meth:`IPAMDriver.request_pool` answers."""
    return gateway in ANY_NETWORK.values()


class IPAMDriver:
    """Answers the requests of Docker's IPAM driver protocol for one host."""

    def __init__(self, store: Store, addresses: Addresses) -> None:
        self._store = store
        self._addresses = addresses

    def capabilities(self, _request: Request, _deadline: Deadline) -> Answer:
        """Docker need neither make MAC addresses up for us nor replay its reservations at boot."""
        return {"RequiresMACAddress": False, "RequiresRequestReplay": False}

    def address_spaces(self, _request: Request, _deadline: Deadline) -> Answer:
        """The names of our address spaces; asked before nearly every call, so it touches nothing."""
        return {"LocalDefaultAddressSpace": LOCAL_SPACE, "GlobalDefaultAddressSpace": GLOBAL_SPACE}

    def request_pool(self, request: RequestPool, deadline: Deadline) -> Answer:
        """The pool of a network: the configured one of exactly the CIDR asked for, or any."""
        if request.sub_pool:
            raise ValidationError(
                "Calico IPAM does not support sub pool configuration on 'docker create network'. Calico IP Pools "
                "should be configured first and IP assignment is from those pre-configured pools."
            )
        if request.options:
            raise ValidationError("Arbitrary options are not supported: create the network without --ipam-opt")
        version = 6 if request.v6 else 4
        pool = self._pool_for(version, request.pool, deadline)
        return {
            "PoolID": pool if request.pool else ANY_POOL[version],
            "Pool": ANY_NETWORK[4] if version == 4 else pool,
            "Data": {GATEWAY_DATA: ANY_NETWORK[version]},
        }

    def release_pool(self, _request: ReleasePool, _deadline: Deadline) -> Answer:
        """Nothing: pools are calico's, networks only draw on them."""
        return {}

    def request_address(self, request: RequestAddress, deadline: Deadline) -> Answer:
        """One address of the pool: the one asked for, or any."""
        if (request.options or {}).get(ADDRESS_TYPE_OPTION) == _GATEWAY_TYPE:
            raise ValidationError("Calico IPAM does not support specifying a gateway.")
        version, pool = _parse_pool_id(request.pool_id)
        address = self._take(request.address, version, pool, deadline)
        log.info("address %s: assigned", address)
        return {"Address": f"{address}/{bits(version)}", "Data": {}}

    def release_address(self, request: ReleaseAddress, deadline: Deadline) -> Answer:
        """Give an address back; what was never given out, the placeholder gateway too, is fine."""
        address = canonical_address(request.address.partition("/")[0]) if request.address else _UNSPECIFIED[0]
        if address not in _UNSPECIFIED:
            free_already = self._addresses.release([address], timeout=deadline.remaining())
            log.info("address %s: %s", address, "was free already" if free_already else "released")
        return {}

    def _take(self, wanted: str, version: int, pool: str | None, deadline: Deadline) -> str:
        if not wanted:
            assigned = self._addresses.auto_assign(
                version, 1, attributes=_ATTRIBUTES, pool=pool, timeout=deadline.remaining()
            )
            if not assigned:
                where = f"pool {pool}" if pool else f"any IPv{version} pool"
                raise CalicoError(f"no address is free in {where}: add one with `calicoctl pool add CIDR`")
            return assigned[0]
        address = canonical_address(wanted.partition("/")[0], version)
        if pool is not None and not parse_network(pool).contains(parse_address(address)[1]):
            raise ValidationError(f"{address} is not in the network's pool {pool}")
        self._addresses.assign(address, attributes=_ATTRIBUTES, timeout=deadline.remaining())
        return address

    def _pool_for(self, version: int, subnet: str, deadline: Deadline) -> str:
        """The CIDR of the pool asked for, or of the first one when none is."""
        found = self._store.run(
            lambda transaction: list(transaction.list(pools_path(version), PoolKey, IPPool)), deadline
        )
        serving = [entry.value.cidr for entry in found if entry.value.ipam]
        if not serving:
            raise NotFoundError(f"there is no IPv{version} pool: add one with `calicoctl pool add CIDR`")
        if not subnet:
            return serving[0]
        wanted = str(parse_network(subnet))
        if wanted not in serving:
            raise ValidationError(
                "The requested subnet must match the CIDR of a configured Calico IP Pool. "
                f"{wanted} is not one of {', '.join(serving)}."
            )
        return wanted


def _parse_pool_id(pool_id: str) -> tuple[int, str | None]:
    """A pool id of ours to IP version and, unless it stands for any pool, the pool's CIDR."""
    for version, name in ANY_POOL.items():
        if pool_id == name:
            return version, None
    network = parse_network(pool_id)
    return network.version, str(network)
