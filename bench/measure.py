"""What a measurement gives, and how samples are taken and condensed."""

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """``value`` compared with ``baseline``, which is what ``against`` names.

    Both are seconds, unless ``unit`` says otherwise. ``aim`` is the largest ratio that is good enough; ``None``
    where nothing was promised.
    """

    name: str
    value: float
    against: str
    baseline: float
    aim: float | None = None
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """How many times the baseline the value is."""
        return self.value / self.baseline

    @property
    def verdict(self) -> str:
        """The aim, and whether it is met."""
        if self.aim is None:
            return ""
        return f"at most {self.aim:g}: {'met' if self.ratio <= self.aim else 'missed'}"


class Samples:
    """Samples by name."""

    def __init__(self) -> None:
        self._values: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, name: str, value: float) -> None:
        """Take one sample."""
        self._values[name].append(value)

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Take as a sample how many seconds the block lasts."""
        started = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - started)

    def sum(self, name: str) -> float:
        """All together."""
        return sum(self._values[name])

    def median(self, name: str) -> float:
        """The middle one."""
        return self.quantile(name, 0.5)

    def quantile(self, name: str, share: float) -> float:
        """The value below which this share of the samples lies, between two samples by proportion."""
        ordered = sorted(self._values[name])
        position = share * (len(ordered) - 1)
        low = int(position)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


Turn = Callable[[Samples], None]


def alternate(turns: Sequence[Turn], rounds: int, samples: Samples | None = None) -> Samples:
    """Take all turns by rounds, so that what changes on the machine meanwhile hits all alike.

    A first round only warms up. Within a round the order varies: what a turn leaves for the kernel to clean up is
    then not always paid by the same successor. Adds to ``samples`` when there are some already.
    """
    samples = samples or Samples()
    order = random.Random(1)
    for turn in turns:
        turn(Samples())
    for _ in range(rounds):
        for turn in order.sample(turns, len(turns)):
            turn(samples)
    return samples
