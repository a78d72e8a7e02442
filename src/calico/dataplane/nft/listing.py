"""What the kernel has, read from nft's JSON listing (libnftables-json(5)), as plain facts that can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from calico.dataplane.nft.text import is_name, is_writable
from calico.dataplane.nft.values import (
    Accept,
    BaseChain,
    Drop,
    Element,
    Goto,
    Jump,
    MapSpec,
    MapVerdict,
    Return,
    SetSpec,
)

JsonObject = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """A chain: its hook, and the comments of its rules in order, which stand for the rules."""

    base: BaseChain | None
    comments: tuple[str, ...]


@dataclass(slots=True)
class SetFacts:
    """A set or a map; ``elements`` is ``None`` when something stands in it that we cannot name."""

    spec: SetSpec | MapSpec
    elements: dict[Element, MapVerdict | None] | None


@dataclass(slots=True)
class TableFacts:
    """A table; ``strange`` names what nobody of us would make and what cannot be repaired piece by piece."""

    chains: dict[str, ChainFacts] = field(default_factory=dict)
    sets: dict[str, SetFacts] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)


def read_listing(objects: list[dict[str, object]]) -> TableFacts:
    """The facts of a listing of one table."""
    facts = TableFacts()
    comments: dict[str, list[str]] = {}
    for entry in objects:
        for kind, body in entry.items():
            if not isinstance(body, dict) or kind == "metainfo":
                continue
            name = str(body.get("name", ""))
            if kind == "rule":
                comments.setdefault(str(body.get("chain")), []).append(str(body.get("comment", "")))
            elif kind == "table":
                if "flags" in body:  # a dormant table polices nothing
                    facts.strange.append("the table carries flags")
            elif not is_name(name) or not _read_object(facts, kind, name, body):
                facts.strange.append(f"{kind} {name} is of a kind that is not ours")
    for name, chain in facts.chains.items():
        facts.chains[name] = ChainFacts(chain.base, tuple(comments.get(name, ())))
    return facts


def _read_object(facts: TableFacts, kind: str, name: str, body: JsonObject) -> bool:
    if kind == "chain":
        base = _read_base(body)
        if body.get("policy", "accept") != "accept":
            return False
        facts.chains[name] = ChainFacts(base, ())
        return True
    if kind in ("set", "map"):
        spec = _read_spec(kind, body)
        if spec is None:
            return False
        facts.sets[name] = SetFacts(spec, _read_elements(spec, body.get("elem", [])))
        return True
    return False


def _read_base(body: JsonObject) -> BaseChain | None:
    if "hook" not in body:
        return None
    priority = body.get("prio")
    return BaseChain(str(body.get("type")), str(body["hook"]), priority if isinstance(priority, int) else 0)


def _read_spec(kind: str, body: JsonObject) -> SetSpec | MapSpec | None:
    types = body.get("type")
    fields = tuple(map(str, types)) if isinstance(types, list) else (str(types),)
    flags = body.get("flags", [])
    if kind == "map":
        return MapSpec(fields) if body.get("map") == "verdict" and not flags else None
    return SetSpec(fields, bool(flags)) if flags in ([], ["interval"]) else None


def _read_elements(spec: SetSpec | MapSpec, entries: object) -> dict[Element, MapVerdict | None] | None:
    elements: dict[Element, MapVerdict | None] = {}
    for entry in entries if isinstance(entries, list) else [entries]:
        verdict: MapVerdict | None = None
        value = entry
        if isinstance(spec, MapSpec):
            if not isinstance(entry, list) or len(entry) != 2:
                return None
            value, verdict = entry[0], _read_verdict(entry[1])
            if verdict is None:
                return None
        element = _read_element(spec, value)
        if element is None or not is_writable(spec, element):
            return None
        elements[element] = verdict
    return elements


def _read_element(spec: SetSpec | MapSpec, value: object) -> Element | None:
    interval = isinstance(spec, SetSpec) and spec.interval
    match value:
        case str() if interval:
            return f"{value}/{128 if ':' in value else 32}"
        case str():
            return value
        case {"concat": [*parts]} if all(isinstance(part, str) for part in parts):
            return tuple(map(str, parts))
        case {"prefix": {"addr": str(address), "len": int(length)}} if interval:
            return f"{address}/{length}"
        case _:  # ranges, timeouts, comments: never ours
            return None


def _read_verdict(value: object) -> MapVerdict | None:
    match value:
        case {"jump": {"target": str(chain)}}:
            return Jump(chain)
        case {"goto": {"target": str(chain)}}:
            return Goto(chain)
        case {"accept": None}:
            return Accept()
        case {"drop": None}:
            return Drop()
        case {"return": None}:
            return Return()
        case _:
            return None
