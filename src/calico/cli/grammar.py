"""The grammar of the command line: usage lines that are both the help text and the rules of matching.

    word         an argument that is not an option
    usage line   the form of one sub-command, as help prints it:
                 ``profile <PROFILE> rule add (inbound|outbound) [--at=<POSITION>] <RULE>...``
    step         one place of a usage line: a literal word, a choice ``(a|b)``, a placeholder ``<NAME>``;
                 at the end also optional, ``[a|b]``, ``[<NAME>]``, or repeated, ``<NAME>...``, ``[<NAME>...]``
    option       ``--name`` or ``--name=<VALUE>``; ``[--a | --b]`` excludes one another,
                 ``[--a [--b]]`` allows the second only with the first; without brackets it must be given;
                 ``[-a]`` and ``[-a <VALUE>]`` are short ones; ``-a <VALUE>`` must be given

Words stand in the order of the line. Options may stand anywhere, be shortened to a unique beginning, and have
their value behind ``=`` or as the next argument; ``--`` ends the options. A word belongs to exactly one step: what
does not fit is an error that names the word, never another reading. When several lines fit, the one with a
literal where they first differ is meant.
"""

from __future__ import annotations

from calico.model.errors import CalicoError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

PROGRAM = "calicoctl"
HELP_OPTIONS = ("-h", "--help")


