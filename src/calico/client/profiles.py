"""Profiles: tags, and ordered rules in two directions.

inbound     traffic to the endpoints of the profile
outbound    traffic from them
position    the place of a rule in its direction, counted from 1
member      an endpoint that lists the profile
"""

from __future__ import annotations

import time

from calico.client.store import Clock, Store, Transaction
from calico.datastore.api import DEFAULT_TIMEOUT, Datastore
from calico.model.errors import (
    AlreadyExistsError,
    InUseError,
    NotFoundError,
    ValidationError,
)
from calico.model.keys import HOSTS, PROFILES, EndpointKey, ProfileRulesKey, ProfileTagsKey, parse_key
from calico.model.names import validate_name
from calico.model.net import parse_network
from calico.model.record import replace
from calico.model.values import Endpoint, Profile, ProfileRules, Rule, default_profile

DIRECTIONS = ("inbound", "outbound")


class Profiles:
    """All profiles of the datastore. A profile exists when its tags or its rules do.

    Methods that take the name of a profile which must exist raise :class:`NotFoundError` when it does not.
    """

    def __init__(
        self, datastore: Datastore, timeout: float = DEFAULT_TIMEOUT, *, clock: Clock = time.monotonic
    ) -> None:
        self._store = Store(datastore, timeout, clock=clock)

    def names(self) -> tuple[str, ...]:
        """The names of all profiles, sorted; also of those whose tags or rules cannot be understood."""
        found = set()
        for item in self._store.raw(PROFILES):
            try:
                key = parse_key(item.key)
            except ValidationError:
                continue
            if isinstance(key, (ProfileTagsKey, ProfileRulesKey)):
                found.add(key.profile)
        return tuple(sorted(found))

    def resolve(self, text: str) -> str:
        """The name of the profile that ``text`` means: exactly, or else but for upper and lower case.

        Raises :class:`ValidationError` when more than one profile matches only but for case.
        """
        names = self.names()
        if text in names:
            return text
        matches = [name for name in names if name.lower() == text.lower()]
        if len(matches) > 1:
            raise ValidationError(f"Profile {text} is ambiguous: it may mean {' or '.join(matches)}.")
        if not matches:
            raise _not_found(text)
        return matches[0]

    def exists(self, name: str) -> bool:
        """Whether there is a profile of this name."""
        return self._store.run(lambda transaction: profile_exists(transaction, name))

    def get(self, name: str) -> Profile:
        """The profile; what is missing of it is empty.

        Raises :class:`ValidationError`, naming the field, when its text in the datastore is not valid.
        """
        return self._store.run(lambda transaction: Profile(name, _tags(transaction, name), _rules(transaction, name)))

    def tags(self, name: str) -> tuple[str, ...]:
        """The tags of the profile, in the order they were put on."""
        return self._store.run(lambda transaction: _tags(transaction, name))

    def rules(self, name: str) -> ProfileRules:
        """The rules of the profile."""
        return self._store.run(lambda transaction: _rules(transaction, name))

    def create(self, name: str, profile: Profile | None = None) -> None:
        """Create a profile, by default one whose members reach each other and may start connections to anybody.

        Raises :class:`AlreadyExistsError`, and changes nothing, when the name is taken.
        """
        if not self.ensure(name, profile):
            raise AlreadyExistsError(f"Profile {name} already exists.")

    def ensure(self, name: str, profile: Profile | None = None) -> bool:
        """Create the profile unless it exists; what exists is kept as it is. Whether it was created."""
        content = profile or default_profile(name)

        def write(transaction: Transaction) -> bool:
            if profile_exists(transaction, name):
                return False
            transaction.put(ProfileTagsKey(name), content.tags)
            transaction.put(ProfileRulesKey(name), content.rules)
            return True

        return self._store.run(write)

    def delete(self, name: str, *, unused: bool = False) -> None:
        """Delete a profile; endpoints that list it keep its name and drop what reaches that place in the list.

        With ``unused`` a profile that has members stays: :class:`InUseError`.
        """

        def write(transaction: Transaction) -> None:
            _require(transaction, name)
            if unused and _members(transaction, name):
                raise InUseError("Cannot remove profile - profile in use by endpoint(s).")
            for item in transaction.raw(f"{PROFILES}/{name}"):
                transaction.delete_path(item.key)

        self._store.run(write)

    def members(self, name: str) -> tuple[tuple[EndpointKey, Endpoint], ...]:
        """The endpoints, of all hosts, that list the profile, whether it exists or not."""
        return self._store.run(lambda transaction: _members(transaction, name))

    def add_tag(self, name: str, tag: str) -> bool:
        """Put a tag on the profile; ``False`` when it is there already."""
        validate_name(tag, "tag")

        def write(transaction: Transaction) -> bool:
            tags = _tags(transaction, name)
            if tag in tags:
                return False
            transaction.put(ProfileTagsKey(name), (*tags, tag))
            return True

        return self._store.run(write)

    def remove_tag(self, name: str, tag: str) -> None:
        """Take a tag off the profile; :class:`NotFoundError` when it does not carry it."""

        def write(transaction: Transaction) -> None:
            tags = _tags(transaction, name)
            if tag not in tags:
                raise NotFoundError(f"Tag {tag} is not on profile {name}")
            transaction.put(ProfileTagsKey(name), tuple(other for other in tags if other != tag))

        self._store.run(write)

    def add_rule(self, name: str, direction: str, rule: Rule, position: int | None = None) -> bool:
        """Insert a rule at a position, at the end by default; ``False`` when an equal one is there already.

        Positions are 1 to one past the last, and 0 for the front; others are a :class:`ValidationError`, and so is
        a rule that no packet can match because its criteria are of two IP versions.
        """
        from calico.rules.evaluate import families  # most commands add no rule

        if not families(rule):
            raise ValidationError(
                "Invalid or unmatching IP versions for SRCCIDR/DSTCIDR. No packet is of both: use a rule for each."
            )

        def write(transaction: Transaction) -> bool:
            rules = _rules(transaction, name)
            listed = list(_listed(rules, direction))
            place = len(listed) + 1 if position is None else position
            if not 0 <= place <= len(listed) + 1:
                raise ValidationError(f"Position {place} is out-of-range.")
            if _find(listed, rule) is not None:
                return False
            listed.insert(max(place, 1) - 1, rule)
            transaction.put(ProfileRulesKey(name), _with_listed(rules, direction, listed))
            return True

        return self._store.run(write)

    def remove_rule(self, name: str, direction: str, rule: Rule) -> None:
        """Remove the first rule that equals ``rule``; :class:`NotFoundError` when there is none."""

        def write(transaction: Transaction) -> None:
            rules = _rules(transaction, name)
            listed = list(_listed(rules, direction))
            index = _find(listed, rule)
            if index is None:
                raise NotFoundError("Rule not found.")
            del listed[index]
            transaction.put(ProfileRulesKey(name), _with_listed(rules, direction, listed))

        self._store.run(write)

    def remove_rule_at(self, name: str, direction: str, position: int) -> None:
        """Remove the rule at a position; one that does not exist is a :class:`ValidationError`."""

        def write(transaction: Transaction) -> None:
            rules = _rules(transaction, name)
            listed = list(_listed(rules, direction))
            if not 1 <= position <= len(listed):
                raise ValidationError("Rule position out-of-range.")
            del listed[position - 1]
            transaction.put(ProfileRulesKey(name), _with_listed(rules, direction, listed))

        self._store.run(write)

    def replace_rules(self, name: str, rules: ProfileRules) -> None:
        """Replace the rules of both directions, also when the present ones cannot be understood."""

        def write(transaction: Transaction) -> None:
            _require(transaction, name)
            transaction.put(ProfileRulesKey(name), rules)

        self._store.run(write)


