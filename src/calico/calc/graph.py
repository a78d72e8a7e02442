"""The calculation graph: the nodes, and how they are wired. Nothing is decided here.

Endpoint, ProfileTags ─▶ TagMembers ────────── address joined or left a tag ────────▶┐
Endpoint ─▶ EndpointResolver ─┬─────────────── endpoint to police, or gone ─────────▶│
                              ▼                                                      │
ProfileRules ────────▶ ActiveProfiles ─┬────── profile listed, or no more ──────────▶├▶ Sequencer ─▶ flush
                                       ▼                                             │                 ▲
                                  RuleScanner ─ tag named in a rule, or no more ────▶│                 │
Pool ───────────────────────────────────────── pool ────────────────────────────────▶│                 │
Config, HostConfig ─▶ HostConfig ───────────── settings of this host ───────────────▶┘                 │
Ready, in-sync, progress ─▶ Gate ───────────── open or shut, revision ─────────────────────────────────┘
"""

from collections.abc import Callable
from typing import Any, TypeVar

from calico.calc.active_profiles import ActiveProfiles
from calico.calc.endpoint_resolver import EndpointResolver
from calico.calc.gate import Gate
from calico.calc.host_config import HostConfig
from calico.calc.rule_scanner import RuleScanner
from calico.calc.sequencer import Sequencer
from calico.calc.tag_members import TagMembers
from calico.model.changes import Change
from calico.model.keys import (
    ConfigKey,
    EndpointKey,
    HostConfigKey,
    Key,
    PoolKey,
    ProfileRulesKey,
    ProfileTagsKey,
    ReadyKey,
)
from calico.model.values import Endpoint, IPPool
from calico.updates import PoolRemove, PoolUpdate, Update

T = TypeVar("T")


class CalcGraph:
    """Datastore changes in, the messages of :mod:`calico.updates` for one host out.

    Not thread-safe: one thread feeds and flushes. A change may be told twice, in any order with others, before
    and after in-sync; only the newest value of each key counts.
    """

    def __init__(self, host: str) -> None:
        """``host`` is this host's name in the keys of the datastore."""
        self._host = host
        self._gate = Gate()

        # Every node ──▶ Sequencer. It asks TagMembers back only for a tag that it sends whole.
        self._sequencer = sequencer = Sequencer(members_of=lambda tag: self._tag_members.members(tag))

        # TagMembers ──(address joined, left a tag; every tag)──▶ Sequencer
        self._tag_members = TagMembers(
            on_joined=sequencer.ip_sets.on_joined,
            on_left=sequencer.ip_sets.on_left,
        )

        # RuleScanner ──(tag active, inactive)──▶ Sequencer
        self._rule_scanner = RuleScanner(
            on_active=sequencer.ip_sets.on_active,
            on_inactive=sequencer.ip_sets.on_inactive,
        )

        # ActiveProfiles ──(profile with rules, profile gone)──▶ RuleScanner, Sequencer
        self._active_profiles = ActiveProfiles(emit=_fan_out(self._rule_scanner.on_profile, sequencer.on_profile))

        # EndpointResolver ──(endpoint to police, endpoint gone)──▶ ActiveProfiles, Sequencer
        self._endpoint_resolver = EndpointResolver(
            host,
            emit=_fan_out(self._active_profiles.on_endpoint, sequencer.on_endpoint),
        )

        # HostConfig ──(settings)──▶ Sequencer
        self._host_config = HostConfig(emit=sequencer.on_config)

        # datastore ──(change)──▶ the nodes that read this kind of key; other kinds have no reader here
        self._readers: dict[type[Key], Callable[[Any, Any], None]] = {
            EndpointKey: self._on_endpoint,
            ProfileRulesKey: lambda key, rules: self._active_profiles.on_rules(key.profile, rules),
            ProfileTagsKey: lambda key, tags: self._tag_members.on_tags(key.profile, tags),
            PoolKey: self._on_pool,
            ConfigKey: lambda key, text: self._host_config.on_global(key.name, text),
            HostConfigKey: self._on_host_config,
            ReadyKey: lambda _key, ready: self._gate.on_ready(ready),
        }

    @property
    def is_held(self) -> bool:
        """Whether the host stays as it is because the datastore's ready flag is not ``true``; any thread may ask."""
        return self._gate.is_held

    def on_change(self, change: Change) -> None:
        """The value at a key has changed, or is told again."""
        reader = self._readers.get(type(change.key))
        if reader is not None:
            reader(change.key, change.value)

    def on_in_sync(self, revision: int) -> None:
        """Every key that existed at ``revision`` has been told, for the first time or after a resync."""
        self._gate.on_in_sync(revision)

    def on_progress(self, revision: int) -> None:
        """Every change up to ``revision`` has been told."""
        self._gate.on_progress(revision)

    def flush(self) -> list[Update]:
        """What the host must be told since the last flush; empty while the gate is shut or nothing has moved."""
        return self._sequencer.flush(self._gate.revision) if self._gate.is_open else []

    def _on_endpoint(self, key: EndpointKey, endpoint: Endpoint | None) -> None:
        self._tag_members.on_endpoint(key, endpoint)
        self._endpoint_resolver.on_endpoint(key, endpoint)

    def _on_pool(self, key: PoolKey, pool: IPPool | None) -> None:
        self._sequencer.on_pool(PoolRemove(key.cidr) if pool is None else PoolUpdate(pool))

    def _on_host_config(self, key: HostConfigKey, text: str | None) -> None:
        if key.host == self._host:
            self._host_config.on_own(key.name, text)


def _fan_out(*listeners: Callable[[T], None]) -> Callable[[T], None]:
    """One listener that tells several, in order."""

    def tell(message: T) -> None:
        for listener in listeners:
            listener(message)

    return tell
