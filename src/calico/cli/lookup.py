"""Endpoints, profiles and tags as people call them on a command line, found in the datastore."""

from __future__ import annotations

from calico.cli import arguments
from calico.client.names import Names
from calico.model.errors import NotFoundError
from calico.model.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from calico.cli.grammar import Match
    from calico.cli.session import Session
    from calico.client.endpoints import Found
    from calico.client.names import Directory
    from calico.model.keys import EndpointKey
    from calico.model.values import ProfileRules, Rule

CALLED = """\
<ENDPOINT> is the EndpointID that 'docker network inspect' shows, the name or id of a container, PROJECT/SERVICE of
Docker Compose, or an IP address; of a container on several networks, CONTAINER@NETWORK. <PROFILE> is the name of a
profile, or of the Docker network that it is the only profile of. At least four characters with which only one id or
profile begins will do.
"""
"""What help says of the things found here."""


def endpoint(found: Match, session: Session) -> Found:
    """The one endpoint that ``<ENDPOINT>`` calls, among those that the filters leave."""
    return Names(session.datastore).find_endpoint(found.value("ENDPOINT"), **owners(found))


def endpoint_to_change(found: Match, session: Session, failed: str, unknown: str) -> Found:
    """Like ``endpoint``; ``failed`` and ``unknown`` word the refusal when there is none."""
    try:
        return endpoint(found, session)
    except NotFoundError:
        text = found.value("ENDPOINT")
        hint = Names(session.datastore).endpoint_hint(text)
        raise NotFoundError(f"Failed to {failed} endpoint. {unknown.format(text)}{hint}") from None


def owners(found: Match) -> dict[str, str]:
    """The filters by which endpoints are told apart, empty where not given."""
    return {name: found.option(f"--{name}") or "" for name in ("host", "orchestrator", "workload")}


def profile(text: str, session: Session) -> str:
    """The name of the profile that ``text`` calls; NotFoundError when there is none."""
    arguments.profile_name(text)
    return Names(session.datastore).resolve_profile(text)


def profile_to_change(text: str, session: Session) -> str:
    """Like ``profile``; says which one it is when that is not plain from what was typed."""
    name = profile(text, session)
    _say_which(text, name, session)
    return name


def profile_to_remove(text: str, session: Session) -> str:
    """Like ``profile``; the beginning of a name will not do."""
    arguments.profile_name(text)
    return Names(session.datastore).resolve_profile(text, beginnings=False)


def profiles(texts: Iterable[str], session: Session, listed: Collection[str] = ()) -> tuple[str, ...]:
    """The names of the profiles that texts call; those that an endpoint has ``listed`` need not exist."""
    names = Names(session.datastore)
    found: list[str] = []
    for text in arguments.profile_names(texts):
        try:
            name = names.resolve_profile(text, known=listed)
        except NotFoundError:
            raise NotFoundError(f"Profile with name {text} was not found.{names.profile_hint(text)}") from None
        _say_which(text, name, session)
        found.append(name)
    return tuple(found)


def rule(typed: Rule, session: Session) -> Rule:
    """The rule that is meant: where a tag is only the name of a Docker network, that network's own tag is."""
    names = Names(session.datastore)
    src_tag, dst_tag = (tag and names.resolve_tag(tag) for tag in (typed.src_tag, typed.dst_tag))
    return replace(typed, src_tag=src_tag, dst_tag=dst_tag)


def tag_names(rules: ProfileRules, session: Session) -> Mapping[str, str]:
    """What the tags in rules may be called in their place: the names of the networks whose tags they are."""
    tags = {tag for one in (*rules.inbound, *rules.outbound) for tag in (one.src_tag, one.dst_tag) if tag}
    return Names(session.datastore).tag_names(tags)


def directory(session: Session) -> Directory:
    """All names that Docker gave."""
    return Names(session.datastore).directory()


CALLED_HEADERS = ["Container", "Network", "Service"]


def called(directory: Directory, key: EndpointKey) -> tuple[str, str, str]:
    """What an endpoint's container, network and Compose service are called; an id where no name is known."""
    names = directory.of_endpoint(key)
    return names.name or names.container, names.network_name or names.network, names.compose


def _say_which(text: str, name: str, session: Session) -> None:
    """Say which profile is changed when neither its name nor that of its network was typed."""
    if name != text and directory(session).network_name(name) != text:
        session.out.error(f"{text} is profile {name}")
