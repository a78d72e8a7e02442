"""Who carries a tag."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from calico.model.keys import EndpointKey
from calico.model.net import address_of
from calico.model.values import Endpoint


class _Carrier(NamedTuple):
    """What of an endpoint matters here; each profile once."""

    profiles: tuple[str, ...]
    addresses: tuple[str, ...]


class TagMembers:
    """Knows the addresses of every tag, and says when an address joins or leaves one.

    The addresses of a tag are those of every endpoint, of any host and in any state, that lists a profile whose
    tags document holds the tag. They are counted per address: one that two endpoints own, or that an endpoint
    has by two profiles, stays until the last reason is gone. A member is the address part of an endpoint's
    network, whatever the prefix: an endpoint owns addresses, and Docker's networks are ``/32`` and ``/128``.

    Leaves it to the listener which tags anybody wants to hear about, and to
    :class:`~calico.calc.rule_scanner.RuleScanner` to find that out.

    Cost: a changed endpoint, its profiles times their tags; a changed tags document, the endpoints that list
    the profile times the tags that differ.
    """

    def __init__(self, on_joined: Callable[[str, str], None], on_left: Callable[[str, str], None]) -> None:
        """``on_joined(tag, address)`` and ``on_left(tag, address)`` alternate for each pair."""
        self._on_joined = on_joined
        self._on_left = on_left
        self._carriers: dict[EndpointKey, _Carrier] = {}
        self._tags: dict[str, tuple[str, ...]] = {}
        self._listed_by: dict[str, dict[EndpointKey, None]] = {}
        self._counts: dict[str, dict[str, int]] = {}

    def members(self, tag: str) -> frozenset[str]:
        """The addresses of ``tag`` now, as text of both families; costs their number."""
        return frozenset(self._counts.get(tag, ()))

    def on_endpoint(self, key: EndpointKey, endpoint: Endpoint | None) -> None:
        """The endpoint at ``key`` is now this one, or is gone."""
        old = self._carriers.get(key)
        new = None if endpoint is None else _carrier(endpoint)
        if new == old:
            return
        # Joined before left, so that an address that stays is not reported.
        if new is not None:
            self._carriers[key] = new
            for profile in new.profiles:
                self._listed_by.setdefault(profile, {})[key] = None
                self._join(self._tags.get(profile, ()), new.addresses)
        else:
            del self._carriers[key]
        if old is not None:
            for profile in old.profiles:
                self._leave(self._tags.get(profile, ()), old.addresses)
                if new is None or profile not in new.profiles:
                    self._forget_listing(profile, key)

    def on_tags(self, profile: str, tags: tuple[str, ...] | None) -> None:
        """The tags document of a profile is now this, or is missing or invalid: no tags."""
        old = self._tags.pop(profile, ())
        new = tuple(dict.fromkeys(tags or ()))
        if new:
            self._tags[profile] = new
        gained, lost = dict.fromkeys(new), dict.fromkeys(old)
        for tag in gained.keys() & lost.keys():
            del gained[tag], lost[tag]
        if gained or lost:
            for key in self._listed_by.get(profile, ()):
                addresses = self._carriers[key].addresses
                self._join(gained, addresses)
                self._leave(lost, addresses)

    def _join(self, tags: Iterable[str], addresses: tuple[str, ...]) -> None:
        for tag in tags:
            counts = self._counts.setdefault(tag, {})
            for address in addresses:
                count = counts.get(address, 0)
                counts[address] = count + 1
                if count == 0:
                    self._on_joined(tag, address)

    def _leave(self, tags: Iterable[str], addresses: tuple[str, ...]) -> None:
        for tag in tags:
            counts = self._counts[tag]
            for address in addresses:
                counts[address] -= 1
                if counts[address] == 0:
                    del counts[address]
                    self._on_left(tag, address)
            if not counts:
                del self._counts[tag]

    def _forget_listing(self, profile: str, key: EndpointKey) -> None:
        listed_by = self._listed_by[profile]
        del listed_by[key]
        if not listed_by:
            del self._listed_by[profile]


def _carrier(endpoint: Endpoint) -> _Carrier | None:
    """What the endpoint brings to its tags; ``None`` when it has no address."""
    addresses = tuple(address_of(net) for net in endpoint.nets)
    return _Carrier(tuple(dict.fromkeys(endpoint.profiles)), addresses) if addresses else None
