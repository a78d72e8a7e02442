"""Profiles: creating, deleting, tags and rules, with every refusal, and with another writer in between."""

from collections.abc import Callable

import pytest

from calico.client.endpoints import Endpoints
from calico.client.profiles import Profiles, equal_rules
from calico.datastore.api import Delete, Put
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import AlreadyExistsError, InUseError, NotFoundError, ValidationError
from calico.model.keys import EndpointKey, ProfileRulesKey, ProfileTagsKey
from calico.model.values import Endpoint, Profile, ProfileRules, Rule, default_profile
from tests.fakes.interleaving import InterleavedDatastore

A = Rule("allow", protocol="tcp", dst_ports=((80, 80),))
B = Rule("deny", src_tag="bad")
X = Rule("allow", src_net="10.1.2.3/8")
ENDPOINT = Endpoint("active", "cali1", "ee:ee:ee:ee:ee:ee", profiles=("OTHER", "P"))
KEY = EndpointKey("h1", "libnetwork", "libnetwork", "e1")


@pytest.fixture
def datastore() -> MemoryDatastore:
    return MemoryDatastore()


@pytest.fixture
def profiles(datastore: MemoryDatastore) -> Profiles:
    """All profiles: there is one, ``P``, with two rules inbound and the default ones outbound."""
    found = Profiles(datastore)
    found.create("P", Profile("P", ("P",), ProfileRules((A, B), default_profile("P").rules.outbound)))
    return found


def keys(datastore: MemoryDatastore) -> list[str]:
    return [item.key for item in datastore.list("/calico").entries]


class TestExistence:
    def test_create_writes_tags_and_rules_in_one_transaction(self, datastore: MemoryDatastore) -> None:
        seen = InterleavedDatastore(datastore)
        Profiles(seen).create("WEB")
        assert seen.calls.count("transact") == 1
        found = {item.key.rpartition("/")[2]: item.value for item in datastore.list("/calico").entries}
        assert found == {
            "tags": '["WEB"]',
            "rules": '{"id": "WEB", "inbound_rules": [{"action": "allow", "src_tag": "WEB"}], '
            '"outbound_rules": [{"action": "allow"}]}',
        }

    def test_create_refuses_a_name_that_is_taken(self, profiles: Profiles) -> None:
        before = profiles.get("P")
        with pytest.raises(AlreadyExistsError, match=r"Profile P already exists\."):
            profiles.create("P")
        assert profiles.get("P") == before

    def test_ensure_keeps_what_exists(self, profiles: Profiles) -> None:
        before = profiles.get("P")
        assert not profiles.ensure("P")
        assert profiles.get("P") == before
        assert profiles.ensure("Q")
        assert profiles.get("Q") == default_profile("Q")

    @pytest.mark.parametrize("name", ["", "a b", "a/b", "Profile!", "x" * 129])
    def test_illegal_names_are_refused_everywhere(self, profiles: Profiles, name: str) -> None:
        operations: list[Callable[[], object]] = [
            lambda: profiles.create(name),
            lambda: profiles.get(name),
            lambda: profiles.delete(name),
            lambda: profiles.exists(name),
        ]
        for operation in operations:
            with pytest.raises(ValidationError, match="profile"):
                operation()

    def test_names_are_sorted_and_include_those_with_faulty_content(
        self, datastore: MemoryDatastore, profiles: Profiles
    ) -> None:
        profiles.create("A")
        datastore.transact((), (Put(ProfileRulesKey("Z").path, "{"), Put("/calico/v1/policy/profile/b b/tags", "[]")))
        assert profiles.names() == ("A", "P", "Z")
        assert profiles.exists("Z")
        assert not profiles.exists("Q")

    def test_delete_removes_all_of_it(self, datastore: MemoryDatastore, profiles: Profiles) -> None:
        profiles.create("PP")
        datastore.transact((), (Put("/calico/v1/policy/profile/P/labels", "{}"),))
        profiles.delete("P")
        assert profiles.names() == ("PP",)
        assert len(keys(datastore)) == 2

    def test_delete_can_be_kept_from_a_profile_in_use(self, datastore: MemoryDatastore, profiles: Profiles) -> None:
        Endpoints(datastore).create(KEY, ENDPOINT)
        with pytest.raises(InUseError, match=r"Cannot remove profile - profile in use by endpoint\(s\)\."):
            profiles.delete("P", unused=True)
        assert profiles.exists("P")
        profiles.delete("P")
        assert Endpoints(datastore).get(KEY).profiles == ("OTHER", "P")

    def test_members_are_the_endpoints_that_list_it(self, datastore: MemoryDatastore, profiles: Profiles) -> None:
        Endpoints(datastore).create(KEY, ENDPOINT)
        assert profiles.members("P") == ((KEY, ENDPOINT),)
        assert profiles.members("Q") == ()

    def test_what_is_missing_of_a_profile_is_empty(self, datastore: MemoryDatastore, profiles: Profiles) -> None:
        datastore.transact((), (Delete(ProfileTagsKey("P").path),))
        assert profiles.get("P").tags == ()
        profiles.create("Q")
        datastore.transact((), (Delete(ProfileRulesKey("Q").path),))
        assert profiles.rules("Q") == ProfileRules()
        assert profiles.add_rule("Q", "inbound", A)
        assert profiles.rules("Q").inbound == (A,)

    def test_faulty_tags_do_not_hide_the_rules(self, datastore: MemoryDatastore, profiles: Profiles) -> None:
        datastore.transact((), (Put(ProfileTagsKey("P").path, "{"),))
        assert profiles.rules("P").inbound == (A, B)
        with pytest.raises(ValidationError, match="profile/P/tags: not JSON"):
            profiles.tags("P")


