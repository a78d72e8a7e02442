"""``calicoctl node``: takes this host into the datastore, starts the agent ``calico-node``, stops it, takes it out.

Starting returns when Docker can use the plugin and the kernel has all policy; when that does not come about,
the agent that was started is ended again. Stopping leaves all policy in the kernel. Removing takes everything
of this host out of its kernel first, then out of the datastore: an address is free only when nothing has it.
"""

from __future__ import annotations

from pathlib import Path

from calico.cli import arguments
from calico.cli.peers import OWN
from calico.client.nodes import Nodes
from calico.model.errors import ApplyError, CalicoError, InUseError, UnavailableError, ValidationError
from calico.model.names import validate_node_name
from calico.model.net import address_of, canonical_address, parse_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from calico.cli.grammar import Match
    from calico.cli.machine import AgentProcess, Machine
    from calico.cli.session import Session
    from calico.client.nodes import NodeRecord
    from calico.linux.addresses import Address

LOG_DIR = "/var/log/calico"
START_SECONDS = 30.0
STOP_SECONDS = 30.0
PID_SECONDS = 2.0
POLL_SECONDS = 0.05

_NOT_THE_HOST = ("docker", "br-", "cbr", "virbr", "lxcbr", "veth", "cali", "tunl")
"""Beginnings of the names of interfaces that belong to containers and virtual machines."""

_FATAL = "calico-node: "
_ERROR_LEVELS = (" ERROR ", " CRITICAL ")
_REASON_LENGTH = 500


class _Request:
    """What the options of ``node`` ask for, checked. Addresses are empty when not given."""

    def __init__(self, found: Match) -> None:
        self._faults: list[str] = []
        self.ipv4 = self._address(found.option("--ip") or "", 4, "--ip")
        self.ipv6 = self._address(found.option("--ip6") or "", 6, "--ip6")
        self.as_number = self._as_number(found.option("--as") or "")
        self.log_dir = Path(found.option("--log-dir") or LOG_DIR)
        self.detach = self._one_of(
            found.option("--detach") or "true", ("true", "false"), "Valid values for --detach are 'true' and 'false'"
        )
        self.runtime = self._one_of(
            found.option("--runtime") or "process", ("process", "none"), "Runtime must be 'process' or 'none'."
        )
        if self._faults:
            raise ValidationError(" ".join(self._faults))

    def _address(self, text: str, version: int, option: str) -> str:
        try:
            return canonical_address(text, version) if text else ""
        except ValidationError:
            self._faults.append(f"Invalid IPv{version} address specified with {option} argument.")
            return ""

    def _as_number(self, text: str) -> int | None:
        try:
            return arguments.as_number(text) if text else None
        except ValidationError as error:
            self._faults.append(str(error))
            return None

    def _one_of(self, text: str, values: tuple[str, ...], fault: str) -> str:
        if text not in values:
            self._faults.append(fault)
        return text


def start(found: Match, session: Session) -> int:
    """Register this host and, unless told not to, run the agent."""
    session.require_root()
    request = _Request(found)
    _register(request, session)
    if request.runtime == "none":
        return 0
    machine = session.machine
    pid = _running_pid(machine)
    if pid is not None:
        _wait_ready(machine, None)
        session.out.line(f"Calico node is already running with pid: {pid}")
        return 0
    session.out.doing("Starting calico-node")
    if request.detach == "false":
        session.close()
        session.out.flush()
        session.out.end_progress()
        machine.become_agent()
    session.out.line(f"Calico node is running with pid: {_start_agent(machine, request.log_dir)}")
    return 0


def stop(found: Match, session: Session) -> int:
    """End the agent; containers keep their policy and their connections."""
    session.require_root()
    pid = _running_pid(session.machine)
    if pid is None:
        session.out.line("Calico node is not running.")
        return 0
    if _has_endpoints(session, found.flag("--force")):
        if not found.flag("--force"):
            raise ApplyError(
                "Current host has active endpoints so can't be stopped.  Force with --force. Note that containers "
                "keep their policy and their connections, but none can be attached or removed until the node is "
                "started again."
            )
        session.out.paragraph(
            "Stopping node while host has active endpoints.  If this in error, restart the node using the "
            "'calicoctl node' command."
        )
    session.out.doing("Stopping calico-node")
    _end(session.machine, pid)
    session.out.line("Node stopped")
    return 0


