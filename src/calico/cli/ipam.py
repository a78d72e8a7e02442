"""``calicoctl ipam``: single addresses."""

from __future__ import annotations

from calico.cli import arguments
from calico.client.addresses import Addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.cli.grammar import Match
    from calico.cli.session import Session
    from calico.model.values import Attributes


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
    form = arguments.form(found)
    if form != "table":
        return _print_data(session, address, attributes, form)
    if attributes is None:
        session.out.line(f"IP {address} is not currently assigned")
    elif not attributes.secondary:
        session.out.line(f"No attributes defined for {address}")
    else:
        session.out.line(repr(dict(attributes.secondary)))
    return 0


def _print_data(session: Session, address: str, attributes: Attributes | None, form: str) -> int:
    from calico.cli import documents

    data: dict[str, object] = {"address": address, "assigned": attributes is not None}
    if attributes is not None:
        data |= {"handle": attributes.handle, "attributes": dict(attributes.secondary)}
    return documents.print_data(session, data, form)


USAGES = {"ipam release <IP>": release, "ipam info <IP> [-o <FORMAT>]": info}

NOTES = """\
'release' is for addresses that nobody uses any more: the next container may be given the same one.

Options:
  -o <FORMAT>  table, yaml or json (default: table). As a table, 'info' prints one line.
"""
