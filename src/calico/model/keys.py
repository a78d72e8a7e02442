"""The keys of the datastore: where each thing lives in the tree, as typed values.

The tree is the public API of the system, so a key is parsed as strictly as a value: a path of a known
shape with an illegal name in it is a :class:`ValidationError`, a path of no known shape is ``None``.
"""

from __future__ import annotations

from calico.model.errors import ValidationError
from calico.model.names import validate_name, validate_node_name
from calico.model.net import canonical_address, parse_network
from calico.model.record import ordered_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = "/calico"
POLICY = "/calico/v1"
PROFILES = "/calico/v1/policy/profile"
HOSTS = "/calico/v1/host"
CONFIG = "/calico/v1/config"
POOLS = "/calico/v1/ipam"
BLOCKS = "/calico/ipam/v2/assignment"
HANDLES = "/calico/ipam/v2/handle"
AFFINITIES = "/calico/ipam/v2/host"
BGP = "/calico/bgp/v1"
NETWORKS = "/calico/libnetwork/v1"
DOCKER = "/calico/docker/v1/host"

BY_HAND = "docker"
"""The orchestrator of endpoints that ``calicoctl container add`` makes; their workload is the id of the container."""
APPLY = "/calico/apply/v1"


@ordered_record
class Key:
    """A place in the tree. Subclasses are the kinds of things that live there."""

    @property
    def path(self) -> str:
        """The key's text, as it stands in the datastore."""
        raise NotImplementedError


@ordered_record
class ReadyKey(Key):
    """The global ready flag: policy is programmed only while it says ``true``."""

    @property
    def path(self) -> str:
        return f"{POLICY}/Ready"


@ordered_record
class ConfigKey(Key):
    """A global setting of the agents."""

    name: str

    @property
    def path(self) -> str:
        return f"{CONFIG}/{self.name}"


@ordered_record
class HostConfigKey(Key):
    """A setting of one host's agent."""

    host: str
    name: str

    @property
    def path(self) -> str:
        return f"{HOSTS}/{self.host}/config/{self.name}"


@ordered_record
class HostIPKey(Key):
    """A host's IPv4 address, as the policy engines of other hosts read it."""

    host: str

    @property
    def path(self) -> str:
        return f"{HOSTS}/{self.host}/bird_ip"


@ordered_record
class EndpointKey(Key):
    """A container's interface: on which host, of which orchestrator and workload."""

    host: str
    orchestrator: str
    workload: str
    endpoint: str

    @property
    def path(self) -> str:
        return endpoints_path(self.host, self.orchestrator, self.workload) + f"/endpoint/{self.endpoint}"


@ordered_record
class ProfileTagsKey(Key):
    """The tags of a profile."""

    profile: str

    @property
    def path(self) -> str:
        return f"{PROFILES}/{self.profile}/tags"


@ordered_record
class ProfileRulesKey(Key):
    """The ordered rules of a profile."""

    profile: str

    @property
    def path(self) -> str:
        return f"{PROFILES}/{self.profile}/rules"


@ordered_record
class PoolKey(Key):
    """An address pool; ``cidr`` is masked and canonical."""

    cidr: str

    @property
    def path(self) -> str:
        return f"{POOLS}/v{_version(self.cidr)}/pool/{self.cidr.replace('/', '-')}"


@ordered_record
class BlockKey(Key):
    """An allocation block; ``cidr`` is masked and canonical."""

    cidr: str

    @property
    def path(self) -> str:
        return f"{BLOCKS}/ipv{_version(self.cidr)}/block/{self.cidr.replace('/', '-')}"


@ordered_record
class HandleKey(Key):
    """A handle: the name under which somebody took addresses."""

    handle: str

    @property
    def path(self) -> str:
        return f"{HANDLES}/{self.handle}"


@ordered_record
class AffinityKey(Key):
    """A host's claim on a block; the value is empty text."""

    host: str
    cidr: str

    @property
    def path(self) -> str:
        return affinities_path(self.host, _version(self.cidr)) + "/" + self.cidr.replace("/", "-")


