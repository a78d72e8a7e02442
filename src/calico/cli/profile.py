"""``calicoctl profile``: policy profiles, their tags and their rules."""

from __future__ import annotations

from calico.cli import arguments, lookup
from calico.client.profiles import Profiles
from calico.model.codec import decode, rules_document
from calico.model.errors import InUseError, NotFoundError, ValidationError
from calico.model.json_text import parse_json
from calico.model.keys import ProfileRulesKey
from calico.model.record import replace
from calico.model.values import ProfileRules
from calico.rules.text import parse_rule, render_rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from calico.cli.grammar import Match
    from calico.cli.output import Output
    from calico.cli.session import Session
    from calico.client.names import Directory
    from calico.model.keys import EndpointKey
    from calico.model.values import Endpoint, Rule

_STDIN_LIMIT = 1 << 20
"""Characters of a rules document; the datastore takes no more in one write."""


def show(found: Match, session: Session) -> int:
    """Print the names of all profiles, or with ``--detailed`` their members."""
    form = arguments.form(found)
    if form != "table":
        from calico.cli import documents

        return documents.show(session, ("profile",), form)
    names = Profiles(session.datastore).names()
    directory = lookup.directory(session) if found.flag("--wide") else None
    if found.flag("--detailed"):
        _show_members(names, session, directory)
    elif directory:
        rows = [(name, directory.network_name(name)) for name in names]
        session.out.table(["Name", "Network"], rows, sort_by="Name")
    else:
        session.out.table(["Name"], [(name,) for name in names], sort_by="Name")
    return 0


def add(found: Match, session: Session) -> int:
    """Create a profile with the default tag and rules."""
    name = arguments.profile_name(found.value("PROFILE"))
    created = Profiles(session.datastore).ensure(name)
    session.out.line(f"Created profile {name}" if created else f"Profile {name} already exists.")
    return 0


def remove(found: Match, session: Session) -> int:
    """Delete a profile, if need be with members."""
    try:
        name = lookup.profile_to_remove(found.value("PROFILE"), session)
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
    name = lookup.profile(found.value("PROFILE"), session)
    form = arguments.form(found)
    if form != "table":
        return _show_document(session, name, form)
    for tag in Profiles(session.datastore).get(name).tags:
        session.out.line(tag)
    return 0


def change_tag(found: Match, session: Session) -> int:
    """Put a tag on a profile, or take one off."""
    tag = arguments.tag_name(found.value("TAG"))
    name = lookup.profile_to_change(found.value("PROFILE"), session)
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
    position = arguments.position(found.option("--at"))
    rule = parse_rule(found.values("RULE"))
    name = lookup.profile_to_change(found.value("PROFILE"), session)
    rule = lookup.rule(rule, session)
    if not Profiles(session.datastore).add_rule(name, found.choices[0], rule, position):
        session.out.line("Rule already present, skipping.")
    return 0


def remove_rule(found: Match, session: Session) -> int:
    """Remove the rule that the words describe."""
    rule = parse_rule(found.values("RULE"))
    name = lookup.profile_to_change(found.value("PROFILE"), session)
    profiles = Profiles(session.datastore)

    def remove() -> None:
        try:
            profiles.remove_rule(name, found.choices[0], rule)
        except NotFoundError:
            meant = lookup.rule(rule, session)
            if meant == rule:
                raise
            profiles.remove_rule(name, found.choices[0], meant)

    return _removed(session.out, profiles, name, remove)


def remove_rule_at(found: Match, session: Session) -> int:
    """Remove the rule at a position."""
    position = arguments.position(found.option("--at"))
    name = lookup.profile_to_change(found.value("PROFILE"), session)
    assert position is not None
    Profiles(session.datastore).remove_rule_at(name, found.choices[0], position)
    return 0


def show_rules(found: Match, session: Session) -> int:
    """Print the rules as people write them, numbered in evaluation order."""
    name = lookup.profile(found.value("PROFILE"), session)
    form = arguments.form(found)
    if form != "table":
        return _show_document(session, name, form)
    rules = Profiles(session.datastore).get(name).rules
    names = lookup.tag_names(rules, session) if found.flag("--wide") else {}
    _print_rules(session.out, "Inbound", rules.inbound, names)
    _print_rules(session.out, "Outbound", rules.outbound, names)
    return 0


def print_json(found: Match, session: Session) -> int:
    """Print the rules as JSON, in the form that ``rule update`` reads."""
    name = lookup.profile(found.value("PROFILE"), session)
    rules = Profiles(session.datastore).get(name).rules
    import json

    session.out.text(json.dumps(rules_document(name, rules), indent=2) + "\n\n")
    return 0


