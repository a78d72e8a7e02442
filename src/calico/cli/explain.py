"""``calicoctl explain``: may one end reach another, who says so, and what would have to be added."""

from __future__ import annotations

from calico.cli import arguments
from calico.cli.output import BOLD, GREEN, RED
from calico.client.content import read_content
from calico.client.ends import Ends
from calico.client.explain import Question, explain
from calico.client.judgement import ALLOW, DENY, OUTBOUND, UNKNOWN
from calico.client.names import Names
from calico.model.errors import ValidationError
from calico.model.net import address_of
from calico.rules.reasons import protocol_name
from calico.rules.text import render_rule
from calico.rules.traffic import PING, parse_traffic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from calico.cli.grammar import Match
    from calico.cli.output import Output
    from calico.cli.session import Session
    from calico.client.content import Content
    from calico.client.ends import End
    from calico.client.explain import Explanation
    from calico.client.judgement import Side, Tried
    from calico.client.names import Directory
    from calico.rules.packet import Packet

DENIED = 3
"""The exit code when the packet does not pass."""

_MOST_RULES = 12
_RULE_WIDTH = 64
_SHORT_ID = 12
_FAR = ("ip_version", "protocol")
"""Fields of a rule about quite other packets."""
_ADD = "calicoctl profile add "
_VERDICTS = {ALLOW: "ALLOWED", DENY: "DENIED", UNKNOWN: "NOT KNOWN"}


def show(found: Match, session: Session) -> int:
    """Print what both sides say; the exit code says whether the packet passes."""
    form = arguments.form(found)
    content = read_content(session.datastore)
    explanation = explain(content, _question(found, session, content))
    names = Names(session.datastore)
    if form != "table":
        from calico.cli import documents  # the page does without

        documents.print_data(session, _document(explanation, names.directory()), form)
    else:
        called = names.tag_names(_profiles_and_tags(explanation))
        _Page(session.out, called, names.directory()).print(explanation)
    return 0 if explanation.judgement.allowed else DENIED


def _question(found: Match, session: Session, content: Content) -> Question:
    ends = Ends(content, session.node, lambda: _own_addresses(session), Names(session.datastore).resolve_endpoint)
    source, destination = map(ends.resolve, (found.value("SRC"), found.value("DST")))
    traffic = [parse_traffic(text) for text in found.values("TRAFFIC")] or [PING]
    version = 4 if found.flag("-4") else 6 if found.flag("-6") else None
    address = found.option("--from-ip")
    return Question(source, destination, traffic[0], version, _port(found.option("--from-port")), address)


def _own_addresses(session: Session) -> list[str]:
    return [address_of(address.cidr) for address in session.machine.addresses()]


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise ValidationError(f"--from-port={text}: a port is a number 0..65535")
    return int(text)


# For people


class _Page:
    """Prints an explanation. ``names`` are what to call profiles and tags that bear the Ids of networks."""

    def __init__(self, out: Output, names: Mapping[str, str], directory: Directory) -> None:
        self._out = out
        self._names = names
        self._directory = directory

    def print(self, explanation: Explanation) -> None:
        judgement = explanation.judgement
        ends = [_label(side.end, address) for side, address in _addresses(explanation)]
        what = f"{_packet_text(judgement.packet)} " if judgement.packet else ""
        verdict, style = ("ALLOWED", GREEN) if judgement.allowed else ("DENIED", RED)
        self._out.line(f"{verdict}: {what}from {ends[0]} to {ends[1]}", style)
        for side in (judgement.sender, judgement.receiver):
            self._side(side)
        self._list("Note:", map(self._called, explanation.notes))
        self._list("What can be done:", explanation.advice)
        # A profile that is missing must be made under its very name.
        commands = explanation.commands
        self._list("To allow it:", (text if _ADD in text else self._called(text) for text in commands))

    def _list(self, title: str, lines: Iterable[str]) -> None:
        for number, line in enumerate(lines):
            if not number:
                self._out.line()
                self._out.line(title, BOLD)
            self._out.line(f"  {line}")

    def _side(self, side: Side) -> None:
        self._out.line()
        self._out.line(f"{self._title(side)}: {_VERDICTS.get(side.verdict, side.verdict)}", BOLD)
        self._out.line(f"  {self._called(side.reason)}")
        shown = _most_telling(side.tried)
        rules = [self._called(render_rule(tried.rule)) for tried in shown]
        numbers = max((len(str(tried.number)) for tried in shown), default=0)
        width = min(max(map(len, rules), default=0), _RULE_WIDTH)
        profile = None
        for tried, rule in zip(shown, rules, strict=True):
            if tried.profile != profile:
                profile = tried.profile
                self._out.line(f"  profile {self._called(profile)}")
            mark = " " if tried.mismatch else ">"
            line = f"  {mark} {tried.number:{numbers}}  {rule:{width}}  {self._called(tried.why)}"
            self._out.line(line.rstrip())
        if len(shown) < len(side.tried):
            self._out.line(f"  {len(side.tried) - len(shown)} other rules do not match; '-o yaml' shows all")

    def _title(self, side: Side) -> str:
        policy = "Outbound policy of" if side.direction == OUTBOUND else "Inbound policy of"
        key = side.end.key
        if key is None:
            return f"Host {side.end.host}" if side.end.host else f"Outside address {side.end.text}"
        name = self._directory.of_endpoint(key).name
        container = f"container {name}, " if name not in ("", side.end.text) else ""
        return f"{policy} {side.end.text} ({container}endpoint {key.endpoint[:_SHORT_ID]} on {key.host})"

    def _called(self, text: str) -> str:
        return " ".join(self._names.get(word, word) for word in text.split(" "))


