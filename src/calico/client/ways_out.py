"""How a container gets out: its default routes, of which the kernel takes the one with the lowest metric.

gateway    the link-local address that the host answers for on every endpoint's interface; a route of its own says
           so, because it is on no subnet
way out    the default route of an IP version through the gateway, by one of the container's interfaces
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from calico.linux.routes import DEFAULT_METRIC, Route
from calico.model.errors import CalicoError, NotFoundError
from calico.model.gateways import IPV4_GATEWAY, IPV6_GATEWAY
from calico.model.net import bits

GATEWAYS = {4: IPV4_GATEWAY, 6: IPV6_GATEWAY}
ANYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


class RouteTable(Protocol):
    """What is needed of a stack's routes; see :class:`calico.linux.routes.Routes`."""

    def list(self, version: int) -> tuple[Route, ...]:
        """All of one IP version."""
        ...

    def replace(self, route: Route) -> None:
        """Put one in."""
        ...

    def delete(self, route: Route) -> None:
        """Take one out; NotFoundError when there is none."""
        ...

    def set_metric(self, route: Route, metric: int) -> None:
        """Give one another metric."""
        ...


class WaysOut:
    """The ways out of one stack."""

    def __init__(self, routes: RouteTable) -> None:
        self._routes = routes

    def connected(self, version: int) -> str | None:
        """The interface by which the stack has a gateway; ``None`` when it has none."""
        gateway = _gateway_destination(version)
        return next((route.device for route in self._routes.list(version) if route.destination == gateway), None)

    def prefer(self, interface: str, version: int) -> None:
        """Make the gateway behind ``interface`` the way out; others stay, with a higher metric.

        On failure all is as it was.
        """
        own = _way_out(interface, version)
        others = [
            route for route in self._routes.list(version) if route.destination == own.destination and route != own
        ]
        moved: list[tuple[Route, int]] = []
        try:
            self._routes.replace(_gateway(interface, version))
            for route, metric in stepped_back(others, version):
                self._routes.set_metric(route, metric)
                moved.append((route, metric))
            self._routes.replace(own)
        except BaseException:
            with suppress(CalicoError):  # the first error is the one to tell
                self.withdraw(interface, version)
                for route, metric in reversed(moved):
                    self._routes.set_metric(replace(route, metric=metric), _metric(route, version))
            raise

    def withdraw(self, interface: str, version: int) -> None:
        """Take back what :meth:`prefer` added; what is gone already is fine."""
        for route in (_way_out(interface, version), _gateway(interface, version)):
            # The kernel takes routes away by itself, with an interface's last address for example.
            with suppress(NotFoundError):
                self._routes.delete(route)


def stepped_back(routes: Sequence[Route], version: int) -> list[tuple[Route, int]]:
    """Which routes of one destination need which new metric to let another one, of metric 0, be preferred.

    In an order in which no two ever have the same metric; their order among each other stays. The highest metrics
    are out of reach: no more routes step back than there are.
    """
    free = DEFAULT_METRIC[version] + 1
    moves = []
    for route in sorted(routes, key=lambda route: _metric(route, version)):
        if _metric(route, version) < free:
            moves.append((route, free))
            free += 1
    return moves[::-1]


def _metric(route: Route, version: int) -> int:
    return route.metric or DEFAULT_METRIC[version]


def _gateway_destination(version: int) -> str:
    return f"{GATEWAYS[version]}/{bits(version)}"


def _gateway(interface: str, version: int) -> Route:
    return Route(_gateway_destination(version), interface)


def _way_out(interface: str, version: int) -> Route:
    return Route(ANYWHERE[version], interface, GATEWAYS[version])
