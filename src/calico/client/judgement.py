"""What both ends say about the first packet of a connection.

    side      what one end's host says: the sender's outbound policy, the receiver's inbound policy
    verdict   of a side: it allows, it denies, or it does not filter; a packet passes unless a side denies
    cause     which of the reasons below it was, for programs; ``Side.reason`` says it to people

Everything follows from the content of the datastore: :class:`~calico.calc.view.HostView` says what the hosts of
both ends hold, :mod:`calico.rules.evaluate` what that means for the packet. Whether the agents have programmed it
is another question.
"""

from __future__ import annotations

from calico.model.codec import INTERFACE_PREFIX
from calico.model.keys import EndpointKey, ProfileRulesKey, ProfileTagsKey
from calico.model.net import Network, address_of, parse_address, parse_network
from calico.model.record import record, replace
from calico.rules.evaluate import Step, trace
from calico.rules.packet import Packet, always_reaches_host, begins_connection, is_neighbour_discovery
from calico.rules.reasons import describe_mismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.calc.view import HostView
    from calico.client.ends import End
    from calico.client.world import World
    from calico.model.values import Endpoint, Rule

ALLOW, DENY, UNFILTERED, UNKNOWN = "allow", "deny", "not filtered", "unknown"

RULE, NO_MATCH = "rule", "no match"
NO_PROFILES, MISSING_PROFILE = "no profiles", "missing profile"
HOST_ACTION, ALWAYS = "host action", "always"
OUTSIDE, OWN_HOST, ITSELF = "outside", "own host", "itself"
NO_CONNECTION, FOREIGN_SOURCE = "no connection", "foreign source"
INACTIVE, INVALID, INTERFACE = "inactive", "invalid", "interface"

OUTBOUND, INBOUND = "outbound", "inbound"

_UNFILTERED_REASONS = {
    OUTSIDE: "it is no endpoint: nothing is filtered there",
    OWN_HOST: "from a host to its own endpoints nothing is filtered",
    ITSELF: "it is the other end too: the packet does not leave the container",
}


@record
class Tried:
    """A rule that was tried: the field that does not match, and why in words; both empty when it decides."""

    profile: str
    number: int
    rule: Rule
    mismatch: str
    why: str


@record
class Side:
    """What one side says.

    ``profile`` and ``number`` name the rule that decided, or the profile alone when it did. ``tried`` are the rules
    in the order of trial, the deciding one last; ``profiles`` is the list that they come from.
    """

    end: End
    direction: str
    verdict: str
    cause: str
    reason: str
    profile: str = ""
    number: int = 0
    profiles: tuple[str, ...] = ()
    tried: tuple[Tried, ...] = ()

    @property
    def denies(self) -> bool:
        """Whether the packet does not get past this side."""
        return self.verdict == DENY


@record
class Judgement:
    """Both sides about a packet; ``arriving`` is the packet as the receiver's side sees it.

    There is no packet when the datastore does not say which address an end has.
    """

    sender: Side
    receiver: Side
    packet: Packet | None = None
    arriving: Packet | None = None

    @property
    def allowed(self) -> bool:
        """Whether the packet passes."""
        return not (self.sender.denies or self.receiver.denies)


def judge(world: World, packet: Packet, source: End, destination: End) -> Judgement:
    """Both sides about a packet from one end to another."""
    if source.key is not None and source.key == destination.key:
        sender, receiver = _unfiltered(source, OUTBOUND, ITSELF), _unfiltered(destination, INBOUND, ITSELF)
        return Judgement(sender, receiver, packet, packet)
    if source.key is not None and destination.host == source.key.host:
        sender = _sender(world, packet, source, to_own_host=True)
        return Judgement(sender, _host_side(world, packet, source.key, destination, sender), packet, packet)
    arriving = _arriving(world, packet, source, destination)
    sender = _sender(world, packet, source)
    if destination.key is not None and source.host == destination.key.host:
        return Judgement(sender, _unfiltered(destination, INBOUND, OWN_HOST), packet, arriving)
    return Judgement(sender, _receiver(world, arriving, destination), packet, arriving)


def judge_unknown(world: World, source: End, destination: End) -> Judgement | None:
    """The judgement when the value of an end is not valid, so that nobody knows its addresses; else ``None``."""
    sides = [_standing(world, source, OUTBOUND), _standing(world, destination, INBOUND)]
    if not any(side is not None and side.cause == INVALID for side in sides):
        return None
    ends = (source, OUTBOUND), (destination, INBOUND)
    sender, receiver = (
        side or Side(end, way, UNKNOWN, INVALID, "the address of the other end is not known")
        for side, (end, way) in zip(sides, ends, strict=True)
    )
    return Judgement(sender, receiver)


def _sender(world: World, packet: Packet, end: End, *, to_own_host: bool = False) -> Side:
    if end.key is None:
        return _unfiltered(end, OUTBOUND, OUTSIDE)
    standing = _standing(world, end, OUTBOUND)
    if standing is not None:
        return standing
    endpoint = world.view(end.key.host).endpoints[end.key]
    own = [address_of(net) for net in endpoint.nets]
    if packet.src not in own and not is_neighbour_discovery(packet):
        reason = f"source {packet.src} is none of its addresses ({', '.join(own) or 'it has none'})"
        return Side(end, OUTBOUND, DENY, FOREIGN_SOURCE, reason)
    if not begins_connection(packet):
        return _no_connection(end, OUTBOUND, packet)
    if to_own_host and always_reaches_host(packet):
        return Side(end, OUTBOUND, ALLOW, ALWAYS, "DHCP, DNS and neighbour discovery always reach the own host")
    return _policy(world, end, end.key, endpoint, OUTBOUND, packet)


