"""Killing calico-node and starting it again, while packets flow."""

import time
from collections.abc import Callable, Iterator

from bench.host import kill_agent, start_agent
from bench.measure import Result, Samples, Turn, alternate
from bench.plugin import attached, network
from bench.stream import Stream, two_containers

_INTERVAL = 0.01
_AROUND = 0.3


def measure(quick: bool) -> Iterator[Result]:
    """How long until the kernel is in sync again, and what of a stream of 100 packets a second is lost meanwhile."""
    few, many = 2, 20 if quick else 200
    rounds = 1 if quick else 5
    samples = Samples()
    with network() as profile, two_containers(profile) as open_stream:
        alternate([_restart(open_stream, "few")], rounds, samples)
        with attached(profile, range(few, many)):
            alternate([_restart(open_stream, "many")], rounds, samples)
    name = f"agent killed, started, in sync, {many} endpoints"
    yield Result(name, samples.median("many"), f"{few} endpoints", samples.median("few"))
    yield Result("packets lost meanwhile", samples.sum("lost"), "packets sent", samples.sum("sent"), 0.0, "packets")


def _restart(open_stream: Callable[[float], Stream], word: str) -> Turn:
    def turn(samples: Samples) -> None:
        with open_stream(_INTERVAL) as stream:
            time.sleep(_AROUND)
            kill_agent()
            with samples.time(word):
                start_agent()
            time.sleep(_AROUND)
            numbers = [datagram.number for datagram in stream.received()]
        assert numbers, "nothing of the stream arrived"
        sent = numbers[-1] - numbers[0] + 1
        samples.add("sent", sent)
        samples.add("lost", sent - len(numbers))

    return turn
