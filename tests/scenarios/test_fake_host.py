"""The scenario table on the fake host."""

import pytest

from calico.model.record import replace
from calico.rules.packet import Packet
from tests.fakes.host import FakeHost, FakeTable
from tests.scenarios.places import HOST, LOCAL, PLACES, UPLINK
from tests.scenarios.probes import Probe, parse_probe
from tests.scenarios.table import SCENARIOS, Scenario
from tests.scenarios.worlds import HostProgram


def send(host: FakeHost, probe: Probe, seen: dict[Packet, str]) -> str:
    """Send a probe; the source address that it arrived with, or nothing when it did not arrive where it should."""
    interface, packet = PLACES[probe.sender].interface, probe.packet
    if probe.kind == "answered":
        packet = replace(packet, dst=seen[probe.original])
    outcome = host.send(packet, interface, state="related" if probe.kind == "refused" else "")
    expected = PLACES[probe.receiver].interface or HOST
    return outcome.source if outcome.where == expected else ""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario(scenario: Scenario) -> None:
    table = FakeTable()
    host = FakeHost(table, PLACES[HOST].addresses.values(), UPLINK)
    for name in LOCAL:
        host.add_link(PLACES[name].interface, PLACES[name].addresses.values())
    program = HostProgram(table)
    seen: dict[Packet, str] = {}

    for number, step in enumerate(scenario.steps, start=1):
        program.program(step.world)
        assert table.apply() is False
        for text in step.probes:
            probe = parse_probe(text)
            source = send(host, probe, seen)
            seen.setdefault(probe.original, source)
            assert bool(source) == probe.arrives, f"step {number}: {text}"
            if probe.seen_as:
                assert source == probe.seen_as, f"step {number}: {text}"


def test_the_table_is_large_and_every_name_is_used_once() -> None:
    names = [scenario.name for scenario in SCENARIOS]

    assert len(names) >= 40
    assert len(set(names)) == len(names)
