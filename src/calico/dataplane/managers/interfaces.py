"""The host's side of endpoints: when an endpoint's interface exists and is up, its settings and routes are set.

They are set again when the interface comes up once more or is made anew. A fault at one interface does not stop the
others; it is tried again, after a while and when the interface changes.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from calico.dataplane.backoff import retry_delay
from calico.dataplane.managers.routes import EndpointRoutes, RouteTable
from calico.dataplane.managers.settings import Settings, check_interface, has_ipv6, write_interface
from calico.dataplane.status import InterfaceState
from calico.linux.addresses import Address
from calico.linux.links import Link
from calico.linux.monitor import Event, LinkEvent
from calico.linux.netlink import Lost
from calico.model.codec import INTERFACE_PREFIX
from calico.model.errors import AlreadyExistsError, CalicoError, NotFoundError
from calico.model.gateways import IPV6_GATEWAY
from calico.model.keys import EndpointKey
from calico.model.net import address_of, parse_network
from calico.updates import EndpointRemove, EndpointUpdate, Update

if TYPE_CHECKING:
    from calico.model.values import Endpoint

log = logging.getLogger(__name__)

SETTINGS_CHECKED_AT_ONCE = 64
"""Interfaces whose settings one periodic check reads; the next check goes on with the following ones."""


class LinkLister(Protocol):
    """What is needed of the host's links."""

    def list(self, prefix: str = "") -> tuple[Link, ...]:
        """All links whose name begins with ``prefix``."""
        ...


class AddressAdder(Protocol):
    """What is needed of the host's addresses."""

    def add(self, address: Address, *, nodad: bool = False) -> None:
        """Put it on its device; AlreadyExistsError when it is there. ``nodad``: no search for duplicates."""
        ...


@dataclass(frozen=True, slots=True)
class _Failure:
    """An interface that could not be set up: how often, why, and when to try again."""

    count: int
    reason: str
    due: float


