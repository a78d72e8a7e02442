"""Routers to exchange routes with, as ``calicoctl bgp peer`` and ``calicoctl node bgp peer`` show and change them."""

from __future__ import annotations

from calico.cli import arguments
from calico.client.bgp import BGP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from calico.cli.grammar import Match
    from calico.cli.session import Session
    from calico.client.documents import Document


class PeerCommands:
    """The commands on the peers of one scope.

    ``own`` says that the peers of this node alone are meant; the other texts are the words of the scope.
    """

    def __init__(self, *, own: bool, title: str, removed: str, unknown: str, empty: str) -> None:
        self._own = own
        self._title = title
        self._removed = removed
        self._unknown = unknown
        self._empty = empty

    def add(self, found: Match, session: Session) -> int:
        """Exchange routes with a router; one that is a peer already gets this AS number."""
        address = arguments.address(found.value("PEER_IP"))
        number = arguments.as_number(found.value("AS_NUM"))
        BGP(session.datastore).add_peer(address, number, self._host(session))
        return 0

    def remove(self, found: Match, session: Session) -> int:
        """Exchange routes with a router no more."""
        address = arguments.address(found.value("PEER_IP"))
        removed = BGP(session.datastore).remove_peer(address, self._host(session))
        session.out.line(self._removed if removed else self._unknown.format(address))
        return 0

    def show(self, found: Match, session: Session) -> int:
        """Print the peers, a table for each IP version."""
        form = arguments.form(found)
        if form != "table":
            return self._print_documents(found, session, form)
        peers = BGP(session.datastore)
        for version, other in ((4, "--ipv6"), (6, "--ipv4")):
            if found.flag(other):
                continue
            rows = [(peer.address, str(peer.as_number)) for peer in peers.peers(version, self._host(session))]
            if rows:
                session.out.table([f"{self._title} IPv{version} BGP Peer", "AS Num"], rows, left=True)
            else:
                session.out.line(self._empty.format(version))
                session.out.line()
        return 0

    def _print_documents(self, found: Match, session: Session, form: str) -> int:
        from calico.cli import documents
        from calico.client.documents import PeerDocument

        host = self._host(session)

        def wanted(document: Document) -> bool:
            if not isinstance(document, PeerDocument) or document.host != host:
                return False
            return documents.is_of_version(found, document.address)

        return documents.show(session, ("bgp-peer",), form, wanted)

    def _host(self, session: Session) -> str:
        return session.node if self._own else ""


GLOBAL = PeerCommands(
    own=False,
    title="Global",
    removed="BGP peer removed from global configuration",
    unknown="{} is not a globally configured peer.",
    empty="No global IPv{} BGP Peers defined.",
)
OWN = PeerCommands(
    own=True,
    title="Node specific",
    removed="BGP peer removed from node configuration",
    unknown="{} is not a configured peer for this node.",
    empty="No IPv{} BGP Peers defined for this node.",
)
