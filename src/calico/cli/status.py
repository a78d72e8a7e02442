"""``calicoctl status``: whether the agent of this host runs, and how it fares."""

from __future__ import annotations

from calico.cli import arguments
from calico.client.bgp import BGP
from calico.client.nodes import Nodes
from calico.model.errors import UnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.cli.grammar import Match
    from calico.cli.output import Output
    from calico.cli.session import Session
    from calico.client.agent import AgentStatus


def show(found: Match, session: Session) -> int:
    """Print the state of the agent and of routing."""
    form = arguments.form(found)
    agent = session.machine.agent
    if agent.pid() is None:
        raise UnavailableError("calico-node is not running")
    session.require_root()
    status = agent.status()
    if status is None:
        raise UnavailableError("calico-node is starting, or ending: it does not answer yet")
    if form != "table":
        return _print_data(session, status, form)
    _print_agent(session.out, status)
    for version in (4, 6):
        session.out.line()
        _print_routing(session, version)
    session.out.line()
    return 0


def _print_data(session: Session, status: AgentStatus, form: str) -> int:
    """Print what the agent says of itself, under its own names, and how this node takes part in routing."""
    from calico.cli import documents

    nodes, routing = Nodes(session.datastore), BGP(session.datastore)
    own = routing.own_as_number(session.node)
    data: dict[str, object] = {name: getattr(status, name) for name in status.__match_args__}
    data["routing"] = {
        "ipv4": nodes.address(session.node, 4) or None,
        "ipv6": nodes.address(session.node, 6) or None,
        "as": own or routing.default_as_number(),
        "as-inherited": own is None,
    }
    return documents.print_data(session, data, form)


def _print_agent(out: Output, status: AgentStatus) -> None:
    in_sync = "in sync" if status.in_sync else "not in sync"
    out.line(f"calico-node is running. Status: Up {_duration(int(status.uptime))} (pid {status.pid})")
    out.line(f"Running calico-node version {status.version} as node {status.node}")
    out.line(f"Docker plugin: {status.plugin}")
    out.line(f"Datastore: {status.datastore} ({status.datastore_status}, revision {status.revision})")
    out.line(f"Kernel: {in_sync}, repaired {status.repairs} times")
    out.line(f"Endpoints: {status.endpoints_up} up, {status.endpoints_down} down")
    if status.last_error:
        out.line(f"Last error: {status.last_error}")


def _print_routing(session: Session, version: int) -> None:
    session.out.line(f"IPv{version} BGP status")
    address = Nodes(session.datastore).address(session.node, version)
    if not address:
        session.out.line(f"No IPv{version} address configured.")
        return
    session.out.line(f"IP: {address}    AS Number: {_as_number(session)}")
    session.out.line("BGP is not in use.")


def _as_number(session: Session) -> str:
    routing = BGP(session.datastore)
    return routing.own_as_number(session.node) or f"{routing.default_as_number()} (inherited)"


def _duration(seconds: int) -> str:
    """A time span in the words that Docker uses for its containers."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 60:
        return "Less than a second" if seconds < 1 else "1 second" if seconds == 1 else f"{seconds} seconds"
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    return f"{days} days" if days < 14 else f"{days // 7} weeks"


USAGES = {"status [-o <FORMAT>]": show}

NOTES = """\
Exits with 1 when calico-node does not run on this host.

Options:
  -o <FORMAT>  table, yaml or json (default: table). As a table it is text.
"""
