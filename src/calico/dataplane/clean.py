"""Taking out of this host's kernel all that the dataplane, of whatever run, put in.

Interfaces go first: without policy a container that kept its interface would be open to everybody.
"""

import contextlib
import logging

from calico.dataplane.docker_user import remove_rules
from calico.dataplane.iptables import LegacyIptables
from calico.dataplane.managers.forwarding import GATEWAY_ADDRESS
from calico.dataplane.nft.library import NftLibrary
from calico.dataplane.nft.table import FAMILY, TABLE
from calico.linux.addresses import Addresses
from calico.linux.links import Links
from calico.linux.routes import ROUTE_PROTOCOL, Routes
from calico.model.codec import INTERFACE_PREFIX
from calico.model.errors import NotFoundError

log = logging.getLogger(__name__)


def clean_host() -> None:
    """Delete endpoint interfaces, our routes, the gateway address, our rules in Docker's chain, and our table.

    Forwarding stays as it is: others may need it by now. Only while no agent runs, which would repair all this.
    """
    with Links() as links, Routes() as routes, Addresses() as addresses:
        for link in links.list(INTERFACE_PREFIX):
            with contextlib.suppress(NotFoundError):
                links.delete(link.name)
                log.info("interface %s: deleted", link.name)
        for version in (4, 6):
            routes.delete_all(routes.list(version, protocol=ROUTE_PROTOCOL))
        with contextlib.suppress(NotFoundError):
            addresses.delete(GATEWAY_ADDRESS)
    library = NftLibrary()
    try:
        remove_rules(library, LegacyIptables())
        if library.list_table(FAMILY, TABLE) is not None:
            library.run(f"delete table {FAMILY} {TABLE}\n")
            log.info("table %s %s: deleted", FAMILY, TABLE)
    finally:
        library.close()