def update_rules(found: Match, session: Session) -> int:
    """Replace all rules by the JSON on standard input."""
    name = lookup.profile_to_change(found.value("PROFILE"), session)
    Profiles(session.datastore).replace_rules(name, _read_rules(name, session.stdin.read(_STDIN_LIMIT + 1)))
    session.out.line(f"Successfully updated rules on profile {name}")
    return 0


def _show_members(names: Iterable[str], session: Session, directory: Directory | None) -> None:
    """The endpoints of every profile; with a directory also what they are called."""
    from calico.client.endpoints import Endpoints

    members = Endpoints(session.datastore).list()
    headers = ["Name", "Host", "Orchestrator ID", "Workload ID", "Endpoint ID", "State"]
    rows = [row for name in names for row in _member_rows(name, members, directory)]
    session.out.table(headers + (lookup.CALLED_HEADERS if directory else []), rows, sort_by="Name")


def _member_rows(
    name: str, endpoints: Sequence[tuple[EndpointKey, Endpoint]], directory: Directory | None
) -> list[tuple[str, ...]]:
    rows = [
        (
            *(name, key.host, key.orchestrator, key.workload, key.endpoint, endpoint.state),
            *(lookup.called(directory, key) if directory else ()),
        )
        for key, endpoint in endpoints
        if name in endpoint.profiles
    ]
    return rows or [(name, *["None"] * 5, *[""] * (len(lookup.CALLED_HEADERS) if directory else 0))]


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


def _print_rules(out: Output, direction: str, rules: Iterable[Rule], names: Mapping[str, str]) -> None:
    """The rules of a direction, with the tags in ``names`` under these."""
    out.line(f"{direction} rules:")
    for number, rule in enumerate(rules, start=1):
        src_tag, dst_tag = (tag and names.get(tag, tag) for tag in (rule.src_tag, rule.dst_tag))
        out.line(f" {number:3} {render_rule(replace(rule, src_tag=src_tag, dst_tag=dst_tag))}")


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


def _show_document(session: Session, name: str, form: str) -> int:
    """Print the whole profile, because a part of it, applied, would take the rest away."""
    from calico.cli import documents

    return documents.show_one(session, "profile", form, lambda document: document.label == f"profile {name}")


USAGES = {
    "profile show [--detailed] [--wide] [-o <FORMAT>]": show,
    "profile add <PROFILE>": add,
    "profile remove <PROFILE> [--no-check]": remove,
    "profile <PROFILE> tag show [-o <FORMAT>]": show_tags,
    "profile <PROFILE> tag (add|remove) <TAG>": change_tag,
    "profile <PROFILE> rule add (inbound|outbound) [--at=<POSITION>] <RULE>...": add_rule,
    "profile <PROFILE> rule remove (inbound|outbound) --at=<POSITION>": remove_rule_at,
    "profile <PROFILE> rule remove (inbound|outbound) <RULE>...": remove_rule,
    "profile <PROFILE> rule show [--wide] [-o <FORMAT>]": show_rules,
    "profile <PROFILE> rule json": print_json,
    "profile <PROFILE> rule update": update_rules,
}

NOTES = """\
A rule:
  (allow|deny) [ipv4|ipv6] [<PROTOCOL> [type <N> [code <N>]]]
      [from [ports <PORTS>] [tag <TAG>] [cidr <CIDR>]] [to [ports <PORTS>] [tag <TAG>] [cidr <CIDR>]]

  <PROTOCOL>  tcp, udp, icmp, icmpv6, sctp, udplite, dccp or a number; type and code belong to icmp and icmpv6
  <PORTS>     80 or 80,443,8000:8080; needs a protocol that has ports

<PROFILE> is the name of a profile, or of the Docker network that it is the only profile of. At least four characters
with which only one profile begins will do, too, but not for 'remove'. <TAG> in a rule may be the name of a network.

Rules are tried in order and the first that matches decides; inbound is traffic to the endpoint, outbound from it.
Without --at a rule is added at the end. 'rule update' reads the JSON that 'rule json' prints.

Options:
  --detailed       Show the endpoints of every profile.
  --wide           Add what Docker calls networks and containers, and Compose's project and service. In rules, show
                   the tags of networks by the networks' names.
  --no-check       Remove the profile even if endpoints use it; their traffic is then dropped.
  --at=<POSITION>  Place of the rule: 1 is the first one.
  -o <FORMAT>      table, yaml or json (default: table); what is not a table is the whole profile, or all of them, and
                   can be given to 'calicoctl apply'.

Examples:
  calicoctl profile WEB rule add inbound allow tcp from tag CLIENTS to ports 80,443
  calicoctl profile WEB rule add inbound --at=1 deny from cidr 192.168.5.0/24
  calicoctl profile WEB rule remove inbound --at=2
"""
