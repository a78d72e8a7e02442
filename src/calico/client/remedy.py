"""What would have to be added to policy so that a packet passes.

    remedy   a change of policy, and the calicoctl commands that make it
    place    where a rule would go: a profile and a position in it, ``None`` for its end

A remedy is never a guess: it is made in a :class:`~calico.client.world.World`, judged there, and taken back.
It is the narrowest of those tried, and a rule that goes in for a tag takes no other member of the tag past a
deny rule.
"""

from __future__ import annotations

from collections import Counter

from calico.calc.host_config import ACTION_SETTING
from calico.client.ends import version_of
from calico.client.judgement import (
    HOST_ACTION,
    INBOUND,
    MISSING_PROFILE,
    NO_MATCH,
    NO_PROFILES,
    RULE,
    Judgement,
    Side,
    profile_exists,
)
from calico.client.profiles import equal_rules
from calico.model.keys import ConfigKey, EndpointKey, HostConfigKey, Key, ProfileRulesKey, ProfileTagsKey
from calico.model.net import address_of
from calico.model.protocols import PORT_PROTOCOLS
from calico.model.record import record, replace
from calico.model.values import ProfileRules, Rule, default_profile
from calico.rules.evaluate import evaluate
from calico.rules.reasons import protocol_name
from calico.rules.text import render_rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from calico.client.world import World
    from calico.rules.packet import Packet

MOST_STEPS = 8
"""How many things may have to change before we say that we know no remedy."""

MOST_TAGS = 3
MOST_MEMBERS = 500
"""A tag with more members is not looked through; its member gets a rule of its own."""

Listed = list[tuple[str, ProfileRules | None]]
Place = tuple[str, int | None]


@record
class Command:
    """A command line of calicoctl; its options stand between the words of ``head`` and of ``tail``."""

    head: tuple[str, ...]
    options: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As one can type it; where a name looks like an option, ``--`` ends the options before."""
        words = (*self.head, *self.tail)
        if any(word.startswith("-") for word in words):
            return " ".join(["calicoctl", words[0], *self.options, "--", *words[1:]])
        return " ".join(["calicoctl", *self.head, *self.options, *self.tail])


@record
class Remedy:
    """Values to write, and the commands that write them.

    ``partial`` says that more may be needed on the same side. ``tag`` is the one that a new rule allows, if any.
    """

    commands: tuple[Command, ...]
    changes: Mapping[Key, object | None]
    partial: bool = False
    tag: str = ""


def find_remedy(world: World, judge_again: Callable[[], Judgement]) -> tuple[str, ...]:
    """The commands after which the packet passes, in order; empty when none are known.

    ``judge_again`` judges the packet in ``world`` as it is at that moment; the world is left as it was.
    """
    undo: list[Mapping[Key, object | None]] = []
    commands: list[str] = []
    try:
        for _ in range(MOST_STEPS):
            judgement = judge_again()
            if judgement.allowed:
                return tuple(commands)
            remedy = _first_that_helps(world, judgement, judge_again, undo)
            if remedy is None:
                return ()
            commands += map(str, remedy.commands)
        return ()
    finally:
        for before in reversed(undo):
            world.change(before)


def _first_that_helps(
    world: World,
    judgement: Judgement,
    judge_again: Callable[[], Judgement],
    undo: list[Mapping[Key, object | None]],
) -> Remedy | None:
    """Make the first remedy that helps the side that denies, and remember how to take it back."""
    inbound = not judgement.sender.denies
    side = judgement.receiver if inbound else judgement.sender
    packet = judgement.arriving if inbound else judgement.packet
    peer = judgement.sender if inbound else judgement.receiver
    if packet is None:
        return None
    listed = _listed(world, side)
    for remedy in _remedies(world, side, peer, packet):
        before = world.change(remedy.changes)
        again = judge_again()
        after = again.receiver if inbound else again.sender
        helps = not after.denies or (remedy.partial and _differs(after, side))
        if helps and not (remedy.tag and _passes_denies(world, side, peer, packet, listed, remedy.tag)):
            undo.append(before)
            return remedy
        world.change(before)
    return None


def _differs(after: Side, before: Side) -> bool:
    return (after.cause, after.profile) != (before.cause, before.profile)


def _listed(world: World, side: Side) -> Listed:
    """The profiles of a side's endpoint as they are now."""
    rules = ((name, world.values.get(ProfileRulesKey(name))) for name in side.profiles)
    return [(name, value if isinstance(value, ProfileRules) else None) for name, value in rules]


