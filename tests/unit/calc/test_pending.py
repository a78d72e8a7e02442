"""The difference between what was sent and what should be sent."""

from calico.calc.pending import Pending, PendingIPSets, Taken
from calico.model.values import IPPool, ProfileRules
from calico.updates import IPSetDelta, IPSetRemove, IPSetUpdate, PoolRemove, PoolUpdate, ProfileRemove, ProfileUpdate

NOTHING = Taken([], [])
P = ProfileUpdate("P", None)
P_WITH_RULES = ProfileUpdate("P", ProfileRules())


def pending(*sent: ProfileUpdate) -> Pending[str, ProfileUpdate]:
    kind = Pending[str, ProfileUpdate](ProfileRemove)
    for update in sent:
        kind.put(update.name, update)
    kind.take()
    return kind


def test_object_is_sent_once() -> None:
    kind = pending()
    kind.put("P", P)

    assert kind.take() == Taken([P], [])
    assert kind.take() == NOTHING
    kind.put("P", P)
    assert kind.take() == NOTHING


def test_several_changes_are_sent_as_the_last_one() -> None:
    kind = pending(P)
    kind.drop("P")
    kind.put("P", P)
    kind.put("P", P_WITH_RULES)

    assert kind.take() == Taken([P_WITH_RULES], [])


def test_changes_taken_back_are_not_sent() -> None:
    kind = pending(P)
    kind.put("P", P_WITH_RULES)
    kind.put("P", P)
    kind.put("Q", ProfileUpdate("Q", None))
    kind.drop("Q")
    kind.drop("R")

    assert kind.take() == NOTHING


def test_removal_is_sent_once_and_forgets_what_was_sent() -> None:
    kind = pending(P)
    kind.put("P", P_WITH_RULES)
    kind.drop("P")
    kind.drop("P")

    assert kind.take() == Taken([], [ProfileRemove("P")])
    assert kind.take() == NOTHING
    kind.put("P", P)
    assert kind.take() == Taken([P], [])


def test_object_that_changes_its_slot_is_removed_and_sent() -> None:
    kind = Pending[str, PoolUpdate](PoolRemove, slot=lambda update: update.pool.ipip)
    first, second = PoolUpdate(IPPool("10.0.0.0/8")), PoolUpdate(IPPool("10.0.0.0/8", masquerade=True))
    moved = PoolUpdate(IPPool("10.0.0.0/8", ipip="tunl0"))
    kind.put("10.0.0.0/8", first)

    assert kind.take() == Taken([first], [])
    kind.put("10.0.0.0/8", second)
    assert kind.take() == Taken([second], [])
    kind.put("10.0.0.0/8", moved)
    assert kind.take() == Taken([moved], [PoolRemove("10.0.0.0/8")])
    assert kind.take() == NOTHING


class IPSets:
    """Pending IP sets with the members that they ask for, as TagMembers would have them."""

    def __init__(self) -> None:
        self.members: dict[str, set[str]] = {}
        self.asked: list[str] = []
        self.kind = PendingIPSets(self._members_of)

    def join(self, tag: str, address: str) -> None:
        self.members.setdefault(tag, set()).add(address)
        self.kind.on_joined(tag, address)

    def leave(self, tag: str, address: str) -> None:
        self.members[tag].remove(address)
        self.kind.on_left(tag, address)

    def _members_of(self, tag: str) -> frozenset[str]:
        self.asked.append(tag)
        return frozenset(self.members.get(tag, ()))


def delta(tag: str, added: str, removed: str) -> IPSetDelta:
    return IPSetDelta(tag, frozenset(added.split()), frozenset(removed.split()))


def sent_ip_sets() -> IPSets:
    """Tag ``t`` was sent with members 1 and 2."""
    sets = IPSets()
    sets.join("t", "1")
    sets.join("t", "2")
    sets.kind.on_active("t")
    sets.kind.take()
    return sets


def test_active_tag_is_sent_whole_with_the_members_of_that_moment() -> None:
    sets = IPSets()
    sets.kind.on_active("t")
    sets.join("t", "1")
    sets.join("other", "1")

    assert sets.kind.take() == Taken([IPSetUpdate("t", frozenset("1"))], [])
    assert sets.kind.take() == NOTHING


def test_members_of_a_sent_tag_follow_as_a_delta_without_asking_for_all() -> None:
    sets = sent_ip_sets()
    sets.join("t", "3")
    sets.leave("t", "1")
    sets.asked.clear()

    assert sets.kind.take() == Taken([delta("t", "3", "1")], [])
    assert sets.kind.take() == NOTHING
    assert sets.asked == []


def test_member_that_joins_and_leaves_between_flushes_is_not_sent() -> None:
    sets = sent_ip_sets()
    sets.join("t", "3")
    sets.leave("t", "3")
    sets.leave("t", "1")
    sets.join("t", "1")

    assert sets.kind.take() == NOTHING


def test_tag_that_was_inactive_between_flushes_is_followed_all_the_same() -> None:
    sets = sent_ip_sets()
    sets.kind.on_inactive("t")
    sets.join("t", "3")
    sets.leave("t", "1")
    sets.kind.on_active("t")

    assert sets.kind.take() == Taken([delta("t", "3", "1")], [])


def test_tag_that_is_inactive_at_the_flush_is_removed_whatever_joined() -> None:
    sets = sent_ip_sets()
    sets.join("t", "3")
    sets.kind.on_inactive("t")

    assert sets.kind.take() == Taken([], [IPSetRemove("t")])
    sets.leave("t", "3")
    sets.kind.on_active("t")
    assert sets.kind.take() == Taken([IPSetUpdate("t", frozenset("12"))], [])


def test_tag_that_was_active_between_flushes_only_is_not_sent() -> None:
    sets = IPSets()
    sets.kind.on_active("t")
    sets.join("t", "1")
    sets.kind.on_inactive("t")

    assert sets.kind.take() == NOTHING
