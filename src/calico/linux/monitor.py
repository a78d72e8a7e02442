"""Events of links and routes, as they happen.

Source: rtnetlink(7).
"""

from collections.abc import Callable
from dataclasses import dataclass

from calico.linux.links import RTM_DELLINK, RTM_NEWLINK, link_family, parse_link
from calico.linux.messages import Message
from calico.linux.netlink import NETLINK_ROUTE, Lost, SocketOwner, open_netlink
from calico.linux.routes import RTM_DELROUTE, RTM_NEWROUTE, Route, parse_route
from calico.model.errors import ValidationError

_RTNLGRP_LINK = 1
_RTNLGRP_IPV4_ROUTE = 7
_RTNLGRP_IPV6_ROUTE = 11
_RECEIVE_BUFFER = 4 << 20


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """A link came, changed or went (``deleted``); the rest is its state then, as in ``links.Link``.

    A renamed link comes with its new name and old index; one moved to another namespace is deleted here.
    """

    name: str
    index: int
    up: bool
    running: bool
    mac: str | None
    deleted: bool


@dataclass(frozen=True, slots=True)
class RouteEvent:
    """A route of the main table was set or ``deleted``; its device is ``None`` when that is gone too.

    When a link goes down the kernel drops its IPv4 routes without an event for each.
    """

    route: Route
    deleted: bool


Event = LinkEvent | RouteEvent | Lost


class LinkMonitor(SocketOwner):
    """Hears of links, and of routes if asked, in the network namespace in which the object was made.

    Make the monitor first, then list what is there: then nothing falls between the two.
    """

    def __init__(self, *, routes: bool = False, receive_buffer: int = _RECEIVE_BUFFER) -> None:
        groups = [_RTNLGRP_LINK] + ([_RTNLGRP_IPV4_ROUTE, _RTNLGRP_IPV6_ROUTE] if routes else [])
        super().__init__(open_netlink(NETLINK_ROUTE, groups=groups, receive_buffer=receive_buffer))

    def fileno(self) -> int:
        """For a selector; readable when ``read`` has something."""
        return self._socket.fileno()

    def read(self, timeout: float = 0.0) -> tuple[Event, ...]:
        """What happened, oldest first, waiting up to ``timeout`` seconds for the first event.

        ``(Lost(),)`` when the kernel had to throw events away, or an event cannot be read: list again.
        """
        received = self._socket.receive(timeout)
        if isinstance(received, Lost):
            return (received,)
        try:
            events = [parse_event(message, self._socket.name_of) for message in received]
        except ValidationError:
            return (Lost(),)
        return tuple(event for event in events if event is not None)


def parse_event(message: Message, device_name: Callable[[int], str | None]) -> Event | None:
    """What a message tells, ``None`` when nothing of ours; ``device_name`` gives the name of an index."""
    if message.kind in (RTM_NEWLINK, RTM_DELLINK):
        # A bridge tells under its own family that a port left it: the link itself lives on.
        if link_family(message) != 0:
            return None
        link = parse_link(message)
        return LinkEvent(link.name, link.index, link.up, link.running, link.mac, message.kind == RTM_DELLINK)
    if message.kind in (RTM_NEWROUTE, RTM_DELROUTE):
        route = parse_route(message, device_name)
        return None if route is None else RouteEvent(route, message.kind == RTM_DELROUTE)
    return None
