"""``calicoctl confirm``: keeps a change that waits for confirmation, or takes it back."""

from __future__ import annotations

from calico.client.confirmations import Confirmations
from calico.client.pending import CONFIRMED
from calico.model.errors import NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.cli.grammar import Match
    from calico.cli.session import Session
    from calico.client.confirmations import Undone
    from calico.client.pending import Outcome


def confirm(_found: Match, session: Session) -> int:
    """Keep the change for good."""
    confirmations = Confirmations(session.datastore)
    try:
        pending = confirmations.confirm()
    except NotFoundError as error:
        outcome = confirmations.outcome()
        if outcome is not None and outcome.outcome == CONFIRMED:
            session.out.line(f"{error} {ended(outcome)}")
            return 0
        raise NotFoundError(f"{error} {ended(outcome)}".strip()) from None
    session.out.line(f"Confirmed: {', '.join(pending.things)}")
    return 0


def undo(_found: Match, session: Session) -> int:
    """Take the change back at once."""
    confirmations = Confirmations(session.datastore)
    try:
        undone = confirmations.undo()
    except NotFoundError as error:
        raise NotFoundError(f"{error} {ended(confirmations.outcome())}".strip()) from None
    return print_undone(session, undone)


def show(_found: Match, session: Session) -> int:
    """Print which change waits, and until when."""
    confirmations = Confirmations(session.datastore)
    pending = confirmations.current()
    if pending is None or not pending.armed:
        session.out.line(f"No change waits for confirmation. {ended(confirmations.outcome())}".strip())
        return 0
    left = max(pending.deadline - session.machine.time_of_day(), 0)
    session.out.line(f"A change made from {pending.host} is taken back in {left:.0f} s unless it is confirmed:")
    for thing in pending.things:
        session.out.line(f"  {thing}")
    return 0


def print_undone(session: Session, undone: Undone) -> int:
    """Say what was taken back; the exit code: what others have changed since is left, and is not as it was before."""
    if undone.restored:
        session.out.line(f"Taken back: {', '.join(undone.restored)}")
    if undone.left:
        session.out.error(f"Left because others have changed it since: {', '.join(undone.left)}")
    return 1 if undone.left else 0


def ended(outcome: Outcome | None) -> str:
    """How the last change ended, as a sentence; nothing when none ever waited."""
    if outcome is None:
        return ""
    from time import localtime, strftime

    left = f"; left because others had changed it: {', '.join(outcome.left)}" if outcome.left else ""
    return f"The last one was {outcome.outcome} at {strftime('%H:%M:%S', localtime(outcome.at))}{left}."


USAGES = {"confirm": confirm, "confirm undo": undo, "confirm show": show}

NOTES = """\
'apply --confirm=60s' makes a change that is taken back after that time. 'confirm' keeps it; 'confirm undo' takes it
back at once; 'confirm show' prints what waits and for how long.

Taking back never overwrites what somebody else has changed meanwhile: that is left as it is, and named.
"""