def _passes_denies(world: World, side: Side, peer: Side, packet: Packet, before: Listed, tag: str) -> bool:
    """Whether the change lets another member of ``tag`` than the peer past a rule that denied it."""
    assert side.end.key is not None
    view = world.view(side.end.key.host)
    if not any(rule.action == "deny" for _, rules in before if rules for rule in (*rules.inbound, *rules.outbound)):
        return False
    others = view.tag_members(tag) - set(_addresses(world, peer))
    if len(others) > MOST_MEMBERS:
        return True
    now = _listed(world, side)
    for other in _packets_of(others, side, packet, _addresses(world, side)):
        was = evaluate(side.direction, before, other, view.tag_members)
        denied = was.reason == "rule" and not was.allowed
        if denied and evaluate(side.direction, now, other, view.tag_members).allowed:
            return True
    return False


def _addresses(world: World, side: Side) -> list[str]:
    """All addresses of a side's endpoint."""
    endpoint = None if side.end.key is None else world.endpoint(side.end.key)
    return [address_of(net) for net in endpoint.nets] if endpoint else []


def _packets_of(others: Iterable[str], side: Side, packet: Packet, addresses: Sequence[str]) -> Iterator[Packet]:
    """The same packet from or to others; one of the other IP version has the side's address of that version."""
    inbound = side.direction == INBOUND
    own = {version_of(address): address for address in reversed(addresses)}
    own[packet.version] = packet.dst if inbound else packet.src
    for other in others:
        version = version_of(other)
        if version in own:
            src, dst = (other, own[version]) if inbound else (own[version], other)
            yield replace(packet, version=version, src=src, dst=dst)


def _remedies(world: World, side: Side, peer: Side, packet: Packet) -> Iterator[Remedy]:
    """What might help a side that denies, narrowest first."""
    if side.cause == NO_PROFILES:
        yield from _append_profile(world, side, peer)
    elif side.cause == HOST_ACTION:
        yield from _allow_to_host(world, peer)
    elif side.cause == MISSING_PROFILE and not profile_exists(world, side.profile):
        yield _add_profile(side.profile)
    for place in _places(world, side):
        for rule in _rules(world, side, peer, packet):
            yield from _insert(world, place, side.direction, rule)


def _places(world: World, side: Side) -> list[Place]:
    """Where a rule would decide before what denies now."""
    if side.cause == RULE:
        return [(side.profile, side.number)]
    if side.cause == NO_MATCH:
        # The profile with the fewest members changes the least.
        uses = _uses(world)
        return [(name, None) for name in sorted(dict.fromkeys(side.profiles), key=lambda name: uses[name])]
    if side.cause != MISSING_PROFILE:
        return []
    if ProfileRulesKey(side.profile) not in world.content.faults and profile_exists(world, side.profile):
        return [(side.profile, None)]
    earlier = side.profiles[: side.profiles.index(side.profile)]
    return [(name, None) for name in reversed(earlier)]


def _rules(world: World, side: Side, peer: Side, packet: Packet) -> Iterator[Rule]:
    """Rules that allow the packet: from or to the peer's tags, then its address alone."""
    protocol = protocol_name(packet.protocol)
    ports = ((packet.dst_port, packet.dst_port),) if packet.dst_port is not None else ()
    rule = Rule(
        "allow",
        protocol,
        dst_ports=ports if protocol in PORT_PROTOCOLS else (),
        icmp_type=packet.icmp_type,
        icmp_code=packet.icmp_code or None,
    )
    inbound = side.direction == INBOUND
    address = packet.src if inbound else packet.dst
    for tag in _tags_of(world, peer, address):
        yield replace(rule, src_tag=tag) if inbound else replace(rule, dst_tag=tag)
    net = f"{address}/{128 if packet.version == 6 else 32}"
    yield replace(rule, src_net=net) if inbound else replace(rule, dst_net=net)


