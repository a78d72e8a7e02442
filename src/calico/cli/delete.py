"""``calicoctl delete``: removes what the documents of a file are about."""

from __future__ import annotations

from calico.cli import documents
from calico.client.policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.cli.grammar import Match
    from calico.cli.session import Session


def delete(found: Match, session: Session) -> int:
    """Remove profiles, pools and peers, and take profiles off endpoints, all or nothing."""
    read = documents.read_documents(found, session)
    policy = Policy(session.datastore)
    unused = not found.flag("--no-check")
    if found.flag("--dry-run"):
        documents.print_plan(session, policy.plan_delete(read, unused=unused), done=False)
    else:
        documents.print_plan(session, policy.delete(read, unused=unused), done=True)
    return 0


USAGES = {"delete -f <FILE> [--dry-run] [--no-check]": delete}

NOTES = """\
Removes the profiles, pools and BGP peers that the file has documents of, whatever these say of them. An endpoint
ends with its container: of an endpoint's document, the profiles that it lists are taken off the endpoint's list.
All is done in one transaction or nothing is. What is not there needs not be removed.

Options:
  -f <FILE>   The file with the documents; - is standard input.
  --dry-run   Only say what would be done.
  --no-check  Remove profiles even if endpoints use them; their traffic is then dropped.
"""
