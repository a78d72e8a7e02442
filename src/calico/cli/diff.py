"""``calicoctl diff``: what ``apply`` would change."""

from __future__ import annotations

from calico.cli import documents
from calico.cli.output import BOLD, CYAN, GREEN, RED
from calico.client.policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.cli.grammar import Match
    from calico.cli.session import Session

DIFFERENT = 1
_STYLES = {"---": BOLD, "+++": BOLD, "@@ ": CYAN}
_SIGNS = {"+": GREEN, "-": RED}


def show(found: Match, session: Session) -> int:
    """Print the difference between the datastore and a file; the exit code says whether there is one."""
    plan = Policy(session.datastore).plan_apply(documents.read_documents(found, session))
    for line in documents.change_lines(plan):
        session.out.line(line, _STYLES.get(line[:3]) or _SIGNS.get(line[:1], ""))
    return DIFFERENT if plan.effective else 0


USAGES = {"diff -f <FILE>": show}

NOTES = """\
Prints what 'apply' would change, as a unified difference of documents.

Exits with 0 when there is no difference, with 1 when there is one, and with 2 when something is wrong.

Options:
  -f <FILE>  The file with the documents; - is standard input.
"""
