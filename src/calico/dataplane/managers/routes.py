"""Routes to endpoints: each address lies behind its interface. Ours are known by their protocol number."""

import functools
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from calico.linux.routes import ROUTE_PROTOCOL, Route
from calico.model.codec import INTERFACE_PREFIX
from calico.model.errors import AlreadyExistsError, ApplyError, CalicoError, NotFoundError
from calico.model.net import address_of, parse_network

log = logging.getLogger(__name__)

_OWN_KINDS = frozenset({"local", "broadcast", "anycast"})


class RouteTable(Protocol):
    """What is needed of the host's routes; see :class:`calico.linux.routes.Routes`."""

    def add_all(self, routes: Sequence[Route]) -> tuple[CalicoError | None, ...]:
        """Set many; AlreadyExistsError for each whose destination has a route already."""
        ...

    def replace_all(self, routes: Sequence[Route]) -> tuple[CalicoError | None, ...]:
        """Set many, also in place of other routes; for each its error or ``None``."""
        ...

    def delete_all(self, routes: Sequence[Route]) -> tuple[CalicoError | None, ...]:
        """Delete many; for each its error or ``None``."""
        ...

    def list(
        self, version: int, *, protocol: int | None = None, device_prefix: str | None = None
    ) -> tuple[Route, ...]:
        """The routes of one IP version and protocol number."""
        ...

    def get(self, address: str) -> Route | None:
        """The route that a packet of this host takes; of kind ``local`` to an address of the host itself."""
        ...

    def gateways(self, version: int) -> frozenset[str]:
        """The addresses that routes pass packets on to."""
        ...