def _insert(world: World, place: Place, direction: str, rule: Rule) -> Iterator[Remedy]:
    """Put a rule at a place; one that stands further down already is moved up."""
    profile, position = place
    key = ProfileRulesKey(profile)
    rules = world.values.get(key, ProfileRules())
    assert isinstance(rules, ProfileRules)
    listed = list(rules.inbound if direction == INBOUND else rules.outbound)
    tag = (rule.src_tag if direction == INBOUND else rule.dst_tag) or ""
    command = ("profile", profile, "rule")
    commands = []
    present = next((index for index, other in enumerate(listed) if equal_rules(rule, other)), None)
    if present is not None:
        if position is None or present < position:
            return
        del listed[present]
        commands.append(Command((*command, "remove", direction), (f"--at={present + 1}",)))
    listed.insert(len(listed) if position is None else position - 1, rule)
    at = () if position is None else (f"--at={position}",)
    commands.append(Command((*command, "add", direction), at, tuple(render_rule(rule).split())))
    new = replace(rules, inbound=tuple(listed)) if direction == INBOUND else replace(rules, outbound=tuple(listed))
    yield Remedy(tuple(commands), {key: new}, tag=tag)


def _add_profile(name: str) -> Remedy:
    new = default_profile(name)
    changes = {ProfileTagsKey(name): new.tags, ProfileRulesKey(name): new.rules}
    return Remedy((Command(("profile", "add", name)),), changes, partial=True)


def _append_profile(world: World, side: Side, peer: Side) -> Iterator[Remedy]:
    """Give an endpoint without profiles one of those that the other end has."""
    key = side.end.key
    assert key is not None
    endpoint = world.endpoint(key)
    assert endpoint is not None
    for name in dict.fromkeys(peer.profiles):
        if profile_exists(world, name):
            command = Command(("endpoint", key.endpoint, "profile", "append"), _owners(world, key), (name,))
            yield Remedy((command,), {key: replace(endpoint, profiles=(name,))})


def _owners(world: World, key: EndpointKey) -> tuple[str, ...]:
    """The options that tell an endpoint from others of the same id."""
    ids = [other for other in world.values if isinstance(other, EndpointKey) and other.endpoint == key.endpoint]
    if len(ids) < 2:
        return ()
    return f"--host={key.host}", f"--orchestrator={key.orchestrator}", f"--workload={key.workload}"


def _allow_to_host(world: World, sender: Side) -> Iterator[Remedy]:
    """Let endpoints talk to their hosts, unless the host has a setting of its own: no command changes that."""
    assert sender.end.key is not None
    own = HostConfigKey(sender.end.key.host, ACTION_SETTING)
    if own not in world.values:
        command = Command(("config", "felix", ACTION_SETTING, "RETURN"), ("--force",))
        yield Remedy((command,), {ConfigKey(ACTION_SETTING): "RETURN"})


def _tags_of(world: World, peer: Side, address: str) -> list[str]:
    """Tags that the address has because the peer carries them, the one with the fewest carriers first."""
    endpoint = None if peer.end.key is None else world.endpoint(peer.end.key)
    if endpoint is None or address not in _addresses(world, peer):
        return []
    uses = _uses(world)
    carriers: Counter[str] = Counter()
    for key, tags in world.values.items():
        if isinstance(key, ProfileTagsKey) and isinstance(tags, tuple):
            for tag in tags:
                carriers[tag] += uses[key.profile]
    own = dict.fromkeys(tag for name in endpoint.profiles for tag in _tags(world, name))
    return sorted(own, key=lambda tag: carriers[tag])[:MOST_TAGS]


def _tags(world: World, profile: str) -> tuple[str, ...]:
    tags = world.values.get(ProfileTagsKey(profile))
    return tags if isinstance(tags, tuple) else ()


def _uses(world: World) -> Counter[str]:
    """How many endpoints list each profile."""
    return Counter(name for endpoint in world.endpoints() for name in dict.fromkeys(endpoint.profiles))


def describe_remedy(world: World, side: Side) -> str:
    """What a person may do about a side that denies when there is no command for it; empty when nothing is known."""
    key = side.end.key
    assert key is not None or side.cause == HOST_ACTION
    profile = side.profile
    match side.cause:
        case "no profiles":
            command = Command(("endpoint", key.endpoint if key else "", "profile", "append"))
            return f"give it a profile: {command} <PROFILE>"
        case "missing profile" if ProfileRulesKey(profile) in world.content.faults:
            return f"replace its rules: {Command(('profile', profile, 'rule', 'update'))} < rules.json"
        case "invalid" if key is not None:
            return f"repair or remove the value at {key.path}"
        case "no connection":
            return "nothing needs to be added: answers and errors of an allowed connection pass"
        case "host action":
            return f"set {ACTION_SETTING} of the host to RETURN"
        case _:
            return ""
