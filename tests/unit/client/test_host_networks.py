"""Which networks count as the host's own."""

import pytest

from calico.client.host_networks import HostNetwork, find_overlap, host_networks
from calico.linux.addresses import Address
from calico.linux.routes import Route
from calico.model.net import parse_network


def found(*, addresses: tuple[Address, ...] = (), routes: tuple[Route, ...] = ()) -> list[str]:
    return [str(each) for each in host_networks(addresses, routes, own_protocol=67)]


def test_networks_of_interfaces_and_of_routes_count_once() -> None:
    assert found(
        addresses=(Address("eth0", "192.168.0.10/24"), Address("eth0", "fd00::7/64")),
        routes=(
            Route("192.168.0.0/24", "eth0", protocol=2),
            Route("10.1.0.0/16", "eth0", gateway="192.168.0.1", protocol=4),
            Route("10.2.0.0/16", kind="blackhole", protocol=4),
        ),
    ) == ["192.168.0.0/24 on eth0", "fd00::/64 on eth0", "10.1.0.0/16 on eth0", "10.2.0.0/16 in its routes"]


@pytest.mark.parametrize(
    "route",
    [
        Route("0.0.0.0/0", "eth0", gateway="192.168.0.1", protocol=4),
        Route("128.0.0.0/1", "tun0", protocol=4),
        Route("::/0", "eth0", protocol=4),
        Route("10.65.0.2/32", "eth0", protocol=67),
        Route("10.65.0.2/32", "cali0", protocol=4),
    ],
)
def test_default_routes_and_those_to_endpoints_do_not_count(route: Route) -> None:
    assert found(routes=(route,)) == []


def test_addresses_of_endpoint_interfaces_do_not_count() -> None:
    assert found(addresses=(Address("cali0", "fe80::1/64", "link"),)) == []


def test_an_overlap_is_in_either_direction() -> None:
    lan = HostNetwork(parse_network("10.1.0.0/16"), "eth0")

    assert find_overlap(parse_network("10.0.0.0/8"), [lan]) == lan
    assert find_overlap(parse_network("10.1.2.0/24"), [lan]) == lan
    assert find_overlap(parse_network("10.2.0.0/16"), [lan]) is None
    assert find_overlap(parse_network("fd00::/64"), [lan]) is None
