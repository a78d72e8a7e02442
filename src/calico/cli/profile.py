"""``calicoctl profile``: policy profiles, their tags and their rules."""

from __future__ import annotations

from calico.cli import arguments
from calico.client.profiles import Profiles
from calico.model.codec import decode, rules_document
from calico.model.errors import InUseError, NotFoundError, ValidationError
from calico.model.json_text import parse_json
from calico.model.keys import ProfileRulesKey
from calico.model.values import ProfileRules
from calico.rules.text import parse_rule, render_rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from calico.cli.grammar import Match
    from calico.cli.output import Output
    from calico.cli.session import Session
    from calico.model.keys import EndpointKey
    from calico.model.values import Endpoint, Rule

_STDIN_LIMIT = 1 << 20
"""Characters of a rules document; the datastore takes no more in one write."""


def show(found: Match, session: Session) -> int:
    """Print the names of all profiles, or with ``--detailed`` their members."""
    names = Profiles(session.datastore).names()
    if not found.flag("--detailed"):
        session.out.table(["Name"], [(name,) for name in names], sort_by="Name")
        return 0
    from calico.client.endpoints import Endpoints

    members = Endpoints(session.datastore).list()
    headers = ["Name", "Host", "Orchestrator ID", "Workload ID", "Endpoint ID", "State"]
    rows = [row for name in names for row in _member_rows(name, members)]
    session.out.table(headers, rows, sort_by="Name")
    return 0


def add(found: Match, session: Session) -> int:
    """Create a profile with the default tag and rules."""
    name = arguments.profile_name(found.value("PROFILE"))
    created = Profiles(session.datastore).ensure(name)
    session.out.line(f"Created profile {name}" if created else f"Profile {name} already exists.")
    return 0


def remove(found: Match, session: Session) -> int:
    """Delete a profile, if need be with members."""
    name = arguments.profile_name(found.value("PROFILE"))
    try:
        Profiles(session.datastore).delete(name, unused=not found.flag("--no-check"))
    except NotFoundError as error:
        session.out.line(str(error))
        return 0
    except InUseError as error:
        raise InUseError(f"{error} Use the '--no-check' flag to remove the profile anyway.") from None
    session.out.line(f"Deleted profile {name}")
    return 0


def show_tags(found: Match, session: Session) -> int:
    """Print the tags of a profile, one a line."""
    name = arguments.profile_name(found.value("PROFILE"))
    for tag in Profiles(session.datastore).get(name).tags:
        session.out.line(tag)
    return 0


def change_tag(found: Match, session: Session) -> int:
    """Put a tag on a profile, or take one off."""
    name = arguments.profile_name(found.value("PROFILE"))
    tag = arguments.tag_name(found.value("TAG"))
    profiles = Profiles(session.datastore)
    if found.choices == ("add",):
        profiles.add_tag(name, tag)
        session.out.line(f"Tag {tag} added to profile {name}")
        return 0
    return _removed(
        session.out, profiles, name, lambda: profiles.remove_tag(name, tag), f"Tag {tag} removed from profile {name}"
    )


def add_rule(found: Match, session: Session) -> int:
    """Insert a rule at a position, by default at the end."""
    name = arguments.profile_name(found.value("PROFILE"))
    position = arguments.position(found.option("--at"))
    rule = parse_rule(found.values("RULE"))
    if not Profiles(session.datastore).add_rule(name, found.choices[0], rule, position):
        session.out.line("Rule already present, skipping.")
    return 0


def remove_rule(found: Match, session: Session) -> int:
    """Remove the rule that the words describe."""
    name = arguments.profile_name(found.value("PROFILE"))
    rule = parse_rule(found.values("RULE"))
    profiles = Profiles(session.datastore)
    return _removed(session.out, profiles, name, lambda: profiles.remove_rule(name, found.choices[0], rule))


def remove_rule_at(found: Match, session: Session) -> int:
    """Remove the rule at a position."""
    name = arguments.profile_name(found.value("PROFILE"))
    position = arguments.position(found.option("--at"))
    assert position is not None
    Profiles(session.datastore).remove_rule_at(name, found.choices[0], position)
    return 0


def show_rules(found: Match, session: Session) -> int:
    """Print the rules as people write them, numbered in evaluation order."""
    name = arguments.profile_name(found.value("PROFILE"))
    rules = Profiles(session.datastore).get(name).rules
    _print_rules(session.out, "Inbound", rules.inbound)
    _print_rules(session.out, "Outbound", rules.outbound)
    return 0


