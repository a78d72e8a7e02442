"""The messages from the calculation to the dataplane: the whole contract between the two halves.

    IP set      the addresses of a tag, by tag name; both families in one set of address text
    profile     the rules of a profile that a local endpoint lists
    endpoint    a local, active endpoint with its ordered profiles
    pool        an address pool, of any host

Order within one flush makes every prefix of it safe to apply: IP sets, profiles, endpoints come before
what refers to them; removals follow in reverse. Among endpoints, removals come before updates, and one whose
interface name changes is removed and updated, so that an interface never has two. Nothing is sent twice with
the same content, and nothing that is not referenced is kept.
"""

from __future__ import annotations

from calico.model.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.model.keys import EndpointKey
    from calico.model.values import Endpoint, IPPool, ProfileRules


@record
class IPSetUpdate:
    """The tag's addresses are exactly these; sent when the tag becomes active."""

    tag: str
    members: frozenset[str]


@record
class IPSetDelta:
    """Addresses that joined and left a tag that is already active; both are disjoint."""

    tag: str
    added: frozenset[str]
    removed: frozenset[str]


@record
class IPSetRemove:
    """No active rule names the tag any more."""

    tag: str


@record
class ProfileUpdate:
    """A profile that a local endpoint lists; ``rules`` is ``None`` when it is missing or invalid: it drops."""

    name: str
    rules: ProfileRules | None


@record
class ProfileRemove:
    """No local endpoint lists the profile any more."""

    name: str


@record
class EndpointUpdate:
    """A local endpoint to be policed; all its profiles have been sent."""

    key: EndpointKey
    endpoint: Endpoint


@record
class EndpointRemove:
    """A local endpoint is gone, inactive or invalid: its interface is unknown from now on."""

    key: EndpointKey


@record
class PoolUpdate:
    """A pool exists with these options."""

    pool: IPPool


@record
class PoolRemove:
    """A pool is gone."""

    cidr: str


@record
class HostConfigUpdate:
    """Settings of this host that shape its table.

    ``endpoint_to_host_action`` is what happens to a packet from an endpoint to the host itself after the
    endpoint's outbound policy allowed it: ``DROP``, ``ACCEPT`` or ``RETURN`` (the host's own rules decide).
    """

    endpoint_to_host_action: str


@record
class Flushed:
    """Everything up to datastore ``revision`` has been sent; ``in_sync`` from the first whole snapshot on."""

    revision: int
    in_sync: bool


Update = (
    IPSetUpdate
    | IPSetDelta
    | IPSetRemove
    | ProfileUpdate
    | ProfileRemove
    | EndpointUpdate
    | EndpointRemove
    | PoolUpdate
    | PoolRemove
    | HostConfigUpdate
    | Flushed
)
