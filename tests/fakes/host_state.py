"""What a host has been told, gathered from the messages of :mod:`calico.updates`, with their promises checked.

Any test that lets messages pass by may hold a :class:`HostState` to them: a broken promise is an
``AssertionError`` at the very message that breaks it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from calico.model.keys import EndpointKey
from calico.model.values import Endpoint, IPPool, ProfileRules
from calico.updates import (
    EndpointRemove,
    EndpointUpdate,
    Flushed,
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


@dataclass
class HostState:
    """The desired state of one host's dataplane; two are equal when they police alike.

    ``endpoint_to_host_action`` is ``None`` until the host has been told anything. ``flushed`` is the last
    ``Flushed`` and takes no part in the comparison.
    """

    ip_sets: dict[str, frozenset[str]] = field(default_factory=dict)
    profiles: dict[str, ProfileRules | None] = field(default_factory=dict)
    endpoints: dict[EndpointKey, Endpoint] = field(default_factory=dict)
    pools: dict[str, IPPool] = field(default_factory=dict)
    endpoint_to_host_action: str | None = None
    flushed: Flushed | None = field(default=None, compare=False)

    def apply(self, updates: Iterable[Update]) -> None:
        """Take one whole flush in, and check every prefix of it, its end, and that nothing is told twice."""
        updates = list(updates)
        told: dict[object, Update] = {}
        for update in updates:
            self.apply_one(update)
            _check_told_once(told, update)
        assert not updates or isinstance(updates[-1], Flushed), f"a flush ends with {updates[-1]}"

    def apply_one(self, update: Update) -> None:
        """Take one message in; raises ``AssertionError`` when it breaks a promise, given all those before."""
        match update:
            case IPSetUpdate():
                self._on_ip_set(update)
            case IPSetDelta():
                self._on_delta(update)
            case IPSetRemove(tag):
                assert tag in self.ip_sets, f"{update}: never sent"
                users = [name for name, rules in self.profiles.items() if tag in tags_named(rules)]
                assert not users, f"{update}: still named by {users}"
                del self.ip_sets[tag]
            case ProfileUpdate():
                self._on_profile(update)
            case ProfileRemove(name):
                assert name in self.profiles, f"{update}: never sent"
                users = [str(key) for key, endpoint in self.endpoints.items() if name in endpoint.profiles]
                assert not users, f"{update}: still listed by {users}"
                del self.profiles[name]
            case EndpointUpdate():
                self._on_endpoint(update)
            case EndpointRemove(key):
                assert key in self.endpoints, f"{update}: never sent"
                del self.endpoints[key]
            case PoolUpdate(pool):
                assert self.pools.get(pool.cidr) != pool, f"{update}: nothing new"
                self.pools[pool.cidr] = pool
            case PoolRemove(cidr):
                assert cidr in self.pools, f"{update}: never sent"
                del self.pools[cidr]
            case HostConfigUpdate(action):
                assert action in ("DROP", "ACCEPT", "RETURN"), f"{update}: no such action"
                assert self.endpoint_to_host_action != action, f"{update}: nothing new"
                self.endpoint_to_host_action = action
            case Flushed():
                self._on_flushed(update)

    def _on_ip_set(self, update: IPSetUpdate) -> None:
        assert update.tag not in self.ip_sets, f"{update}: already active, a delta was due"
        self.ip_sets[update.tag] = update.members

    def _on_delta(self, update: IPSetDelta) -> None:
        assert update.tag in self.ip_sets, f"{update}: the tag is not active"
        members = self.ip_sets[update.tag]
        assert update.added or update.removed, f"{update}: nothing new"
        assert not update.added & update.removed, f"{update}: an address both joins and leaves"
        assert not update.added & members, f"{update}: {update.added & members} are members already"
        assert update.removed <= members, f"{update}: {update.removed - members} are no members"
        self.ip_sets[update.tag] = members - update.removed | update.added

    def _on_profile(self, update: ProfileUpdate) -> None:
        known = update.name in self.profiles
        assert not known or self.profiles[update.name] != update.rules, f"{update}: nothing new"
        missing = tags_named(update.rules) - self.ip_sets.keys()
        assert not missing, f"{update}: before the IP sets of {missing}"
        self.profiles[update.name] = update.rules

    def _on_endpoint(self, update: EndpointUpdate) -> None:
        assert self.endpoints.get(update.key) != update.endpoint, f"{update}: nothing new"
        missing = set(update.endpoint.profiles) - self.profiles.keys()
        assert not missing, f"{update}: before its profiles {missing}"
        name = update.endpoint.name
        rivals = [key for key, other in self.endpoints.items() if other.name == name and key != update.key]
        assert not rivals, f"{update}: {name} still belongs to {rivals}"
        moved = update.key in self.endpoints and self.endpoints[update.key].name != name
        assert not moved, f"{update}: moves to another interface without a removal"
        self.endpoints[update.key] = update.endpoint

    def _on_flushed(self, update: Flushed) -> None:
        assert update.in_sync, f"{update}: comes out before in-sync"
        assert self.endpoint_to_host_action is not None, f"{update}: before the host's settings"
        listed = {name for endpoint in self.endpoints.values() for name in endpoint.profiles}
        assert self.profiles.keys() == listed, f"profiles that no endpoint lists: {self.profiles.keys() - listed}"
        named = {tag for rules in self.profiles.values() for tag in tags_named(rules)}
        assert self.ip_sets.keys() == named, f"IP sets that no rule names: {self.ip_sets.keys() - named}"
        self.flushed = update


def tags_named(rules: ProfileRules | None) -> set[str]:
    """The tags that rules name as source or destination."""
    if rules is None:
        return set()
    tags = {tag for rule in rules.inbound + rules.outbound for tag in (rule.src_tag, rule.dst_tag)}
    return {tag for tag in tags if tag is not None}


def _check_told_once(told: dict[object, Update], update: Update) -> None:
    """One message per object and flush; only an endpoint may be removed and then updated: it changed interface."""
    identity = _identity(update)
    before = told.get(identity)
    moved = isinstance(before, EndpointRemove) and isinstance(update, EndpointUpdate)
    assert before is None or moved, f"{before} and {update} in one flush"
    told[identity] = update


def _identity(update: Update) -> object:
    match update:
        case IPSetUpdate(tag) | IPSetDelta(tag) | IPSetRemove(tag):
            return "tag", tag
        case ProfileUpdate(name) | ProfileRemove(name):
            return "profile", name
        case EndpointUpdate(key) | EndpointRemove(key):
            return "endpoint", key
        case PoolUpdate(pool):
            return "pool", pool.cidr
        case PoolRemove(cidr):
            return "pool", cidr
        case _:
            return type(update)
