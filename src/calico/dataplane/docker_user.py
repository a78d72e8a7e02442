"""Docker's firewall lets our endpoints through.

Docker sets the policy of iptables' FORWARD chain to DROP, and accepting a packet in our own nft table does not
overrule that. It leaves one chain to the host's owner, DOCKER-USER, which it visits first and does not clear: there
we accept what comes from and goes to our interfaces, for our own table has judged it by then.

    nft       iptables-nft's tables ``ip filter`` and ``ip6 filter``; our rules are written as iptables-nft would, so
              that ``iptables -S DOCKER-USER`` shows them and ``iptables -D`` can take them out
    legacy    the older iptables of the kernel, spoken to by its command and therefore looked at only now and then
    neither   no such chain (Docker's own nftables rules, or ``--iptables=false``): nothing to do

Docker, firewalld or a person may make the chain late, clear it or put rules before ours; we put ours back on top.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from calico.dataplane.backoff import retry_delay
from calico.dataplane.trouble import Trouble
from calico.linux.nfnetlink import RuleEntry
from calico.model.codec import INTERFACE_PREFIX
from calico.model.errors import NotFoundError, UnavailableError
from calico.updates import Update

log = logging.getLogger(__name__)

FAMILIES = ("ip", "ip6")
TABLE = "filter"
CHAIN = "DOCKER-USER"

_WILDCARD = f"{INTERFACE_PREFIX}*"
_KEYS = ("iifname", "oifname")
_LEGACY_RULES = (f"-i {INTERFACE_PREFIX}+ -j ACCEPT", f"-o {INTERFACE_PREFIX}+ -j ACCEPT")
_LEGACY_COMMANDS = {"iptables-legacy": "ip_tables_names", "ip6tables-legacy": "ip6_tables_names"}


class RuleLister(Protocol):
    """What is needed of nf_tables; see :class:`calico.linux.nfnetlink.NfTables`."""

    def generation(self) -> int:
        """A number that changes with every change of anybody."""
        ...

    def list_rules(self, family: str, table: str, chain: str) -> tuple[RuleEntry, ...]:
        """The rules of a chain; NotFoundError when there is none."""
        ...


class Library(Protocol):
    """What is needed of libnftables; see :class:`calico.dataplane.nft.library.NftLibrary`."""

    def run(self, commands: str) -> None:
        """Run commands as one transaction or raise ApplyError."""
        ...

    def list_table(self, family: str, name: str) -> list[dict[str, object]] | None:
        """The table's objects in nft's JSON, or ``None``."""
        ...


class LegacyTables(Protocol):
    """The iptables of before nf_tables, where a host still uses it."""

    def names(self, file: str) -> tuple[str, ...]:
        """The tables that the kernel holds, from a file below ``/proc/net``; empty without legacy iptables."""
        ...

    def run(self, arguments: Sequence[str]) -> str | None:
        """The output of an iptables command; ``None`` when it fails. UnavailableError when it takes too long."""
        ...


_Rule = tuple[int, list[object]]
"""Handle and expressions."""


class DockerUserChain:
    """Keeps our two rules at the top of DOCKER-USER. An unchanged generation costs one question to the kernel."""

    def __init__(
        self,
        nftables: RuleLister,
        library: Library,
        legacy: LegacyTables,
        *,
        retry_delay: Callable[[int], float] = retry_delay,
    ) -> None:
        self._nftables = nftables
        self._library = library
        self._legacy = legacy
        self._verified_generation: int | None = None
        self._handles: dict[str, tuple[int, ...]] = {}
        self._full = True
        self._trouble = Trouble("Docker's firewall may stop our endpoints", retry_delay)

    def on_update(self, update: Update) -> None:
        """No update concerns Docker's firewall."""

    def look(self, _now: float, *, full: bool) -> None:
        """Let the next ``complete`` check everything, the legacy tables too, when ``full``."""
        self._full |= full

    def complete(self, now: float) -> list[str]:
        """Put our rules where they belong; one line for each chain in which they were not."""
        lines: list[str] = []
        if not self._trouble.waits(now):
            self._trouble.attempt(lambda: self._check(lines), now)
        return lines

    def due(self) -> float | None:
        """When something that failed is to be tried again."""
        return self._trouble.due

    @property
    def fault(self) -> str:
        """Why packets of endpoints may be dropped by Docker; empty when they are not."""
        return self._trouble.fault

    def _check(self, lines: list[str]) -> None:
        self._check_nft(lines)
        if self._full:
            self._check_legacy(lines)
            self._full = False

    def _check_nft(self, lines: list[str]) -> None:
        # Read before looking: what changes meanwhile is seen as a change next time.
        generation = self._nftables.generation()
        if generation == self._verified_generation:
            return
        for family in FAMILIES:
            try:
                rules = self._nftables.list_rules(family, TABLE, CHAIN)
            except NotFoundError:
                self._handles.pop(family, None)
                continue
            handles = tuple(rule.handle for rule in rules)
            # The kernel never gives a handle twice in a table, so equal handles are the rules we saw.
            if handles[: len(_KEYS)] != self._handles.get(family):
                self._check_rules(family, lines)
        self._verified_generation = generation

    def _check_rules(self, family: str, lines: list[str]) -> None:
        """Read the rules in full, and if ours are not the first, put them there."""
        rules = _read(self._library, family)
        if self._remember(family, rules):
            return
        commands = _removals(family, rules)
        commands += [
            f'insert rule {family} {TABLE} {CHAIN} {key} "{_WILDCARD}" counter accept' for key in reversed(_KEYS)
        ]
        self._library.run("\n".join(commands) + "\n")
        lines.append(f"{CHAIN} of {family} {TABLE} did not begin with our rules, does now")
        self._remember(family, _read(self._library, family))

    def _remember(self, family: str, rules: Sequence[_Rule]) -> bool:
        """Whether the chain begins with our rules; if so their handles are kept."""
        self._handles.pop(family, None)
        if not _begins_with_ours(rules):
            return False
        self._handles[family] = tuple(handle for handle, _ in rules[: len(_KEYS)])
        return True

    def _check_legacy(self, lines: list[str]) -> None:
        for command, file in _LEGACY_COMMANDS.items():
            listed = self._legacy.run([command, "-S", CHAIN]) if TABLE in self._legacy.names(file) else None
            if listed is None:
                continue
            rules = _legacy_rules(listed)
            if tuple(rules[: len(_LEGACY_RULES)]) == _LEGACY_RULES:
                continue
            changes = [["-I", CHAIN, *rule.split()] for rule in reversed(_LEGACY_RULES)]
            misplaced = [number for number, rule in enumerate(rules, len(_LEGACY_RULES) + 1) if rule in _LEGACY_RULES]
            changes += [["-D", CHAIN, str(number)] for number in reversed(misplaced)]
            for change in changes:
                if self._legacy.run([command, *change]) is None:
                    raise UnavailableError(f"{command} {' '.join(change)} failed")
            lines.append(f"{CHAIN} of {command} did not begin with our rules, does now")


