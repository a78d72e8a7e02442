"""Taking over and changing policy while packets flow: none that is allowed is lost, no other passes.

A rebuild of the whole table may lose packets that are between two of its chains at that instant; it opens nothing.
"""

import threading
from collections.abc import Callable, Iterator

import pytest

from calico.dataplane.nft.library import NftLibrary
from calico.dataplane.nft.table import NftTable
from tests.scenarios.kernel import Surroundings, open_surroundings
from tests.scenarios.probes import parse_probe
from tests.scenarios.table import OPEN, server, world
from tests.scenarios.worlds import HostProgram

pytestmark = pytest.mark.kernel

# Each allows a to b and shuts c from b, each in other words.
WORLDS = [
    world("a=open b=server c=open", OPEN, server("allow from cidr 10.65.0.1/32")),
    world("a=web b=server c=open", OPEN, server("allow", "web"), server("deny icmp; allow from tag web")),
    world("a=open b=server2 c=open d=open", OPEN, server("deny from cidr 10.65.0.3/32; allow", "server2")),
]


@pytest.fixture(scope="module")
def surroundings() -> Iterator[Surroundings]:
    with open_surroundings() as surroundings:
        yield surroundings


@pytest.fixture
def make_library(surroundings: Surroundings) -> Iterator[Callable[[], NftLibrary]]:
    made = []

    def make() -> NftLibrary:
        with surroundings.host.entered():
            made.append(NftLibrary())
        return made[-1]

    yield make
    made[0].run("add table inet calico\ndelete table inet calico\n")
    for library in made:
        library.close()


def heir_of_another_world(library: NftLibrary, turn: int) -> None:
    """A new agent finds the table of an earlier one and wants something else."""
    HostProgram(NftTable(library)).program(WORLDS[turn % len(WORLDS)])


def rebuild(library: NftLibrary, turn: int) -> None:
    """A stranger's object makes the agent replace the whole table."""
    library.run("add counter inet calico mine\n")
    heir_of_another_world(library, turn)


@pytest.mark.parametrize(("act", "may_lose"), [(heir_of_another_world, False), (rebuild, True)])
def test_packets_flow_as_before(
    surroundings: Surroundings,
    make_library: Callable[[], NftLibrary],
    act: Callable[[NftLibrary, int], None],
    may_lose: bool,
) -> None:
    library = make_library()
    heir_of_another_world(library, 0)
    done, turns = threading.Event(), 0

    def keep_acting() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            act(library, turns)

    actor = threading.Thread(target=keep_acting)
    actor.start()
    try:
        for round_number in range(15):
            ports = range(10000 + 100 * round_number, 10100 + 100 * round_number)
            allowed = [parse_probe(f"a>b udp/53:{port} yes") for port in ports]
            denied = [parse_probe(f"c>b udp/53:{port} no") for port in ports]
            probes = [probe for pair in zip(allowed, denied, strict=True) for probe in pair]
            sources = surroundings.send([(probe, probe.packet.dst) for probe in probes])
            arrivals = [(probe, bool(source)) for probe, source in zip(probes, sources, strict=True)]
            assert [probe.text for probe, arrived in arrivals if arrived and not probe.arrives] == []
            lost = [probe.text for probe, arrived in arrivals if probe.arrives and not arrived]
            assert len(lost) <= (len(allowed) // 10 if may_lose else 0)
    finally:
        done.set()
        actor.join()
    assert turns > 15
