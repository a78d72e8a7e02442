"""``calicoctl ipam``: how full the pools are, and single addresses."""

from __future__ import annotations

from calico.cli import arguments
from calico.client.addresses import Addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.cli.grammar import Match
    from calico.cli.session import Session
    from calico.client.usage import Assignment
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


def show(found: Match, session: Session) -> int:
    """Print how full the pools are, or every assigned address."""
    from calico.client.usage import Usage

    usage = Usage(session.datastore)
    form = arguments.form(found)
    if found.flag("--addresses"):
        assigned = usage.addresses()
        if form != "table":
            return _print(session, [_assignment(each) for each in assigned], form)
        rows = [(each.address, each.node, each.endpoint, _notes(each.attributes)) for each in assigned]
        session.out.table(["Address", "Node", "Endpoint", "Attributes"], rows)
        return 0
    pools = usage.pools()
    if form != "table":
        data = [{"pool": pool.cidr or None, "used": pool.used, "free": pool.free} for pool in pools]
        return _print(session, data, form)
    session.out.table(
        ["Pool", "Used", "Free"], [(pool.cidr or "(no pool)", str(pool.used), str(pool.free)) for pool in pools]
    )
    return 0


def _assignment(assigned: Assignment) -> dict[str, object]:
    return {
        "address": assigned.address,
        "node": assigned.node or None,
        "endpoint": assigned.endpoint or None,
        "handle": assigned.attributes.handle,
        "attributes": dict(assigned.attributes.secondary),
    }


def _notes(attributes: Attributes) -> str:
    notes = [f"{name}={value}" for name, value in attributes.secondary]
    return ", ".join([f"handle={attributes.handle}"] * (attributes.handle is not None) + notes)


def _print(session: Session, data: object, form: str) -> int:
    from calico.cli import documents

    return documents.print_data(session, data, form)


def _print_data(session: Session, address: str, attributes: Attributes | None, form: str) -> int:
    data: dict[str, object] = {"address": address, "assigned": attributes is not None}
    if attributes is not None:
        data |= {"handle": attributes.handle, "attributes": dict(attributes.secondary)}
    return _print(session, data, form)


USAGES = {
    "ipam show [--addresses] [-o <FORMAT>]": show,
    "ipam release <IP>": release,
    "ipam info <IP> [-o <FORMAT>]": info,
}

NOTES = """\
'show' prints how many addresses of each pool are assigned and free; (no pool) stands for those whose pool is gone.
An assigned address without an endpoint is one that nobody uses, or that is just being given out.
'release' is for addresses that nobody uses any more: the next container may be given the same one.

Options:
  --addresses  Show every assigned address, its node, its endpoint and what was noted about it.
  -o <FORMAT>  table, yaml or json (default: table). As a table, 'info' prints one line.
"""