def find_chains(library: Library, legacy: LegacyTables) -> dict[str, bool]:
    """Where DOCKER-USER is, in the words of a person, and whether our rules are at its top. Changes nothing."""
    found: dict[str, bool] = {}
    for family in FAMILIES:
        listing = library.list_table(family, TABLE) or ()
        if any(_named(entry.get("chain"), "name") for entry in listing):
            found[f"{family} {TABLE} {CHAIN}"] = _begins_with_ours(_rules_in(listing))
    for command, file in _LEGACY_COMMANDS.items():
        listed = legacy.run([command, "-S", CHAIN]) if TABLE in legacy.names(file) else None
        if listed is not None:
            found[f"{CHAIN} of {command}"] = tuple(_legacy_rules(listed)[: len(_LEGACY_RULES)]) == _LEGACY_RULES
    return found


def remove_rules(library: Library, legacy: LegacyTables) -> None:
    """Take our rules out of DOCKER-USER, wherever they are."""
    for family in FAMILIES:
        commands = _removals(family, _read(library, family))
        if commands:
            library.run("\n".join(commands) + "\n")
    for command, file in _LEGACY_COMMANDS.items():
        if TABLE in legacy.names(file):
            for rule in _LEGACY_RULES:
                legacy.run([command, "-D", CHAIN, *rule.split()])


def _begins_with_ours(rules: Sequence[_Rule]) -> bool:
    return [expression for _, expression in rules[: len(_KEYS)]] == [_accept(key) for key in _KEYS]


def _legacy_rules(listed: str) -> list[str]:
    """The rules of the chain, from what ``iptables -S`` printed."""
    return [line.removeprefix(f"-A {CHAIN} ") for line in listed.splitlines() if line.startswith("-A")]


def _read(library: Library, family: str) -> list[_Rule]:
    """Handle and expressions, counters left out, of each rule of the chain."""
    return _rules_in(library.list_table(family, TABLE) or ())


def _rules_in(listing: Iterable[Mapping[str, object]]) -> list[_Rule]:
    rules = []
    for entry in listing:
        rule = entry.get("rule")
        if isinstance(rule, dict) and _named(rule, "chain"):
            expression = [part for part in rule.get("expr", ()) if "counter" not in part]
            rules.append((rule["handle"], expression))
    return rules


def _named(thing: object, field: str) -> bool:
    return isinstance(thing, dict) and thing.get(field) == CHAIN


def _removals(family: str, rules: Sequence[_Rule]) -> list[str]:
    ours = [handle for handle, expression in rules if expression in map(_accept, _KEYS)]
    return [f"delete rule {family} {TABLE} {CHAIN} handle {handle}" for handle in ours]


def _accept(key: str) -> list[object]:
    """The rule that accepts by one direction, as nft lists it in JSON."""
    match: Mapping[str, object] = {"op": "==", "left": {"meta": {"key": key}}, "right": _WILDCARD}
    return [{"match": match}, {"accept": None}]
