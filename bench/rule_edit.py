"""One rule edit, up to the first packet that obeys, with few and with many endpoints that have the profile."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

from bench.host import network
from bench.measure import Result, Samples, Turn, alternate
from bench.plugin import attached
from bench.stream import PORT, Stream, two_containers
from calico.client.profiles import Profiles
from calico.dataplane.nft.library import NftLibrary
from calico.dataplane.nft.text import CommandText, rule_texts
from calico.dataplane.render.profiles import render_profile
from calico.datastore.open import DEFAULT_URL, open_datastore
from calico.model.values import ProfileRules, Rule
from tests.functional.netns import Netns

_INTERVAL = 0.0002
_PATIENCE = 10.0
_OPEN_A_PORT = Rule("allow", protocol="udp", dst_ports=((PORT, PORT),))
_CLOSED = ProfileRules((), (Rule("allow"),))
_OPEN = ProfileRules((_OPEN_A_PORT,), _CLOSED.outbound)


def measure(quick: bool) -> Iterator[Result]:
    """Few, many, and few once more, because the machine is not the same at the end as at the beginning."""
    few, many = 10, 100 if quick else 1000
    rounds = 3 if quick else 25
    samples = Samples()
    with ExitStack() as stack:
        profile = stack.enter_context(network("bench"))
        open_stream = stack.enter_context(two_containers(profile))
        stream = stack.enter_context(open_stream(_INTERVAL))
        stack.enter_context(attached(profile, range(2, few)))
        edits = _Edits(Profiles(open_datastore(DEFAULT_URL)), profile, stream)
        bare = _bare_edit()
        alternate([*edits.turns("few"), bare], rounds, samples)
        with attached(profile, range(few, many)):
            alternate([*edits.turns("many"), bare], 2 * rounds, samples)
        alternate([*edits.turns("few"), bare], rounds, samples)
    port, tag = "rule edit opening a port, {} endpoints", "rule edit naming a tag of {} endpoints"
    yield Result(port.format(few), samples.median("few port"), "bare nft transaction", samples.median("bare"))
    yield Result(port.format(many), samples.median("many port"), f"{few} endpoints", samples.median("few port"), 1.5)
    yield Result(tag.format(many), samples.median("many tag"), f"{few} endpoints", samples.median("few tag"))


class _Edits:
    """Edits of a profile that decides about a stream."""

    def __init__(self, profiles: Profiles, profile: str, stream: Stream) -> None:
        self._profiles = profiles
        self._profile = profile
        self._stream = stream

    def turns(self, word: str) -> tuple[Turn, Turn]:
        """A rule that stands alone, and one for which the kernel must learn all members of a tag."""
        return (
            lambda samples: samples.add(f"{word} port", self._edit(_OPEN_A_PORT)),
            lambda samples: samples.add(f"{word} tag", self._edit(Rule("allow", src_tag=self._profile))),
        )

    def _edit(self, rule: Rule) -> float:
        """Close, wait until nothing comes through, open: seconds until a datagram is sent that arrives."""
        self._profiles.replace_rules(self._profile, _CLOSED)
        self._stream.wait_quiet()
        started = time.monotonic()
        self._profiles.add_rule(self._profile, "inbound", rule)
        first = self._stream.receive(_PATIENCE)
        assert first is not None, "the rule does not take effect"
        return first.sent - started


def _bare_edit() -> Turn:
    """The same two chains, ready as text, in a namespace that has nothing else."""
    with Netns().entered():
        library = NftLibrary()
    library.run("".join(["add table inet bench\n", *_commands(_CLOSED, "add")]))
    closing, opening = "".join(_commands(_CLOSED, "flush")), "".join(_commands(_OPEN, "flush"))

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
