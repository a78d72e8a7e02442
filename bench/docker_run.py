"""``docker run --rm`` of a command that does nothing: on a calico network, and on Docker's own bridges."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.host import run
from bench.measure import Result, Samples, Turn, alternate

_BRIDGES = ("on the default bridge", "on a bridge network")


def measure(quick: bool) -> Iterator[Result]:
    """Whole commands, from the start of the client to its end: the container is gone again then."""
    with _network("calico", "--ipam-driver", "calico") as calico, _network("bridge") as bridge:
        networks = {"calico": calico, _BRIDGES[0]: "bridge", _BRIDGES[1]: bridge}
        samples = alternate([_run(*case) for case in networks.items()], 3 if quick else 40)
    for words, share, aim in (("median", 0.5, 1.0), ("90th percentile", 0.9, None)):
        value = samples.quantile("calico", share)
        for name in _BRIDGES:
            yield Result(f"docker run, {words}", value, name, samples.quantile(name, share), aim)


@contextmanager
def _network(driver: str, *options: str) -> Iterator[str]:
    name = run("docker", "network", "create", "--driver", driver, *options, f"bench-{driver}")
    try:
        yield name
    finally:
        run("docker", "network", "rm", name)


def _run(name: str, network_id: str) -> Turn:
    def turn(samples: Samples) -> None:
        with samples.time(name):
            run("docker", "run", "--rm", "--network", network_id, "busybox", "true")

    return turn