def _profiles_and_tags(explanation: Explanation) -> set[str]:
    """Every profile and tag that is spoken of, also in the commands."""
    sides = (explanation.judgement.sender, explanation.judgement.receiver)
    rules = [tried.rule for side in sides for tried in side.tried]
    tags = {tag for rule in rules for tag in (rule.src_tag, rule.dst_tag) if tag is not None}
    return {*tags, *(name for side in sides for name in side.profiles), *" ".join(explanation.commands).split(" ")}


def _addresses(explanation: Explanation) -> Iterator[tuple[Side, str]]:
    judgement = explanation.judgement
    packet = judgement.packet
    yield judgement.sender, packet.src if packet else ""
    yield judgement.receiver, packet.dst if packet else ""


def _label(end: End, address: str) -> str:
    return end.text if address in ("", end.text) else f"{end.text} ({address})"


def _packet_text(packet: Packet) -> str:
    name = protocol_name(packet.protocol)
    if packet.icmp_type is not None:
        ping = " (ping)" if packet.icmp_type == (8 if packet.version == 4 else 128) else ""
        return f"{name}/{packet.icmp_type}{f'/{packet.icmp_code}' if packet.icmp_code else ''}{ping}"
    return name if packet.dst_port is None else f"{name}/{packet.dst_port}"


def _most_telling(tried: Sequence[Tried]) -> list[Tried]:
    """As many rules as fit on a screen: rather those about this protocol, and rather late ones, as the decider is."""
    order = sorted(range(len(tried)), key=lambda index: (tried[index].mismatch not in _FAR, index))
    return [tried[index] for index in sorted(order[-_MOST_RULES:])]


# For programs


def _document(explanation: Explanation, directory: Directory) -> dict[str, object]:
    judgement = explanation.judgement
    return {
        "allowed": judgement.allowed,
        "packet": _packet_document(judgement.packet),
        "sender": _side_document(judgement.sender, directory),
        "receiver": _side_document(judgement.receiver, directory),
        "notes": list(explanation.notes),
        "advice": list(explanation.advice),
        "commands": list(explanation.commands),
    }


def _packet_document(packet: Packet | None) -> dict[str, object] | None:
    if packet is None:
        return None
    return {
        "ip_version": packet.version,
        "protocol": protocol_name(packet.protocol),
        "src": packet.src,
        "dst": packet.dst,
        "src_port": packet.src_port,
        "dst_port": packet.dst_port,
        "icmp_type": packet.icmp_type,
        "icmp_code": packet.icmp_code,
    }


def _side_document(side: Side, directory: Directory) -> dict[str, object]:
    key = side.end.key
    return {
        "name": side.end.text,
        "host": key.host if key else side.end.host or None,
        "orchestrator": key.orchestrator if key else None,
        "workload": key.workload if key else None,
        "endpoint": key.endpoint if key else None,
        "container": directory.of_endpoint(key).name or None if key else None,
        "direction": side.direction,
        "verdict": side.verdict,
        "cause": side.cause,
        "reason": side.reason,
        "profile": side.profile or None,
        "rule": side.number or None,
        "profiles": list(side.profiles),
        "tried": [
            {
                "profile": tried.profile,
                "rule": tried.number,
                "text": render_rule(tried.rule),
                "mismatch": tried.mismatch or None,
                "why": tried.why or None,
            }
            for tried in side.tried
        ],
    }


USAGES = {
    "explain <SRC> <DST> [<TRAFFIC>] [-4 | -6] [--from-port=<PORT>] [--from-ip=<IP>] [-o <FORMAT>]": show,
}

NOTES = """\
Says whether the first packet of a connection passes: what the sender's outbound policy and the receiver's inbound
policy say, by which rule, why the rules before it do not match, and which commands would allow it.

  <SRC>, <DST>  an endpoint by any of its names, an IP address, or 'host' for this host itself
  <TRAFFIC>     tcp/80, udp/53, sctp/5000, icmp, icmp/8/0, icmpv6/128 or a protocol's number; a ping if left out

Options:
  -4                  Ask about IPv4, which is also what is asked about when both ends have both IP versions.
  -6                  Ask about IPv6.
  --from-port=<PORT>  Source port, for rules that name one.
  --from-ip=<IP>      Source address that the sender writes into the packet.
  -o <FORMAT>         table, yaml or json (default: table); what is not a table has every rule that was tried.

Exits with 0 when the packet passes, 3 when it does not, 1 when the question cannot be answered.

Examples:
  calicoctl explain web db tcp/5432
  calicoctl explain 10.65.0.3 host udp/53
  calicoctl explain web 8.8.8.8 icmp
"""
