"""The values of the datastore, frozen and valid: once one of these exists nobody checks it again.

Values that a newer or foreign program may extend carry ``extra``: the fields that we do not know, kept as
they were read and written back unchanged.
"""

from __future__ import annotations

from types import MappingProxyType

from calico.model.errors import ValidationError
from calico.model.protocols import FAMILY_OF, PORT_PROTOCOLS
from calico.model.record import field, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_AS_NUMBER = 64511
NO_EXTRA: Mapping[str, object] = MappingProxyType({})


PortRange = tuple[int, int]
"""Lowest and highest port, both included; a single port is ``(p, p)``."""


@record
class Rule:
    """One rule of a profile: when every criterion that is not ``None`` (or empty) matches, ``action`` decides.

    ``protocol`` is a lower-case name of :data:`calico.model.protocols.PROTOCOLS` or a number as text.
    Networks are canonical CIDR text with host bits kept as written. ``ip_version`` limits the rule to one family.
    Criteria that cannot go together (ports without a protocol that has ports, an ICMP type without ICMP) are a
    :class:`ValidationError`; criteria of two IP versions may go together and never match.
    """

    action: str
    protocol: str | None = None
    src_tag: str | None = None
    src_net: str | None = None
    src_ports: tuple[PortRange, ...] = ()
    dst_tag: str | None = None
    dst_net: str | None = None
    dst_ports: tuple[PortRange, ...] = ()
    icmp_type: int | None = None
    icmp_code: int | None = None
    ip_version: int | None = None

    def __post_init__(self) -> None:
        if self.action not in ("allow", "deny"):
            raise ValidationError(f"action {self.action!r} is neither allow nor deny")
        if (self.src_ports or self.dst_ports) and self.protocol not in PORT_PROTOCOLS:
            names = ", ".join(sorted(PORT_PROTOCOLS))
            raise ValidationError(f"ports are not valid with protocol {self.protocol or 'any'}: use one of {names}")
        if self.icmp_code is not None and self.icmp_type is None:
            raise ValidationError("an ICMP code needs an ICMP type")
        family = FAMILY_OF.get(self.protocol or "")
        if self.icmp_type is not None and family is None:
            raise ValidationError("an ICMP type needs protocol icmp or icmpv6")
        if self.ip_version is not None and family not in (None, self.ip_version):
            raise ValidationError(f"protocol {self.protocol} does not exist in IPv{self.ip_version}")


@record
class ProfileRules:
    """The rules of a profile in evaluation order: ``inbound`` to the endpoint, ``outbound`` from it."""

    inbound: tuple[Rule, ...] = ()
    outbound: tuple[Rule, ...] = ()
    extra: Mapping[str, object] = field(default=NO_EXTRA, hash=False)


@record
class Profile:
    """A named policy: tags that its endpoints carry, and its rules."""

    name: str
    tags: tuple[str, ...]
    rules: ProfileRules


def default_profile(name: str) -> Profile:
    """What a new profile says: members reach each other, and may start connections to anybody."""
    rules = ProfileRules(inbound=(Rule("allow", src_tag=name),), outbound=(Rule("allow"),))
    return Profile(name, (name,), rules)


@record
class Endpoint:
    """A container's interface under policy.

    ``name`` is the host-side interface; networks are canonical CIDR text (``/32`` and ``/128`` for Docker);
    ``profiles`` are evaluated in order.
    """

    state: str
    name: str
    mac: str | None
    profiles: tuple[str, ...] = ()
    ipv4_nets: tuple[str, ...] = ()
    ipv6_nets: tuple[str, ...] = ()
    ipv4_gateway: str | None = None
    ipv6_gateway: str | None = None
    extra: Mapping[str, object] = field(default=NO_EXTRA, hash=False)

    @property
    def nets(self) -> tuple[str, ...]:
        """All networks of the endpoint, IPv4 first."""
        return self.ipv4_nets + self.ipv6_nets


@record
class IPPool:
    """A range that addresses are taken from.

    ``ipip`` names the tunnel device of an IP-in-IP pool; ``masquerade`` hides traffic that leaves all pools
    behind the host's address; a pool without ``ipam`` is known but nothing is assigned from it.
    """

    cidr: str
    ipip: str | None = None
    masquerade: bool = False
    ipam: bool = True
    extra: Mapping[str, object] = field(default=NO_EXTRA, hash=False)


@record
class Attributes:
    """Who holds an address: the handle it was taken under, and free notes."""

    handle: str | None = None
    secondary: tuple[tuple[str, object], ...] = ()


@record
class AllocationBlock:
    """A block of a pool: which addresses are taken, by whom, and in which order free ones are given out.

    ``affinity`` is the host that claimed the block (a preference, not a lock) or ``None``.
    ``allocations[i]`` is an index into ``attributes`` or ``None`` when ordinal ``i`` is free;
    ``unallocated`` is the queue of the free ordinals.
    """

    cidr: str
    affinity: str | None
    allocations: tuple[int | None, ...]
    attributes: tuple[Attributes, ...]
    unallocated: tuple[int, ...]
    extra: Mapping[str, object] = field(default=NO_EXTRA, hash=False)


@record
class Handle:
    """How many addresses of each block were taken under one handle; may over-state, never under-state."""

    handle: str
    blocks: tuple[tuple[str, int], ...]
    extra: Mapping[str, object] = field(default=NO_EXTRA, hash=False)


@record
class BGPPeer:
    """A router to exchange routes with."""

    address: str
    as_number: int
    extra: Mapping[str, object] = field(default=NO_EXTRA, hash=False)


@record
class NodeMesh:
    """Whether every node peers with every other."""

    enabled: bool
    extra: Mapping[str, object] = field(default=NO_EXTRA, hash=False)


@record
class DockerNetwork:
    """A Docker network: the body of its CreateNetwork request, as Docker sent it."""

    request: Mapping[str, object] = field(hash=False)


@record
class ContainerName:
    """What Docker calls a container: ``name``, and ``project`` and ``service`` when Compose made it.

    ``endpoints`` pairs the id of each of its endpoints on our networks with the Id of the network. A text is empty
    when there is none, or none that could be typed again.
    """

    name: str = ""
    project: str = ""
    service: str = ""
    endpoints: tuple[tuple[str, str], ...] = ()
    extra: Mapping[str, object] = field(default=NO_EXTRA, hash=False)


@record
class NetworkName:
    """What Docker calls a network."""

    name: str
    extra: Mapping[str, object] = field(default=NO_EXTRA, hash=False)
