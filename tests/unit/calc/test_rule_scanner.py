"""Which tags are active."""

from calico.calc.rule_scanner import RuleScanner
from calico.model.values import ProfileRules, Rule
from calico.updates import ProfileRemove, ProfileUpdate


class Fixture:
    """The node and what it has said since it was last asked: ``+tag`` and ``-tag``."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self.node = RuleScanner(
            on_active=lambda tag: self._said.append(f"+{tag}"),
            on_inactive=lambda tag: self._said.append(f"-{tag}"),
        )

    def tell(self, update: ProfileUpdate | ProfileRemove) -> str:
        self.node.on_profile(update)
        said = " ".join(self._said)
        self._said.clear()
        return said


def naming(*tags: str) -> ProfileRules:
    return ProfileRules(tuple(Rule("allow", src_tag=tag) for tag in tags))


def test_tags_of_both_sides_and_directions_are_found_once() -> None:
    fixture = Fixture()
    rules = ProfileRules(
        (Rule("allow", src_tag="a", dst_tag="b"), Rule("deny", src_tag="a")),
        (Rule("allow", src_tag="c"), Rule("allow"), Rule("deny", dst_tag="d")),
    )

    assert fixture.tell(ProfileUpdate("P", rules)) == "+a +b +c +d"
    assert fixture.tell(ProfileRemove("P")) == "-a -b -c -d"


def test_tag_stays_until_the_last_profile_that_names_it_is_gone() -> None:
    fixture = Fixture()

    assert fixture.tell(ProfileUpdate("P", naming("a"))) == "+a"
    assert fixture.tell(ProfileUpdate("Q", naming("a"))) == ""
    assert fixture.tell(ProfileRemove("P")) == ""
    assert fixture.tell(ProfileUpdate("Q", None)) == "-a"
    assert fixture.tell(ProfileRemove("Q")) == ""


def test_edited_rules_tell_the_difference_only() -> None:
    fixture = Fixture()
    fixture.tell(ProfileUpdate("P", naming("a", "b")))

    assert fixture.tell(ProfileUpdate("P", naming("b", "c"))) == "+c -a"
    assert fixture.tell(ProfileUpdate("P", ProfileRules())) == "-b -c"
