"""Profiles as chains: one for each direction, shared by every endpoint that lists the profile."""

from collections.abc import Set
from typing import TYPE_CHECKING

from calico.dataplane.nft.api import Table
from calico.dataplane.render.names import profile_chain_name
from calico.dataplane.render.profiles import render_profile
from calico.updates import ProfileRemove, ProfileUpdate, Update

if TYPE_CHECKING:
    from calico.model.values import ProfileRules

_DIRECTIONS = ("inbound", "outbound")


class ProfileManager:
    """Renders what changed. A profile that the kernel refuses can be blocked: it drops until its rules change."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._rules: dict[str, ProfileRules | None] = {}
        self._blocked: frozenset[str] = frozenset()
        self._suspects: set[str] = set()
        self._changed: set[str] = set()

    def on_update(self, update: Update) -> None:
        match update:
            case ProfileUpdate(name, rules):
                self._rules[name] = rules
                self._suspects.add(name)
            case ProfileRemove(name):
                self._rules.pop(name, None)
                self._suspects.discard(name)
            case _:
                return
        self._blocked -= {name}
        self._changed.add(name)

    def complete(self) -> None:
        for name in sorted(self._changed):
            if name in self._rules:
                self._set(name)
            else:
                self._remove(name)
        self._changed.clear()

    @property
    def suspects(self) -> frozenset[str]:
        """The profiles whose rules the kernel has not taken yet; blocked ones are not among them."""
        return frozenset(self._suspects) - self._blocked

    def trust(self) -> None:
        """The kernel took everything."""
        self._suspects.clear()

    @property
    def blocked(self) -> frozenset[str]:
        """The profiles that drop whatever their rules say."""
        return self._blocked

    def set_blocked(self, names: Set[str]) -> None:
        """Let exactly these profiles drop everything."""
        changed = (self._blocked ^ names) & self._rules.keys()
        self._changed |= changed
        self._suspects |= changed
        self._blocked = frozenset(names & self._rules.keys())

    def _set(self, name: str) -> None:
        rules = None if name in self._blocked else self._rules[name]
        for chain_name, chain in render_profile(name, rules).items():
            self._table.set_chain(chain_name, chain)

    def _remove(self, name: str) -> None:
        for direction in _DIRECTIONS:
            self._table.remove_chain(profile_chain_name(name, direction))