def remove(found: Match, session: Session) -> int:
    """Take a host out of service: this one, or one that is gone for good."""
    host = validate_node_name(found.option("--hostname") or session.node)
    endpoints = found.flag("--remove-endpoints")
    try:
        if host == session.node:
            _clean_kernel(session, endpoints=endpoints)
        known = Nodes(session.datastore).remove(host, endpoints=endpoints)
    except InUseError as error:
        raise InUseError(
            f"{error} Force with --remove-endpoints. Note that their containers then lose the network, and their "
            "addresses become free for others."
        ) from None
    session.out.line("Node configuration removed" if known else f"Node {host} is not registered.")
    return 0


def _clean_kernel(session: Session, *, endpoints: bool) -> None:
    """Take everything of ours out of this host's kernel, once it is sure that the host may go."""
    session.require_root()
    if _running_pid(session.machine) is not None:
        raise ApplyError(
            "The node cannot be removed while it is running.  Please run 'calicoctl node stop' to stop the node "
            "before removing it."
        )
    Nodes(session.datastore).check_removable(session.node, endpoints=endpoints)
    session.machine.clean_kernel()


def show(found: Match, session: Session) -> int:
    """Print all registered hosts, how they are reached, and their own peers."""
    form = arguments.form(found)
    if form != "table":
        from calico.cli import documents

        return documents.print_data(session, [_data(record) for record in Nodes(session.datastore).records()], form)
    headers = ["Hostname", "Bird IPv4", "Bird IPv6", "AS Num", "BGP Peers v4", "BGP Peers v6"]
    rows = [_row(record) for record in Nodes(session.datastore).records()]
    session.out.table(headers, rows, sort_by="Hostname")
    return 0


def _data(record: NodeRecord) -> dict[str, object]:
    return {
        "host": record.host,
        "ipv4": record.ipv4 or None,
        "ipv6": record.ipv6 or None,
        "as": record.as_number,
        "as-inherited": record.inherited,
        "peers": [{"address": peer.address, "as": peer.as_number} for peer in record.peers],
    }


def _row(record: NodeRecord) -> tuple[str | tuple[str, ...], ...]:
    peers = {
        version: tuple(
            f"{peer.address} as {peer.as_number}" for peer in record.peers if (":" in peer.address) == (version == 6)
        )
        for version in (4, 6)
    }
    as_number = f"{record.as_number} (inherited)" if record.inherited else record.as_number
    return record.host, record.ipv4, record.ipv6, as_number, peers[4], peers[6]


def _register(request: _Request, session: Session) -> None:
    """Write this host into the datastore, after the checks that need the host itself."""
    node, machine, nodes = session.node, session.machine, Nodes(session.datastore)
    own = machine.addresses()
    for version in (4, 6):
        machine.enable_forwarding(version)
    ipv4 = request.ipv4
    if not ipv4:
        ipv4 = _detect(own)
        session.out.line(f"No IP provided. Using detected IP: {ipv4}")
    for address in filter(None, (ipv4, request.ipv6)):
        if not _is_own(address, own):
            version, _ = parse_address(address)
            session.out.error(
                f"WARNING: Could not confirm that the provided IPv{version} address is assigned to this host."
            )
    warning = nodes.hostname_warning(node, ipv4)
    if warning and machine.agent.pid() is None:
        session.out.error(warning)
    pools = nodes.register(node, ipv4, request.ipv6, as_number=request.as_number, occupied=machine.networks())
    for pool in pools:
        if pool.notice:
            session.out.line(pool.notice)


def _detect(own: Iterable[Address]) -> str:
    """The address by which other hosts most likely know this one: the last that is not of a container's kind."""
    found = [
        address_of(address.cidr)
        for address in own
        if ":" not in address.cidr and address.scope == "global" and not address.device.startswith(_NOT_THE_HOST)
        and address.device != "lo"
    ]  # fmt: skip
    if not found:
        raise ValidationError(
            "Couldn't autodetect a management IP address. Please provide an IP by rerunning the command with the "
            "--ip=<IP_ADDRESS> flag."
        )
    return found[-1]


def _is_own(address: str, own: Iterable[Address]) -> bool:
    return any(address_of(each.cidr) == address for each in own if each.device != "docker0")


def _running_pid(machine: Machine) -> int | None:
    """The agent's process; ``None`` when there is none. One that is just starting is given time to say its pid."""
    end = machine.now() + PID_SECONDS
    pid = machine.agent.pid()
    while pid == 0:
        if machine.now() >= end:
            raise UnavailableError("calico-node is starting and has not said its pid; try again")
        machine.sleep(POLL_SECONDS)
        pid = machine.agent.pid()
    return pid