def print_json(found: Match, session: Session) -> int:
    """Print the rules as JSON, in the form that ``rule update`` reads."""
    name = arguments.profile_name(found.value("PROFILE"))
    rules = Profiles(session.datastore).get(name).rules
    import json

    session.out.text(json.dumps(rules_document(name, rules), indent=2) + "\n\n")
    return 0


def update_rules(found: Match, session: Session) -> int:
    """Replace all rules by the JSON on standard input."""
    name = arguments.profile_name(found.value("PROFILE"))
    profiles = Profiles(session.datastore)
    if not profiles.exists(name):
        raise NotFoundError(f"Profile {name} not found.")
    profiles.replace_rules(name, _read_rules(name, session.stdin.read(_STDIN_LIMIT + 1)))
    session.out.line(f"Successfully updated rules on profile {name}")
    return 0


def _member_rows(name: str, endpoints: Sequence[tuple[EndpointKey, Endpoint]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (name, key.host, key.orchestrator, key.workload, key.endpoint, endpoint.state)
        for key, endpoint in endpoints
        if name in endpoint.profiles
    ]
    return rows or [(name, *["None"] * 5)]


def _removed(out: Output, profiles: Profiles, name: str, remove: Callable[[], None], done: str = "") -> int:
    """Remove something of a profile; when it was not there, the state asked for holds all the same."""
    try:
        remove()
    except NotFoundError as error:
        if not profiles.exists(name):
            raise
        done = str(error)
    if done:
        out.line(done)
    return 0


def _print_rules(out: Output, direction: str, rules: Iterable[Rule]) -> None:
    out.line(f"{direction} rules:")
    for number, rule in enumerate(rules, start=1):
        out.line(f" {number:3} {render_rule(rule)}")


def _read_rules(name: str, text: str) -> ProfileRules:
    """The rules of a JSON document that must be about the profile ``name``."""
    if len(text) > _STDIN_LIMIT:
        raise ValidationError(f"Rules JSON is longer than {_STDIN_LIMIT} characters.")
    try:
        rules = decode(ProfileRulesKey(name), text)
    except ValidationError as error:
        raise ValidationError(f"Rules JSON is not valid: {error}") from None
    assert isinstance(rules, ProfileRules)
    document = parse_json(text)
    assert isinstance(document, dict)
    if "id" not in document:
        raise ValidationError("Rules JSON is not valid: id: missing")
    if document["id"] != name:
        raise ValidationError(f'Rules JSON "id"={document["id"]} doesn\'t match profile name {name}.')
    return rules


USAGES = {
    "profile show [--detailed]": show,
    "profile add <PROFILE>": add,
    "profile remove <PROFILE> [--no-check]": remove,
    "profile <PROFILE> tag show": show_tags,
    "profile <PROFILE> tag (add|remove) <TAG>": change_tag,
    "profile <PROFILE> rule add (inbound|outbound) [--at=<POSITION>] <RULE>...": add_rule,
    "profile <PROFILE> rule remove (inbound|outbound) --at=<POSITION>": remove_rule_at,
    "profile <PROFILE> rule remove (inbound|outbound) <RULE>...": remove_rule,
    "profile <PROFILE> rule show": show_rules,
    "profile <PROFILE> rule json": print_json,
    "profile <PROFILE> rule update": update_rules,
}

NOTES = """\
A rule:
  (allow|deny) [ipv4|ipv6] [<PROTOCOL> [type <N> [code <N>]]]
      [from [ports <PORTS>] [tag <TAG>] [cidr <CIDR>]] [to [ports <PORTS>] [tag <TAG>] [cidr <CIDR>]]

  <PROTOCOL>  tcp, udp, icmp, icmpv6, sctp, udplite, dccp or a number; type and code belong to icmp and icmpv6
  <PORTS>     80 or 80,443,8000:8080; needs a protocol that has ports

Rules are tried in order and the first that matches decides; inbound is traffic to the endpoint, outbound from it.
Without --at a rule is added at the end. 'rule update' reads the JSON that 'rule json' prints.

Options:
  --detailed       Show the endpoints of every profile.
  --no-check       Remove the profile even if endpoints use it; their traffic is then dropped.
  --at=<POSITION>  Place of the rule: 1 is the first one.

Examples:
  calicoctl profile WEB rule add inbound allow tcp from tag CLIENTS to ports 80,443
  calicoctl profile WEB rule add inbound --at=1 deny from cidr 192.168.5.0/24
  calicoctl profile WEB rule remove inbound --at=2
"""
