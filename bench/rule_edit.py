"""One rule edit, up to the first packet that obeys, on a host with few and on one with many endpoints.

All endpoints of a host have the profile that is edited. Both hosts are there all the time, with an agent each, so
that the edits can alternate; neither needs Docker.
"""

import contextlib
import os
import socket
import sys
from collections.abc import Iterator

from bench.editor import CLOSED, OPENING, SOCKET
from bench.measure import Result, Samples, Turn, alternate
from calico.dataplane.nft.library import NftLibrary
from calico.dataplane.nft.text import CommandText, rule_texts
from calico.dataplane.render.profiles import render_profile
from calico.model.values import ProfileRules
from tests.functional.netns import Netns
from tests.system.namespace import Namespace

_OPEN = ProfileRules((OPENING,), CLOSED.outbound)
_SECONDS = 60.0


def measure(quick: bool) -> Iterator[Result]:
    """Edits on both hosts, and the bare transaction that the kernel needs for one, by turns."""
    few, many = 10, 100 if quick else 1000
    with _editor(few) as on_few, _editor(many) as on_many:
        turns = [editor.turn(kind) for editor in (on_few, on_many) for kind in ("port", "tag")]
        samples = alternate([*turns, _bare_edit()], 5 if quick else 40)
    port, tag = "rule edit opening a port, {} endpoints", "rule edit naming a tag of {} endpoints"
    few_port, many_port = samples.median(f"{few} port"), samples.median(f"{many} port")
    yield Result(port.format(few), few_port, "bare nft transaction", samples.median("bare"))
    yield Result(port.format(many), many_port, f"{few} endpoints", few_port, 1.5)
    yield Result(tag.format(many), samples.median(f"{many} tag"), f"{few} endpoints", samples.median(f"{few} tag"))


class _Editor:
    """A :mod:`bench.editor` on a host of its own."""

    def __init__(self, count: int, connection: socket.socket) -> None:
        self._count = count
        self._lines = connection.makefile("rw")

    def turn(self, kind: str) -> Turn:
        """One edit of a kind."""

        def turn(samples: Samples) -> None:
            print(kind, file=self._lines, flush=True)
            answer = self._lines.readline()
            assert answer, f"the host with {self._count} endpoints has failed"
            samples.add(f"{self._count} {kind}", float(answer))

        return turn


@contextlib.contextmanager
def _editor(count: int) -> Iterator[_Editor]:
    with Namespace(f"bench{count}") as host, socket.socket(socket.AF_UNIX) as connection:
        environment = {"PYTHONPATH": os.environ["PYTHONPATH"]}
        process = host.popen("python", "-m", "bench.editor", str(count), stderr=sys.stderr, env=environment)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "the host for rule edits did not start"
        connection.settimeout(_SECONDS)
        connection.connect(str(host.path(SOCKET)))
        yield _Editor(count, connection)


def _bare_edit() -> Turn:
    """The same two chains, ready as text, in a namespace that has nothing else."""
    with Netns().entered():
        library = NftLibrary()
    library.run("".join(["add table inet bench\n", *_commands(CLOSED, "add")]))
    closing, opening = "".join(_commands(CLOSED, "flush")), "".join(_commands(_OPEN, "flush"))

    def turn(samples: Samples) -> None:
        library.run(closing)
        with samples.time("bare"):
            library.run(opening)

    return turn


def _commands(rules: ProfileRules, verb: str) -> Iterator[str]:
    text = CommandText("inet", "bench")
    for name, chain in render_profile("bench", rules).items():
        yield f"{text.add_chain(name, None) if verb == 'add' else text.flush_chain(name)}\n"
        yield from (f"{line}\n" for line in text.add_rules(name, rule_texts(name, chain)))
