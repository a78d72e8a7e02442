"""What passes or drops whatever rules say: as the chains of every host do it, so the predicates of packets say it."""

from hypothesis import given
from hypothesis import strategies as st

from calico.rules.packet import Packet, always_reaches_host, begins_connection, is_neighbour_discovery
from tests.fakes.host import FakeHost, FakeTable
from tests.scenarios.places import HOST, PLACES, UPLINK
from tests.scenarios.table import to_host
from tests.scenarios.worlds import HostProgram

PLACE, HOST_ADDRESSES = PLACES["a"], PLACES[HOST].addresses
SOURCES = {4: (PLACE.addresses[4], "0.0.0.0", "10.65.0.2"), 6: (PLACE.addresses[6], "fe80::5", "::", "fd65::2")}
PORTS = st.sampled_from((53, 67, 68, 546, 547, 80))


@st.composite
def packets_to_the_host(draw: st.DrawFn) -> Packet:
    version = draw(st.sampled_from((4, 6)))
    source, destination = draw(st.sampled_from(SOURCES[version])), HOST_ADDRESSES[version]
    protocol = draw(st.sampled_from((6, 17, 17, 132, 47, 1 if version == 4 else 58)))
    if protocol in (1, 58):
        types = st.integers(128, 145) | st.integers(0, 255)
        return Packet(version, source, destination, protocol, icmp_type=draw(types), icmp_code=0)
    if protocol == 47:
        return Packet(version, source, destination, protocol)
    return Packet(version, source, destination, protocol, draw(PORTS), draw(PORTS))


def passes(packet: Packet, outbound: str, action: str) -> bool:
    """Whether an endpoint with these outbound rules reaches a host with this action."""
    table = FakeTable()
    host = FakeHost(table, HOST_ADDRESSES.values(), UPLINK)
    host.add_link(PLACE.interface, PLACE.addresses.values())
    HostProgram(table).program(to_host(action, outbound))
    return host.send(packet, PLACE.interface).passed


def is_from_endpoint(packet: Packet) -> bool:
    return packet.src == PLACE.addresses[packet.version] or is_neighbour_discovery(packet)


@given(packets_to_the_host())
def test_what_always_reaches_the_host(packet: Packet) -> None:
    unstoppable = is_from_endpoint(packet) and begins_connection(packet) and always_reaches_host(packet)

    assert passes(packet, "deny", "DROP") == unstoppable


@given(packets_to_the_host())
def test_what_never_reaches_the_host(packet: Packet) -> None:
    assert passes(packet, "allow", "ACCEPT") == (is_from_endpoint(packet) and begins_connection(packet))
