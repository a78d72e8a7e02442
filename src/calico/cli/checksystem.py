"""``calicoctl checksystem``: whether this host has what calico-node needs."""

from __future__ import annotations

from calico.client.checks import OK, check, is_fit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.cli.grammar import Match
    from calico.cli.session import Session


def check_system(found: Match, session: Session) -> int:
    """Look at this host; say what is in the way, and what to do about it."""
    session.require_root()
    if found.flag("--fix"):
        session.out.error("WARNING: Deprecated flag --fix: checksystem no longer fixes detected issues")
    facts = session.machine.facts(session.node, lambda: session.datastore)
    findings = check(facts, libnetwork=found.flag("--libnetwork"))
    for finding in findings:
        if finding.level != OK:
            session.out.error(str(finding))
        elif found.flag("--verbose"):
            session.out.line(str(finding))
    return 0 if is_fit(findings) else 1


USAGES = {"checksystem [--fix] [--libnetwork] [--verbose]": check_system}

NOTES = """\
Prints nothing and exits with 0 when all is well. A line that begins with WARNING is worth knowing; one that begins
with ERROR is in the way, and makes the exit code 1. Each says what to do. Nothing on this host is changed: what the
kernel can do is tried out in a network namespace of its own.

What is looked at:
  kernel     nftables, conntrack and NAT (calico's own table is made and taken away), veth, forwarding, rp_filter,
             whether /proc/sys can be written
  firewalls  rules that another Calico left behind, ufw, firewalld
  Docker     whether it answers, its API (1.21 or newer), and, while calico-node runs, its chain DOCKER-USER
  calico     whether calico-node is well and its plugin socket answers, whether the datastore can be read and written
  etcd       its version (3.4.0 or newer), where the datastore is etcd
  BIRD       whether it is installed, where hosts form a BGP mesh or there are BGP peers

Options:
  --verbose     Print what is well, too.
  --libnetwork  Say it by name when Docker is too old for network plugins.
  --fix         Accepted and without effect.
"""
