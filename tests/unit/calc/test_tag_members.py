"""Which addresses a tag has, and when one joins or leaves."""

from calico.calc.tag_members import TagMembers
from calico.model.keys import EndpointKey
from calico.model.values import Endpoint

A = EndpointKey("here", "docker", "w", "a")
B = EndpointKey("there", "docker", "w", "b")


class Fixture:
    """The node and what it has said since it was last asked: ``+tag:address`` and ``-tag:address``."""

    def __init__(self, **tags: str) -> None:
        self._said: list[str] = []
        self.node = TagMembers(
            on_joined=lambda tag, address: self._said.append(f"+{tag}:{address}"),
            on_left=lambda tag, address: self._said.append(f"-{tag}:{address}"),
        )
        for profile, words in tags.items():
            self.node.on_tags(profile, tuple(words.split()))

    def endpoint(self, key: EndpointKey, profiles: str, nets: str, state: str = "active") -> str:
        v4 = tuple(net for net in nets.split() if ":" not in net)
        v6 = tuple(net for net in nets.split() if ":" in net)
        self.node.on_endpoint(key, Endpoint(state, "cali1", None, tuple(profiles.split()), v4, v6))
        return self.said()

    def gone(self, key: EndpointKey) -> str:
        self.node.on_endpoint(key, None)
        return self.said()

    def tags(self, profile: str, words: str | None) -> str:
        self.node.on_tags(profile, None if words is None else tuple(words.split()))
        return self.said()

    def said(self) -> str:
        said = " ".join(self._said)
        self._said.clear()
        return said


def test_endpoint_joins_the_tags_of_its_profiles_and_leaves_them() -> None:
    fixture = Fixture(P="s t", Q="u")

    assert fixture.endpoint(A, "P Q", "10.0.0.1/32") == "+s:10.0.0.1 +t:10.0.0.1 +u:10.0.0.1"
    assert fixture.endpoint(A, "Q", "10.0.0.1/32") == "-s:10.0.0.1 -t:10.0.0.1"
    assert fixture.gone(A) == "-u:10.0.0.1"
    assert fixture.gone(A) == ""


def test_inactive_endpoints_of_any_host_count() -> None:
    fixture = Fixture(P="s")

    assert fixture.endpoint(B, "P", "10.0.1.1/32", "inactive") == "+s:10.0.1.1"
    assert fixture.endpoint(B, "P", "10.0.1.1/32", "active") == ""


def test_member_is_the_address_of_a_network_of_either_family_whatever_the_prefix() -> None:
    fixture = Fixture(P="s")
    fixture.endpoint(A, "P", "10.0.0.1/32 10.0.0.1/24 10.0.5.6/16 fd00::1/128 fd00::2/64")

    assert fixture.node.members("s") == {"10.0.0.1", "10.0.5.6", "fd00::1", "fd00::2"}


def test_address_of_two_owners_stays_until_the_last_leaves() -> None:
    fixture = Fixture(P="s")

    assert fixture.endpoint(A, "P", "10.0.0.1/32") == "+s:10.0.0.1"
    assert fixture.endpoint(B, "P", "10.0.0.1/24") == ""
    assert fixture.gone(A) == ""
    assert fixture.gone(B) == "-s:10.0.0.1"


def test_address_by_two_profiles_stays_until_both_lose_the_tag() -> None:
    fixture = Fixture(P="s", Q="s")

    assert fixture.endpoint(A, "P Q P", "10.0.0.1/32") == "+s:10.0.0.1"
    assert fixture.tags("P", "") == ""
    assert fixture.tags("Q", None) == "-s:10.0.0.1"
    assert fixture.tags("P", "s s") == "+s:10.0.0.1"
    assert fixture.gone(A) == "-s:10.0.0.1"


def test_changed_tags_document_tells_the_difference_for_each_endpoint() -> None:
    fixture = Fixture(P="s t")
    fixture.endpoint(A, "P", "10.0.0.1/32")
    fixture.endpoint(B, "Q", "10.0.0.2/32")

    assert fixture.tags("P", "t u") == "+u:10.0.0.1 -s:10.0.0.1"
    assert fixture.tags("P", "u t") == ""
    assert fixture.tags("Q", "t") == "+t:10.0.0.2"
    assert fixture.node.members("t") == {"10.0.0.1", "10.0.0.2"}


def test_changed_addresses_tell_the_difference() -> None:
    fixture = Fixture(P="s")
    fixture.endpoint(A, "P", "10.0.0.1/32 10.0.0.2/32")

    assert fixture.endpoint(A, "P", "10.0.0.2/32 10.0.0.3/32") == "+s:10.0.0.3 -s:10.0.0.1"


def test_endpoint_without_addresses_does_not_disturb_the_others() -> None:
    fixture = Fixture(P="s")

    assert fixture.endpoint(A, "P", "") == ""
    assert fixture.endpoint(B, "P", "10.0.0.1/32") == "+s:10.0.0.1"
    assert fixture.gone(B) == "-s:10.0.0.1"
    assert fixture.gone(A) == ""


def test_tag_that_nobody_carries_has_no_members() -> None:
    assert Fixture(P="s").node.members("s") == frozenset()
