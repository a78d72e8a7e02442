"""What the whole host needs for its endpoints: it forwards packets, and it answers for the containers' gateway.

The gateway 169.254.1.1 exists nowhere. Linux answers ARP questions for it on behalf of others (proxy ARP) only while
it knows a route to it; a host without a default route gets the address on its loopback interface.
"""

import logging
from collections.abc import Callable
from typing import Protocol

from calico.dataplane.backoff import retry_delay
from calico.dataplane.managers.interfaces import AddressAdder, LinkLister
from calico.dataplane.managers.settings import IPV6_FORWARDING, Settings
from calico.dataplane.trouble import Trouble
from calico.linux.addresses import Address
from calico.linux.routes import Route
from calico.linux.sysctl import Key
from calico.model.codec import INTERFACE_PREFIX
from calico.model.errors import AlreadyExistsError, NotFoundError
from calico.model.gateways import IPV4_GATEWAY
from calico.updates import EndpointUpdate, Update

log = logging.getLogger(__name__)

GATEWAY_ADDRESS = Address("lo", f"{IPV4_GATEWAY}/32", "host")
"""With the scope of the host, so that no packet ever carries it as its source."""

_IPV4_FORWARDING: Key = ("net", "ipv4", "ip_forward")


class RouteFinder(Protocol):
    """What is needed of the host's routes."""

    def get(self, address: str) -> Route | None:
        """The route to an address, ``None`` when there is none."""
        ...


class ForwardingManager:
    """Keeps forwarding on, for IPv6 only once an endpoint has an IPv6 address, and the gateway reachable."""

    def __init__(
        self,
        links: LinkLister,
        routes: RouteFinder,
        addresses: AddressAdder,
        settings: Settings,
        *,
        retry_delay: Callable[[int], float] = retry_delay,
    ) -> None:
        self._links = links
        self._routes = routes
        self._addresses = addresses
        self._settings = settings
        self._ipv6 = False
        self._pending = True
        self._trouble = Trouble("the host does not forward for its endpoints", retry_delay)

    def on_update(self, update: Update) -> None:
        if isinstance(update, EndpointUpdate) and update.endpoint.ipv6_nets and not self._ipv6:
            self._ipv6 = self._pending = True

    def look(self, _now: float, *, full: bool) -> None:
        """Let the next ``complete`` check everything, when ``full``."""
        self._pending |= full

    def complete(self, now: float) -> list[str]:
        """Set what is not as it must be; one line for each thing set."""
        lines: list[str] = []
        if self._pending or self._trouble.is_due(now):
            self._trouble.attempt(lambda: self._set_all(lines), now)
            self._pending = False
        return lines

    def due(self) -> float | None:
        """When something that failed is to be tried again."""
        return self._trouble.due

    @property
    def fault(self) -> str:
        """Why endpoints of this host do not work; empty when they do."""
        return self._trouble.fault

    def _set_all(self, lines: list[str]) -> None:
        if self._settings.read(_IPV4_FORWARDING) != "1":
            self._settings.write(_IPV4_FORWARDING, "1")
            lines.append("IPv4 forwarding was off, is on")
        if self._ipv6 and self._settings.read(IPV6_FORWARDING) != "1":
            self._keep_router_advertisements()
            self._settings.write(IPV6_FORWARDING, "1")
            lines.append("IPv6 forwarding was off, is on")
        if self._routes.get(IPV4_GATEWAY) is None:
            try:
                self._addresses.add(GATEWAY_ADDRESS)
            except AlreadyExistsError:
                return  # on a loopback interface that is down
            lines.append(f"the host had no route to {IPV4_GATEWAY}, it is on {GATEWAY_ADDRESS.device} now")

    def _keep_router_advertisements(self) -> None:
        """Let the host's own interfaces go on learning their routers, which forwarding alone would end.

        ``accept_ra`` 1 means "unless forwarding", 2 means "even then".
        """
        for link in self._links.list():
            if link.name.startswith(INTERFACE_PREFIX):
                continue
            key = ("net", "ipv6", "conf", link.name, "accept_ra")
            try:
                if self._settings.read(key) == "1":
                    self._settings.write(key, "2")
            except NotFoundError:
                continue
