from collections.abc import Iterator

import pytest

from calico.dataplane.managers.forwarding import GATEWAY_ADDRESS, ForwardingManager
from calico.linux.routes import Route
from calico.model.errors import ApplyError
from calico.model.keys import EndpointKey
from calico.model.values import Endpoint
from calico.updates import EndpointUpdate
from tests.fakes.router import FakeRouter

IPV4 = ("net", "ipv4", "ip_forward")
IPV6 = ("net", "ipv6", "conf", "all", "forwarding")
DEFAULT_ROUTE = Route("0.0.0.0/0", "eth0", gateway="192.0.2.1", protocol=4)


@pytest.fixture
def router() -> Iterator[FakeRouter]:
    router = FakeRouter()
    yield router
    router.close()


@pytest.fixture
def manager(router: FakeRouter) -> ForwardingManager:
    return ForwardingManager(router.links, router.routes, router.addresses, router.settings, retry_delay=float)


def endpoint(*ipv6_nets: str) -> EndpointUpdate:
    value = Endpoint("active", "cali0", None, (), ("10.0.0.1/32",), ipv6_nets)
    return EndpointUpdate(EndpointKey("host", "libnetwork", "libnetwork", "e"), value)


def test_forwarding_is_switched_on_once(router: FakeRouter, manager: ForwardingManager) -> None:
    router.routes.all.add(DEFAULT_ROUTE)

    assert manager.complete(0.0) == ["IPv4 forwarding was off, is on"]
    manager.look(1.0, full=True)
    assert manager.complete(1.0) == []

    assert router.settings.writes == [(IPV4, "1")]
    assert (router.addresses.all, manager.fault, manager.due()) == ([], "", None)


def test_forwarding_switched_off_by_a_stranger_is_seen_by_the_check(
    router: FakeRouter, manager: ForwardingManager
) -> None:
    router.routes.all.add(DEFAULT_ROUTE)
    manager.complete(0.0)
    router.settings.values[IPV4] = "0"

    manager.look(1.0, full=False)
    assert manager.complete(1.0) == []
    manager.look(2.0, full=True)
    assert manager.complete(2.0) == ["IPv4 forwarding was off, is on"]


def test_ipv6_forwarding_waits_for_an_ipv6_endpoint(router: FakeRouter, manager: ForwardingManager) -> None:
    router.routes.all.add(DEFAULT_ROUTE)
    manager.on_update(endpoint())
    manager.complete(0.0)
    assert router.settings.values[IPV6] == "0"

    manager.on_update(endpoint("fd00::1/128"))
    assert manager.complete(1.0) == ["IPv6 forwarding was off, is on"]
    assert router.settings.values[IPV6] == "1"


def test_host_keeps_learning_its_routers(router: FakeRouter, manager: ForwardingManager) -> None:
    router.routes.all.add(DEFAULT_ROUTE)
    for name in ("eth0", "eth1", "cali0"):
        router.add_link(name)
    router.settings.values["net", "ipv6", "conf", "eth1", "accept_ra"] = "0"
    manager.on_update(endpoint("fd00::1/128"))
    manager.complete(0.0)

    settings = {name: router.settings.values["net", "ipv6", "conf", name, "accept_ra"] for name in router.links.all}
    assert settings == {"eth0": "2", "eth1": "0", "cali0": "1"}
    assert router.settings.writes[-1] == (IPV6, "1"), "after the interfaces, or the routers are forgotten already"


def test_gateway_is_put_on_loopback_only_without_a_route_to_it(
    router: FakeRouter, manager: ForwardingManager
) -> None:
    router.settings.values[IPV4] = "1"

    assert manager.complete(0.0) == ["the host had no route to 169.254.1.1, it is on lo now"]
    manager.look(1.0, full=True)
    assert manager.complete(1.0) == []

    assert router.addresses.all == [GATEWAY_ADDRESS]


def test_default_route_that_goes_is_noticed_by_the_check(router: FakeRouter, manager: ForwardingManager) -> None:
    router.routes.all.add(DEFAULT_ROUTE)
    manager.complete(0.0)
    router.routes.all.clear()

    manager.look(1.0, full=True)
    manager.complete(1.0)

    assert router.addresses.all == [GATEWAY_ADDRESS]


def test_address_that_is_there_without_a_route_is_no_fault(router: FakeRouter, manager: ForwardingManager) -> None:
    router.addresses.all.append(GATEWAY_ADDRESS)
    manager.complete(0.0)

    assert manager.fault == ""


def test_fault_is_told_and_tried_again(
    router: FakeRouter, manager: ForwardingManager, caplog: pytest.LogCaptureFixture
) -> None:
    router.settings.faults[IPV4] = ApplyError("/proc/sys is read-only here")
    manager.complete(0.0)
    assert (manager.fault, manager.due()) == ("/proc/sys is read-only here", 1.0)
    manager.complete(0.5)
    manager.complete(1.0)
    assert manager.due() == 3.0
    assert len(caplog.records) == 1

    router.settings.faults.clear()
    manager.complete(3.0)

    assert (manager.fault, manager.due()) == ("", None)
    assert router.settings.values[IPV4] == "1"
    assert router.addresses.all == [GATEWAY_ADDRESS]
