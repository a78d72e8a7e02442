"""Events: messages of the kernel as what they mean to us."""

from calico.linux.messages import Message
from calico.linux.monitor import LinkEvent, RouteEvent, parse_event
from calico.linux.routes import Route
from tests.unit.linux.test_messages import kernel_message

NAMES = {3: "calia"}.get


def test_link_that_came_or_changed() -> None:
    assert parse_event(kernel_message("veth"), NAMES) == LinkEvent(
        name="calia", index=3, up=True, running=True, mac="ee:ee:ee:ee:ee:ee", deleted=False
    )


def test_link_that_went() -> None:
    event = parse_event(Message(17, 0, 0, 0, kernel_message("veth").payload), NAMES)

    assert isinstance(event, LinkEvent)
    assert event.deleted


def test_link_that_left_its_bridge_lives_on() -> None:
    assert parse_event(kernel_message("bridge port left"), NAMES) is None


def test_routes_that_came_and_went() -> None:
    payload = kernel_message("route4").payload
    route = Route("10.65.0.2/32", "calia")

    assert parse_event(Message(24, 0, 0, 0, payload), NAMES) == RouteEvent(route, deleted=False)
    assert parse_event(Message(25, 0, 0, 0, payload), NAMES) == RouteEvent(route, deleted=True)


def test_route_of_a_device_that_is_gone_too_has_none() -> None:
    event = parse_event(kernel_message("route4"), lambda index: None)

    assert event == RouteEvent(Route("10.65.0.2/32"), deleted=False)


def test_other_messages_are_no_events() -> None:
    assert parse_event(kernel_message("address4"), NAMES) is None