class InterfaceManager:
    """Keeps the endpoints' interfaces set up, and knows of each endpoint whether its interface is."""

    def __init__(
        self,
        links: LinkLister,
        routes: RouteTable,
        addresses: AddressAdder,
        settings: Settings,
        *,
        retry_delay: Callable[[int], float] = retry_delay,
    ) -> None:
        self._links = links
        self._routes = EndpointRoutes(routes)
        self._addresses = addresses
        self._settings = settings
        self._retry_delay = retry_delay
        self._endpoints: dict[EndpointKey, Endpoint] = {}
        self._owners: dict[str, EndpointKey] = {}
        self._left: dict[str, EndpointKey] = {}  # who has just given an interface up
        self._names: dict[int, str] = {}
        self._present: dict[str, tuple[int, bool]] = {}  # index and whether it is up
        self._pending: set[str] = set()
        self._failures: dict[str, _Failure] = {}
        self._states: dict[EndpointKey, InterfaceState] = {}
        self._news: dict[EndpointKey, InterfaceState | None] = {}
        self._events_lost = False
        self._last_checked = ""
        self._repairs: list[str] = []

    def on_update(self, update: Update) -> None:
        match update:
            case EndpointUpdate(key, endpoint):
                old = self._endpoints.get(key)
                if old and old.name != endpoint.name:
                    self._remove(key)
                    old = None
                self._endpoints[key] = endpoint
                self._note_owner(endpoint.name, key)
                if old is None or old.nets != endpoint.nets:
                    # Single addresses, as in sources and tags: a wider route would draw the host's own traffic in.
                    destinations = frozenset(str(parse_network(address_of(net))) for net in endpoint.nets)
                    self._routes.claim(endpoint.name, destinations)
                    self._pending.add(endpoint.name)
            case EndpointRemove(key):
                self._remove(key)
            case _:
                pass

    def on_links(self, events: Iterable[Event]) -> None:
        """Take notice of what the kernel told about links; nothing is written yet."""
        for event in events:
            match event:
                case LinkEvent(name=name, index=index, up=up, deleted=deleted):
                    self._notice(index, None if deleted else name, up=up)
                case Lost():
                    self._events_lost = True
                case _:
                    pass

    def look(self, _now: float, *, full: bool) -> None:
        """Compare with the kernel: links and our routes, and the settings of some interfaces."""
        if not (full or self._events_lost):
            return
        try:
            self._look_at_links()
            self._repairs += self._routes.look((4, 6) if has_ipv6(self._settings) else (4,))
            self._look_at_settings()
        except CalicoError as error:
            log.warning("interfaces cannot be checked: %s", error)
        else:
            self._events_lost = False

    def complete(self, now: float) -> list[str]:
        """Bring the kernel in line; one line for each thing that somebody else had changed."""
        due = {name for name, failure in self._failures.items() if failure.due <= now}
        names, self._pending = self._pending | due, set()
        errors = {name: self._write_settings(name) for name in sorted(names)}
        for name, error in self._routes.settle().items():
            errors[name] = errors.get(name) or error
        for name, error in errors.items():
            self._conclude(name, error, now)
        self._left.clear()
        repairs, self._repairs = self._repairs, []
        return repairs

    def due(self) -> float | None:
        """When something that failed is to be tried again."""
        return min((failure.due for failure in self._failures.values()), default=None)

    @property
    def fault(self) -> str:
        """Always empty: faults here concern single endpoints, and stand in their states."""
        return ""

    def take_states(self) -> dict[EndpointKey, InterfaceState | None]:
        """The states that changed since the last call; ``None`` for an endpoint that is gone."""
        news, self._news = self._news, {}
        return news

    def _remove(self, key: EndpointKey) -> None:
        endpoint = self._endpoints.pop(key, None)
        if endpoint is None:
            return
        self._news[key] = None
        self._states.pop(key, None)
        if self._owners.get(endpoint.name) == key:
            del self._owners[endpoint.name]
            self._left[endpoint.name] = key
            self._routes.claim(endpoint.name, frozenset())
            self._failures.pop(endpoint.name, None)
            self._pending.discard(endpoint.name)

    def _note_owner(self, name: str, key: EndpointKey) -> None:
        """The interface is this endpoint's; one that exists was made for the endpoint that had it before."""
        before = self._owners.get(name, self._left.get(name))
        if before not in (None, key) and name in self._present:
            log.warning(
                "interface %s now counts as that of endpoint %s instead of %s: remove the one that is not its owner",
                name,
                key.path,
                before.path,
            )
        self._owners[name] = key

    def _notice(self, index: int, name: str | None, *, up: bool) -> None:
        """The link of this index has this name now; ``None`` when it is gone."""
        known = self._names.get(index)
        if known is not None and known != name:
            del self._names[index]
            if self._present.get(known, (0, False))[0] == index:
                del self._present[known]
                self._change(known)
        if name is None or not name.startswith(INTERFACE_PREFIX):
            return
        self._names[index] = name
        if self._present.get(name) != (index, up):
            self._present[name] = (index, up)
            self._change(name)

    def _change(self, name: str) -> None:
        self._routes.on_link(name, up=self._is_up(name))
        if name in self._owners:
            self._failures.pop(name, None)
            self._pending.add(name)

    def _is_up(self, name: str) -> bool:
        return self._present.get(name, (0, False))[1]

    def _look_at_links(self) -> None:
        links = {link.index: link for link in self._links.list(INTERFACE_PREFIX)}
        for index in self._names.keys() - links.keys():
            self._notice(index, None, up=False)
        for link in links.values():
            self._notice(link.index, link.name, up=link.up)

    def _write_settings(self, name: str) -> CalicoError | None:
        if not self._is_up(name):
            return None
        try:
            write_interface(self._settings, name)
            if self._has_ipv6(name):
                self._add_gateway(name)
        except CalicoError as error:
            return error
        return None

    def _has_ipv6(self, name: str) -> bool:
        key = self._owners.get(name)
        return key is not None and bool(self._endpoints[key].ipv6_nets)

    def _add_gateway(self, name: str) -> None:
        # Nobody else is on the link, so the address is good at once: a container's first packet must not wait.
        with contextlib.suppress(AlreadyExistsError):
            self._addresses.add(Address(name, f"{IPV6_GATEWAY}/64", "link"), nodad=True)

    def _look_at_settings(self) -> None:
        for name in self._some_ready_names():
            try:
                lines = check_interface(self._settings, name)
            except NotFoundError:
                continue  # it has just gone; the event is on its way
            if lines:
                self._repairs += lines
                self._pending.add(name)

    def _some_ready_names(self) -> list[str]:
        """The next few interfaces, beginning after the last one of the previous call."""
        names = sorted(state.name for state in self._states.values() if state.ready)
        start = next((position for position, name in enumerate(names) if name > self._last_checked), 0)
        chosen = (names[start:] + names[:start])[:SETTINGS_CHECKED_AT_ONCE]
        self._last_checked = chosen[-1] if chosen else ""
        return chosen

    def _conclude(self, name: str, error: CalicoError | None, now: float) -> None:
        """Remember how setting the interface up went."""
        key = self._owners.get(name)
        if key is None:
            return
        failure = self._failures.pop(name, None)
        if error is not None:
            count = failure.count + 1 if failure else 1
            self._failures[name] = _Failure(count, str(error), now + self._retry_delay(count))
            if failure is None or failure.reason != str(error):
                log.warning("interface %s is not set up, trying again: %s", name, error)
        state = self._state_of(name)
        if state != self._states.get(key):
            self._states[key] = self._news[key] = state

    def _state_of(self, name: str) -> InterfaceState:
        if name not in self._present:
            return InterfaceState(name, reason=f"interface {name} does not exist")
        index, up = self._present[name]
        if not up:
            return InterfaceState(name, index, f"interface {name} is down")
        reason = self._failures[name].reason if name in self._failures else self._routes.obstacle(name)
        return InterfaceState(name, index, reason)