class TestResolve:
    def test_prefers_the_exact_name(self, profiles: Profiles) -> None:
        profiles.create("web")
        profiles.create("WEB")
        assert [profiles.resolve(name) for name in ("web", "WEB", "p")] == ["web", "WEB", "P"]

    def test_refuses_what_may_mean_two(self, profiles: Profiles) -> None:
        profiles.create("Web")
        profiles.create("WEB")
        with pytest.raises(ValidationError, match="web is ambiguous: it may mean WEB or Web"):
            profiles.resolve("web")

    def test_does_not_find_what_is_not_there(self, profiles: Profiles) -> None:
        with pytest.raises(NotFoundError, match=r"Profile web not found\."):
            profiles.resolve("web")


class TestTags:
    def test_are_a_set_in_order(self, profiles: Profiles) -> None:
        assert profiles.add_tag("P", "b")
        assert profiles.add_tag("P", "a")
        assert not profiles.add_tag("P", "b")
        assert profiles.tags("P") == ("P", "b", "a")
        profiles.remove_tag("P", "b")
        assert profiles.tags("P") == ("P", "a")

    def test_unknown_ones_cannot_be_removed(self, profiles: Profiles) -> None:
        with pytest.raises(NotFoundError, match="Tag x is not on profile P"):
            profiles.remove_tag("P", "x")

    @pytest.mark.parametrize("tag", ["", "Tag~1", "a b", "x" * 129])
    def test_names_are_checked(self, profiles: Profiles, tag: str) -> None:
        with pytest.raises(ValidationError, match="tag"):
            profiles.add_tag("P", tag)
        assert profiles.tags("P") == ("P",)


