"""The ways to get from state to state, and the ways to flush while going.

A journey is a list of legs; a leg is the changes that lead to a state. Expanders make journeys of a list of states;
flush strategies drive a calculation along one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from calico.model.keys import Key
from tests.fakes.calculation import Calculation
from tests.states.datastore_states import EMPTY, State


@dataclass(frozen=True)
class Leg:
    """Changes that end in ``state``; with ``resync`` everything is told again at the end."""

    changes: tuple[tuple[Key, object | None], ...]
    state: State
    resync: bool = False


Journey = tuple[Leg, ...]


def as_listed(states: Sequence[State]) -> Journey:
    """From state to state."""
    before: dict[Key, object] = {}
    legs = []
    for state in states:
        gone = [(key, None) for key in before if key not in state.values]
        new = [(key, value) for key, value in state.values.items() if before.get(key) != value]
        legs.append(Leg((*gone, *new), state))
        before = dict(state.values)
    return tuple(legs)


def keys_reversed(states: Sequence[State]) -> Journey:
    """From state to state, the changes of each leg in the other order."""
    return tuple(Leg(leg.changes[::-1], leg.state) for leg in as_listed(states))


def states_reversed(states: Sequence[State]) -> Journey:
    """From the last state to the first."""
    return as_listed(states[::-1])


def there_and_back(states: Sequence[State]) -> Journey:
    """Through all states, and the same way back to nothing."""
    return as_listed([*states, *states[-2::-1], EMPTY])


def emptied_between(states: Sequence[State]) -> Journey:
    """From nothing to each state and back to nothing."""
    return as_listed([step for state in states for step in (EMPTY, state)] + [EMPTY])


def squashed(states: Sequence[State]) -> Journey:
    """All changes of all legs as one leg."""
    changes = tuple(change for leg in as_listed(states) for change in leg.changes)
    return (Leg(changes, states[-1]),)


def resynced(states: Sequence[State]) -> Journey:
    """From state to state, with a resync in each."""
    return tuple(Leg(leg.changes, leg.state, resync=True) for leg in as_listed(states))


EXPANDERS: tuple[Callable[[Sequence[State]], Journey], ...] = (
    as_listed,
    keys_reversed,
    states_reversed,
    there_and_back,
    emptied_between,
    squashed,
    resynced,
)


def flush_after_each_key(calculation: Calculation, journey: Journey) -> None:
    """Flush after every change, and check each state on arrival."""
    _travel(calculation, journey, after_key=lambda _change: calculation.flush())


def flush_after_each_key_told_twice(calculation: Calculation, journey: Journey) -> None:
    """Flush after every change, tell it again, and see that nothing comes of it."""

    def after_key(change: tuple[Key, object | None]) -> None:
        calculation.flush()
        calculation.change(*change)
        assert calculation.flush() == []

    _travel(calculation, journey, after_key)


def flush_after_each_state(calculation: Calculation, journey: Journey) -> None:
    """Flush on arrival at each state."""
    _travel(calculation, journey, after_key=lambda _change: None)


def flush_at_the_end(calculation: Calculation, journey: Journey) -> None:
    """Flush once, at the end of the journey."""
    for leg in journey:
        for change in leg.changes:
            calculation.change(*change)
        _arrive(calculation, leg)
    calculation.flush()
    assert calculation.host_state == journey[-1].state.expected


STRATEGIES: tuple[Callable[[Calculation, Journey], None], ...] = (
    flush_after_each_key,
    flush_after_each_key_told_twice,
    flush_after_each_state,
    flush_at_the_end,
)


def _travel(
    calculation: Calculation, journey: Journey, after_key: Callable[[tuple[Key, object | None]], object]
) -> None:
    for leg in journey:
        for change in leg.changes:
            calculation.change(*change)
            after_key(change)
        _arrive(calculation, leg)
        calculation.flush()
        assert calculation.host_state == leg.state.expected


def _arrive(calculation: Calculation, leg: Leg) -> None:
    """The first state is the snapshot, the others are changes after it."""
    calculation.progress()
    if not calculation.is_in_sync or leg.resync:
        calculation.resync(list(calculation.values))
