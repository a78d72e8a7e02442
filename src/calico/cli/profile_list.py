"""Changing the ordered list of profiles of one endpoint, however the endpoint was named.

``find`` gives the endpoint; it is not called when there is nothing to do.
"""

from __future__ import annotations

from calico.cli import lookup
from calico.client.endpoints import Endpoints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from calico.cli.session import Session
    from calico.client.endpoints import Found


def append(find: Callable[[], Found], texts: Sequence[str], session: Session) -> int:
    """Put profiles at the end of the list."""
    if not texts:
        session.out.paragraph("No profile specified.")
        return 0
    key, endpoint = find()
    names = lookup.profiles(texts, session)
    if Endpoints(session.datastore).append_profiles(key, names):
        session.out.paragraph(f"Profile(s) {', '.join(names)} appended.")
    else:
        present = next((name for name in endpoint.profiles if name in names), names[0])
        session.out.paragraph(f"Profile {present} is already in endpoint profile list")
    return 0


def remove(find: Callable[[], Found], texts: Sequence[str], session: Session) -> int:
    """Take profiles out of the list."""
    if not texts:
        session.out.paragraph("No profile specified.")
        return 0
    key, endpoint = find()
    names = lookup.profiles(texts, session, listed=endpoint.profiles)
    if Endpoints(session.datastore).remove_profiles(key, names):
        session.out.paragraph(f"Profile(s) {','.join(names)} removed.")
    else:
        session.out.paragraph(f"Profile {names[0]} is not in endpoint profile list.")
    return 0


def replace(find: Callable[[], Found], texts: Sequence[str], session: Session) -> int:
    """Make the list exactly these profiles."""
    key, _ = find()
    names = lookup.profiles(texts, session)
    Endpoints(session.datastore).set_profiles(key, names)
    if names:
        session.out.paragraph(f"Profile(s) set to {', '.join(names)}.")
    else:
        session.out.paragraph("Removed all profiles from endpoint.")
    return 0
