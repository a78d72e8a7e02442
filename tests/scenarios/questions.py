"""Scenarios as questions to ``explain``: worlds as the content of a datastore, random worlds, random probes."""

from collections.abc import Iterator
from random import Random

from calico.client.content import Content, parse_content
from calico.client.ends import End, Ends
from calico.client.judgement import Judgement, judge
from calico.client.world import World as Policies
from calico.datastore.api import KeyValue
from calico.model.codec import encode
from calico.model.keys import (
    BGPConfigKey,
    EndpointKey,
    HostConfigKey,
    Key,
    PoolKey,
    ProfileRulesKey,
    ProfileTagsKey,
    ReadyKey,
)
from calico.model.record import replace
from calico.model.values import Profile
from tests.scenarios.places import HOST, LOCAL, PLACES
from tests.scenarios.probes import Probe, parse_probe
from tests.scenarios.worlds import World, endpoint, profile

HERE, THERE = "h1", "h2"


def world_values(world: World) -> dict[Key, object]:
    """What the datastore holds when the world is like this; the remote workload is on a host of its own."""
    host = PLACES[HOST].addresses
    values: dict[Key, object] = {
        ReadyKey(): True,
        HostConfigKey(HERE, "DefaultEndpointToHostAction"): world.action,
        **{BGPConfigKey(HERE, f"ip_addr_v{version}"): address for version, address in host.items()},
    }
    for name, profiles in world.endpoints.items():
        values[endpoint_key(name)] = replace(endpoint(name, profiles), name=f"cali{name}")
    for one in world.profiles:
        values[ProfileTagsKey(one.name)] = one.tags
        values[ProfileRulesKey(one.name)] = one.rules
    for pool in world.pools:
        values[PoolKey(pool.cidr)] = pool
    return values


def world_texts(world: World) -> dict[str, str]:
    """The same as it stands in the datastore."""
    return {key.path: encode(key, value) for key, value in world_values(world).items()}


def world_content(world: World) -> Content:
    """The same as it is read."""
    return parse_content(tuple(KeyValue(path, text, 1) for path, text in sorted(world_texts(world).items())))


def endpoint_key(place: str) -> EndpointKey:
    """The key of the endpoint at a place."""
    return EndpointKey(HERE if place in LOCAL else THERE, "libnetwork", "libnetwork", place)


def judge_probe(world: World, probe: Probe) -> Judgement:
    """What ``explain`` says to a probe that begins a connection."""
    content = world_content(world)
    ends = Ends(content, HERE, PLACES[HOST].addresses.values, endpoint_key)
    source = _end(ends, world, probe.sender, PLACES[probe.sender].addresses[probe.packet.version])
    destination = _end(ends, world, probe.receiver, probe.packet.dst)
    return judge(Policies(content), probe.packet, source, destination)


def _end(ends: Ends, world: World, place: str, address: str) -> End:
    return ends.resolve(place if place in world.endpoints or place == HOST else address)


# Random worlds. Everything is drawn from small pools, so that rules, tags and packets meet.

_NAMES = ("p", "q", "s")
_TAGS = ("red", "blue", "p")
_PORTS = (53, 80, 443, 5432)
_PORT_WORDS = ("80", "443,80", "50:100", "1:65535", "5432")
_SOURCE_PORT_WORDS = ("40000:50000", "1:1023", "53")
_NETS = (
    "10.65.0.0/24", "10.65.0.1/32", "10.65.0.2/31", "10.65.1.0/24", "0.0.0.0/0", "198.51.100.7/32", "fd65::/64",
    "fd65::2/128", "::/0", "192.0.2.1/32",
)  # fmt: skip


def random_world(random: Random) -> World:
    """Local endpoints with random profiles, some missing; the remote workload allows everything."""
    profiles = [_random_profile(random, name) for name in _NAMES if random.random() < 0.85]
    listed = [(), ("p",), ("q",), ("p", "q"), ("q", "p"), ("s", "p", "q"), ("q", "s")]
    endpoints = {name: random.choice(listed if random.random() < 0.9 else [()]) for name in LOCAL}
    remote = profile("remote", random.choice(("red", "blue", "")), "allow", "allow")
    return World(
        {**endpoints, "r": ("remote",)}, (*profiles, remote), (), random.choice(("DROP", "ACCEPT", "RETURN"))
    )


def random_probes(random: Random, world: World, count: int) -> list[Probe]:
    """Probes that do not belong to the same connection, with the arrival that ``explain`` predicts."""
    probes: dict[object, Probe] = {}
    ports = iter(range(40000, 60000))
    while len(probes) < count:
        sender, receiver = random.sample([*LOCAL, "r", "w", HOST], 2)
        if sender not in LOCAL and receiver not in LOCAL:
            continue
        options = [*random.choice(([], [], [], ["v6"]))]
        if sender in LOCAL and random.random() < 0.08:
            options += ["as", PLACES[random.choice(LOCAL)].addresses[6 if options else 4]]
        what = _random_traffic(random, next(ports), 6 if "v6" in options else 4)
        if what.startswith("proto") and receiver == HOST:
            continue  # the host of the scenarios listens to TCP, UDP and ICMP only
        probe = parse_probe(" ".join([f"{sender}>{receiver}", what, *options, "no"]))
        text = f"{probe.text.removesuffix('no')}{'yes' if judge_probe(world, probe).allowed else 'no'}"
        connection = (frozenset((sender, receiver)), what.partition(":")[0]) if "/4" not in what else what
        probes[connection] = parse_probe(text)
    return list(probes.values())


def _random_traffic(random: Random, source_port: int, version: int) -> str:
    kind = random.choice(("tcp", "tcp", "tcp", "udp", "udp", "icmp", "proto"))
    if kind == "icmp":
        return f"icmp/{random.choice((8, 8, 13, 3))}" if version == 4 else f"icmpv6/{random.choice((128, 128, 1))}"
    if kind == "proto":
        return f"proto/{random.choice((99, 100))}"
    return f"{kind}/{random.choice(_PORTS)}:{random.choice((source_port, source_port, source_port - 39000))}"


def _random_profile(random: Random, name: str) -> Profile:
    tags = " ".join(random.sample(_TAGS, random.randint(0, 2)))
    inbound, outbound = (
        "; ".join(_random_rule(random) for _ in range(random.randint(0, 5))) for _direction in range(2)
    )
    return profile(name, tags, inbound, outbound + "; allow" * (random.random() < 0.6))


def _random_rule(random: Random) -> str:
    protocol = random.choice(("", "", "tcp", "tcp", "udp", "icmp", "icmp type 8", "icmpv6 type 128", "99"))
    words = [random.choice(("allow", "allow", "deny")), *_version(random, protocol), protocol]
    for side, ports in (("from", _SOURCE_PORT_WORDS), ("to", _PORT_WORDS)):
        parts = list(_random_side(random, protocol, ports, 0.15 if side == "from" else 0.5))
        words += [side, *parts] if parts else []
    return " ".join(filter(None, words))


def _version(random: Random, protocol: str) -> list[str]:
    return [random.choice(("ipv4", "ipv6"))] if "icmp" not in protocol and random.random() < 0.1 else []


def _random_side(random: Random, protocol: str, ports: tuple[str, ...], often: float) -> Iterator[str]:
    if protocol in ("tcp", "udp") and random.random() < often:
        yield f"ports {random.choice(ports)}"
    if random.random() < 0.25:
        yield f"tag {random.choice(_TAGS)}"
    if random.random() < 0.2:
        yield f"cidr {random.choice(_NETS)}"
