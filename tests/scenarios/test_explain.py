"""``explain`` as a judge: of the scenario table, and against the fake host and the kernel for random policy."""

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.dataplane.nft.library import NftLibrary
from calico.dataplane.nft.table import NftTable
from tests.fakes.host import FakeHost, FakeTable
from tests.scenarios.kernel import Surroundings, open_surroundings
from tests.scenarios.places import HOST, LOCAL, PLACES, UPLINK
from tests.scenarios.probes import Probe, parse_probe
from tests.scenarios.questions import judge_probe, random_probes, random_world
from tests.scenarios.table import SCENARIOS, Scenario
from tests.scenarios.worlds import HostProgram, World

WORLDS, PROBES = 40, 15


def is_question(world: World, probe: Probe) -> bool:
    """Whether the probe begins a connection between places that have a name or an address of their own."""
    known = all(name in world.endpoints for name in (probe.sender, probe.receiver) if name in LOCAL)
    return known and probe.kind == "new"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario(scenario: Scenario) -> None:
    for number, step in enumerate(scenario.steps, start=1):
        for probe in map(parse_probe, step.probes):
            if is_question(step.world, probe):
                judgement = judge_probe(step.world, probe)
                assert judgement.allowed == probe.arrives, f"step {number}: {probe.text}"
                if probe.seen_as:
                    assert judgement.arriving is not None
                    assert judgement.arriving.src == probe.seen_as, f"step {number}: {probe.text}"


def test_nearly_all_probes_are_questions() -> None:
    probes = [(step.world, probe) for scenario in SCENARIOS for step in scenario.steps for probe in step.probes]

    assert sum(is_question(world, parse_probe(probe)) for world, probe in probes) > 0.8 * len(probes)


@given(st.integers(0, 2**32))
def test_random_policy_on_the_fake_host(seed: int) -> None:
    random = Random(seed)
    table = FakeTable()
    host = FakeHost(table, PLACES[HOST].addresses.values(), UPLINK)
    for name in LOCAL:
        host.add_link(PLACES[name].interface, PLACES[name].addresses.values())
    world = random_world(random)
    HostProgram(table).program(world)

    for probe in random_probes(random, world, 4):
        outcome = host.send(probe.packet, PLACES[probe.sender].interface)
        assert outcome.passed == probe.arrives, f"{probe.text}: {outcome}"


@pytest.mark.kernel
def test_random_policy_in_the_kernel(surroundings: Surroundings) -> None:
    """The same worlds every time: with the verdicts of 600 packets, about half of which arrive."""
    with surroundings.host.entered():
        library = NftLibrary()
    program = HostProgram(NftTable(library))
    arrived, faults = 0, []

    for seed in range(WORLDS):
        random = Random(seed)
        world = random_world(random)
        probes = random_probes(random, world, PROBES)
        program.program(world)
        surroundings.forget_connections()
        sources = surroundings.send([(probe, probe.packet.dst) for probe in probes])
        for probe, source in zip(probes, sources, strict=True):
            arrived += probe.arrives
            if bool(source) != probe.arrives:
                faults.append(f"world {seed}: {probe.text}, but arrived from {source or 'nowhere'}")
    library.close()

    assert faults == []
    assert WORLDS * PROBES / 4 < arrived < WORLDS * PROBES * 3 / 4


@pytest.fixture(scope="module")
def surroundings() -> Iterator[Surroundings]:
    with open_surroundings() as surroundings:
        yield surroundings
