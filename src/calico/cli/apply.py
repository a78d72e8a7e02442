"""``calicoctl apply``: makes everything as the documents of a file say, for good or until it is not confirmed."""

from __future__ import annotations

from calico.cli import documents
from calico.cli.confirm import print_undone
from calico.client.confirmations import Confirmations
from calico.client.documents import PoolDocument
from calico.client.pending import CONFIRMED
from calico.client.policy import Policy
from calico.model.errors import ApplyError, NotFoundError, ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.cli.grammar import Match
    from calico.cli.session import Session
    from calico.client.pending import Outcome, Pending
    from calico.client.plan import Plan

_UNITS = {"s": 1, "m": 60, "h": 3600}
_STEP = 1.0
_COMMAND = "calicoctl confirm"


def apply(found: Match, session: Session) -> int:
    """Create and change what differs from the file, all or nothing."""
    seconds = _seconds(found.option("--confirm"))
    read = documents.read_documents(found, session)
    policy = Policy(session.datastore)
    if found.flag("--dry-run"):
        plan = policy.plan_apply(read)
        _check_tunnels(plan, session)
        documents.print_plan(session, plan, done=False)
        return 0
    if seconds is None:
        documents.print_plan(session, policy.apply(read, lambda plan: _check_tunnels(plan, session)), done=True)
        return 0
    session.out.doing("Waiting for calico-node to watch the change")
    plan, pending = policy.apply_for(read, seconds, session.node, lambda plan: _check_tunnels(plan, session))
    documents.print_plan(session, plan, done=True)
    if pending is None:
        return 0
    if session.machine.is_interactive():
        return _ask(pending, session)
    session.out.line(f"Taken back in {seconds:g} s unless confirmed by: {_COMMAND}")
    return 0


def _seconds(text: str | None) -> float | None:
    """``90``, ``60s``, ``5m`` or ``1h`` in seconds."""
    if text is None:
        return None
    digits, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 6):
        raise ValidationError(f"--confirm={text} is not valid: use a time such as 60s, 5m or 1h")
    return float(int(digits) * _UNITS[unit])


def _check_tunnels(plan: Plan, session: Session) -> None:
    """Refuse a tunnel that cannot come about, as ``pool add`` does."""
    for change in plan.effective:
        pool, before = change.document, change.before
        if not isinstance(pool, PoolDocument) or not pool.ipip or (isinstance(before, PoolDocument) and before.ipip):
            continue
        if not session.machine.has_module("ipip"):
            raise ApplyError(f"{pool.place('ipip')}: ipip is not possible: this host's kernel has no IP-in-IP")


def _ask(pending: Pending, session: Session) -> int:
    """Wait for a person to press Enter; without, and on Ctrl-C at once, the change is taken back."""
    confirmations = Confirmations(session.datastore)
    try:
        answer = _wait_for_answer(pending, session, confirmations)
    except KeyboardInterrupt:
        answer = "no"
    finally:
        session.out.prompt("")
    try:
        if answer == "yes":
            confirmations.confirm()
            session.out.line("Confirmed.")
            return 0
        if answer == "gone":
            session.out.line(f"Nobody is at the terminal: taken back in time unless confirmed by: {_COMMAND}")
            return 0
        if answer == "late":
            session.out.error(f"Not confirmed within {pending.seconds:g} s.")
        print_undone(session, confirmations.undo(pending.revision))
    except NotFoundError:
        return _tell_outcome(session, confirmations.outcome())
    return 1


def _tell_outcome(session: Session, outcome: Outcome | None) -> int:
    """Say how a change ended that somebody else has confirmed or taken back; the exit code."""
    if outcome is not None and outcome.outcome == CONFIRMED:
        session.out.line("Confirmed elsewhere.")
        return 0
    left = f"; left because others have changed it: {', '.join(outcome.left)}" if outcome and outcome.left else ""
    session.out.error(f"Not confirmed: taken back{left}.")
    return 1


def _wait_for_answer(pending: Pending, session: Session, confirmations: Confirmations) -> str:
    """``yes`` or ``no``; ``late`` when time is up, ``gone`` when nobody can answer any more."""
    machine = session.machine
    end = machine.now() + pending.seconds
    machine.forget_typed()
    while (left := end - machine.now()) > 0:
        session.out.prompt(f"Press Enter within {left:.0f} s to keep this, Ctrl-C to take it back now: ")
        answer = machine.wait_enter(min(left, _STEP))
        if answer is None:
            return "gone"
        if answer:
            return "yes"
        current = confirmations.current()
        if current is None or current.revision != pending.revision:
            return "yes"  # decided elsewhere: how, the answer will tell
    return "late"


USAGES = {"apply -f <FILE> [--confirm=<TIME> | --dry-run]": apply}

NOTES = """\
Profiles and pools, BGP peers and the profile lists of endpoints become as the documents of the file say, all in one
transaction or nothing at all. What the file does not mention stays. docs/policy-files.md has the form.

With --confirm the change is taken back after <TIME> unless somebody keeps it: at a terminal by pressing Enter,
otherwise with 'calicoctl confirm' from any host. calico-node takes it back, also when this command has been killed.

Options:
  -f <FILE>         The file with the documents; - is standard input.
  --confirm=<TIME>  Take the change back after this time, such as 60s or 5m, unless it is confirmed.
  --dry-run         Only say what would be done; see 'diff' for the details.

Examples:
  calicoctl apply -f web.yaml --confirm=60s
  calicoctl get | calicoctl apply -f -
"""
