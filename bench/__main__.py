"""``python -m bench``: measure on a host in namespaces of its own, print one table, and write it as JSON too."""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from bench.inside import MEASURES
from bench.measure import Result
from tests.system.engine import Host, Lan
from tests.system.namespace import ROOT, CommandError, HostError
from tests.system.site import Site

_SECONDS = 600
_COLUMNS = ("what", "measured", "against", "baseline", "ratio", "aim")


class _BenchError(Exception):
    """There will be no table; the text says why."""


def main() -> int:
    """Exit code 0 when everything was measured, whatever the numbers; 1 when not."""
    options = _parse_options()
    # Programs that are used every day find their bytecode.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    signal.signal(signal.SIGTERM, _give_up)
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(_SECONDS)
    load = os.getloadavg()[0]
    if load > 1:
        print("bench: this machine is busy, which spoils the numbers", file=sys.stderr)
    try:
        results = list(_measure(options.measures, quick=options.quick))
        if options.quick:  # too few samples to judge by
            results = [replace(result, aim=None) for result in results]
    except (HostError, CommandError, _BenchError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    print(_render_table(results))
    report = {
        "machine": _describe_machine(load),
        "quick": options.quick,
        "results": [_record(result) for result in results],
    }
    options.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Needs root; `make bench` sets up the rest.")
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=f"all, or some of {', '.join(MEASURES)}")
    parser.add_argument("--quick", action="store_true", help="only see whether everything can be measured")
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results.json", metavar="PATH")
    options = parser.parse_args()
    for name in options.measures:
        if name not in MEASURES:
            parser.error(f"there is no measure {name!r}: choose from {', '.join(MEASURES)}")
    return options


def _give_up(number: int, _frame: FrameType | None) -> NoReturn:
    raise _BenchError("no end in time" if number == signal.SIGALRM else "told to end")


def _measure(names: Sequence[str], *, quick: bool) -> Iterator[Result]:
    """Make a host with Docker and calico-node, and let a process in there measure."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        lan = stack.enter_context(Lan())
        host = stack.enter_context(Host("bench", Path(folder)))
        lan.join(host, "192.0.2.1/24", default_route=True)
        Site(host).start_agent()
        arguments = (*names, *(["--quick"] if quick else []))
        process = host.popen("python", "-m", "bench.inside", *arguments, stderr=sys.stderr, env=_environment())
        assert process.stdout is not None
        for line in process.stdout:
            yield Result(**json.loads(line))
        if process.wait() != 0:
            raise _BenchError("a measurement failed")


def _environment() -> Mapping[str, str]:
    return {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def _describe_machine(load: float) -> Mapping[str, object]:
    client = subprocess.run(("docker", "--version"), capture_output=True, text=True, check=False)
    return {
        "cores": os.cpu_count(),
        "load before": load,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "docker": client.stdout.strip(),
    }


def _record(result: Result) -> Mapping[str, object]:
    return {**asdict(result), "ratio": result.ratio}


def _render_table(results: Sequence[Result]) -> str:
    rows = [_COLUMNS, *(_cells(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ["  ".join(map(_align, row, widths, range(len(widths)))).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _cells(result: Result) -> tuple[str, ...]:
    value, baseline = _quantity(result.value, result.unit), _quantity(result.baseline, result.unit)
    return result.name, value, result.against, baseline, f"{result.ratio:.3g}", result.verdict


def _quantity(value: float, unit: str) -> str:
    if unit != "s":
        return f"{value:g} {unit}"
    return f"{value:.1f} s" if value >= 1 else f"{value * 1000:.1f} ms"


def _align(text: str, width: int, column: int) -> str:
    return text.rjust(width) if _COLUMNS[column] in ("measured", "baseline", "ratio") else text.ljust(width)


if __name__ == "__main__":
    sys.exit(main())
