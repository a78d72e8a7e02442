"""A host in memory: a table of our nft values, a connection tracker, links and routes; it says which packet passes.

It evaluates exactly the values that are written to the kernel. The scenario table runs on this host and on the
kernel, with the same expected results, which is what entitles other tests to trust it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from calico.dataplane.nft.values import (
    INTERFACE,
    Accept,
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
    PortMatch,
    ProtocolMatch,
    Return,
    SetMatch,
    SetSpec,
    SourceMatch,
    VerdictMap,
)
from calico.model.errors import ApplyError, NotFoundError
from calico.model.net import parse_address, parse_network
from calico.model.record import replace
from calico.rules.packet import Packet


@dataclass
class TableState:
    """The chains, sets and maps of a table."""

    chains: dict[str, Chain] = field(default_factory=dict)
    sets: dict[str, tuple[SetSpec, frozenset[Element]]] = field(default_factory=dict)
    maps: dict[str, tuple[MapSpec, dict[Element, MapVerdict]]] = field(default_factory=dict)

    def copy(self) -> "TableState":
        maps = {name: (spec, dict(elements)) for name, (spec, elements) in self.maps.items()}
        return TableState(dict(self.chains), dict(self.sets), maps)

    def dangling(self) -> Iterator[str]:
        """What is referred to and does not exist: the kernel would refuse it."""
        for name, chain in self.chains.items():
            for rule in chain.rules:
                yield from self._missing_chain(name, rule.verdict)
                if isinstance(rule.verdict, VerdictMap) and rule.verdict.map_name not in self.maps:
                    yield f"chain {name} looks into map {rule.verdict.map_name}"
                for match in rule.matches:
                    if isinstance(match, SetMatch | SourceMatch) and match.set_name not in self.sets:
                        yield f"chain {name} looks into set {match.set_name}"
        for name, (_spec, elements) in self.maps.items():
            for verdict in elements.values():
                yield from self._missing_chain(name, verdict)

    def _missing_chain(self, name: str, verdict: object) -> Iterator[str]:
        if isinstance(verdict, Jump | Goto) and verdict.chain not in self.chains:
            yield f"{name} leads to chain {verdict.chain}"


class FakeTable:
    """A :class:`calico.dataplane.nft.api.Table` without a kernel.

    ``kernel`` is what has been committed, and may be changed by a test to play a stranger; ``transactions`` counts
    the applies that changed something; ``refuse_next`` makes the next transaction fail.
    """

    def __init__(self) -> None:
        self.kernel = TableState()
        self.desired = TableState()
        self.transactions = 0
        self._refusal = ""

    def refuse_next(self, reason: str = "the kernel said no") -> None:
        self._refusal = reason

    def set_chain(self, name: str, chain: Chain) -> None:
        self.desired.chains[name] = chain

    def remove_chain(self, name: str) -> None:
        self.desired.chains.pop(name, None)

    def set_set(self, name: str, spec: SetSpec, elements: Iterable[Element]) -> None:
        self.desired.sets[name] = (spec, frozenset(elements))

    def change_elements(self, name: str, added: Iterable[Element], removed: Iterable[Element]) -> None:
        if name not in self.desired.sets:
            raise NotFoundError(f"no set {name}")
        spec, elements = self.desired.sets[name]
        self.desired.sets[name] = (spec, (elements - frozenset(removed)) | frozenset(added))

    def remove_set(self, name: str) -> None:
        self.desired.sets.pop(name, None)

    def set_map(self, name: str, spec: MapSpec, elements: Mapping[Element, MapVerdict]) -> None:
        self.desired.maps[name] = (spec, dict(elements))

    def change_map(self, name: str, added: Mapping[Element, MapVerdict], removed: Iterable[Element]) -> None:
        if name not in self.desired.maps:
            raise NotFoundError(f"no map {name}")
        elements = self.desired.maps[name][1]
        for element in removed:
            elements.pop(element, None)
        elements.update(added)

    def remove_map(self, name: str) -> None:
        self.desired.maps.pop(name, None)

    def apply(self) -> bool:
        if self.kernel == self.desired:
            return False
        refusal, self._refusal = self._refusal, ""
        if refusal:
            raise ApplyError(refusal)
        for dangling in self.desired.dangling():
            raise ApplyError(f"no such file or directory: {dangling}")
        self.kernel = self.desired.copy()
        self.transactions += 1
        return True

    def resync(self) -> list[str]:
        pairs: tuple[tuple[str, Mapping[str, object], Mapping[str, object]], ...] = (
            ("chain", self.desired.chains, self.kernel.chains),
            ("set", self.desired.sets, self.kernel.sets),
            ("map", self.desired.maps, self.kernel.maps),
        )
        return [
            f"{kind} {name} differs"
            for kind, desired, kernel in pairs
            for name in sorted({*desired, *kernel})
            if desired.get(name) != kernel.get(name)
        ]


@dataclass(frozen=True)
class Outcome:
    """What became of a packet: ``where`` is ``"host"``, the interface it left by, or ``""`` when it was dropped.

    ``source`` is the source address on arrival; ``dropped_by`` names the chain and the rule's comment.
    """

    where: str
    source: str = ""
    dropped_by: str = ""

    @property
    def passed(self) -> bool:
        return bool(self.where)


@dataclass
class _Flow:
    """A tracked connection: its first packet's tuple, and the tuple that its replies carry."""

    original: tuple[object, ...]
    reply: tuple[object, ...]
    source: str
    translated: str
    replied: bool = False


