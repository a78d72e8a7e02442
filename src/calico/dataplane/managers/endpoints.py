"""Endpoints as elements: which chains an interface leads to, and which addresses it may send from.

The chain that tries an ordered list of profiles is shared by all endpoints with that list, so that attaching an
endpoint to a list that exists adds elements and no chain.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from calico.dataplane.nft.api import Table
from calico.dataplane.nft.values import Element, MapVerdict
from calico.dataplane.render.members import dispatch_elements, source_elements
from calico.dataplane.render.names import FROM_MAP, SOURCE_SETS, TO_MAP, list_chain_name
from calico.dataplane.render.profiles import render_profile_list
from calico.model.values import Endpoint
from calico.updates import EndpointRemove, EndpointUpdate, Update

if TYPE_CHECKING:
    from calico.model.keys import EndpointKey

_DIRECTIONS = ("inbound", "outbound")


class EndpointManager:
    """Keeps the dispatch maps, the source sets and the list chains for the endpoints of this host."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._endpoints: dict[EndpointKey, Endpoint] = {}
        self._changed: dict[EndpointKey, Endpoint | None] = {}
        self._lists: Counter[tuple[str, ...]] = Counter()

    def on_update(self, update: Update) -> None:
        match update:
            case EndpointUpdate(key, endpoint):
                self._changed[key] = endpoint
            case EndpointRemove(key):
                self._changed[key] = None
            case _:
                pass

    def complete(self) -> None:
        changed, self._changed = self._changed, {}
        old = [self._endpoints.pop(key) for key in changed if key in self._endpoints]
        new = {key: endpoint for key, endpoint in changed.items() if endpoint is not None}
        self._endpoints.update(new)
        # Lists are taken before others are left, so that a list in use all the time stays.
        for endpoint in new.values():
            self._use_list(endpoint.profiles)
        for endpoint in old:
            self._leave_list(endpoint.profiles)
        self._change_dispatch(old, new.values())
        self._change_sources(old, new.values())

    def _change_dispatch(self, old: Iterable[Endpoint], new: Iterable[Endpoint]) -> None:
        """Old and new are compared as wholes: an interface may pass from one endpoint to another."""
        before = [(name, item) for endpoint in old for name, item in _dispatch_items(endpoint)]
        after = [(name, item) for endpoint in new for name, item in _dispatch_items(endpoint)]
        for name in (FROM_MAP, TO_MAP):
            had = dict(item for map_name, item in before if map_name == name)
            has = dict(item for map_name, item in after if map_name == name)
            added = {element: verdict for element, verdict in has.items() if had.get(element) != verdict}
            removed = had.keys() - has.keys()
            if added or removed:
                self._table.change_map(name, added, removed)

    def _change_sources(self, old: Iterable[Endpoint], new: Iterable[Endpoint]) -> None:
        before = [source_elements(endpoint) for endpoint in old]
        after = [source_elements(endpoint) for endpoint in new]
        for name in SOURCE_SETS.values():
            had = {element for elements in before for element in elements.get(name, ())}
            has = {element for elements in after for element in elements.get(name, ())}
            if had != has:
                self._table.change_elements(name, has - had, had - has)

    def _use_list(self, profiles: tuple[str, ...]) -> None:
        self._lists[profiles] += 1
        if self._lists[profiles] == 1:
            for name, chain in render_profile_list(profiles).items():
                self._table.set_chain(name, chain)

    def _leave_list(self, profiles: tuple[str, ...]) -> None:
        self._lists[profiles] -= 1
        if not self._lists[profiles]:
            del self._lists[profiles]
            for direction in _DIRECTIONS:
                self._table.remove_chain(list_chain_name(profiles, direction))


def _dispatch_items(endpoint: Endpoint) -> Iterator[tuple[str, tuple[Element, MapVerdict]]]:
    for name, elements in dispatch_elements(endpoint).items():
        for item in elements.items():
            yield name, item
