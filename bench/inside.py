"""The process inside the host: runs measures and prints each result as a line of JSON."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict

from bench import attach, commands, docker_run, idle, restart, rule_edit
from bench.measure import Result

MEASURES: Mapping[str, Callable[[bool], Iterator[Result]]] = {
    "docker-run": docker_run.measure,
    "attach": attach.measure,
    "rule-edit": rule_edit.measure,
    "commands": commands.measure,
    "idle": idle.measure,
    "restart": restart.measure,
}


def main(words: list[str]) -> None:
    """Run the measures named, or all; the word ``--quick`` takes few samples."""
    names = [word for word in words if word != "--quick"] or list(MEASURES)
    for name in names:
        print(f"bench: measuring {name}", file=sys.stderr, flush=True)
        for result in MEASURES[name]("--quick" in words):
            print(json.dumps(asdict(result)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
