"""Which endpoints are programmed, and who has a contested interface."""

import pytest

from calico.calc.endpoint_resolver import EndpointResolver
from calico.model.keys import EndpointKey
from calico.model.record import replace
from calico.model.values import Endpoint
from calico.updates import EndpointRemove, EndpointUpdate

A = EndpointKey("here", "docker", "w", "a")
B = EndpointKey("here", "docker", "w", "b")
C = EndpointKey("here", "docker", "w", "c")
ELSEWHERE = EndpointKey("there", "docker", "w", "a")
ENDPOINT = Endpoint("active", "cali1", "ee:ee:ee:ee:ee:ee", ("P",), ("10.0.0.1/32",))


class Fixture:
    """A resolver and what it has said since it was last asked."""

    def __init__(self) -> None:
        self._said: list[EndpointUpdate | EndpointRemove] = []
        self.resolver = EndpointResolver("here", self._said.append)

    def tell(self, key: EndpointKey, endpoint: Endpoint | None) -> list[EndpointUpdate | EndpointRemove]:
        self.resolver.on_endpoint(key, endpoint)
        said = self._said.copy()
        self._said.clear()
        return said


def test_local_active_endpoint_comes_changes_and_goes() -> None:
    fixture = Fixture()
    changed = replace(ENDPOINT, profiles=("Q",))

    assert fixture.tell(A, ENDPOINT) == [EndpointUpdate(A, ENDPOINT)]
    assert fixture.tell(A, ENDPOINT) == []
    assert fixture.tell(A, changed) == [EndpointUpdate(A, changed)]
    assert fixture.tell(A, None) == [EndpointRemove(A)]
    assert fixture.tell(A, None) == []


@pytest.mark.parametrize(
    ("key", "endpoint"),
    [
        (ELSEWHERE, ENDPOINT),
        (A, replace(ENDPOINT, state="inactive")),
        (A, replace(ENDPOINT, name="eth0")),
        (A, replace(ENDPOINT, name="xcali1")),
    ],
)
def test_what_is_not_programmable_is_absent(key: EndpointKey, endpoint: Endpoint) -> None:
    fixture = Fixture()

    assert fixture.tell(key, endpoint) == []
    assert fixture.tell(key, None) == []


def test_endpoint_that_stops_being_programmable_is_removed() -> None:
    fixture = Fixture()
    fixture.tell(A, ENDPOINT)

    assert fixture.tell(A, replace(ENDPOINT, state="inactive")) == [EndpointRemove(A)]
    assert fixture.tell(A, ENDPOINT) == [EndpointUpdate(A, ENDPOINT)]


def test_lowest_key_has_a_contested_interface_whoever_came_first() -> None:
    first_low, first_high = Fixture(), Fixture()

    assert first_low.tell(A, ENDPOINT) + first_low.tell(B, ENDPOINT) == [EndpointUpdate(A, ENDPOINT)]
    assert first_high.tell(B, ENDPOINT) == [EndpointUpdate(B, ENDPOINT)]
    assert first_high.tell(A, ENDPOINT) == [EndpointRemove(B), EndpointUpdate(A, ENDPOINT)]


def test_loser_changes_unnoticed_and_comes_when_the_winner_goes() -> None:
    fixture = Fixture()
    changed = replace(ENDPOINT, profiles=("Q",))
    fixture.tell(A, ENDPOINT)
    fixture.tell(C, ENDPOINT)

    assert fixture.tell(B, ENDPOINT) == []
    assert fixture.tell(B, changed) == []
    assert fixture.tell(A, None) == [EndpointRemove(A), EndpointUpdate(B, changed)]
    assert fixture.tell(C, None) == []


def test_winner_that_moves_takes_one_interface_and_leaves_the_other() -> None:
    fixture = Fixture()
    other = replace(ENDPOINT, name="cali2")
    fixture.tell(A, ENDPOINT)
    fixture.tell(B, ENDPOINT)
    fixture.tell(C, other)

    assert fixture.tell(A, other) == [EndpointRemove(C), EndpointUpdate(B, ENDPOINT), EndpointUpdate(A, other)]


def test_endpoint_that_moves_to_an_interface_of_a_lower_key_is_removed() -> None:
    fixture = Fixture()
    fixture.tell(A, ENDPOINT)
    fixture.tell(B, replace(ENDPOINT, name="cali2"))

    assert fixture.tell(B, ENDPOINT) == [EndpointRemove(B)]
