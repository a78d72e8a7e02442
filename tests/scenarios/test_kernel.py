"""The scenario table in the kernel: real packets through real nft."""

from collections.abc import Iterator

import pytest

from calico.dataplane.nft.library import NftLibrary
from calico.dataplane.nft.table import NftTable
from calico.rules.packet import Packet
from tests.scenarios.kernel import Surroundings, open_surroundings
from tests.scenarios.probes import Probe, parse_probe, waves
from tests.scenarios.table import SCENARIOS, Scenario
from tests.scenarios.worlds import HostProgram

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def surroundings() -> Iterator[Surroundings]:
    with open_surroundings() as surroundings:
        yield surroundings


@pytest.fixture(scope="module")
def table(surroundings: Surroundings) -> Iterator[NftTable]:
    with surroundings.host.entered():
        library = NftLibrary()
    yield NftTable(library)
    library.close()


@pytest.fixture(scope="module")
def program(table: NftTable) -> HostProgram:
    """One program for all scenarios, so that each begins with the changes from the one before."""
    return HostProgram(table)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario(surroundings: Surroundings, table: NftTable, program: HostProgram, scenario: Scenario) -> None:
    surroundings.forget_connections()
    seen: dict[Packet, str] = {}
    faults = []

    for number, step in enumerate(scenario.steps, start=1):
        program.program(step.world)
        assert table.resync() == []
        for wave in waves([parse_probe(text) for text in step.probes]):
            sources = surroundings.send([(probe, destination(probe, seen)) for probe in wave])
            for probe, source in zip(wave, sources, strict=True):
                seen.setdefault(probe.original, source)
                if bool(source) != probe.arrives or (probe.seen_as and source != probe.seen_as):
                    faults.append(f"step {number}: {probe.text}, but arrived from {source or 'nowhere'}")

    assert faults == []


def destination(probe: Probe, seen: dict[Packet, str]) -> str:
    """An answer goes to the address that the request was seen to come from."""
    return seen[probe.original] if probe.kind == "answered" else probe.packet.dst
