"""``calicoctl diags``: collects what somebody needs to find a fault into one file on this host."""

from __future__ import annotations

from pathlib import Path

from calico.client.diags import collect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.cli.grammar import Match
    from calico.cli.session import Session

LOG_DIR = "/var/log/calico"


def collect_diags(found: Match, session: Session) -> int:
    """Collect, and say where the file is."""
    session.require_root()
    machine, out = session.machine, session.out
    log_dir = Path(found.option("--log-dir") or LOG_DIR)
    out.line("Collecting diags")
    folder = machine.make_folder()
    out.line(f"Using temp dir: {folder}")
    archive = collect(folder, machine.collectors(lambda: session.datastore), log_dir, machine.today(), out.line)
    out.line()
    out.line(f"Diags saved to {archive}")
    return 0


USAGES = {"diags [--log-dir=<DIR>]": collect_diags}

NOTES = """\
The file stays on this host, readable by root alone; nothing is sent anywhere. What cannot be collected is said, and
the rest is collected all the same.

In it: date, host name, versions, the environment of calicoctl, the state of calico-node, sockets (netstat), routes,
rules and neighbours (route), interfaces (links), the nft ruleset, iptables, kernel settings (sysctl), Docker's
version, state, networks and containers (docker), the logs, and all of the datastore.

Passwords in URLs, and values whose name says that they are secret, are masked. Read the files before you give them
to anybody: names, labels and addresses of containers are in them.

Options:
  --log-dir=<DIR>  Folder of calico-node's log (default: /var/log/calico).
"""
