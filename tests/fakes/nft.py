"""The kernel's nftables for the commands that we write: transactions all or nothing, refusals, listings.

It interprets the text of :mod:`calico.dataplane.nft.text` and nothing else; a command it does not know is an error.
The same tests run on it and on the real library, which is what entitles unit tests to trust it.
"""

import copy
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from calico.dataplane.nft.elements import ElementChange
from calico.dataplane.nft.text import CommandText
from calico.model.errors import ApplyError
from calico.model.net import parse_network

_BASE = re.compile(r"\{ type (\w+) hook (\w+) priority (-?\d+); policy (\w+); \}")
_RULE = re.compile(r'(?P<text>.*) comment "(?P<comment>[^"]*)"')
_SET = re.compile(r"\{ type (?P<fields>[^;:]+?)(?P<map> : verdict)?;(?P<interval> flags interval;)? \}")
_CHAIN_REFERENCE = re.compile(r"\b(?:jump|goto) (\S+)")
_SET_REFERENCE = re.compile(r"@(\S+)")


@dataclass
class _Chain:
    base: tuple[str, str, int, str] | None = None
    rules: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class _Set:
    fields: list[str]
    is_map: bool
    interval: bool
    elements: dict[str, str] = field(default_factory=dict)


@dataclass
class _Table:
    chains: dict[str, _Chain] = field(default_factory=dict)
    sets: dict[str, _Set] = field(default_factory=dict)
    dormant: bool = False


class FakeNft:
    """A library for :class:`calico.dataplane.nft.table.NftTable`.

    ``transactions`` keeps the text of every transaction that was tried; ``refuse_next`` makes the next one fail.
    """

    def __init__(self) -> None:
        self.transactions: list[str] = []
        self.listings = 0
        self._table: _Table | None = None
        self._refusal = ""

    def refuse_next(self, reason: str) -> None:
        self._refusal = reason

    def run(self, commands: str) -> None:
        self.transactions.append(commands)
        refusal, self._refusal = self._refusal, ""
        if refusal:
            raise ApplyError(refusal)
        before = copy.deepcopy(self._table)
        try:
            for line in commands.splitlines():
                self._command(line)
            self._check_references()
        except (ApplyError, KeyError) as error:
            self._table = before
            raise ApplyError(f"No such file or directory: {error}") from None

    def change_elements(self, family: str, table: str, changes: Sequence[ElementChange]) -> None:
        """The same as text, which is how the fake keeps and refuses it."""
        text = CommandText(family, table)
        lines = [
            line
            for change in changes
            for line in (
                *text.delete_elements(change.set_name, change.spec, change.removed),
                *text.add_elements(change.set_name, change.spec, change.added),
            )
        ]
        self.run("\n".join(lines) + "\n")

    def list_table(self, family: str, name: str) -> list[dict[str, object]] | None:
        self.listings += 1
        assert (family, name) == ("inet", "calico")
        return None if self._table is None else list(_listing(self._table))

    # Commands

    def _command(self, line: str) -> None:
        verb, kind, family, table, *rest = line.split(" ", 5)
        assert (family, table) == ("inet", "calico"), line
        name, rest_text = (rest[0], rest[1] if len(rest) > 1 else "") if rest else ("", "")
        handler = getattr(self, f"_{verb}_{kind}", None)
        assert handler is not None, f"unknown command: {line}"
        handler(name, rest_text)

    @property
    def _objects(self) -> _Table:
        if self._table is None:
            raise KeyError("table")
        return self._table

    def _add_table(self, _name: str, flags: str) -> None:
        if self._table is None:
            self._table = _Table()
        self._table.dormant = "dormant" in flags

    def _delete_table(self, _name: str, _rest: str) -> None:
        self._objects.chains.clear()
        self._table = None

    def _add_chain(self, name: str, spec: str) -> None:
        base = _BASE.fullmatch(spec)
        assert base or not spec, spec
        parsed = (base[1], base[2], int(base[3]), base[4]) if base else None
        chain = self._objects.chains.setdefault(name, _Chain(parsed))
        if (chain.base or ())[:3] != (parsed or ())[:3]:
            raise ApplyError(f"chain {name} exists with another hook")
        chain.base = parsed

    def _flush_chain(self, name: str, _rest: str) -> None:
        self._objects.chains[name].rules.clear()

    def _delete_chain(self, name: str, _rest: str) -> None:
        if self._objects.chains[name].rules:
            raise ApplyError(f"Device or resource busy: chain {name} has rules")
        del self._objects.chains[name]
        self._check_references()

    def _add_rule(self, name: str, rest: str) -> None:
        self._insert_rule(name, rest, end=True)

    def _insert_rule(self, name: str, rest: str, end: bool = False) -> None:
        match = _RULE.fullmatch(rest)
        text, comment = (match["text"], match["comment"]) if match else (rest, "")
        rules = self._objects.chains[name].rules
        rules.insert(len(rules) if end else 0, (text, comment))
        self._check_references()

    def _add_set(self, name: str, spec: str) -> None:
        match = _SET.fullmatch(spec)
        assert match, spec
        new = _Set(match["fields"].split(" . "), bool(match["map"]), bool(match["interval"]))
        old = self._objects.sets.setdefault(name, new)
        if (old.fields, old.is_map, old.interval) != (new.fields, new.is_map, new.interval):
            raise ApplyError(f"File exists: set {name}")

    _add_map = _add_set

    def _flush_set(self, name: str, _rest: str) -> None:
        self._objects.sets[name].elements.clear()

    _flush_map = _flush_set

    def _delete_set(self, name: str, _rest: str) -> None:
        del self._objects.sets[name]
        self._check_references()

    _delete_map = _delete_set

    def _add_element(self, name: str, rest: str) -> None:
        target = self._objects.sets[name]
        for item in _items(rest):
            key, _colon, verdict = item.partition(" : ")
            if target.elements.get(key, verdict) != verdict:
                raise ApplyError(f"File exists: element {key}")
            target.elements[key] = verdict
        self._check_references()
        if target.interval and _overlap(target.elements):
            raise ApplyError("conflicting intervals specified")

    def _delete_element(self, name: str, rest: str) -> None:
        for item in _items(rest):
            del self._objects.sets[name].elements[item]

    def _check_references(self) -> None:
        if self._table is None:
            return
        for name, chain in self._table.chains.items():
            for text, _comment in chain.rules:
                self._check_text(name, text)
        for name, target in self._table.sets.items():
            for verdict in target.elements.values():
                self._check_text(name, verdict)

    def _check_text(self, name: str, text: str) -> None:
        for reference in _CHAIN_REFERENCE.findall(text):
            if reference not in self._objects.chains:
                raise ApplyError(f"{name} leads to chain {reference}, which does not exist")
        for reference in _SET_REFERENCE.findall(text):
            if reference not in self._objects.sets:
                raise ApplyError(f"{name} looks into set {reference}, which does not exist")