class UsageError(CalicoError):
    """The arguments fit no usage line; ``usages`` are the lines that come nearest, for the person to read."""

    def __init__(self, message: str, usages: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.usages = tuple(usages)


class Step:
    """One place of a usage line: the ``literals`` that may stand there, or the ``name`` of a placeholder."""

    __slots__ = ("literals", "name", "optional", "repeated")

    def __init__(
        self, literals: Sequence[str], name: str = "", optional: bool = False, repeated: bool = False
    ) -> None:
        self.literals = tuple(literals)
        self.name = name
        self.optional = optional
        self.repeated = repeated

    def takes(self, word: str) -> bool:
        """Whether ``word`` may stand here."""
        return not self.literals or word in self.literals

    @property
    def expected(self) -> list[str]:
        """What may stand here, as errors and completion say it."""
        return list(self.literals) or [f"<{self.name}>"]


class Option:
    """An option of a usage line.

    ``value`` names its value (empty: it takes none), ``needs`` the option that must be given with it; options with
    the same ``rivals`` (not zero) exclude one another.
    """

    __slots__ = ("name", "needs", "required", "rivals", "value")

    def __init__(self, name: str, value: str, *, required: bool, needs: str, rivals: int) -> None:
        self.name = name
        self.value = value
        self.required = required
        self.needs = needs
        self.rivals = rivals

    def __str__(self) -> str:
        if not self.value:
            return self.name
        return f"{self.name}=<{self.value}>" if self.name.startswith("--") else f"{self.name} <{self.value}>"


class Match:
    """The arguments of a command under the names of its usage line.

    ``choices`` are the words taken at ``(a|b)`` and ``[a|b]``, in order.
    """

    __slots__ = ("_options", "_values", "choices")

    def __init__(self, values: dict[str, list[str]], choices: Sequence[str], options: dict[str, str]) -> None:
        self._values = values
        self._options = options
        self.choices = tuple(choices)

    def value(self, name: str) -> str:
        """The word at ``<name>``, which the line demands."""
        return self._values[name][0]

    def values(self, name: str) -> list[str]:
        """All words at ``<name>...``; empty when there are none."""
        return self._values.get(name, [])

    def option(self, name: str) -> str | None:
        """The value of an option, ``None`` when it was not given."""
        return self._options.get(name)

    def flag(self, name: str) -> bool:
        """Whether an option was given."""
        return name in self._options


def match(lines: Sequence[str], arguments: Sequence[str]) -> tuple[str, Match]:
    """The usage line that ``arguments`` fit, and the arguments by name.

    All ``lines`` are of one command and begin with its word, and so do the arguments.
    Raises :class:`UsageError` with what is wrong and the lines that come nearest.
    """
    usages = [Usage(line) for line in lines]
    try:
        words, options = _split(arguments, usages)
    except UsageError as error:
        raise UsageError(str(error), lines) from None
    attempts = [_Attempt(usage, words, options) for usage in usages]
    fitting = [attempt for attempt in attempts if attempt.fits]
    if not fitting:
        raise _explain(attempts, words)
    best = max(fitting, key=lambda attempt: attempt.literal)
    return best.usage.line, Match(best.values, best.choices, options)


def wants_help(arguments: Iterable[str]) -> bool:
    """Whether ``-h`` or ``--help`` is among the arguments before ``--``."""
    for argument in arguments:
        if argument == "--":
            return False
        if argument in HELP_OPTIONS:
            return True
    return False


class Usage:
    """A usage line taken apart: ``steps`` in order, ``options`` by name."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.steps: list[Step] = []
        self.options: dict[str, Option] = {}
        text = line
        for mark in "[]()|":
            text = text.replace(mark, f" {mark} ")
        parts = iter(text.replace("] ...", "]...").split())
        for part in parts:
            if part in ("[", "("):
                self._add_group(_group(parts), optional=part == "[")
            elif part.startswith("--"):
                self._add_option(part, required=True)
            elif part.startswith("-"):
                self._add_option(f"{part}={next(parts)}", required=True)  # a flag that must be given says nothing
            else:
                self._add_step([part], optional=False)

    def _add_group(self, group: list[str], *, optional: bool) -> None:
        if not group[0].startswith("-"):
            self._add_step([part for part in group if part != "|"], optional=optional)
            return
        rivals = len(self.options) + 1 if "|" in group else 0
        owner = ""
        for part, after in zip(group, [*group[1:], ""], strict=True):
            if part == "[":
                owner = group[0].partition("=")[0]
            elif part.startswith("-"):
                value = f"={after}" if not part.startswith("--") and after.startswith("<") else ""
                self._add_option(part + value, required=not optional, needs=owner, rivals=rivals)

    def _add_option(self, part: str, *, required: bool, needs: str = "", rivals: int = 0) -> None:
        name, _, value = part.partition("=")
        self.options[name] = Option(name, value.strip("<>"), required=required, needs=needs, rivals=rivals)

    def _add_step(self, parts: list[str], *, optional: bool) -> None:
        first = parts[0]
        if first.startswith("<"):
            self.steps.append(Step((), first.strip("<>."), optional, first.endswith("...")))
        else:
            self.steps.append(Step(parts, "", optional))


def _group(parts: Iterator[str]) -> list[str]:
    """The parts up to the bracket that closes the one just read."""
    group, depth = [], 1
    for part in parts:
        depth += (part in ("[", "(")) - (part in ("]", ")"))
        if not depth:
            break
        group.append(part)
    return group


class _Attempt:
    """How far the words go along one usage line, and whether the options belong to it.

    ``literal`` says of every word taken whether a literal took it; ``expected`` is what may come next.
    """

    def __init__(self, usage: Usage, words: Sequence[str], options: dict[str, str]) -> None:
        self.usage = usage
        self.values: dict[str, list[str]] = {}
        self.choices: list[str] = []
        self.literal: list[bool] = []
        self.expected: list[str] = []
        self.complete = self._walk(words)
        self.missing = [
            str(option) for name, option in usage.options.items() if option.required and name not in options
        ]
        self.fault = _option_fault(usage, options)
        self.fits = self.complete and not self.missing and not self.fault

    def _walk(self, words: Sequence[str]) -> bool:
        for step in self.usage.steps:
            before = len(self.literal)
            while len(self.literal) < len(words) and step.takes(words[len(self.literal)]):
                self._take(step, words[len(self.literal)])
                if not step.repeated:
                    break
            taken = len(self.literal) > before
            if taken:
                self.expected = []
            if step.repeated or not taken:
                self.expected += step.expected
            if not (taken or step.optional):
                return False
        return len(self.literal) == len(words)

    def _take(self, step: Step, word: str) -> None:
        self.literal.append(bool(step.literals))
        if step.name:
            self.values.setdefault(step.name, []).append(word)
        elif len(step.literals) > 1 or step.optional:
            self.choices.append(word)


def _option_fault(usage: Usage, options: dict[str, str]) -> str:
    """Why these options cannot stand together on this line; empty when they can."""
    rivals: dict[int, str] = {}
    for name in options:
        option = usage.options.get(name)
        if option is None:
            return f"option {name} does not go with '{usage.line}'"
        if option.needs and option.needs not in options:
            return f"option {name} needs {option.needs}"
        other = rivals.setdefault(option.rivals, name)
        if option.rivals and other != name:
            return f"options {other} and {name} exclude one another"
    return ""


def _explain(attempts: Sequence[_Attempt], words: Sequence[str]) -> UsageError:
    """What keeps the words from fitting, said about the lines on which they got farthest."""
    best = max(attempts, key=lambda attempt: (len(attempt.literal), attempt.literal))
    meant = len(best.literal) - best.literal[::-1].index(True) if True in best.literal else 0
    usages = [attempt.usage.line for attempt in attempts if attempt.literal[:meant] == best.literal[:meant]]
    farthest = [attempt for attempt in attempts if attempt.literal == best.literal]
    faults = [attempt.fault for attempt in farthest if attempt.fault]
    if faults and all(attempt.fault for attempt in farthest if attempt.complete):
        return UsageError(faults[0], usages)
    expected = dict.fromkeys(
        text for attempt in farthest for text in attempt.expected + (attempt.missing if attempt.complete else [])
    )
    position = len(best.literal)
    after = " ".join([PROGRAM, *words[:position]])
    hint = _hint(attempts, words, position, expected)
    if position < len(words):
        return UsageError(f"unexpected {words[position]!r} after {after!r}{_one_of(expected)}{hint}", usages)
    return UsageError(f"something is missing after {after!r}{_one_of(expected)}{hint}", usages)


def _hint(attempts: Sequence[_Attempt], words: Sequence[str], position: int, expected: Collection[str]) -> str:
    """The word that was mistyped: the one that fits nowhere, or the sub-command, taken for a name by other lines."""
    if position < len(words) and len(expected) > 1:
        hint = did_you_mean(words[position], (text for text in expected if not text.startswith("<")))
        if hint:
            return hint
    sub_commands = {word for attempt in attempts for step in attempt.usage.steps[1:2] for word in step.literals}
    if len(words) < 2 or words[1] in sub_commands:
        return ""
    return did_you_mean(words[1], sub_commands)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question to put behind an error about ``word``; empty when it is like none of ``known``."""
    from calico.model.spelling import nearest

    found = nearest(word, known)
    return f". Did you mean {found!r}?" if found else ""


def _one_of(expected: Iterable[str]) -> str:
    texts = list(expected)
    if not texts:
        return ""
    return "; expected " + " or ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def _split(arguments: Sequence[str], usages: Iterable[Usage]) -> tuple[list[str], dict[str, str]]:
    """Arguments to words and options; which options take a value is the same on all lines of a command."""
    known = {name: option for usage in usages for name, option in usage.options.items()}
    words: list[str] = []
    options: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            words += rest
            break
        given, joined, value = _parts(argument, known)
        if not _is_option(argument) and given not in known:
            words.append(argument)
            continue
        option = _resolve(given, known)
        if option.name in options:
            raise UsageError(f"option {option.name} is given twice")
        if joined and not option.value:
            raise UsageError(f"option {option.name} takes no value")
        if option.value and not joined:
            value = _next_value(option, rest)
        options[option.name] = value
    return words, options


def _parts(argument: str, known: dict[str, Option]) -> tuple[str, str, str]:
    """The name of an option, and its value when that is joined to it: ``--name=value``, ``-avalue``, ``-a=value``."""
    short = known.get(argument[:2])
    if short is None or len(argument) == 2 or argument[2] == "=" or not short.value:
        return argument.partition("=")
    return argument[:2], "=", argument[2:]


def _is_option(argument: str) -> bool:
    """Whether it begins like an option; a dash alone and a negative number are words."""
    return argument.startswith("-") and argument != "-" and not argument[1:].isdigit()


def _resolve(given: str, known: dict[str, Option]) -> Option:
    """The option meant by a full name or a unique beginning of one."""
    if given in known:
        return known[given]
    found = [name for name in known if given.startswith("--") and len(given) > 2 and name.startswith(given)]
    if len(found) == 1:
        return known[found[0]]
    if found:
        raise UsageError(f"option {given} could be {' or '.join(found)}")
    raise UsageError(f"unknown option {given!r}{did_you_mean(given, known)}")


def _next_value(option: Option, rest: list[str]) -> str:
    """The argument behind an option as its value; what looks like another option is not one."""
    if not rest or _is_option(rest[0]):
        raise UsageError(f"option {option.name} needs a value: {option}")
    return rest.pop(0)
