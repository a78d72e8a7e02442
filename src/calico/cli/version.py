"""``calicoctl version``."""

from __future__ import annotations

from calico import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.cli.grammar import Match
    from calico.cli.session import Session


def show(_match: Match, session: Session) -> int:
    """Print the version of this program."""
    session.out.line(__version__)
    return 0


USAGES = {"version": show}
NOTES = "Prints the version of calicoctl.\n"