def profile_exists(transaction: Transaction, name: str) -> bool:
    """Whether there is a profile of this name; the commit depends on it."""
    validate_name(name, "profile")
    return transaction.exists(ProfileRulesKey(name)) or transaction.exists(ProfileTagsKey(name))


def equal_rules(one: Rule, other: Rule) -> bool:
    """Whether two rules say the same; networks compare by the addresses in them, port lists by their text."""
    return _comparable(one) == _comparable(other)


def _comparable(rule: Rule) -> Rule:
    return replace(rule, src_net=_masked(rule.src_net), dst_net=_masked(rule.dst_net))


def _masked(cidr: str | None) -> str | None:
    return None if cidr is None else str(parse_network(cidr))


def _find(listed: list[Rule], rule: Rule) -> int | None:
    return next((index for index, other in enumerate(listed) if equal_rules(rule, other)), None)


def _not_found(name: str) -> NotFoundError:
    return NotFoundError(f"Profile {name} not found.")


def _require(transaction: Transaction, name: str) -> None:
    if not profile_exists(transaction, name):
        raise _not_found(name)


def _tags(transaction: Transaction, name: str) -> tuple[str, ...]:
    _require(transaction, name)
    return transaction.get(ProfileTagsKey(name), tuple) or ()


def _rules(transaction: Transaction, name: str) -> ProfileRules:
    _require(transaction, name)
    return transaction.get(ProfileRulesKey(name), ProfileRules) or ProfileRules()


def _listed(rules: ProfileRules, direction: str) -> tuple[Rule, ...]:
    if direction not in DIRECTIONS:
        raise ValidationError(f"{direction!r} is not a direction: use {' or '.join(DIRECTIONS)}")
    return rules.inbound if direction == "inbound" else rules.outbound


def _with_listed(rules: ProfileRules, direction: str, listed: list[Rule]) -> ProfileRules:
    if direction == "inbound":
        return replace(rules, inbound=tuple(listed))
    return replace(rules, outbound=tuple(listed))


def _members(transaction: Transaction, name: str) -> tuple[tuple[EndpointKey, Endpoint], ...]:
    found = transaction.list(HOSTS, EndpointKey, Endpoint)
    return tuple((entry.key, entry.value) for entry in found if name in entry.value.profiles)
