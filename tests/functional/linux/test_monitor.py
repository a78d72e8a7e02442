"""Events of the real kernel."""

import selectors
import time
from collections.abc import Callable

import pytest

from calico.linux.links import Links
from calico.linux.monitor import Event, LinkEvent, LinkMonitor, RouteEvent
from calico.linux.netlink import Lost
from calico.linux.routes import Route, Routes
from tests.functional.netns import Netns

pytestmark = pytest.mark.kernel

DEADLINE = 10.0


def wait_event(monitor: LinkMonitor, wanted: Callable[[Event], bool]) -> Event:
    """The first event that is wanted; some come late, when the kernel gets round to them."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        for event in monitor.read(timeout=end - time.monotonic()):
            if wanted(event):
                return event
    pytest.fail("the event did not come")


def test_life_of_a_link_is_told(netns: Netns) -> None:
    with LinkMonitor() as monitor, Links() as links:
        index = links.create_veth("cali0", "tmp0", host_mac="ee:ee:ee:ee:ee:ee", up=False)
        assert wait_event(monitor, lambda e: isinstance(e, LinkEvent) and e.name == "cali0") == LinkEvent(
            "cali0", index, up=False, running=False, mac="ee:ee:ee:ee:ee:ee", deleted=False
        )

        links.update("cali0", up=True)
        wait_event(monitor, lambda e: isinstance(e, LinkEvent) and e.name == "cali0" and e.up)
        links.update("tmp0", up=True)
        wait_event(monitor, lambda e: isinstance(e, LinkEvent) and e.name == "cali0" and e.running)
        links.update("cali0", rename="cali1")
        wait_event(monitor, lambda e: isinstance(e, LinkEvent) and e.name == "cali1" and e.index == index)
        links.delete("cali1")
        wait_event(monitor, lambda e: isinstance(e, LinkEvent) and e.name == "cali1" and e.deleted)


def test_link_that_leaves_for_another_namespace_is_deleted_here(
    netns: Netns, make_netns: Callable[[], Netns]
) -> None:
    other = make_netns()
    with LinkMonitor() as monitor, Links() as links:
        links.create_veth("cali0", "tmp0")
        links.update("tmp0", namespace=other.namespace.fileno())

        wait_event(monitor, lambda e: isinstance(e, LinkEvent) and e.name == "tmp0" and e.deleted)
        assert links.list("tmp") == ()


def test_link_that_leaves_its_bridge_is_not_deleted(netns: Netns) -> None:
    netns.run("ip", "link", "add", "br0", "type", "bridge")
    with Links() as links, LinkMonitor() as monitor:
        links.create_veth("cali0", "tmp0")
        netns.run("ip", "link", "set", "cali0", "master", "br0")
        netns.run("ip", "link", "set", "cali0", "nomaster")
        links.update("cali0", rename="last")

        seen: list[Event] = []
        wait_event(monitor, lambda e: bool(seen.append(e)) or (isinstance(e, LinkEvent) and e.name == "last"))

    assert not any(isinstance(event, LinkEvent) and event.deleted for event in seen)


def test_routes_are_told_when_asked_for(netns: Netns) -> None:
    four, six = Route("10.65.0.2/32", "cali0"), Route("fd00:65::2/128", "cali0")
    with Links() as links, Routes() as routes, LinkMonitor(routes=True) as monitor, LinkMonitor() as deaf:
        links.create_veth("cali0", "tmp0")
        for route in (four, six):
            routes.replace(route)
            wait_event(monitor, lambda event, route=route: event == RouteEvent(route, deleted=False))
            routes.delete(route)
            wait_event(monitor, lambda event, route=route: event == RouteEvent(route, deleted=True))

        assert not any(isinstance(event, RouteEvent) for event in deaf.read())


def test_monitor_wakes_a_selector(netns: Netns) -> None:
    with LinkMonitor() as monitor, Links() as links, selectors.DefaultSelector() as selector:
        selector.register(monitor, selectors.EVENT_READ)
        assert selector.select(timeout=0) == []

        links.create_veth("cali0", "tmp0", up=False)

        assert selector.select(timeout=DEADLINE)
        assert monitor.read()


def test_events_that_did_not_fit_are_said_to_be_lost(netns: Netns) -> None:
    with LinkMonitor(receive_buffer=4096) as monitor, Links() as links:
        for number in range(30):
            links.create_veth(f"cali{number}", f"tmp{number}", up=False)

        assert monitor.read() == (Lost(),)

        links.update("cali0", rename="last")
        wait_event(monitor, lambda event: isinstance(event, LinkEvent) and event.name == "last")


def test_other_namespaces_are_not_heard(netns: Netns, make_netns: Callable[[], Netns]) -> None:
    with LinkMonitor() as monitor:
        make_netns().run("ip", "link", "add", "br0", "type", "bridge")

        assert monitor.read() == ()
