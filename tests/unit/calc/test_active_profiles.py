"""Which profiles are active, and with which rules."""

from calico.calc.active_profiles import ActiveProfiles
from calico.model.keys import EndpointKey
from calico.model.values import Endpoint, ProfileRules, Rule
from calico.updates import EndpointRemove, EndpointUpdate, ProfileRemove, ProfileUpdate

A = EndpointKey("here", "docker", "w", "a")
B = EndpointKey("here", "docker", "w", "b")
RULES = ProfileRules((Rule("allow"),))
OTHER_RULES = ProfileRules((Rule("deny"),))


class Fixture:
    """The node and what it has said since it was last asked."""

    def __init__(self) -> None:
        self._said: list[ProfileUpdate | ProfileRemove] = []
        self.node = ActiveProfiles(self._said.append)

    def lists(self, key: EndpointKey, profiles: str) -> list[ProfileUpdate | ProfileRemove]:
        """The endpoint lists these profiles, given as words."""
        self.node.on_endpoint(EndpointUpdate(key, Endpoint("active", "cali1", None, tuple(profiles.split()))))
        return self.said()

    def gone(self, key: EndpointKey) -> list[ProfileUpdate | ProfileRemove]:
        self.node.on_endpoint(EndpointRemove(key))
        return self.said()

    def rules(self, profile: str, rules: ProfileRules | None) -> list[ProfileUpdate | ProfileRemove]:
        self.node.on_rules(profile, rules)
        return self.said()

    def said(self) -> list[ProfileUpdate | ProfileRemove]:
        said = self._said.copy()
        self._said.clear()
        return said


def test_profile_is_active_while_an_endpoint_lists_it() -> None:
    fixture = Fixture()

    assert fixture.rules("P", RULES) == []
    assert fixture.lists(A, "P") == [ProfileUpdate("P", RULES)]
    assert fixture.lists(B, "P P") == []
    assert fixture.gone(A) == []
    assert fixture.gone(B) == [ProfileRemove("P")]


def test_missing_profile_is_active_without_rules() -> None:
    fixture = Fixture()

    assert fixture.lists(A, "P") == [ProfileUpdate("P", None)]
    assert fixture.rules("P", RULES) == [ProfileUpdate("P", RULES)]
    assert fixture.rules("P", None) == [ProfileUpdate("P", None)]
    assert fixture.rules("P", None) == []


def test_rules_are_told_only_while_active_and_only_when_they_differ() -> None:
    fixture = Fixture()
    fixture.rules("P", RULES)
    fixture.lists(A, "P")

    assert fixture.rules("P", ProfileRules((Rule("allow"),))) == []
    assert fixture.rules("P", OTHER_RULES) == [ProfileUpdate("P", OTHER_RULES)]
    assert fixture.gone(A) == [ProfileRemove("P")]
    assert fixture.rules("P", RULES) == []
    assert fixture.lists(B, "P") == [ProfileUpdate("P", RULES)]


def test_changed_list_adds_before_it_removes_and_leaves_the_rest_alone() -> None:
    fixture = Fixture()
    fixture.lists(A, "P Q")

    assert fixture.lists(A, "Q P") == []
    assert fixture.lists(A, "Q R") == [ProfileUpdate("R", None), ProfileRemove("P")]
    assert fixture.lists(A, "") == [ProfileRemove("Q"), ProfileRemove("R")]
    assert fixture.gone(A) == []
