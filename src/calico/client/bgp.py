"""Routing between hosts: AS numbers, the mesh of all nodes, and other routers to exchange routes with.

peer       a router outside the mesh: one for every node (global), or one of a single node's own
mesh       every node exchanges routes with every other; on unless it was switched off
AS number  a node's own, else the global one, else 64511
"""

from __future__ import annotations

import time

from calico.client.store import Clock, Store, Transaction
from calico.datastore.api import DEFAULT_TIMEOUT, Datastore
from calico.model.as_number import LARGEST_AS_NUMBER
from calico.model.errors import ValidationError
from calico.model.keys import BGP as BGP_PATH
from calico.model.keys import BGPConfigKey, BGPPeerKey
from calico.model.names import validate_node_name
from calico.model.net import canonical_address, parse_address
from calico.model.values import DEFAULT_AS_NUMBER, NO_EXTRA, BGPPeer, NodeMesh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

_MESH = BGPConfigKey("", "node_mesh")
_AS_NUMBER = "as_num"


class BGP:
    """The routing settings of the datastore. An empty ``host`` stands for all nodes."""

    def __init__(
        self, datastore: Datastore, timeout: float = DEFAULT_TIMEOUT, *, clock: Clock = time.monotonic
    ) -> None:
        self._store = Store(datastore, timeout, clock=clock)

    def peers(self, version: int, host: str = "") -> tuple[BGPPeer, ...]:
        """The global peers, or those of ``host`` alone, with addresses of one IP version, lowest address first."""
        scope = f"host/{validate_node_name(host)}" if host else "global"
        found = self._store.list(f"{BGP_PATH}/{scope}/peer_v{version}", BGPPeerKey, BGPPeer)
        return tuple(sorted((entry.value for entry in found), key=lambda peer: parse_address(peer.address)))

    def add_peer(self, address: str, as_number: int, host: str = "") -> None:
        """Exchange routes with the router at ``address``; one that is a peer already gets this AS number."""
        _check_as_number(as_number)
        key = _peer_key(host, address)

        def write(transaction: Transaction) -> None:
            present = _understood(lambda: transaction.get(key, BGPPeer))
            transaction.put(key, BGPPeer(key.address, as_number, present.extra if present else NO_EXTRA))

        self._store.run(write)

    def remove_peer(self, address: str, host: str = "") -> bool:
        """Exchange no more routes with a router; whether it was a peer."""
        key = _peer_key(host, address)

        def write(transaction: Transaction) -> bool:
            if not transaction.exists(key):
                return False
            transaction.delete(key)
            return True

        return self._store.run(write)

    def node_mesh(self) -> bool:
        """Whether every node exchanges routes with every other."""
        mesh = self._store.get(_MESH, NodeMesh)
        return mesh is None or mesh.enabled

    def set_node_mesh(self, *, enabled: bool) -> None:
        """Switch the mesh of all nodes on or off."""

        def write(transaction: Transaction) -> None:
            present = _understood(lambda: transaction.get(_MESH, NodeMesh))
            transaction.put(_MESH, NodeMesh(enabled, present.extra if present else NO_EXTRA))

        self._store.run(write)

    def default_as_number(self) -> str:
        """The AS number of nodes that have none of their own."""
        return self._store.get(BGPConfigKey("", _AS_NUMBER), str) or str(DEFAULT_AS_NUMBER)

    def set_default_as_number(self, number: int) -> None:
        """Give every node without an AS number of its own this one."""
        _check_as_number(number)
        self._store.run(lambda transaction: transaction.put(BGPConfigKey("", _AS_NUMBER), str(number)))

    def own_as_number(self, host: str) -> str | None:
        """The AS number that a node has of its own."""
        return self._store.get(BGPConfigKey(validate_node_name(host), _AS_NUMBER), str) or None


def _peer_key(host: str, address: str) -> BGPPeerKey:
    return BGPPeerKey(validate_node_name(host) if host else "", canonical_address(address))


def _check_as_number(number: int) -> None:
    if not 0 <= number <= LARGEST_AS_NUMBER:
        raise ValidationError(f"AS number {number} is not valid: use 0 to {LARGEST_AS_NUMBER}")


def _understood(read: Callable[[], T | None]) -> T | None:
    """What is there already; nothing when it cannot be understood, for then it is only to be replaced."""
    try:
        return read()
    except ValidationError:
        return None