@ordered_record
class BGPConfigKey(Key):
    """A routing setting: global (``host`` empty) or of one host; ``as_num``, ``node_mesh``, ``ip_addr_v4`` …"""

    host: str
    name: str

    @property
    def path(self) -> str:
        return f"{BGP}/host/{self.host}/{self.name}" if self.host else f"{BGP}/global/{self.name}"


@ordered_record
class BGPPeerKey(Key):
    """A BGP peer: global (``host`` empty) or of one host."""

    host: str
    address: str

    @property
    def path(self) -> str:
        scope = f"host/{self.host}" if self.host else "global"
        return f"{BGP}/{scope}/peer_v{_version(self.address)}/{self.address}"


@ordered_record
class NetworkKey(Key):
    """A Docker network as its creation request described it."""

    network: str

    @property
    def path(self) -> str:
        return f"{NETWORKS}/{self.network}"


@ordered_record
class ContainerNameKey(Key):
    """What the Docker engine of a host calls a container, by the container's id."""

    host: str
    container: str

    @property
    def path(self) -> str:
        return f"{container_names_path(self.host)}/{self.container}"


@ordered_record
class NetworkNameKey(Key):
    """What the Docker engine of a host calls a network of ours, by the network's Id."""

    host: str
    network: str

    @property
    def path(self) -> str:
        return f"{network_names_path(self.host)}/{self.network}"


@ordered_record
class ApplyKey(Key):
    """The change that waits for confirmation (``pending``), or how the last one ended (``outcome``)."""

    name: str

    @property
    def path(self) -> str:
        return f"{APPLY}/{self.name}"


def endpoints_path(host: str = "", orchestrator: str = "", workload: str = "") -> str:
    """The narrowest directory that holds the endpoints of these owners; stops at the first empty one."""
    path = HOSTS
    if host:
        path += f"/{host}/workload"
        if orchestrator:
            path += f"/{orchestrator}"
            if workload:
                path += f"/{workload}"
    return path


def affinities_path(host: str, version: int) -> str:
    """The directory of the blocks that a host has claimed."""
    return f"{AFFINITIES}/{host}/ipv{version}/block"


def pools_path(version: int) -> str:
    """The directory of the pools of one IP version."""
    return f"{POOLS}/v{version}/pool"


def blocks_path(version: int) -> str:
    """The directory of the allocation blocks of one IP version."""
    return f"{BLOCKS}/ipv{version}/block"


def names_path(host: str) -> str:
    """The directory of what a host's Docker engine calls things."""
    return f"{DOCKER}/{host}"


def container_names_path(host: str) -> str:
    """The directory of what a host's Docker engine calls its containers."""
    return f"{names_path(host)}/container"


def network_names_path(host: str) -> str:
    """The directory of what a host's Docker engine calls networks."""
    return f"{names_path(host)}/network"


def parse_key(path: str) -> Key | None:
    """Text to key; ``None`` when the path is not of a shape that we know.

    Raises :class:`ValidationError` when the shape is known but a name in it is illegal.
    """
    parts = path.split("/")
    if len(parts) < 4 or parts[0] or parts[1] != "calico":
        return None
    parser = _PARSERS.get(f"{parts[2]}/{parts[3]}")
    return parser(parts[4:]) if parser else None


def _parse_ready(rest: list[str]) -> Key | None:
    return ReadyKey() if not rest else None


def _parse_config(rest: list[str]) -> Key | None:
    return ConfigKey(validate_name(rest[0], "setting")) if len(rest) == 1 else None


