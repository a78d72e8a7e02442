"""The dataplane of this host, put together: every part with its door to the kernel."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from calico.dataplane.docker_user import DockerUserChain
from calico.dataplane.driver import CHECK_INTERVAL, Driver
from calico.dataplane.iptables import LegacyIptables
from calico.dataplane.managers.connections import ConnectionManager
from calico.dataplane.managers.endpoints import EndpointManager
from calico.dataplane.managers.forwarding import ForwardingManager
from calico.dataplane.managers.host import HostManager
from calico.dataplane.managers.interfaces import InterfaceManager
from calico.dataplane.managers.ip_sets import IPSetManager
from calico.dataplane.managers.pools import PoolManager
from calico.dataplane.managers.profiles import ProfileManager
from calico.dataplane.nft.library import NftLibrary
from calico.dataplane.nft.table import NftTable
from calico.dataplane.policy import Policy
from calico.dataplane.status import EndpointStatuses
from calico.linux.addresses import Addresses
from calico.linux.conntrack import ConnectionTracker
from calico.linux.links import Links
from calico.linux.monitor import LinkMonitor
from calico.linux.nfnetlink import NfTables, NfTablesMonitor
from calico.linux.routes import Routes
from calico.linux.sysctl import Sysctl
from calico.model.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Dataplane:
    """The thread's body and the board that others read."""

    driver: Driver
    statuses: EndpointStatuses


@contextmanager
def open_dataplane(
    *, clock: Callable[[], float] = time.monotonic, check_interval: float = CHECK_INTERVAL
) -> Iterator[Dataplane]:
    """Open all that the dataplane needs of the calling thread's network namespace, and close it at the end.

    ``driver.run`` may be called by one other thread of the same namespace; leave the context after it returned.
    Raises UnavailableError when libnftables is not installed, ApplyError when the kernel refuses (no root).
    """
    with ExitStack() as stack:
        links, routes = stack.enter_context(Links()), stack.enter_context(Routes())
        addresses, nftables = stack.enter_context(Addresses()), stack.enter_context(NfTables())
        asked_by_others = stack.enter_context(Links())
        library, settings = NftLibrary(), Sysctl()
        stack.callback(library.close)
        table = NftTable(library)
        profiles = ProfileManager(table)
        managers = (HostManager(table), IPSetManager(table), EndpointManager(table), PoolManager(table))
        statuses = EndpointStatuses(lambda name: _index(asked_by_others, name))
        driver = Driver(
            Policy(table, managers, profiles, nftables, clock),
            InterfaceManager(links, routes, addresses, settings),
            (
                ConnectionManager(stack.enter_context(ConnectionTracker())),
                ForwardingManager(links, routes, addresses, settings),
                DockerUserChain(nftables, library, LegacyIptables()),
            ),
            stack.enter_context(LinkMonitor()),
            stack.enter_context(NfTablesMonitor()),
            statuses,
            clock=clock,
            check_interval=check_interval,
        )
        stack.enter_context(driver)
        yield Dataplane(driver, statuses)


def _index(links: Links, name: str) -> int | None:
    try:
        return links.get(name).index
    except NotFoundError:
        return None