def _start_agent(machine: Machine, log_dir: Path) -> int:
    """Start the agent and wait until it serves; its pid. When it does not come to that, nothing is left running."""
    process = machine.start_agent(log_dir)
    try:
        _wait_ready(machine, process)
    except BaseException:
        process.end()
        raise
    return process.pid


def _wait_ready(machine: Machine, process: AgentProcess | None) -> None:
    """Wait until the agent serves Docker and the kernel has all policy; ``process`` is it when it is our child."""
    end = machine.now() + START_SECONDS
    state = "it does not answer"
    while machine.now() < end:
        if process is not None and process.exit_code() is not None:
            raise ApplyError(f"calico-node ended with exit code {process.exit_code()}: {_reason(process)}")
        try:
            status = machine.agent.status(end - machine.now())
        except UnavailableError:
            status = None
        if status is not None and (process is None or status.pid == process.pid):
            if status.ready:
                return
            in_sync = "in sync" if status.in_sync else "not in sync"
            state = status.last_error or f"the plugin is {status.plugin}, the kernel is {in_sync}"
        machine.sleep(POLL_SECONDS)
    reason = state if process is None else f"{state}; its log ends with: {_reason(process)}"
    raise UnavailableError(f"calico-node was not ready within {START_SECONDS:g} s: {reason}")


def _reason(process: AgentProcess) -> str:
    """The last line of the log that tells of an error, or else its last line."""
    lines = [line.strip() for line in process.log_text().splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(_FATAL) or any(level in line for level in _ERROR_LEVELS)]
    return (errors or lines or ["it wrote nothing to its log"])[-1][:_REASON_LENGTH]


def _has_endpoints(session: Session, force: bool) -> bool:
    try:
        return bool(Nodes(session.datastore).endpoints(session.node))
    except CalicoError as error:
        if force:
            return False  # asked to stop whatever there is, so what cannot be known does not matter
        raise UnavailableError(f"{error}; to stop the node without knowing its endpoints, use --force") from None


def _end(machine: Machine, pid: int) -> None:
    """Ask the agent to end and wait until it has."""
    end = machine.now() + STOP_SECONDS
    machine.terminate(pid)
    while machine.agent.pid() == pid:
        if machine.now() >= end:
            raise UnavailableError(
                f"calico-node (pid {pid}) did not end within {STOP_SECONDS:g} s; if it hangs: kill -9 {pid}"
            )
        machine.sleep(POLL_SECONDS)


_START = (
    "node [--ip=<IP>] [--ip6=<IP6>] [--as=<ASN>] [--log-dir=<DIR>] [--detach=<BOOL>] [--libnetwork] [--runtime=<RT>]"
)

USAGES = {
    _START: start,
    "node stop [--force]": stop,
    "node remove [--remove-endpoints] [--hostname=<HOSTNAME>]": remove,
    "node show [-o <FORMAT>]": show,
    "node bgp peer add <PEER_IP> as <AS_NUM>": OWN.add,
    "node bgp peer remove <PEER_IP>": OWN.remove,
    "node bgp peer show [--ipv4 | --ipv6] [-o <FORMAT>]": OWN.show,
}

NOTES = """\
'node' registers this host and starts calico-node; it returns when Docker can use the plugin and the kernel has all
policy. 'node stop' ends calico-node; policy stays in force.

'node remove' takes a host out of service: its endpoints, their addresses, its claims on address blocks, its BGP
settings. Of this host, whose calico-node must be stopped, it first takes all that calico-node made out of the
kernel; for a host that is gone, give --hostname from any other. 'node show' prints all registered hosts.
'node bgp peer' is about routers that this host alone exchanges routes with; see 'calicoctl bgp --help'.

Options:
  --ip=<IP>              IPv4 address of this host towards other hosts (default: detected).
  --ip6=<IP6>            IPv6 address of this host towards other hosts (default: none).
  --as=<ASN>             AS number of this host, such as 64511 or 1.10 (default: the global one).
  --log-dir=<DIR>        Folder of calico-node's log (default: /var/log/calico).
  --detach=<BOOL>        true: run in the background; false: run here until interrupted (default: true).
  --libnetwork           Serve Docker as a network plugin; calico-node always does.
  --runtime=<RT>         process: run calico-node; none: only register this host (default: process).
  --force                Stop although containers on this host use Calico.
  --remove-endpoints     Remove a host that has endpoints; their containers lose the network.
  --hostname=<HOSTNAME>  The host to remove (default: this one). Its calico-node must not run.
  --ipv4                 Show IPv4 peers only.
  --ipv6                 Show IPv6 peers only.
  -o <FORMAT>            Show as table, yaml or json (default: table).
"""