class EndpointRoutes:
    """Keeps one route for each destination that an interface claims while it is up.

    When several claim one (an endpoint that is long gone may still stand in the datastore), the newest that is up
    has it. What we set is remembered, so that nothing is read or written twice. A route that somebody else made for
    a destination stays, and an address that the host has or passes packets on to gets none: the host may need it more
    than the endpoint does.
    """

    def __init__(self, table: RouteTable) -> None:
        self._table = table
        self._claims: dict[str, dict[str, None]] = {}  # destination → interfaces, the newest last
        self._destinations: dict[str, frozenset[str]] = {}
        self._up: set[str] = set()
        self._installed: dict[str, Route] = {}
        self._unsettled: set[str] = set()

    def claim(self, name: str, destinations: frozenset[str]) -> None:
        """The interface claims exactly these destinations (masked CIDR text); none to forget it."""
        old = self._destinations.pop(name, frozenset())
        if destinations:
            self._destinations[name] = destinations
        for destination in old - destinations:
            del self._claims[destination][name]
            if not self._claims[destination]:
                del self._claims[destination]
        for destination in destinations - old:
            self._claims.setdefault(destination, {})[name] = None
        self._unsettled |= old ^ destinations

    def on_link(self, name: str, *, up: bool) -> None:
        """The interface came, went, or is another one now: the kernel dropped its routes and did not say so."""
        if up:
            self._up.add(name)
        else:
            self._up.discard(name)
        for destination in self._destinations.get(name, ()):
            installed = self._installed.get(destination)
            if installed and installed.device == name:
                del self._installed[destination]
            self._unsettled.add(destination)

    def look(self, versions: Iterable[int]) -> list[str]:
        """Compare with the kernel and take out what is ours and stale; one line for each difference."""
        found = {route for version in versions for route in self._table.list(version, protocol=ROUTE_PROTOCOL)}
        lines = []
        for route in sorted(found, key=lambda route: route.destination):
            if self._wanted(route.destination) == route:
                self._installed[route.destination] = route  # maybe the work of an earlier agent
            else:
                self._delete([route])
                lines.append(f"route {route.destination} by {route.device} was stale, is gone")
        for destination, route in list(self._installed.items()):
            if route not in found:
                del self._installed[destination]
                self._unsettled.add(destination)
                lines.append(f"route {destination} by {route.device} was gone, is back")
        return lines

    def settle(self) -> dict[str, CalicoError | None]:
        """Set and delete the routes that are not as wanted; the interfaces that this concerned, and their fault."""
        destinations, self._unsettled = self._unsettled, set()
        wanted = {destination: self._wanted(destination) for destination in sorted(destinations)}
        outcome: dict[str, CalicoError | None] = {
            name: None for destination in destinations for name in self._claims.get(destination, ())
        }
        missing = [route for d, route in wanted.items() if route and self._installed.get(d) != route]
        for route, error in self._set(missing).items():
            if error is None:
                self._installed[route.destination] = route
            else:
                self._unsettled.add(route.destination)
                outcome[str(route.device)] = error
        self._delete([self._installed[d] for d, route in wanted.items() if route is None and d in self._installed])
        return outcome

    def obstacle(self, name: str) -> str:
        """Why packets for the interface's destinations go elsewhere; empty when they do not."""
        for destination in sorted(self._destinations.get(name, ())):
            route = self._wanted(destination)
            if route and route.device != name:
                return f"{destination} belongs to a newer endpoint, at interface {route.device}"
        return ""

    def _wanted(self, destination: str) -> Route | None:
        for name in reversed(self._claims.get(destination, {})):
            if name in self._up:
                return Route(destination, name)
        return None

    def _set(self, routes: Sequence[Route]) -> dict[Route, CalicoError | None]:
        """Set routes, in place of ours but not of others; for each its error or ``None``."""
        ours = [route for route in routes if route.destination in self._installed]
        outcome: dict[Route, CalicoError | None] = dict(
            self._refuse([route for route in routes if route.destination not in self._installed])
        )
        fresh = [route for route in routes if route.destination not in self._installed and route not in outcome]
        outcome |= dict(zip(fresh, self._table.add_all(fresh), strict=True)) if fresh else {}
        present = [route for route, error in outcome.items() if isinstance(error, AlreadyExistsError)]
        foreign = self._foreign({parse_network(route.destination).version for route in present})
        for route in present:
            if route.destination not in foreign:
                ours.append(route)
                continue
            outcome[route] = ApplyError(
                f"the host has another route to {route.destination}: give the container another address, or find "
                f"the route with `ip route show {route.destination}` and delete it"
            )
        return outcome | (dict(zip(ours, self._table.replace_all(ours), strict=True)) if ours else {})

    def _refuse(self, routes: Iterable[Route]) -> dict[Route, CalicoError]:
        """Those that would take an address away from the host, and why they must not be set."""
        gateways = functools.cache(self._table.gateways)
        refused: dict[Route, CalicoError] = {}
        for route in routes:
            try:
                use = self._use_by_host(address_of(route.destination), gateways)
            except CalicoError as error:
                refused[route] = error
                continue
            if use:
                refused[route] = ApplyError(
                    f"{route.destination} is {use}: give the container another address, of a pool that overlaps no "
                    "network of this host"
                )
        return refused

    def _use_by_host(self, address: str, gateways: Callable[[int], frozenset[str]]) -> str:
        """What the host needs an address for; empty when it does not."""
        route = self._table.get(address)
        if route is None or (route.device or "").startswith(INTERFACE_PREFIX):
            return ""
        if route.kind in _OWN_KINDS:
            return "an address of this host itself"
        # A gateway is on a link of the host; so most addresses, which are not, cost no listing of all routes.
        if address == route.gateway or (route.gateway is None and address in gateways(6 if ":" in address else 4)):
            return "a gateway of this host"
        return ""

    def _foreign(self, versions: Iterable[int]) -> set[str]:
        """The destinations to which somebody else made a route that ours would take the place of.

        Routes by endpoints' interfaces are ours to change, whoever made them.
        """
        return {
            route.destination
            for version in versions
            for route in self._table.list(version)
            if route.metric == 0
            and route.protocol != ROUTE_PROTOCOL
            and not (route.device or "").startswith(INTERFACE_PREFIX)
        }

    def _delete(self, routes: Sequence[Route]) -> None:
        for route, error in zip(routes, self._table.delete_all(routes), strict=True) if routes else ():
            # The kernel takes a route out by itself when its interface goes. What else fails, the next look finds.
            if error is not None and not isinstance(error, NotFoundError):
                log.warning("%s", error)
            if self._installed.get(route.destination) == route:
                del self._installed[route.destination]
