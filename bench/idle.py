"""What calico-node costs when nothing happens."""

import time
from collections.abc import Iterator

from bench.host import agent_pid, cpu_seconds
from bench.measure import Result
from bench.plugin import attached, network


def measure(quick: bool) -> Iterator[Result]:
    """Processor time by the clock, over one period of the agent's own check of the kernel."""
    seconds = 2 if quick else 10
    with network() as profile:
        for others in (0, 20 if quick else 200):
            with attached(profile, range(others)):
                time.sleep(1)  # what attaching set off shall be over
                used, passed = _watch(agent_pid(), seconds)
                yield Result(f"processor time of the idle agent, {others} endpoints", used, "wall clock", passed)


def _watch(pid: int, seconds: float) -> tuple[float, float]:
    used, started = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return cpu_seconds(pid) - used, time.monotonic() - started