def _parse_host(rest: list[str]) -> Key | None:
    if len(rest) == 2 and rest[1] == "bird_ip":
        return HostIPKey(validate_node_name(rest[0]))
    if len(rest) == 3 and rest[1] == "config":
        return HostConfigKey(validate_node_name(rest[0]), validate_name(rest[2], "setting"))
    if len(rest) == 6 and rest[1] == "workload" and rest[4] == "endpoint":
        return EndpointKey(
            validate_node_name(rest[0]),
            validate_name(rest[2], "orchestrator"),
            validate_name(rest[3], "workload"),
            validate_name(rest[5], "endpoint"),
        )
    return None


def _parse_policy(rest: list[str]) -> Key | None:
    if len(rest) != 3 or rest[0] != "profile":
        return None
    if rest[2] == "tags":
        return ProfileTagsKey(validate_name(rest[1], "profile"))
    if rest[2] == "rules":
        return ProfileRulesKey(validate_name(rest[1], "profile"))
    return None


def _parse_pool(rest: list[str]) -> Key | None:
    if len(rest) != 3 or rest[0] not in ("v4", "v6") or rest[1] != "pool":
        return None
    return PoolKey(_cidr_segment(rest[2], rest[0]))


def _parse_assignment(rest: list[str]) -> Key | None:
    if len(rest) != 3 or rest[0] not in ("ipv4", "ipv6") or rest[1] != "block":
        return None
    return BlockKey(_cidr_segment(rest[2], rest[0]))


def _parse_ipam(rest: list[str]) -> Key | None:
    if rest and rest[0] == "assignment":
        return _parse_assignment(rest[1:])
    if len(rest) == 2 and rest[0] == "handle":
        return HandleKey(validate_name(rest[1], "handle"))
    if len(rest) == 5 and rest[0] == "host" and rest[2] in ("ipv4", "ipv6") and rest[3] == "block":
        return AffinityKey(validate_node_name(rest[1]), _cidr_segment(rest[4], rest[2]))
    return None


def _parse_bgp(rest: list[str]) -> Key | None:
    if rest and rest[0] == "global":
        host, rest = "", rest[1:]
    elif len(rest) > 1 and rest[0] == "host":
        host, rest = validate_node_name(rest[1]), rest[2:]
    else:
        return None
    if len(rest) == 1:
        return BGPConfigKey(host, validate_name(rest[0], "setting"))
    if len(rest) == 2 and rest[0] in ("peer_v4", "peer_v6"):
        return BGPPeerKey(host, canonical_address(rest[1], int(rest[0][-1])))
    return None


def _parse_network(rest: list[str]) -> Key | None:
    return NetworkKey(validate_name(rest[0], "network")) if len(rest) == 1 else None


def _parse_docker(rest: list[str]) -> Key | None:
    if len(rest) != 4 or rest[0] != "host":
        return None
    if rest[2] == "container":
        return ContainerNameKey(validate_node_name(rest[1]), validate_name(rest[3], "container"))
    if rest[2] == "network":
        return NetworkNameKey(validate_node_name(rest[1]), validate_name(rest[3], "network"))
    return None


def _parse_apply(rest: list[str]) -> Key | None:
    return ApplyKey(rest[0]) if rest in (["pending"], ["outcome"]) else None


_PARSERS: dict[str, Callable[[list[str]], Key | None]] = {
    "v1/Ready": _parse_ready,
    "v1/config": _parse_config,
    "v1/host": _parse_host,
    "v1/policy": _parse_policy,
    "v1/ipam": _parse_pool,
    "ipam/v2": _parse_ipam,
    "bgp/v1": _parse_bgp,
    "libnetwork/v1": _parse_network,
    "docker/v1": _parse_docker,
    "apply/v1": _parse_apply,
}


def _cidr_segment(segment: str, family: str) -> str:
    """``10.0.0.0-26`` to canonical ``10.0.0.0/26``; the segment must be in its canonical form itself."""
    text = segment.replace("-", "/")
    network = parse_network(text)
    if str(network) != text or network.version != int(family[-1]):
        raise ValidationError(f"{segment!r} is not the canonical name of an IPv{family[-1]} network")
    return text


def _version(text: str) -> int:
    return 6 if ":" in text else 4