def _receiver(world: World, packet: Packet, end: End) -> Side:
    if end.key is None:
        return _unfiltered(end, INBOUND, OUTSIDE)
    standing = _standing(world, end, INBOUND)
    if standing is not None:
        return standing
    if not begins_connection(packet):
        return _no_connection(end, INBOUND, packet)
    return _policy(world, end, end.key, world.view(end.key.host).endpoints[end.key], INBOUND, packet)


def _host_side(world: World, packet: Packet, sender_key: EndpointKey, end: End, sender: Side) -> Side:
    """What the host says to a packet of one of its endpoints to itself."""
    if sender.verdict == UNFILTERED:
        return _unfiltered(end, INBOUND, OUTSIDE)
    if always_reaches_host(packet):
        return Side(end, INBOUND, ALLOW, ALWAYS, "DHCP, DNS and neighbour discovery always reach the own host")
    action = world.view(sender_key.host).action
    reason = f"DefaultEndpointToHostAction of host {sender_key.host} is {action}"
    if action == "DROP":
        return Side(end, INBOUND, DENY, HOST_ACTION, reason)
    return Side(end, INBOUND, ALLOW, HOST_ACTION, f"{reason}: the host's own firewall decides")


def _standing(world: World, end: End, direction: str) -> Side | None:
    """What keeps the endpoint from being policed as it should; ``None`` when nothing does, or it is no endpoint."""
    key = end.key
    if key is None or key in world.view(key.host).endpoints:
        return None
    endpoint = world.endpoint(key)
    if endpoint is None:
        fault = world.content.faults.get(key, "it is gone")
        return Side(end, direction, DENY, INVALID, f"its value in the datastore is not valid: {fault}")
    if not endpoint.name.startswith(INTERFACE_PREFIX):
        reason = f"its interface {endpoint.name} is not policed: the name does not begin with {INTERFACE_PREFIX}"
        return Side(end, direction, UNFILTERED, INTERFACE, reason)
    if endpoint.state != "active":
        return Side(end, direction, DENY, INACTIVE, "it is inactive: its host lets nothing through")
    policed = world.view(key.host).endpoints.items()
    owner = next((other.endpoint for other, value in policed if value.name == endpoint.name), "another")
    return Side(end, direction, DENY, INTERFACE, f"its interface {endpoint.name} belongs to endpoint {owner}")


def _policy(world: World, end: End, key: EndpointKey, endpoint: Endpoint, direction: str, packet: Packet) -> Side:
    """What the profiles of a policed endpoint say, with every rule that was tried."""
    if not endpoint.profiles:
        return Side(end, direction, DENY, NO_PROFILES, "it has no profiles, so nothing gets through")
    view = world.view(key.host)
    listed = [(name, view.profiles.get(name)) for name in endpoint.profiles]
    steps = list(trace(direction, listed, packet, view.tag_members))
    tried = tuple(_tried(step, step.rule, packet, view) for step in steps if step.rule is not None)
    side = Side(end, direction, DENY, NO_MATCH, "no rule matches", "", 0, endpoint.profiles, tried)
    last = steps[-1] if steps else None
    if last is None or last.mismatch is not None:
        return side
    side = replace(side, profile=last.profile, number=last.number)
    if last.rule is None:
        return replace(side, cause=MISSING_PROFILE, reason=_missing_reason(world, last.profile))
    verdict = ALLOW if last.rule.action == "allow" else DENY
    return replace(side, verdict=verdict, cause=RULE, reason=f"rule {last.number} of profile {last.profile} matches")


def _tried(step: Step, rule: Rule, packet: Packet, view: HostView) -> Tried:
    why = ""
    if step.mismatch is not None:
        why = describe_mismatch(step.mismatch, rule, packet, lambda tag: len(view.tag_members(tag)))
    return Tried(step.profile, step.number, rule, step.mismatch or "", why)


def _missing_reason(world: World, profile: str) -> str:
    fault = world.content.faults.get(ProfileRulesKey(profile))
    if fault is not None:
        return f"the rules of profile {profile} are not valid, so it drops: {fault}"
    if profile_exists(world, profile):
        return f"profile {profile} has tags but no rules at all, so it drops"
    return f"profile {profile} does not exist, so it drops"


def profile_exists(world: World, profile: str) -> bool:
    """Whether anything, valid or not, is stored for a profile."""
    keys = (ProfileRulesKey(profile), ProfileTagsKey(profile))
    return any(key in world.values or key in world.content.faults for key in keys)


def _arriving(world: World, packet: Packet, source: End, destination: End) -> Packet:
    """The packet after the sender's host: masqueraded when it leaves a pool that says so to outside of all pools.

    On the sender's own host an endpoint gets it as it was sent: policy comes before masquerading.
    """
    if source.key is None or (destination.key is not None and destination.key.host == source.key.host):
        return packet
    pools = [(parse_network(pool.cidr), pool.masquerade) for pool in world.view(source.key.host).pools.values()]
    from_pools = [masquerade for network, masquerade in pools if _holds(network, packet.src)]
    if not any(from_pools) or any(_holds(network, packet.dst) for network, _ in pools):
        return packet
    return replace(packet, src=world.content.host_address(source.key.host, packet.version) or packet.src)


def _holds(network: Network, address: str) -> bool:
    version, value = parse_address(address)
    return network.version == version and network.contains(value)


def _no_connection(end: End, direction: str, packet: Packet) -> Side:
    reason = f"ICMP type {packet.icmp_type} begins no connection: it passes only as a part of one"
    return Side(end, direction, DENY, NO_CONNECTION, reason)


def _unfiltered(end: End, direction: str, cause: str) -> Side:
    return Side(end, direction, UNFILTERED, cause, _UNFILTERED_REASONS[cause])
