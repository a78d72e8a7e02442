"""``calicoctl pool``: the ranges that addresses come from."""

from __future__ import annotations

from calico.cli import arguments
from calico.client.host_networks import find_overlap
from calico.client.pools import Pools
from calico.model.errors import ApplyError, NotFoundError, ValidationError
from calico.model.net import canonical_address, parse_network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from calico.cli.grammar import Match
    from calico.cli.session import Session
    from calico.model.values import IPPool


def add(found: Match, session: Session) -> int:
    """Add pools; a CIDR that is a pool already gets these options."""
    cidrs = [str(arguments.network(text)) for text in found.values("CIDR")]
    ipip = _tunnel(found, session)
    added = Pools(session.datastore).add(cidrs, ipip=ipip, masquerade=found.flag("--nat-outgoing"))
    _warn(session, added, ipip=ipip)
    return 0


def add_range(found: Match, session: Session) -> int:
    """Add the pools that hold exactly the addresses of a range."""
    start, end = _end_of_range(found, "START_IP"), _end_of_range(found, "END_IP")
    ipip = _tunnel(found, session)
    added = Pools(session.datastore).add_range(start, end, ipip=ipip, masquerade=found.flag("--nat-outgoing"))
    _warn(session, added, ipip=ipip)
    return 0


def remove(found: Match, session: Session) -> int:
    """Remove pools; addresses in use stay with their containers."""
    networks = [arguments.network(text) for text in found.values("CIDR")]
    pools = Pools(session.datastore)
    for network in networks:
        try:
            pools.remove(str(network))
        except NotFoundError as error:
            session.out.line(str(error))
    return 0


def show(found: Match, session: Session) -> int:
    """Print the pools and their options, a table for each IP version."""
    form = arguments.form(found)
    if form != "table":
        from calico.cli import documents

        return documents.show(
            session, ("pool",), form, lambda document: documents.is_of_version(found, document.label)
        )
    pools = Pools(session.datastore)
    for version, other in ((4, "--ipv6"), (6, "--ipv4")):
        if not found.flag(other):
            column = f"IPv{version} CIDR"
            rows = [(pool.cidr, _options(pool) if version == 4 else "") for pool in pools.list(version)]
            session.out.table([column, "Options"], rows, sort_by=column)
    return 0


def _tunnel(found: Match, session: Session) -> bool:
    """Whether the pool is to have IP-in-IP; a tunnel that cannot come about is refused before anything is stored."""
    if found.flag("--vxlan"):
        raise ApplyError(
            "--vxlan is not possible: calico-node makes no VXLAN tunnels between hosts yet; add the pool without it"
        )
    if found.flag("--ipip") and not session.machine.has_module("ipip"):
        raise ApplyError(
            "--ipip is not possible: this host's kernel has no IP-in-IP; if it is a module that is not installed "
            "under /lib/modules, load it with 'modprobe ipip', or add the pool without --ipip"
        )
    return found.flag("--ipip")


def _warn(session: Session, added: Iterable[IPPool], *, ipip: bool) -> None:
    """Tell what these pools may not be good for; other hosts may have more use for them than this one."""
    if ipip:
        session.out.error(
            "WARNING: calico-node makes no IP-in-IP tunnels between hosts yet: the option is kept, and has no effect."
        )
    occupied = session.machine.networks()
    for pool in added:
        overlap = find_overlap(parse_network(pool.cidr), occupied)
        if overlap is not None:
            session.out.error(
                f"WARNING: pool {pool.cidr} overlaps a network of this host ({overlap}): containers here may get "
                "addresses of other machines; unless it is for other hosts only, remove it and add another one."
            )


def _end_of_range(found: Match, name: str) -> str:
    try:
        return canonical_address(found.value(name))
    except ValidationError as error:
        raise ValidationError(f"Invalid {name} specified. {error}") from None


def _options(pool: IPPool) -> str:
    return ",".join([*["ipip"] * (pool.ipip is not None), *["nat-outgoing"] * pool.masquerade])


USAGES = {
    "pool add <CIDR>... [--ipip | --vxlan] [--nat-outgoing]": add,
    "pool remove <CIDR>...": remove,
    "pool range add <START_IP> <END_IP> [--ipip | --vxlan] [--nat-outgoing]": add_range,
    "pool show [--ipv4 | --ipv6] [-o <FORMAT>]": show,
}

NOTES = """\
A pool holds at least one block: 64 addresses, /26 in IPv4 and /122 in IPv6. Pools do not overlap.

Options:
  --ipip          Traffic between hosts goes through an IP-in-IP tunnel (IPv4). The kernel must have it.
                  Kept for later only: calico-node makes no tunnels between hosts yet.
  --vxlan         Traffic between hosts goes through a VXLAN tunnel. Refused: calico-node makes none yet.
  --nat-outgoing  Traffic to destinations outside all pools leaves with the host's address (IPv4).
  --ipv4          Show IPv4 pools only.
  --ipv6          Show IPv6 pools only.
  -o <FORMAT>     table, yaml or json (default: table); what is not a table can be given to 'calicoctl apply'.
"""
