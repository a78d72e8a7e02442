"""What a host would hold, for those who ask about it instead of programming it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from calico.calc.graph import CalcGraph
from calico.calc.host_config import DEFAULT_ACTION
from calico.model.changes import Change
from calico.model.keys import EndpointKey, Key, ReadyKey
from calico.updates import (
    EndpointRemove,
    EndpointUpdate,
    HostConfigUpdate,
    IPSetDelta,
    IPSetRemove,
    IPSetUpdate,
    PoolRemove,
    PoolUpdate,
    ProfileRemove,
    ProfileUpdate,
    Update,
)

if TYPE_CHECKING:
    from calico.model.values import Endpoint, IPPool, ProfileRules

NOBODY: frozenset[str] = frozenset()


class HostView:
    """One host as its agent would program it from the content of a datastore, by the very same calculation.

    It is always in sync and ready. ``endpoints`` are those that the host polices, ``profiles`` what these list
    (``None``: missing or invalid), ``action`` is what the host does with their packets to itself.
    """

    def __init__(self, host: str, content: Mapping[Key, object]) -> None:
        """``content`` is all valid values by key; see :meth:`change`."""
        self.endpoints: dict[EndpointKey, Endpoint] = {}
        self.profiles: dict[str, ProfileRules | None] = {}
        self.pools: dict[str, IPPool] = {}
        self.action = DEFAULT_ACTION
        self._tags: dict[str, frozenset[str]] = {}
        self._graph = CalcGraph(host)
        self._graph.on_change(Change(ReadyKey(), True))
        self._graph.on_in_sync(0)
        self.change(content)

    def change(self, values: Mapping[Key, object | None]) -> None:
        """The values at some keys are now these; ``None``: absent or invalid."""
        for key, value in values.items():
            if not isinstance(key, ReadyKey):
                self._graph.on_change(Change(key, value))
        for update in self._graph.flush():
            self._apply(update)

    def tag_members(self, tag: str) -> frozenset[str]:
        """The addresses of a tag that the rules of :attr:`profiles` name; none of any other tag."""
        return self._tags.get(tag, NOBODY)

    def _apply(self, update: Update) -> None:
        match update:
            case EndpointUpdate(key, endpoint):
                self.endpoints[key] = endpoint
            case EndpointRemove(key):
                del self.endpoints[key]
            case ProfileUpdate(name, rules):
                self.profiles[name] = rules
            case ProfileRemove(name):
                del self.profiles[name]
            case PoolUpdate(pool):
                self.pools[pool.cidr] = pool
            case PoolRemove(cidr):
                del self.pools[cidr]
            case HostConfigUpdate(action):
                self.action = action
            case _:
                self._apply_ip_set(update)

    def _apply_ip_set(self, update: Update) -> None:
        match update:
            case IPSetUpdate(tag, members):
                self._tags[tag] = members
            case IPSetDelta(tag, added, removed):
                self._tags[tag] = self._tags[tag] - removed | added
            case IPSetRemove(tag):
                del self._tags[tag]
            case _:
                pass
