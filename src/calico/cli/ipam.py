"""``calicoctl ipam``: single addresses."""

from __future__ import annotations

from calico.cli import arguments
from calico.client.addresses import Addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.cli.grammar import Match
    from calico.cli.session import Session


def release(found: Match, session: Session) -> int:
    """Give an address back to its pool; endpoints that use it are not touched."""
    address = arguments.address(found.value("IP"))
    unassigned = Addresses(session.datastore, session.node).release([address])
    session.out.line("Failed to release address" if unassigned else "Address successfully released")
    return 0


def info(found: Match, session: Session) -> int:
    """Print what was noted when the address was assigned."""
    address = arguments.address(found.value("IP"))
    attributes = Addresses(session.datastore, session.node).info(address)
    if attributes is None:
        session.out.line(f"IP {address} is not currently assigned")
    elif not attributes.secondary:
        session.out.line(f"No attributes defined for {address}")
    else:
        session.out.line(repr(dict(attributes.secondary)))
    return 0


USAGES = {"ipam release <IP>": release, "ipam info <IP>": info}

NOTES = """\
'release' is for addresses that nobody uses any more: the next container may be given the same one.
"""