class TestRules:
    @pytest.mark.parametrize("direction", ["inbound", "outbound"])
    @pytest.mark.parametrize(
        ("position", "expected"),
        [(None, [A, B, X]), (3, [A, B, X]), (1, [X, A, B]), (2, [A, X, B]), (0, [X, A, B])],
    )
    def test_are_inserted_at_a_position(
        self, profiles: Profiles, direction: str, position: int | None, expected: list[Rule]
    ) -> None:
        profiles.replace_rules("P", ProfileRules((A, B), (A, B)))
        assert profiles.add_rule("P", direction, X, position)
        rules = profiles.rules("P")
        changed, other = (
            (rules.inbound, rules.outbound) if direction == "inbound" else (rules.outbound, rules.inbound)
        )
        assert changed == tuple(expected)
        assert other == (A, B)

    @pytest.mark.parametrize("position", [-5, -1, 4, 9])
    def test_are_not_inserted_elsewhere(self, profiles: Profiles, position: int) -> None:
        with pytest.raises(ValidationError, match=f"Position {position} is out-of-range."):
            profiles.add_rule("P", "inbound", X, position)
        assert profiles.rules("P").inbound == (A, B)

    def test_are_not_added_twice_in_a_direction(self, profiles: Profiles) -> None:
        assert profiles.add_rule("P", "inbound", X)
        assert not profiles.add_rule("P", "inbound", Rule("allow", src_net="10.0.0.0/8"), 1)
        assert profiles.rules("P").inbound == (A, B, X)
        assert profiles.add_rule("P", "outbound", X)

    def test_an_illegal_position_is_refused_before_a_duplicate(self, profiles: Profiles) -> None:
        with pytest.raises(ValidationError, match="out-of-range"):
            profiles.add_rule("P", "inbound", A, 9)

    def test_are_removed_by_what_they_say(self, profiles: Profiles) -> None:
        profiles.replace_rules("P", ProfileRules((X, A), (A,)))
        profiles.remove_rule("P", "inbound", Rule("allow", src_net="10.0.0.0/8"))
        assert profiles.rules("P") == ProfileRules((A,), (A,))
        with pytest.raises(NotFoundError, match=r"Rule not found\."):
            profiles.remove_rule("P", "inbound", X)

    def test_are_removed_by_position(self, profiles: Profiles) -> None:
        profiles.remove_rule_at("P", "inbound", 2)
        assert profiles.rules("P").inbound == (A,)
        for position in (0, -1, 2):
            with pytest.raises(ValidationError, match=r"Rule position out-of-range\."):
                profiles.remove_rule_at("P", "inbound", position)

    def test_only_the_first_of_equal_ones_is_removed(self, profiles: Profiles) -> None:
        profiles.replace_rules("P", ProfileRules((A, B, A)))
        profiles.remove_rule("P", "inbound", A)
        assert profiles.rules("P").inbound == (B, A)

    def test_are_replaced_even_when_they_cannot_be_read(self, datastore: MemoryDatastore, profiles: Profiles) -> None:
        datastore.transact((), (Put(ProfileRulesKey("P").path, '{"inbound_rules": 1}'),))
        with pytest.raises(ValidationError, match=r"profile/P/rules: inbound_rules"):
            profiles.rules("P")
        profiles.replace_rules("P", ProfileRules((A,)))
        assert profiles.rules("P").inbound == (A,)

    def test_unknown_fields_of_the_document_stay(self, datastore: MemoryDatastore, profiles: Profiles) -> None:
        text = '{"id": "P", "inbound_rules": [], "outbound_rules": [], "note": 1}'
        datastore.transact((), (Put(ProfileRulesKey("P").path, text),))
        profiles.add_rule("P", "inbound", A)
        assert dict(profiles.rules("P").extra) == {"note": 1}

    def test_have_two_directions(self, profiles: Profiles) -> None:
        with pytest.raises(ValidationError, match="'sideways' is not a direction"):
            profiles.add_rule("P", "sideways", A)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (Rule("allow", src_net="10.1.2.3/8"), Rule("allow", src_net="10.0.0.0/8"), True),
        (Rule("allow", src_net="10.1.2.3/8"), Rule("allow", dst_net="10.1.2.3/8"), False),
        (Rule("allow", src_net="10.0.0.0/8"), Rule("allow", src_net="10.0.0.0/9"), False),
        (Rule("allow", "tcp", dst_ports=((1, 1), (2, 2))), Rule("allow", "tcp", dst_ports=((2, 2), (1, 1))), False),
        (Rule("allow"), Rule("deny"), False),
        (Rule("allow"), Rule("allow", src_net="0.0.0.0/0"), False),
    ],
)
def test_rules_are_equal_when_they_say_the_same(one: Rule, other: Rule, equal: bool) -> None:
    assert equal_rules(one, other) is equal


