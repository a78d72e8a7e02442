"""What may stand at the end of a command line that is still being typed, for the shells' completion.

``calicoctl __complete WORD… LAST`` prints one candidate a line that begins with ``LAST`` (which may be empty). It
never fails: somebody who presses Tab wants candidates, not errors.
"""

from __future__ import annotations

from contextlib import suppress

from calico.cli.arguments import FORMS
from calico.cli.grammar import HELP_OPTIONS, Usage
from calico.model.errors import CalicoError
from calico.model.names import is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from calico.cli.grammar import Option, Step
    from calico.cli.session import Session
    from calico.client.names import Directory

RULE = "RULE"
FILE = "FILE"
_NAMED = {"profile": "PROFILE", "endpoint": "ENDPOINT", "pool": "CIDR"}
"""Whose names stand behind a kind."""


def complete(words: Sequence[str], commands: Mapping[str, str], session: Session) -> list[str]:
    """Every candidate for the last of ``words``, which are those behind the program's name."""
    before, last = list(words[:-1]), words[-1] if words else ""
    try:
        candidates = set(_candidates(before, last, commands, session))
    except CalicoError:
        return []
    return sorted(text for text in candidates if text.startswith(last))


def _candidates(before: list[str], last: str, commands: Mapping[str, str], session: Session) -> Iterator[str]:
    if not before:
        yield from commands
        yield from HELP_OPTIONS
        return
    if before[0] not in commands:
        return
    lines: Iterable[str] = __import__(f"calico.cli.{before[0]}", fromlist=["USAGES"]).USAGES
    usages = [Usage(line) for line in lines]
    words, option = _without_options(before, usages)
    names = Names(session)
    if option is not None:
        yield from _files(last) if option.value == FILE else names.of(option.value)
        return
    places = [place for place in (Place(usage, words) for usage in usages) if place.fits]
    # As in matching: where lines differ, the one with a literal is meant.
    best = max((place.literal for place in places), default=[])
    if before[0] == "get" and len(words) == 2:
        yield from names.of(_NAMED.get(words[1], ""))
    for place in places:
        if place.literal == best:
            yield from place.options() if last.startswith("-") else _of_step(place.step, place.taken, names)


def _without_options(before: Sequence[str], usages: Iterable[Usage]) -> tuple[list[str], Option | None]:
    """The words that are no options and no values of options, and the option whose value comes next, if one does."""
    known = {name: option for usage in usages for name, option in usage.options.items()}
    words: list[str] = []
    waiting: Option | None = None
    for word in before:
        option = known.get(word)
        if waiting is not None:
            waiting = None
        elif option is not None and option.value:
            waiting = option
        elif option is None and not word.startswith("--"):
            words.append(word)
    return words, waiting


def _files(beginning: str) -> Iterator[str]:
    """The files whose path begins so, and standard input; folders end with a slash."""
    from os import scandir

    folder, slash, start = beginning.rpartition("/")
    yield "-"
    with suppress(OSError, ValueError), scandir(folder + slash or ".") as entries:
        for entry in entries:
            if entry.name.startswith(start) and (start or not entry.name.startswith(".")):
                yield folder + slash + entry.name + ("/" if entry.is_dir() else "")


class Place:
    """Where on a usage line the next word stands: at ``step``, which has ``taken`` some words already if it repeats.

    ``fits`` says whether the words so far belong to the line at all, ``literal`` of each whether a literal took it.
    """

    def __init__(self, usage: Usage, words: Sequence[str]) -> None:
        self._usage = usage
        self.step: Step | None = None
        self.taken: list[str] = []
        self.literal: list[bool] = []
        self.fits = self._walk(list(words))

    def options(self) -> list[str]:
        """The options of the line, the long ones that take a value with their ``=``."""
        options = self._usage.options.items()
        return [f"{name}=" if option.value and name.startswith("--") else name for name, option in options]

    def _walk(self, rest: list[str]) -> bool:
        for step in self._usage.steps:
            if step.repeated or not rest:
                self.step, self.taken = step, rest
                return True
            if step.takes(rest[0]):
                self.literal.append(bool(step.literals))
                rest.pop(0)
            elif not step.optional:
                return False
        return not rest


def _of_step(step: Step | None, taken: list[str], names: Names) -> Iterable[str]:
    if step is None:
        return []
    if step.literals:
        return step.literals
    if step.name == RULE:
        return _of_rule(taken, names)
    return names.of(step.name)


def _of_rule(words: list[str], names: Names) -> Iterable[str]:
    from calico.rules.completion import TAG, next_words, wants_value

    if wants_value(words):
        return names.of("TAG") if words[-1] == TAG else []
    return next_words(words)


class Names:
    """What exists in the datastore, by the placeholder that stands for it in usage lines."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._readers: dict[str, Callable[[], Iterable[str]]] = {
            "PROFILE": self._profiles,
            "ENDPOINT": self._endpoints,
            "E": self._endpoints,
            "TAG": self._tags,
            "HOSTNAME": self._hosts,
            "H": self._hosts,
            "CIDR": self._pools,
            "SRC": self._ends,
            "DST": self._ends,
            "TRAFFIC": self._traffic,
            "FORMAT": lambda: FORMS,
            "KIND": self._kinds,
        }

    def of(self, placeholder: str) -> Iterable[str]:
        """The names that may stand at a placeholder; none when anything may."""
        reader = self._readers.get(placeholder)
        return reader() if reader else []

    def _ends(self) -> Iterable[str]:
        from calico.client.ends import HOST_WORD

        return [*self._endpoints(), HOST_WORD]

    def _traffic(self) -> Iterable[str]:
        from calico.model.protocols import PORT_PROTOCOLS, PROTOCOLS

        return [f"{name}/" if name in PORT_PROTOCOLS else name for name in PROTOCOLS]

    def _kinds(self) -> Iterable[str]:
        from calico.client.documents import KINDS

        return KINDS

    def _profiles(self) -> Iterable[str]:
        from calico.client.profiles import Profiles

        return [*Profiles(self._session.datastore).names(), *self._networks()]

    def _tags(self) -> Iterable[str]:
        from calico.client.profiles import Profiles

        profiles = Profiles(self._session.datastore)
        tags = list(self._networks())
        for name in profiles.names():
            with suppress(CalicoError):  # a value that cannot be read has no tags to offer
                tags += profiles.tags(name)
        return tags

    def _endpoints(self) -> Iterable[str]:
        from calico.client.endpoints import Endpoints

        directory = self._directory()
        for key, _ in Endpoints(self._session.datastore).list():
            yield from directory.calls_of(key)

    def _networks(self) -> Iterable[str]:
        return filter(is_name, self._directory().network_names)

    def _directory(self) -> Directory:
        from calico.client import names

        return names.Names(self._session.datastore).directory()

    def _hosts(self) -> Iterable[str]:
        from calico.client.nodes import Nodes

        return Nodes(self._session.datastore).list()

    def _pools(self) -> Iterable[str]:
        from calico.client.pools import Pools

        return [pool.cidr for pool in Pools(self._session.datastore).list()]