@dataclass
class _Passage:
    """A packet on its way through the hooks."""

    packet: Packet
    incoming: str
    outgoing: str = ""
    state: str = ""
    masquerade: bool = False
    dropped_by: str = ""


class FakeHost:
    """A router with links; ``addresses`` are its own. A link owns the addresses that are routed to it.

    What no link owns goes to ``uplink``, whose own address (by IP version) is what masquerading uses.
    """

    def __init__(self, table: FakeTable, addresses: Iterable[str], uplink: str = "eth0") -> None:
        self.table = table
        self.addresses = frozenset(addresses)
        self.uplink = uplink
        self._routes: dict[str, str] = {}
        self._flows: list[_Flow] = []

    def add_link(self, name: str, addresses: Iterable[str]) -> None:
        self._routes.update(dict.fromkeys(addresses, name))

    def forget_connections(self) -> None:
        self._flows.clear()

    def send(self, packet: Packet, interface: str, state: str = "") -> Outcome:
        """Let ``packet`` come in by ``interface``; without one the host itself sends it.

        ``state`` overrides the tracker, for packets that a :class:`Packet` cannot tell: ``related``, ``invalid``.
        """
        passage = _Passage(packet, interface)
        # The tracker stands at priority -200 of prerouting and of output.
        first_hook = "prerouting" if interface else "output"
        if not self._pass_hook(first_hook, passage, lowest=-1000, highest=-200):
            return Outcome("", dropped_by=passage.dropped_by)
        flow, passage.state = self._track(packet)
        passage.state = state or passage.state
        if not self._pass_hook(first_hook, passage, lowest=-199, highest=1000):
            return Outcome("", dropped_by=passage.dropped_by)
        passage.packet = _untranslated(flow, packet)
        return self._deliver(passage, flow)

    def _deliver(self, passage: _Passage, flow: _Flow | None) -> Outcome:
        destination = passage.packet.dst
        hooks = ["input"]
        if destination not in self.addresses:
            passage.outgoing = self._routes.get(destination, self.uplink)
            hooks = ["forward", "postrouting"] if passage.incoming else ["postrouting"]
        if not all(self._pass_hook(hook, passage) for hook in hooks):
            return Outcome("", dropped_by=passage.dropped_by)
        translated = self._confirm(passage, flow)
        return Outcome(passage.outgoing or "host", source=translated)

    # The connection tracker, nf_conntrack(7): an entry exists once its first packet was not dropped.

    def _track(self, packet: Packet) -> tuple[_Flow | None, str]:
        key = _tuple(packet)
        for flow in self._flows:
            if key == flow.reply:
                return flow, "established"
            if key == flow.original:
                return flow, "established" if flow.replied else "new"
        return None, _first_state(packet)

    def _confirm(self, passage: _Passage, flow: _Flow | None) -> str:
        packet = passage.packet
        if flow is not None:
            if _tuple(packet)[:3] != flow.original[:3]:
                flow.replied = True
                return packet.src
            return flow.translated
        source = self._own_address(packet.version) if passage.masquerade else packet.src
        if passage.state == "new":
            reply = _reversed(_tuple(replace(packet, src=source)))
            self._flows.append(_Flow(_tuple(packet), reply, packet.src, source))
        return source

    def _own_address(self, version: int) -> str:
        return next(address for address in sorted(self.addresses) if parse_address(address)[0] == version)

    # Rules

    def _pass_hook(self, hook: str, passage: _Passage, lowest: int = -1000, highest: int = 1000) -> bool:
        state = self.table.kernel
        bases = sorted(
            (chain.base.priority, name)
            for name, chain in state.chains.items()
            if chain.base and chain.base.hook == hook and lowest <= chain.base.priority <= highest
        )
        return all(not isinstance(self._evaluate(name, passage), Drop) for _priority, name in bases)

    def _evaluate(self, name: str, passage: _Passage) -> Accept | Drop | None:
        for rule in self.table.kernel.chains[name].rules:
            if not all(self._holds(match, passage) for match in rule.matches):
                continue
            verdict: object = rule.verdict
            if isinstance(verdict, VerdictMap):
                verdict = self.table.kernel.maps[verdict.map_name][1].get(_interface(verdict.direction, passage))
            match verdict:
                case Accept():
                    return verdict
                case Drop():
                    passage.dropped_by = f"{name}: {rule.comment}"
                    return verdict
                case Masquerade():
                    passage.masquerade = True
                    return Accept()
                case Return():
                    return None
                case Goto(chain):
                    return self._evaluate(chain, passage)
                case Jump(chain):
                    decided = self._evaluate(chain, passage)
                    if decided is not None:
                        return decided
        return None

    def _holds(self, match: Match, passage: _Passage) -> bool:
        packet = passage.packet
        match match:
            case InterfaceMatch(direction, name, prefix, negated):
                actual = _interface(direction, passage)
                return (actual.startswith(name) if prefix else actual == name) != negated
            case FamilyMatch(version):
                return packet.version == version
            case ProtocolMatch(number):
                return packet.protocol == number
            case PortMatch(side, ranges):
                port = packet.src_port if side == "source" else packet.dst_port
                return port is not None and any(low <= port <= high for low, high in ranges)
            case NetMatch(side, version, nets):
                return packet.version == version and any(_in_net(_address(side, packet), net) for net in nets)
            case SetMatch(side, version, name, negated):
                return packet.version == version and self._in_set(name, _address(side, packet)) != negated
            case SourceMatch(version, name):
                return packet.version == version and self._in_set(name, (passage.incoming, packet.src))
            case IcmpMatch(version, types, code):
                right = packet.protocol == {4: 1, 6: 58}[version]
                return right and packet.icmp_type in types and code in (None, packet.icmp_code)
            case ConntrackMatch(states):
                return passage.state in states

    def _in_set(self, name: str, value: Element) -> bool:
        spec, elements = self.table.kernel.sets[name]
        if isinstance(value, str) and spec.interval:
            return any(_in_net(value, net) for net in elements if isinstance(net, str))
        assert (INTERFACE in spec.fields) == isinstance(value, tuple)
        return value in elements