MISSING: list[Callable[[Profiles], object]] = [
    lambda profiles: profiles.get("Q"),
    lambda profiles: profiles.tags("Q"),
    lambda profiles: profiles.rules("Q"),
    lambda profiles: profiles.delete("Q"),
    lambda profiles: profiles.add_tag("Q", "t"),
    lambda profiles: profiles.remove_tag("Q", "t"),
    lambda profiles: profiles.add_rule("Q", "inbound", A),
    lambda profiles: profiles.remove_rule("Q", "inbound", A),
    lambda profiles: profiles.remove_rule_at("Q", "inbound", 1),
    lambda profiles: profiles.replace_rules("Q", ProfileRules()),
]


@pytest.mark.parametrize("operation", MISSING)
def test_a_missing_profile_is_not_found(
    datastore: MemoryDatastore, profiles: Profiles, operation: Callable[[Profiles], object]
) -> None:
    before = keys(datastore)
    with pytest.raises(NotFoundError, match=r"Profile Q not found\."):
        operation(profiles)
    assert keys(datastore) == before


CHANGES: list[tuple[Callable[[Profiles], object], Callable[[Profile], bool]]] = [
    (lambda profiles: profiles.add_tag("P", "t"), lambda found: "t" in found.tags),
    (lambda profiles: profiles.remove_tag("P", "P"), lambda found: "P" not in found.tags),
    (lambda profiles: profiles.add_rule("P", "inbound", X), lambda found: X in found.rules.inbound),
    (lambda profiles: profiles.remove_rule("P", "inbound", A), lambda found: A not in found.rules.inbound),
    (lambda profiles: profiles.remove_rule_at("P", "inbound", 1), lambda found: A not in found.rules.inbound),
]


def calls_of(datastore: MemoryDatastore, operation: Callable[[Profiles], object]) -> int:
    """How many calls of the datastore an operation takes when nobody disturbs it; its effect is undone."""
    profiles = Profiles(datastore)
    before = profiles.get("P")
    seen = InterleavedDatastore(datastore)
    operation(Profiles(seen))
    profiles.delete("P")
    profiles.create("P", before)
    return len(seen.calls)


@pytest.mark.parametrize(("operation", "done"), CHANGES)
def test_no_change_of_another_writer_is_lost(
    datastore: MemoryDatastore,
    profiles: Profiles,
    operation: Callable[[Profiles], object],
    done: Callable[[Profile], bool],
) -> None:
    before = profiles.get("P")
    other = Rule("deny", dst_tag="meanwhile")

    def meddle() -> None:
        profiles.add_rule("P", "inbound", other)
        profiles.add_tag("P", "meanwhile")

    for call in range(1, calls_of(datastore, operation) + 1):
        profiles.delete("P")
        profiles.create("P", before)
        seen = InterleavedDatastore(datastore)
        seen.arm(before={call: meddle})
        operation(Profiles(seen))
        found = profiles.get("P")
        assert done(found)
        assert other in found.rules.inbound
        assert "meanwhile" in found.tags


@pytest.mark.parametrize("operation", [change for change, _ in CHANGES])
def test_a_profile_deleted_meanwhile_does_not_come_back(
    datastore: MemoryDatastore, profiles: Profiles, operation: Callable[[Profiles], object]
) -> None:
    before = profiles.get("P")
    for call in range(1, calls_of(datastore, operation) + 1):
        profiles.ensure("P", before)
        seen = InterleavedDatastore(datastore)
        seen.arm(before={call: lambda: profiles.delete("P")})
        with pytest.raises(NotFoundError):
            operation(Profiles(seen))
        assert keys(datastore) == []
