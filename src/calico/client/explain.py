"""May one end begin a connection to another, who says so, and what would have to be added.

question     two ends and what is sent from one to the other
explanation  the judgement of both sides, what else a person should know, and a remedy when it is denied
"""

from __future__ import annotations

from calico.client.ends import End, choose_addresses, version_of
from calico.client.judgement import Judgement, judge, judge_unknown
from calico.client.remedy import describe_remedy, find_remedy
from calico.client.world import World
from calico.model.errors import ValidationError
from calico.model.keys import ProfileTagsKey, ReadyKey
from calico.model.net import canonical_address, parse_address, parse_network
from calico.model.record import record, replace
from calico.model.values import IPPool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from calico.client.content import Content
    from calico.rules.packet import Packet
    from calico.rules.traffic import Traffic


@record
class Question:
    """``traffic`` from ``source`` to ``destination``; ``version`` is the IP version asked for, if any.

    ``source_port`` and ``source_address`` are what the sender writes into the packet, if that matters.
    """

    source: End
    destination: End
    traffic: Traffic
    version: int | None = None
    source_port: int | None = None
    source_address: str | None = None


@record
class Explanation:
    """The answer: ``judgement``, ``notes`` of one line each, and the ``commands`` that would allow the packet.

    Commands come only when they are known to do so; ``advice`` is what a person may do otherwise.
    """

    judgement: Judgement
    notes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


def explain(content: Content, question: Question) -> Explanation:
    """Answer a question; raises :class:`ValidationError` when there can be no such packet."""
    world = World(content)
    source, destination = question.source, question.destination
    unknown = judge_unknown(world, source, destination)
    if unknown is not None:
        return Explanation(unknown, advice=_advice(world, unknown))
    packet = make_packet(question)
    judgement = judge(world, packet, source, destination)
    commands = () if judgement.allowed else find_remedy(world, lambda: judge(world, packet, source, destination))
    advice = () if commands else _advice(world, judgement)
    return Explanation(judgement, tuple(_notes(world, question, judgement, packet)), commands, advice)


def make_packet(question: Question) -> Packet:
    """The first packet of what is asked about; raises :class:`ValidationError` when there can be none."""
    traffic, source = question.traffic, question.source
    if question.source_address is not None:
        source = replace(source, addresses=(canonical_address(question.source_address),))
    if traffic.version is not None and question.version not in (None, traffic.version):
        raise ValidationError(f"{traffic.protocol} of this kind exists in IPv{traffic.version} only")
    if question.source_port is not None and traffic.port is None:
        raise ValidationError(f"protocol {traffic.protocol} has no source port")
    wanted = traffic.version or question.version
    version, src, dst = choose_addresses(source, question.destination, (wanted,) if wanted else (4, 6))
    return traffic.packet(version, src, dst, question.source_port)


def _advice(world: World, judgement: Judgement) -> tuple[str, ...]:
    sides = (judgement.sender, judgement.receiver)
    said = ((side, describe_remedy(world, side)) for side in sides if side.denies)
    return tuple(f"{side.end.text}: {text}" for side, text in said if text)


def _notes(world: World, question: Question, judgement: Judgement, packet: Packet) -> Iterator[str]:
    """What the judgement rests on and is not to be seen in it."""
    if world.values.get(ReadyKey()) is not True:
        yield f"{ReadyKey().path} is not true: hosts hold the policy that they had when it last was"
    for end, address in ((question.source, packet.src), (question.destination, packet.dst)):
        yield from _end_notes(world, end, address)
    if judgement.arriving is not None and judgement.arriving.src != packet.src:
        yield f"it leaves its host with the host's own address {judgement.arriving.src} (nat-outgoing)"
    tried = (*judgement.sender.tried, *judgement.receiver.tried)
    if question.source_port is None and any(step.rule.src_ports for step in tried):
        yield f"source port {packet.src_port} is assumed; --from-port names another"


def _end_notes(world: World, end: End, address: str) -> Iterator[str]:
    version, value = parse_address(address)
    several = [other for other in end.addresses if version_of(other) == version]
    endpoint = None if end.key is None else world.endpoint(end.key)
    if endpoint is not None and len(several) > 1:
        yield f"{end.text} has {len(several)} IPv{version} addresses; this is about {address}"
    for profile in endpoint.profiles if endpoint is not None else ():
        fault = world.content.faults.get(ProfileTagsKey(profile))
        if fault is not None:
            yield f"the tags of profile {profile} are not valid, so it gives none to {end.text}: {fault}"
    if end.key is None and not end.host:
        pools = (pool for pool in world.values.values() if isinstance(pool, IPPool))
        for network in (parse_network(pool.cidr) for pool in pools):
            if network.version == version and network.contains(value):
                yield f"{address} lies in pool {network} and belongs to no endpoint"
