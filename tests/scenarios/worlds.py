"""Worlds, and how a host is programmed for one: through the managers, with the messages of the calculation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from calico.dataplane.managers.endpoints import EndpointManager
from calico.dataplane.managers.host import HostManager
from calico.dataplane.managers.ip_sets import IPSetManager
from calico.dataplane.managers.pools import PoolManager
from calico.dataplane.managers.profiles import ProfileManager
from calico.dataplane.nft.api import Table
from calico.model.keys import EndpointKey
from calico.model.values import Endpoint, IPPool, Profile, ProfileRules, Rule
from calico.rules.text import parse_rule
from calico.updates import (
    EndpointRemove,
    EndpointUpdate,
    HostConfigUpdate,
    IPSetRemove,
    IPSetUpdate,
    PoolRemove,
    PoolUpdate,
    ProfileRemove,
    ProfileUpdate,
    Update,
)
from tests.scenarios.places import LOCAL, PLACES


@dataclass(frozen=True)
class World:
    """``endpoints`` says which places are endpoints, with which profiles in order; other places are strangers.

    ``action`` is what the host does with packets of its endpoints to itself; ``pools`` are the address pools.
    """

    endpoints: Mapping[str, tuple[str, ...]]
    profiles: tuple[Profile, ...] = ()
    pools: tuple[IPPool, ...] = ()
    action: str = "RETURN"
    rules: Mapping[str, ProfileRules] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", {profile.name: profile.rules for profile in self.profiles})

    def tag_members(self, tag: str) -> frozenset[str]:
        """The addresses of all endpoints, of any host, that have a profile with the tag."""
        tags = {profile.name: profile.tags for profile in self.profiles}
        carriers = (name for name, listed in self.endpoints.items() if any(tag in tags.get(p, ()) for p in listed))
        return frozenset(address for name in carriers for address in PLACES[name].addresses.values())

    @property
    def local(self) -> dict[str, tuple[str, ...]]:
        """The endpoints of this host."""
        return {name: profiles for name, profiles in self.endpoints.items() if name in LOCAL}

    def updates(self) -> Iterator[Update]:
        """What the calculation says about this world, in its order."""
        listed = {profile for profiles in self.local.values() for profile in profiles}
        active = {name: self.rules.get(name) for name in sorted(listed)}
        for tag in sorted(_named_tags(rules for rules in active.values() if rules)):
            yield IPSetUpdate(tag, self.tag_members(tag))
        for name, rules in active.items():
            yield ProfileUpdate(name, rules)
        for name, profiles in self.local.items():
            yield EndpointUpdate(_key(name), endpoint(name, profiles))
        yield from (PoolUpdate(pool) for pool in self.pools)
        yield HostConfigUpdate(self.action)


class HostProgram:
    """A table programmed for one world after the other."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._managers = (
            HostManager(table),
            IPSetManager(table),
            EndpointManager(table),
            PoolManager(table),
            ProfileManager(table),
        )
        self._told: dict[Update, Update] = {}

    def program(self, world: World) -> None:
        """Bring the table to ``world`` in one transaction."""
        updates = {_removal(update): update for update in world.updates()}
        gone = [removal for removal in self._told if removal not in updates]
        changed = [update for removal, update in updates.items() if self._told.get(removal) != update]
        for update in (*changed, *reversed(gone)):
            for manager in self._managers:
                manager.on_update(update)
        for manager in self._managers:
            manager.complete()
        self._table.apply()
        self._told = updates


def endpoint(name: str, profiles: tuple[str, ...]) -> Endpoint:
    """The endpoint at a place."""
    place = PLACES[name]
    return Endpoint(
        "active",
        place.interface,
        None,
        profiles,
        (f"{place.addresses[4]}/32",),
        (f"{place.addresses[6]}/128",),
    )


def profile(name: str, tags: str = "", inbound: str = "", outbound: str = "allow") -> Profile:
    """A profile whose rules are given as people write them, one a line or with ``;`` between."""
    return Profile(name, tuple(tags.split()), ProfileRules(_rules(inbound), _rules(outbound)))


def _rules(text: str) -> tuple[Rule, ...]:
    return tuple(parse_rule(line.split()) for line in text.replace(";", "\n").splitlines() if line.strip())


def _named_tags(every: Iterator[ProfileRules]) -> set[str]:
    rules = (rule for rules in every for rule in (*rules.inbound, *rules.outbound))
    return {tag for rule in rules for tag in (rule.src_tag, rule.dst_tag) if tag is not None}


def _key(name: str) -> EndpointKey:
    return EndpointKey("h1", "libnetwork", "libnetwork", name)


def _removal(update: Update) -> Update:
    """The message that takes an update back; it also names the thing that both are about."""
    match update:
        case IPSetUpdate(tag):
            return IPSetRemove(tag)
        case ProfileUpdate(name):
            return ProfileRemove(name)
        case EndpointUpdate(key):
            return EndpointRemove(key)
        case PoolUpdate(pool):
            return PoolRemove(pool.cidr)
        case _:
            return HostConfigUpdate("")
