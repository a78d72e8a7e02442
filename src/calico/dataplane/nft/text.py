"""Values as lines of nft's language; see nft(8). Nothing else in the project knows this syntax.

One command a line, because nft wants a newline where its block form closes. Whatever is written between the fixed
words is checked here once more: a name or an address that could end a command early is refused.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from calico.dataplane.nft.values import (
    INTERFACE,
    Accept,
    BaseChain,
    Chain,
    ConntrackMatch,
    Drop,
    Element,
    FamilyMatch,
    Goto,
    IcmpMatch,
    InterfaceMatch,
    Jump,
    MapSpec,
    MapVerdict,
    Masquerade,
    Match,
    NetMatch,
    NftRule,
    PortMatch,
    ProtocolMatch,
    Return,
    SetMatch,
    SetSpec,
    SourceMatch,
    Verdict,
    VerdictMap,
)
from calico.model.errors import ValidationError

ELEMENTS_PER_LINE = 1000

_NAME = re.compile(r"[a-z][a-z0-9-]*\Z")
_INTERFACE = re.compile(r"[A-Za-z0-9_.\-]{1,15}\Z")
_ADDRESS = re.compile(r"[0-9a-f.:]+(?:/[0-9]+)?\Z")
_COMMENT = re.compile(r"[ !#-\[\]-~]{0,120}\Z")
_FAMILY = {4: "ip", 6: "ip6"}
_ICMP = {4: "icmp", 6: "icmpv6"}
_SIDE = {"source": ("saddr", "sport"), "destination": ("daddr", "dport")}


def rule_text(rule: NftRule) -> str:
    """The matches and the verdict of a rule, without its comment."""
    return " ".join([*(_match_text(match) for match in rule.matches), _verdict_text(rule.verdict)])


def rule_texts(name: str, chain: Chain) -> list[tuple[str, str]]:
    """The text and the kernel comment of every rule of a chain, in order.

    The comment begins with a hash over the chain's name and all rules up to this one, so that the comments of a
    listing tell whether a chain is what it should be, without any rule being parsed.
    """
    digest = hashlib.blake2b(name.encode(), digest_size=6)
    texts = []
    for rule in chain.rules:
        text = rule_text(rule)
        digest.update(f"\n{text}".encode())
        mark = base64.urlsafe_b64encode(digest.copy().digest()).decode()
        texts.append((text, _checked(_COMMENT, f"{mark} {rule.comment}".rstrip(), "comment")))
    return texts


class CommandText:
    """The commands on one table, as text lines."""

    def __init__(self, family: str, name: str) -> None:
        self._table = f"{_checked(_NAME, family, 'family')} {_checked(_NAME, name, 'table')}"

    def add_table(self) -> str:
        return f"add table {self._table}"

    def delete_table(self) -> str:
        return f"delete table {self._table}"

    def add_chain(self, name: str, base: BaseChain | None) -> str:
        line = f"add chain {self._object(name)}"
        if base is None:
            return line
        hook = f"type {base.kind} hook {base.hook} priority {base.priority:d}; policy accept;"
        return f"{line} {{ {hook} }}"

    def flush_chain(self, name: str) -> str:
        return f"flush chain {self._object(name)}"

    def delete_chain(self, name: str) -> str:
        return f"delete chain {self._object(name)}"

    def add_rules(self, name: str, texts: Iterable[tuple[str, str]]) -> Iterator[str]:
        start = f"add rule {self._object(name)}"
        return (f'{start} {text} comment "{comment}"' for text, comment in texts)

    def add_set(self, name: str, spec: SetSpec | MapSpec) -> str:
        fields = " . ".join(spec.fields)
        if isinstance(spec, MapSpec):
            return f"add map {self._object(name)} {{ type {fields} : verdict; }}"
        flags = " flags interval;" if spec.interval else ""
        return f"add set {self._object(name)} {{ type {fields};{flags} }}"

    def flush_set(self, name: str, spec: SetSpec | MapSpec) -> str:
        return f"flush {_kind(spec)} {self._object(name)}"

    def delete_set(self, name: str, spec: SetSpec | MapSpec) -> str:
        return f"delete {_kind(spec)} {self._object(name)}"

    def add_elements(
        self, name: str, spec: SetSpec | MapSpec, elements: Mapping[Element, MapVerdict | None]
    ) -> Iterator[str]:
        texts = [
            _element_text(spec, element) + (f" : {_verdict_text(verdict)}" if verdict else "")
            for element, verdict in elements.items()
        ]
        return self._element_lines("add", name, texts)

    def delete_elements(self, name: str, spec: SetSpec | MapSpec, elements: Iterable[Element]) -> Iterator[str]:
        return self._element_lines("delete", name, [_element_text(spec, element) for element in elements])

    def _element_lines(self, verb: str, name: str, texts: Sequence[str]) -> Iterator[str]:
        for start in range(0, len(texts), ELEMENTS_PER_LINE):
            joined = ", ".join(texts[start : start + ELEMENTS_PER_LINE])
            yield f"{verb} element {self._object(name)} {{ {joined} }}"

    def _object(self, name: str) -> str:
        return f"{self._table} {_checked(_NAME, name, 'name')}"


def is_name(text: str) -> bool:
    """Whether an object of this name, read from the kernel, can be named in a command."""
    return _NAME.match(text) is not None


def is_writable(spec: SetSpec | MapSpec, element: Element) -> bool:
    """Whether an element read from the kernel can be named in a command."""
    try:
        _element_text(spec, element)
    except ValidationError:
        return False
    return True


def _kind(spec: SetSpec | MapSpec) -> str:
    return "map" if isinstance(spec, MapSpec) else "set"


def _element_text(spec: SetSpec | MapSpec, element: Element) -> str:
    values = (element,) if isinstance(element, str) else element
    if len(values) != len(spec.fields):
        raise ValidationError(f"{element!r} does not fit a set of {' . '.join(spec.fields)}")
    return " . ".join(
        _interface_text(value) if field == INTERFACE else _checked(_ADDRESS, value, "address")
        for field, value in zip(spec.fields, values, strict=True)
    )


def _match_text(match: Match) -> str:
    match match:
        case InterfaceMatch(direction, name, prefix, negated):
            operator = "!= " if negated else ""
            return f"{_interface_key(direction)} {operator}{_interface_text(name, '*' if prefix else '')}"
        case FamilyMatch(version):
            return f"meta nfproto ipv{version:d}"
        case ProtocolMatch(number):
            return f"meta l4proto {number:d}"
        case PortMatch(side, ranges):
            return f"th {_SIDE[side][1]} {_choice([_range_text(*ports) for ports in ranges])}"
        case NetMatch(side, version, nets):
            return f"{_FAMILY[version]} {_SIDE[side][0]} {_choice([_checked(_ADDRESS, net, 'net') for net in nets])}"
        case SetMatch(side, version, name, negated):
            operator = "!= " if negated else ""
            return f"{_FAMILY[version]} {_SIDE[side][0]} {operator}@{_checked(_NAME, name, 'set')}"
        case SourceMatch(version, name):
            return f"iifname . {_FAMILY[version]} saddr @{_checked(_NAME, name, 'set')}"
        case IcmpMatch(version, types, code):
            text = f"{_ICMP[version]} type {_choice([f'{number:d}' for number in types])}"
            return text if code is None else f"{text} {_ICMP[version]} code {code:d}"
        case ConntrackMatch(states):
            return f"ct state {','.join(_checked(_NAME, state, 'state') for state in states)}"


def _verdict_text(verdict: Verdict) -> str:
    match verdict:
        case Accept():
            return "accept"
        case Drop():
            return "drop"
        case Return():
            return "return"
        case Jump(chain):
            return f"jump {_checked(_NAME, chain, 'chain')}"
        case Goto(chain):
            return f"goto {_checked(_NAME, chain, 'chain')}"
        case VerdictMap(direction, name):
            return f"{_interface_key(direction)} vmap @{_checked(_NAME, name, 'map')}"
        case Masquerade():
            return "masquerade"


def _interface_key(direction: str) -> str:
    return {"in": "iifname", "out": "oifname"}[direction]


def _interface_text(name: str, wildcard: str = "") -> str:
    return f'"{_checked(_INTERFACE, name, "interface")}{wildcard}"'


def _range_text(low: int, high: int) -> str:
    return f"{low:d}" if low == high else f"{low:d}-{high:d}"


def _choice(texts: Sequence[str]) -> str:
    if not texts:
        raise ValidationError("a match needs at least one value")
    return texts[0] if len(texts) == 1 else f"{{ {', '.join(texts)} }}"


def _checked(pattern: re.Pattern[str], text: str, what: str) -> str:
    if pattern.match(text) is None:
        raise ValidationError(f"{what} {text!r} cannot be written in an nft command")
    return text
