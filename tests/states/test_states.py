"""Every named state, reached in every way, leaves the host with what is written down for it."""

from collections.abc import Callable, Sequence

import pytest

from tests.fakes.calculation import Calculation
from tests.fakes.oracle import expected_state
from tests.states import datastore_states as s
from tests.states.datastore_states import ALL_STATES, EMPTY, HERE, State
from tests.states.expanders import EXPANDERS, STRATEGIES, Journey, as_listed, flush_after_each_state

JOURNEYS: dict[str, list[State]] = {
    "profile before endpoint": [s.UNUSED_RULES, s.UNUSED_PROFILE, s.LOCAL],
    "endpoint before profile": [s.MISSING_PROFILE, s.TAGS_WITHOUT_RULES, s.LOCAL],
    "rules before tags": [s.NO_PROFILE, s.RULES_WITHOUT_TAGS, s.LOCAL],
    "policy tutorial": [s.LOCAL, s.RULES_NAME_NO_TAG, s.RULES_NAME_OTHER_TAG, s.RULES_NAME_BOTH_SIDES, s.RULES_EMPTY],
    "profiles come and go": [s.LOCAL, s.TWO_PROFILES, s.TWO_PROFILES_TURNED, s.OTHER_PROFILE, s.ONE_OF_TWO_MISSING],
    "one tag by two profiles": [s.TWO_PROFILES, s.SAME_TAG_TWICE, s.SAME_TAG_ONCE_LESS, s.LOCAL],
    "addresses come and go": [s.LOCAL, s.SEVERAL_ADDRESSES, s.OTHER_ADDRESS, s.NO_ADDRESS, s.LOCAL],
    "endpoints come and go": [s.LOCAL, s.TWO_LOCAL, s.TWO_LOCAL_TWO_PROFILES, s.WITH_REMOTE, s.ONLY_REMOTE],
    "states of an endpoint": [s.ONLY_INACTIVE, s.LOCAL, s.FOREIGN_INTERFACE, s.RENAMED_INTERFACE, s.ONLY_INACTIVE],
    "one address, many owners": [s.LOCAL, s.SHARED_ADDRESS, s.SHARED_ADDRESS_LEFT, s.WITH_REMOTE],
    "address changes hands": [s.WITH_REMOTE, s.ADDRESS_HANDED_OVER, s.WITH_REMOTE],
    "remote only": [s.ONLY_REMOTE, s.ONLY_REMOTE_CARRIES, s.WITH_REMOTE_FOREIGN_INTERFACE],
    "who does not run still counts": [s.TWO_LOCAL, s.INACTIVE_COUNTS, s.FOREIGN_COUNTS, s.TWO_LOCAL],
    "interface conflict": [s.TWO_LOCAL, s.CONFLICT, s.CONFLICT_WINNER_GONE, s.CONFLICT, s.CONFLICT_WINNER_INACTIVE],
    "conflict of three": [s.CONFLICT_OF_THREE, s.CONFLICT_WINNER_GONE, s.CONFLICT_OF_THREE, s.TWO_LOCAL],
    "interfaces swap": [s.TWO_LOCAL, s.INTERFACES_SWAPPED, s.TWO_LOCAL],
    "interface moves to another endpoint": [s.LOCAL, s.CONFLICT_WINNER_GONE, s.SAME_INTERFACE_ELSEWHERE],
    "settings": [s.ACTION_OWN, s.ACTION_BOTH, s.ACTION_INVALID, s.ACTION_GLOBAL, s.ACTION_LOWER_CASE],
    "pools": [s.POOL, s.POOL_MASQUERADE, s.TWO_POOLS, s.OTHER_POOL, s.KEYS_OF_OTHERS],
}


def _name(function: Callable[..., object]) -> str:
    return function.__name__


def test_names_are_unique_and_there_are_enough_states() -> None:
    assert len({state.name for state in ALL_STATES}) == len(ALL_STATES) >= 30


@pytest.mark.parametrize("state", ALL_STATES, ids=lambda state: state.name)
def test_oracle_says_what_is_written_down(state: State) -> None:
    assert expected_state(state.values, HERE) == state.expected


@pytest.mark.parametrize("strategy", STRATEGIES, ids=_name)
@pytest.mark.parametrize("expand", EXPANDERS, ids=_name)
@pytest.mark.parametrize("journey", JOURNEYS)
def test_journey(
    journey: str,
    expand: Callable[[Sequence[State]], Journey],
    strategy: Callable[[Calculation, Journey], None],
) -> None:
    strategy(Calculation(HERE), expand(JOURNEYS[journey]))


@pytest.mark.parametrize("strategy", STRATEGIES, ids=_name)
@pytest.mark.parametrize("state", ALL_STATES, ids=lambda state: state.name)
def test_state_from_nothing_and_back(state: State, strategy: Callable[[Calculation, Journey], None]) -> None:
    strategy(Calculation(HERE), as_listed([state, EMPTY, state, EMPTY]))


@pytest.mark.parametrize("state", ALL_STATES, ids=lambda state: state.name)
def test_state_to_every_other_state(state: State) -> None:
    for other in ALL_STATES:
        flush_after_each_state(Calculation(HERE), as_listed([state, other]))
