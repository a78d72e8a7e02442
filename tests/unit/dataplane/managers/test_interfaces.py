"""Interfaces of endpoints: every order of arrival ends with the same settings and routes."""

from collections.abc import Iterator

import pytest

from calico.dataplane.managers.interfaces import SETTINGS_CHECKED_AT_ONCE, InterfaceManager
from calico.dataplane.status import InterfaceState
from calico.linux.addresses import Address
from calico.linux.routes import Route
from calico.model.errors import ApplyError
from calico.model.gateways import IPV6_GATEWAY
from calico.model.keys import EndpointKey
from calico.model.values import Endpoint
from calico.updates import EndpointRemove, EndpointUpdate, Flushed
from tests.fakes.router import FakeRouter

A, B = "cali0a", "cali0b"
SETTINGS = {
    ("net", "ipv4", "conf", A, "rp_filter"): "1",
    ("net", "ipv4", "conf", A, "proxy_arp"): "1",
    ("net", "ipv4", "conf", A, "forwarding"): "1",
    ("net", "ipv4", "neigh", A, "proxy_delay"): "0",
    ("net", "ipv6", "conf", A, "forwarding"): "1",
    ("net", "ipv6", "conf", A, "proxy_ndp"): "1",
    ("net", "ipv6", "conf", A, "accept_ra"): "0",
}


class Host:
    """The manager on a fake router, driven as the driver does it."""

    def __init__(self, router: FakeRouter) -> None:
        self.router = router
        self.now = 0.0
        self.states: dict[str, InterfaceState] = {}
        self.manager = InterfaceManager(
            router.links, router.routes, router.addresses, router.settings, retry_delay=float
        )

    def update(self, name: str, *nets: str, key: str = "") -> None:
        endpoint = Endpoint("active", name, None, ("web",), *split(nets))
        self.manager.on_update(EndpointUpdate(key_of(key or name), endpoint))

    def remove(self, key: str) -> None:
        self.manager.on_update(EndpointRemove(key_of(key)))

    def run(self, *, check: bool = False) -> list[str]:
        """One round; gives what was repaired."""
        self.manager.on_links(self.router.events.read())
        self.manager.look(self.now, full=check)
        repairs = self.manager.complete(self.now)
        for key, state in self.manager.take_states().items():
            if state is None:
                del self.states[key.endpoint]
            else:
                self.states[key.endpoint] = state
        return repairs


def key_of(name: str) -> EndpointKey:
    return EndpointKey("host", "libnetwork", "libnetwork", name)


