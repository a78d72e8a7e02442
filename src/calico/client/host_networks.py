"""The networks that this host is on or has routes to: addresses that containers had better not get."""

from __future__ import annotations

from calico.model.codec import INTERFACE_PREFIX
from calico.model.net import Network, parse_network
from calico.model.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from calico.linux.addresses import Address
    from calico.linux.routes import Route

_DEFAULT_LENGTH = 1
"""Routes as short as this are default routes; VPNs set one in two halves."""


@record
class HostNetwork:
    """A network of this host, and the interface that leads there; empty when a route has none."""

    network: Network
    device: str

    def __str__(self) -> str:
        return f"{self.network} on {self.device}" if self.device else f"{self.network} in its routes"


def host_networks(
    addresses: Iterable[Address], routes: Iterable[Route], *, own_protocol: int
) -> tuple[HostNetwork, ...]:
    """The networks of interfaces, then those that only routes name.

    Left out are default routes, interfaces of endpoints, and routes of ``own_protocol``.
    """
    found = [(address.cidr, address.device) for address in addresses]
    found += [
        (route.destination, route.device or "")
        for route in routes
        if route.protocol != own_protocol and parse_network(route.destination).length > _DEFAULT_LENGTH
    ]
    wanted = (
        HostNetwork(parse_network(cidr), device) for cidr, device in found if not device.startswith(INTERFACE_PREFIX)
    )
    return tuple(dict.fromkeys(wanted))


def find_overlap(network: Network, occupied: Iterable[HostNetwork]) -> HostNetwork | None:
    """The first network of the host that shares addresses with this one."""
    return next((each for each in occupied if each.network.overlaps(network)), None)
