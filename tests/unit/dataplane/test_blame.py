from collections.abc import Set

import pytest

from calico.dataplane.blame import find_culprits

SUSPECTS = frozenset(f"p{number:02}" for number in range(64))


class Trial:
    """Works without the guilty; counts the tries."""

    def __init__(self, *guilty: str) -> None:
        self._guilty = frozenset(guilty)
        self.tries = 0

    def works_without(self, names: Set[str]) -> bool:
        self.tries += 1
        return names >= self._guilty


@pytest.mark.parametrize(
    "guilty", [("p00",), ("p63",), ("p31", "p32"), ("p05", "p40", "p41"), tuple(sorted(SUSPECTS))]
)
def test_exactly_the_guilty_are_found(guilty: tuple[str, ...]) -> None:
    assert find_culprits(SUSPECTS, Trial(*guilty).works_without) == set(guilty)


def test_one_among_many_is_found_in_few_tries() -> None:
    trial = Trial("p17")
    find_culprits(SUSPECTS, trial.works_without)
    assert trial.tries <= 2 + 2 * 6


def test_nobody_is_to_blame_for_what_passed_at_last() -> None:
    assert find_culprits(SUSPECTS, Trial().works_without) == set()


def test_none_of_them_is_to_blame_when_it_fails_without_all() -> None:
    assert find_culprits(SUSPECTS, Trial("somebody else").works_without) is None
