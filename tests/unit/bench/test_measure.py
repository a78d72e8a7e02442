import pytest

from bench.measure import Result, Samples, Turn, alternate


def filled(values: list[float]) -> Samples:
    samples = Samples()
    for value in values:
        samples.add("x", value)
    return samples


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([5], 0.5, 5),
        ([5], 0.9, 5),
        ([3, 1, 2], 0.5, 2),
        ([4, 1, 2, 3], 0.5, 2.5),
        ([*range(11)], 0.9, 9),
        ([0, 10], 0.9, 9),
        ([1, 2], 1.0, 2),
    ],
)
def test_quantiles_lie_between_samples_by_proportion(values: list[float], share: float, expected: float) -> None:
    assert filled(values).quantile("x", share) == pytest.approx(expected)


def test_every_round_has_every_turn_once_and_the_warm_up_leaves_no_sample() -> None:
    taken: list[str] = []

    def turn(name: str) -> Turn:
        def take(samples: Samples) -> None:
            taken.append(name)
            samples.add(name, float(len(taken)))

        return take

    samples = alternate([turn("a"), turn("b")], 5)

    assert [sorted(taken[at : at + 2]) for at in range(0, 12, 2)] == [["a", "b"]] * 6
    assert samples.sum("a") + samples.sum("b") == sum(range(3, 13))


def test_more_rounds_add_to_samples_that_there_are() -> None:
    samples = alternate([lambda samples: samples.add("x", 1)], 2)

    alternate([lambda samples: samples.add("x", 1)], 3, samples)

    assert samples.sum("x") == 5


@pytest.mark.parametrize(
    ("value", "aim", "verdict"),
    [
        (3.0, 1.5, "at most 1.5: met"),
        (3.1, 1.5, "at most 1.5: missed"),
        (9.0, None, ""),
        (0.0, 0.0, "at most 0: met"),
    ],
)
def test_an_aim_is_met_up_to_its_ratio(value: float, aim: float | None, verdict: str) -> None:
    assert Result("name", value, "baseline", 2.0, aim).verdict == verdict
