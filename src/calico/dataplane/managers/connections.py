"""An address that changes hands leaves its connections behind.

The kernel accepts packets of tracked connections before policy. Were the connections of an address kept, the next
endpoint that gets it would inherit them: strangers would reach it where policy says no. So they are forgotten when an
endpoint loses an address. An address that was lost while no agent ran is a suspect: it is in tracked connections when
the agent starts and no endpoint has it; its connections are forgotten before an endpoint that gets it counts as up.
What endpoints hold when the agent starts is left alone: restarting cuts nothing.
"""

from collections.abc import Callable, Collection
from typing import Protocol

from calico.dataplane.backoff import retry_delay
from calico.dataplane.trouble import Trouble
from calico.model.keys import EndpointKey
from calico.model.net import address_of
from calico.updates import EndpointRemove, EndpointUpdate, Flushed, Update


class Tracker(Protocol):
    """What is needed of the connection tracker; see :class:`calico.linux.conntrack.ConnectionTracker`."""

    def addresses(self) -> frozenset[str]:
        """Every address that is part of a connection."""
        ...

    def forget(self, addresses: Collection[str]) -> int:
        """Delete every connection of these addresses."""
        ...


class ConnectionManager:
    """Has the connections of addresses forgotten that endpoints of this host lost or got."""

    def __init__(self, tracker: Tracker, *, retry_delay: Callable[[int], float] = retry_delay) -> None:
        self._tracker = tracker
        self._held: dict[EndpointKey, frozenset[str]] = {}
        self._lost: set[str] = set()
        self._got: set[str] = set()
        self._suspects: set[str] | None = None
        self._started = False
        self._trouble = Trouble("connections of former endpoints may still pass", retry_delay)

    def on_update(self, update: Update) -> None:
        match update:
            case EndpointUpdate(key, endpoint):
                self._hold(key, frozenset(map(address_of, endpoint.nets)))
            case EndpointRemove(key):
                self._hold(key, frozenset())
            case Flushed(in_sync=True) if not self._started:
                self._started = True
                self._lost.clear()
                self._got.clear()
            case _:
                pass

    def look(self, _now: float, *, full: bool) -> None:
        """Nothing: nobody else gives addresses to endpoints."""

    def complete(self, now: float) -> list[str]:
        """Forget; there is nothing of others to repair."""
        if self._has_work() and not self._trouble.waits(now):
            self._trouble.attempt(self._forget, now)
        return []

    def due(self) -> float | None:
        """When something that failed is to be tried again."""
        return self._trouble.due

    @property
    def fault(self) -> str:
        """Why connections of former endpoints may still pass; empty when they do not."""
        return self._trouble.fault

    def _hold(self, key: EndpointKey, addresses: frozenset[str]) -> None:
        before = self._held.pop(key, frozenset())
        if addresses:
            self._held[key] = addresses
        self._lost |= before - addresses
        self._got |= addresses - before

    def _has_work(self) -> bool:
        return self._started and (self._suspects is None or bool(self._lost or self._got & self._suspects))

    def _forget(self) -> None:
        if self._suspects is None:
            held = {address for addresses in self._held.values() for address in addresses}
            self._suspects = set(self._tracker.addresses()) - (held - self._got)
        moved = self._lost | (self._got & self._suspects)
        if moved:
            self._tracker.forget(moved)
        self._suspects -= moved
        self._lost.clear()
        self._got.clear()
