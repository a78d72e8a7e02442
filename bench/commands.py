"""``calicoctl`` at the terminal, against the Python that it cannot do without."""

from collections.abc import Iterator

from bench.host import run
from bench.measure import Result, Samples, Turn, alternate
from bench.plugin import network

_BARE = "python -c pass"


def measure(quick: bool) -> Iterator[Result]:
    """Whole commands, as a person waits for them."""
    with network() as profile:
        commands = {
            "calicoctl version": ("calicoctl", "version"),
            "calicoctl profile P rule show": ("calicoctl", "profile", profile, "rule", "show"),
            _BARE: ("python", "-c", "pass"),
        }
        samples = alternate([_run(*case) for case in commands.items()], 5 if quick else 40)
    for name in commands:
        if name != _BARE:
            yield Result(name, samples.median(name), _BARE, samples.median(_BARE))


def _run(name: str, argv: tuple[str, ...]) -> Turn:
    def turn(samples: Samples) -> None:
        with samples.time(name):
            run(*argv)

    return turn
