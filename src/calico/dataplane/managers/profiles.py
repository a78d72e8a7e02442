"""Profiles as chains: one for each direction, shared by every endpoint that lists the profile."""

import re
from typing import TYPE_CHECKING

from calico.dataplane.nft.api import Table
from calico.dataplane.render.names import profile_chain_name
from calico.dataplane.render.profiles import render_profile
from calico.updates import ProfileRemove, ProfileUpdate, Update

if TYPE_CHECKING:
    from calico.model.values import ProfileRules

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_DIRECTIONS = ("inbound", "outbound")


class ProfileManager:
    """Renders what changed. A profile that the kernel refuses can be blocked: it drops until its rules change."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._rules: dict[str, ProfileRules | None] = {}
        self._by_chain: dict[str, str] = {}
        self._blocked: set[str] = set()
        self._changed: set[str] = set()

    def on_update(self, update: Update) -> None:
        match update:
            case ProfileUpdate(name, rules):
                self._rules[name] = rules
            case ProfileRemove(name):
                self._rules.pop(name, None)
            case _:
                return
        self._blocked.discard(name)
        self._changed.add(name)

    def complete(self) -> None:
        for name in sorted(self._changed):
            if name in self._rules:
                self._set(name)
            else:
                self._remove(name)
        self._changed.clear()

    def find_culprit(self, message: str) -> str | None:
        """The profile whose chain is named in the kernel's message, unless it is blocked already."""
        for word in _NAME.findall(message):
            profile = self._by_chain.get(word)
            if profile is not None and profile not in self._blocked:
                return profile
        return None

    def block(self, name: str) -> None:
        """Let the profile drop everything, so that the rest of the host is not held up by it."""
        self._blocked.add(name)
        self._changed.add(name)

    def unblock_all(self) -> None:
        """Try the blocked profiles once more: what the kernel lacked may be there now."""
        self._changed |= self._blocked
        self._blocked.clear()

    @property
    def blocked(self) -> tuple[str, ...]:
        """The profiles that drop because the kernel refused them."""
        return tuple(sorted(self._blocked))

    def _set(self, name: str) -> None:
        rules = None if name in self._blocked else self._rules[name]
        for chain_name, chain in render_profile(name, rules).items():
            self._by_chain[chain_name] = name
            self._table.set_chain(chain_name, chain)

    def _remove(self, name: str) -> None:
        for direction in _DIRECTIONS:
            chain_name = profile_chain_name(name, direction)
            self._by_chain.pop(chain_name, None)
            self._table.remove_chain(chain_name)