def split(nets: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(net for net in nets if ":" not in net), tuple(net for net in nets if ":" in net)


@pytest.fixture
def router() -> Iterator[FakeRouter]:
    router = FakeRouter()
    yield router
    router.close()


@pytest.fixture
def host(router: FakeRouter) -> Host:
    return Host(router)


@pytest.mark.parametrize("link_first", [True, False])
def test_interface_and_endpoint_come_in_either_order(host: Host, link_first: bool) -> None:
    if link_first:
        index = host.router.add_link(A)
        host.run()
        host.update(A, "10.0.0.1/32", "fd00::1/128")
    else:
        host.update(A, "10.0.0.1/32", "fd00::1/128")
        host.run()
        assert host.states[A] == InterfaceState(A, None, f"interface {A} does not exist")
        index = host.router.add_link(A)
    host.run()

    assert SETTINGS.items() <= host.router.settings.values.items()
    assert host.router.routes.ours == {"10.0.0.1/32": A, "fd00::1/128": A}
    assert host.states[A] == InterfaceState(A, index)


def test_nothing_is_written_twice(host: Host) -> None:
    host.router.add_link(A)
    host.update(A, "10.0.0.1/32")
    host.run()
    writes, changes = len(host.router.settings.writes), host.router.routes.changes

    host.update(A, "10.0.0.1/32")
    host.manager.on_update(Flushed(1, in_sync=True))
    assert host.run() == []
    assert host.run(check=True) == []

    assert (len(host.router.settings.writes), host.router.routes.changes) == (writes, changes)


def test_host_without_ipv6_gets_none_of_its_settings() -> None:
    router = FakeRouter(ipv6=False)
    host = Host(router)
    router.add_link(A)
    host.update(A, "10.0.0.1/32")
    host.run(check=True)

    assert host.states[A].ready
    assert not [key for key, _ in router.settings.writes if "ipv6" in key]
    router.close()


def test_other_interfaces_are_left_alone(host: Host) -> None:
    host.router.add_link("eth0")
    host.router.add_link(A)
    host.run()

    assert host.router.settings.writes == []
    assert host.router.routes.changes == 0


def test_link_that_is_down_waits_for_up(host: Host) -> None:
    host.router.add_link(A, up=False)
    host.update(A, "10.0.0.1/32")
    host.run()
    assert host.states[A].reason == f"interface {A} is down"
    assert host.router.settings.writes == []

    host.router.set_link(A, up=True)
    host.run()

    assert host.states[A].ready
    assert host.router.routes.ours == {"10.0.0.1/32": A}


def test_routes_that_went_with_the_link_come_back_with_it(host: Host) -> None:
    host.router.add_link(A)
    host.update(A, "10.0.0.1/32")
    host.run()

    host.router.set_link(A, up=False)
    host.router.set_link(A, up=True)
    host.run()

    assert host.router.routes.ours == {"10.0.0.1/32": A}


def test_interface_made_anew_is_set_up_anew(host: Host) -> None:
    host.router.add_link(A)
    host.update(A, "10.0.0.1/32")
    host.run()

    index = host.router.add_link(A)
    host.run()

    assert SETTINGS.items() <= host.router.settings.values.items()
    assert host.router.routes.ours == {"10.0.0.1/32": A}
    assert host.states[A] == InterfaceState(A, index)


def test_interface_that_is_renamed_is_gone(host: Host) -> None:
    host.router.add_link(A)
    host.update(A, "10.0.0.1/32")
    host.run()

    host.router.rename_link(A, "eth7")
    host.run()
    assert host.states[A].reason == f"interface {A} does not exist"

    host.router.rename_link("eth7", A)
    host.run()
    assert host.states[A].ready


def test_removed_endpoint_takes_its_routes_along(host: Host) -> None:
    host.router.add_link(A)
    host.update(A, "10.0.0.1/32", "fd00::1/128")
    host.run()

    host.remove(A)
    host.run()
    assert (host.router.routes.ours, host.states) == ({}, {})

    host.update(A, "10.0.0.1/32")
    host.run()
    assert host.router.routes.ours == {"10.0.0.1/32": A}
    assert host.states[A].ready


def test_removal_after_the_link_has_gone_is_quiet(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    host.router.add_link(A)
    host.update(A, "10.0.0.1/32")
    host.run()

    host.router.remove_link(A)
    host.remove(A)
    host.remove(A)

    assert host.run() == []
    assert host.manager.due() is None
    assert not caplog.records


def test_changed_networks_change_the_routes(host: Host) -> None:
    host.router.add_link(A)
    host.update(A, "10.0.0.1/32", "10.0.0.2/32")
    host.run()

    host.update(A, "10.0.0.2/32", "10.0.0.3/32")
    host.run()

    assert host.router.routes.ours == {"10.0.0.2/32": A, "10.0.0.3/32": A}


def test_changed_interface_name_moves_the_route(host: Host) -> None:
    host.router.add_link(A)
    host.router.add_link(B)
    host.update(A, "10.0.0.1/32", key="e")
    host.run()

    host.update(B, "10.0.0.1/32", key="e")
    host.run()

    assert host.router.routes.ours == {"10.0.0.1/32": B}
    assert host.states["e"].name == B


def test_only_the_address_of_a_network_is_routed(host: Host) -> None:
    host.router.add_link(A)
    host.update(A, "10.0.0.9/29", "0.0.0.0/0")
    host.run()

    assert host.router.routes.ours == {"10.0.0.9/32": A, "0.0.0.0/32": A}


def test_newest_claim_to_an_address_wins_while_its_interface_is_up(host: Host) -> None:
    host.router.add_link(A)
    host.router.add_link(B)
    host.update(A, "10.0.0.1/32")
    host.run()
    host.update(B, "10.0.0.1/32")
    host.run()
    assert host.router.routes.ours == {"10.0.0.1/32": B}
    assert host.states[A].reason == f"10.0.0.1/32 belongs to a newer endpoint, at interface {B}"
    assert host.states[B].ready

    host.router.remove_link(B)
    host.run()
    assert host.router.routes.ours == {"10.0.0.1/32": A}
    assert host.states[A].ready

    host.router.add_link(B)
    host.run()
    host.remove(A)
    host.run()
    assert host.router.routes.ours == {"10.0.0.1/32": B}


def test_fault_at_one_interface_does_not_stop_the_others(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    host.router.add_link(A)
    host.router.add_link(B)
    host.router.settings.faults["net", "ipv4", "conf", A, "proxy_arp"] = ApplyError("read-only here")
    host.router.routes.faults["10.0.0.2/32"] = ApplyError("no room")
    host.update(A, "10.0.0.1/32")
    host.update(B, "10.0.0.2/32", "10.0.0.3/32")
    host.run()

    assert (host.states[A].reason, host.states[B].reason) == ("read-only here", "no room")
    assert host.router.routes.ours == {"10.0.0.1/32": A, "10.0.0.3/32": B}
    assert host.manager.due() == 1.0

    host.now = 1.0
    host.run()
    assert host.manager.due() == 3.0, "the second try failed too, and waits longer"
    assert len(caplog.records) == 2, "a fault is logged once"

    host.router.settings.faults.clear()
    host.router.routes.faults.clear()
    host.now = 2.9
    host.run()
    assert not host.states[A].ready
    host.now = 3.0
    host.run()
    assert host.states[A].ready
    assert host.states[B].ready
    assert host.router.routes.ours["10.0.0.2/32"] == B
    assert host.manager.due() is None


def test_failed_interface_is_tried_at_its_next_event(host: Host) -> None:
    host.router.add_link(A)
    host.router.routes.faults["10.0.0.1/32"] = ApplyError("no room")
    host.update(A, "10.0.0.1/32")
    host.run()
    host.router.routes.faults.clear()

    host.router.add_link(A)
    host.run()

    assert host.states[A].ready


def test_check_sweeps_stale_routes_and_adopts_good_ones(host: Host) -> None:
    host.router.add_link(A, told=False)
    host.router.routes.all |= {
        Route("10.0.0.1/32", A),
        Route("10.0.0.99/32", "cali-gone"),
        Route("10.0.0.98/32", A, protocol=4),
        Route("fd00::99/128", A),
    }
    host.update(A, "10.0.0.1/32")
    changes = host.router.routes.changes

    host.run(check=True)

    assert {r.destination for r in host.router.routes.all} == {"10.0.0.1/32", "10.0.0.98/32"}
    assert host.router.routes.changes == changes + 2, "the good route was not touched"
    assert host.states[A].ready


def test_check_repairs_what_a_stranger_changed(host: Host) -> None:
    host.router.add_link(A)
    host.update(A, "10.0.0.1/32", "10.0.0.2/32")
    host.run()
    host.router.routes.all.discard(Route("10.0.0.1/32", A))
    host.router.routes.all.discard(Route("10.0.0.2/32", A))
    host.router.routes.all.add(Route("10.0.0.2/32", A, gateway="10.0.0.9"))
    host.router.settings.values["net", "ipv4", "conf", A, "rp_filter"] = "0"

    repairs = host.run(check=True)

    assert repairs == [
        f"route 10.0.0.2/32 by {A} was stale, is gone",
        f"route 10.0.0.1/32 by {A} was gone, is back",
        f"route 10.0.0.2/32 by {A} was gone, is back",
        f"net/ipv4/conf/{A}/rp_filter was 0, is 1 again",
    ]
    assert host.router.routes.all == {Route("10.0.0.1/32", A), Route("10.0.0.2/32", A)}
    assert SETTINGS.items() <= host.router.settings.values.items()
    assert host.run(check=True) == []


def test_checks_go_through_all_interfaces_in_turn(host: Host) -> None:
    names = [f"cali{number:03}" for number in range(SETTINGS_CHECKED_AT_ONCE * 2 + 5)]
    for number, name in enumerate(names):
        host.router.add_link(name)
        host.update(name, f"10.0.1.{number}/32")
    host.run()
    for name in names:
        host.router.settings.values["net", "ipv4", "conf", name, "proxy_arp"] = "0"

    found = [len(host.run(check=True)) for _ in range(4)]

    assert found == [SETTINGS_CHECKED_AT_ONCE, SETTINGS_CHECKED_AT_ONCE, 5, 0]


def test_lost_events_are_made_up_for(host: Host) -> None:
    host.router.add_link(A)
    host.router.add_link(B)
    host.update(A, "10.0.0.1/32")
    host.update(B, "10.0.0.2/32")
    host.run()

    host.router.remove_link(A)
    index = host.router.add_link(B)
    host.router.lose_events()
    host.run()

    assert host.states[A].reason == f"interface {A} does not exist"
    assert host.states[B] == InterfaceState(B, index)
    assert host.router.routes.ours == {"10.0.0.2/32": B}


def test_check_that_fails_is_made_up_for(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    host.router.add_link(A)
    host.update(A, "10.0.0.1/32")
    host.router.lose_events()
    host.router.links.down = True
    assert host.run() == []
    assert "cannot be checked" in caplog.text

    host.router.links.down = False
    host.run()

    assert host.states[A].ready


def test_the_host_carries_the_ipv6_gateway_where_an_endpoint_has_ipv6(host: Host, router: FakeRouter) -> None:
    for name in (A, B):
        router.add_link(name)
    host.update(A, "10.0.0.1/32", "fd80::1/128")
    host.update(B, "10.0.0.2/32")
    host.run()

    router.set_link(A, up=False)
    router.set_link(A, up=True)
    host.run()

    gateways = [address for address in router.addresses.all if address.scope == "link"]
    assert gateways == [Address(A, f"{IPV6_GATEWAY}/64", "link")]
    assert host.states[A].ready


def test_an_interface_that_another_endpoint_takes_is_told_once(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    host.router.add_link(A)
    host.update(A, "10.0.0.1/32", key="mine")
    host.run()
    host.remove("mine")
    host.update(A, "10.0.0.2/32", key="foreign")
    host.run()
    host.update(A, "10.0.0.2/32", key="foreign")
    host.run()

    (line,) = [record.getMessage() for record in caplog.records]
    assert line == (
        f"interface {A} now counts as that of endpoint {key_of('foreign').path} instead of {key_of('mine').path}: "
        "remove the one that is not its owner"
    )


def test_an_interface_may_be_used_again_later(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    host.router.add_link(A)
    host.update(A, "10.0.0.1/32", key="mine")
    host.run()
    host.remove("mine")
    host.run()
    host.update(A, "10.0.0.1/32", key="next")
    host.run()

    assert caplog.records == []
