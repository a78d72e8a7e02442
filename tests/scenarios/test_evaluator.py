"""The scenario table by the pure evaluator: policy alone, for packets that begin a connection."""

import pytest

from calico.rules.evaluate import evaluate
from tests.scenarios.places import HOST, LOCAL
from tests.scenarios.probes import Probe, parse_probe
from tests.scenarios.table import SCENARIOS, Scenario
from tests.scenarios.worlds import World

ECHO_REQUESTS = {(1, 8), (58, 128)}
DHCP = {(67, 68), (547, 546)}


def is_policy(world: World, probe: Probe) -> bool:
    """Whether policy alone says what becomes of the packet."""
    packet = probe.packet
    known = all(name in world.local for name in (probe.sender, probe.receiver) if name in LOCAL)
    begins = probe.kind == "new" and (
        packet.icmp_type is None or (packet.protocol, packet.icmp_type) in ECHO_REQUESTS
    )
    return known and begins and not probe.spoofed


def policy_allows(world: World, probe: Probe) -> bool:
    """The sender's outbound policy and the receiver's inbound policy, or the host's action."""
    if probe.sender == HOST:
        return True
    allowed = _direction_allows(world, "outbound", probe.sender, probe)
    if probe.receiver != HOST:
        return allowed and _direction_allows(world, "inbound", probe.receiver, probe)
    if probe.sender not in world.local:
        return True
    ports = (probe.packet.dst_port, probe.packet.src_port)
    if probe.packet.protocol == 17 and (ports in DHCP or ports[0] == 53):
        return True
    return allowed and world.action != "DROP"


def _direction_allows(world: World, direction: str, name: str, probe: Probe) -> bool:
    if name not in world.local:
        return True
    profiles = [(listed, world.rules.get(listed)) for listed in world.local[name]]
    return evaluate(direction, profiles, probe.packet, world.tag_members).allowed


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario(scenario: Scenario) -> None:
    for number, step in enumerate(scenario.steps, start=1):
        for probe in map(parse_probe, step.probes):
            if is_policy(step.world, probe):
                assert policy_allows(step.world, probe) == probe.arrives, f"step {number}: {probe.text}"


def test_most_probes_are_judged() -> None:
    probes = [
        (step.world, parse_probe(text)) for scenario in SCENARIOS for step in scenario.steps for text in step.probes
    ]

    assert sum(is_policy(world, probe) for world, probe in probes) > len(probes) / 2