def _items(rest: str) -> list[str]:
    return rest.removeprefix("{ ").removesuffix(" }").split(", ")


def _overlap(cidrs: Iterable[str]) -> bool:
    networks = sorted(parse_network(cidr) for cidr in cidrs)
    return any(low.overlaps(high) for low, high in itertools.pairwise(networks))


# Listings, libnftables-json(5)


def _listing(table: _Table) -> Iterator[dict[str, object]]:
    where = {"family": "inet", "table": "calico"}
    yield {"metainfo": {"version": "1.0.6", "json_schema_version": 1}}
    yield {"table": {"family": "inet", "name": "calico", "handle": 1} | ({"flags": "inet"} if table.dormant else {})}
    for name, target in table.sets.items():
        types: object = target.fields if len(target.fields) > 1 else target.fields[0]
        body: dict[str, object] = {**where, "name": name, "type": types, "handle": 1}
        if target.is_map:
            body["map"] = "verdict"
        if target.interval:
            body["flags"] = ["interval"]
        if target.elements:
            body["elem"] = [_element(target, key, verdict) for key, verdict in target.elements.items()]
        yield {"map" if target.is_map else "set": body}
    for name, chain in table.chains.items():
        hook = dict(zip(("type", "hook", "prio", "policy"), chain.base or (), strict=False))
        yield {"chain": {**where, "name": name, "handle": 1, **hook}}
    for name, chain in table.chains.items():
        for _text, comment in chain.rules:
            yield {
                "rule": {**where, "chain": name, "handle": 1, **({"comment": comment} if comment else {}), "expr": []}
            }


def _element(target: _Set, key: str, verdict: str) -> object:
    parts = [part.strip('"') for part in key.split(" . ")]
    value: object = {"concat": parts} if len(parts) > 1 else parts[0]
    address, slash, length = parts[0].partition("/")
    if target.interval and slash:
        host = "128" if ":" in address else "32"
        value = address if length == host else {"prefix": {"addr": address, "len": int(length)}}
    if not target.is_map:
        return value
    word, _space, chain = verdict.partition(" ")
    return [value, {word: {"target": chain} if chain else None}]