def _interface(direction: str, passage: _Passage) -> str:
    return passage.incoming if direction == "in" else passage.outgoing


def _address(side: str, packet: Packet) -> str:
    return packet.src if side == "source" else packet.dst


def _in_net(address: str, net: str) -> bool:
    version, value = parse_address(address)
    network = parse_network(net)
    return network.version == version and network.contains(value)


_ICMP_REQUESTS = {(1, 8): 0, (1, 13): 14, (1, 15): 16, (1, 17): 18, (58, 128): 129, (58, 139): 140}
_ICMP_REPLIES = {(protocol, reply): request for (protocol, request), reply in _ICMP_REQUESTS.items()}
_UNTRACKED = {(58, kind) for kind in (130, 131, 132, 133, 134, 135, 136, 137, 143)}


def _first_state(packet: Packet) -> str:
    """The state of a packet that belongs to no connection: ICMP other than a request cannot begin one."""
    if packet.icmp_type is None:
        return "new"
    kind = (packet.protocol, packet.icmp_type)
    if kind in _UNTRACKED:
        return "untracked"
    return "new" if kind in _ICMP_REQUESTS else "invalid"


def _tuple(packet: Packet) -> tuple[object, ...]:
    """What identifies a packet's connection and direction; an ICMP reply has the ports of its request swapped."""
    kind = (packet.protocol, packet.icmp_type or 0)
    if packet.icmp_type is not None and kind in _ICMP_REPLIES:
        return (packet.protocol, packet.src, packet.dst, "reply", _ICMP_REPLIES[kind])
    if packet.icmp_type is not None:
        return (packet.protocol, packet.src, packet.dst, packet.icmp_type, "reply")
    return (packet.protocol, packet.src, packet.dst, packet.src_port, packet.dst_port)


def _reversed(key: tuple[object, ...]) -> tuple[object, ...]:
    protocol, src, dst, src_port, dst_port = key
    return (protocol, dst, src, dst_port, src_port)


def _untranslated(flow: _Flow | None, packet: Packet) -> Packet:
    """A reply to a masqueraded connection finds its way back to who began it."""
    if flow is not None and _tuple(packet) == flow.reply:
        return replace(packet, dst=flow.source)
    return packet
