"""``calicoctl endpoint``: the interfaces under policy, and the ordered profiles of each."""

from __future__ import annotations

from calico.cli import arguments
from calico.client.endpoints import Endpoints
from calico.model.errors import NotFoundError, ValidationError
from calico.model.names import validate_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from calico.cli.grammar import Match
    from calico.cli.session import Session
    from calico.client.endpoints import Found


def show(found: Match, session: Session) -> int:
    """Print how many endpoints there are of each host and orchestrator, or with ``--detailed`` every one."""
    endpoints = Endpoints(session.datastore).list(**_owners(found), endpoint=found.option("--endpoint") or "")
    if found.flag("--detailed"):
        headers = [
            "Hostname", "Orchestrator ID", "Workload ID", "Endpoint ID", "Addresses", "MAC", "Profiles", "State",
        ]  # fmt: skip
        session.out.table(headers, _detailed_rows(endpoints), sort_by="Hostname")
    else:
        headers = ["Hostname", "Orchestrator ID", "Number of Workloads", "Number of Endpoints"]
        session.out.table(headers, _summary_rows(endpoints), sort_by="Hostname")
    session.out.line()
    return 0


def show_profiles(found: Match, session: Session) -> int:
    """Print the profiles of an endpoint in the order in which they are evaluated."""
    try:
        _, endpoint = _find(found, session)
    except (NotFoundError, ValidationError) as error:
        raise type(error)(f"Failed to list profiles in endpoint. {error}") from None
    if not endpoint.profiles:
        session.out.line("Endpoint has no profiles associated with it.")
        return 0
    session.out.table(["Name"], [(name,) for name in endpoint.profiles])
    session.out.line()
    return 0


def append_profiles(found: Match, session: Session) -> int:
    """Put profiles at the end of an endpoint's list."""
    names = arguments.profile_names(found.values("PROFILE"))
    if not names:
        session.out.paragraph("No profile specified.")
        return 0
    key, endpoint = _find_to_change(found, session, "append profiles to", "Endpoint {} is unknown to Calico.")
    if Endpoints(session.datastore).append_profiles(key, names):
        session.out.paragraph(f"Profile(s) {', '.join(names)} appended.")
    else:
        present = next((name for name in endpoint.profiles if name in names), names[0])
        session.out.paragraph(f"Profile {present} is already in endpoint profile list")
    return 0


def remove_profiles(found: Match, session: Session) -> int:
    """Take profiles out of an endpoint's list."""
    names = arguments.profile_names(found.values("PROFILE"))
    if not names:
        session.out.paragraph("No profile specified.")
        return 0
    key, _ = _find_to_change(found, session, "remove profiles from", "Endpoint could not be found.")
    if Endpoints(session.datastore).remove_profiles(key, names):
        session.out.paragraph(f"Profile(s) {','.join(names)} removed.")
    else:
        session.out.paragraph(f"Profile {names[0]} is not in endpoint profile list.")
    return 0


def set_profiles(found: Match, session: Session) -> int:
    """Replace an endpoint's list."""
    names = arguments.profile_names(found.values("PROFILE"))
    key, _ = _find_to_change(found, session, "set profiles for", "Endpoint could not be found.")
    Endpoints(session.datastore).set_profiles(key, names)
    if names:
        session.out.paragraph(f"Profile(s) set to {', '.join(names)}.")
    else:
        session.out.paragraph("Removed all profiles from endpoint.")
    return 0


def _owners(found: Match) -> dict[str, str]:
    return {name: found.option(f"--{name}") or "" for name in ("host", "orchestrator", "workload")}


def _find(found: Match, session: Session) -> Found:
    # An empty id would mean "any endpoint" to the look-up.
    endpoint = validate_name(found.value("ENDPOINT"), "endpoint")
    return Endpoints(session.datastore).find(**_owners(found), endpoint=endpoint)


def _find_to_change(found: Match, session: Session, failed: str, unknown: str) -> Found:
    """The endpoint to change; ``failed`` and ``unknown`` word the refusal when there is none."""
    try:
        return _find(found, session)
    except NotFoundError:
        reason = unknown.format(found.value("ENDPOINT"))
        raise NotFoundError(f"Failed to {failed} endpoint. {reason}") from None


def _summary_rows(endpoints: Iterable[Found]) -> list[tuple[str, ...]]:
    workloads: dict[tuple[str, str], list[str]] = {}
    for key, _ in endpoints:
        workloads.setdefault((key.host, key.orchestrator), []).append(key.workload)
    return [
        (host, orchestrator, str(len(set(found))), str(len(found)))
        for (host, orchestrator), found in workloads.items()
    ]


def _detailed_rows(endpoints: Iterable[Found]) -> list[tuple[str | tuple[str, ...], ...]]:
    return [
        (
            key.host,
            key.orchestrator,
            key.workload,
            key.endpoint,
            endpoint.nets,
            str(endpoint.mac),
            ",".join(endpoint.profiles),
            endpoint.state,
        )
        for key, endpoint in endpoints
    ]


_OWNERS = "[--host=<H>] [--orchestrator=<O>] [--workload=<W>]"

USAGES = {
    f"endpoint show {_OWNERS} [--endpoint=<E>] [--detailed]": show,
    f"endpoint <ENDPOINT> profile append {_OWNERS} [<PROFILE>...]": append_profiles,
    f"endpoint <ENDPOINT> profile remove {_OWNERS} [<PROFILE>...]": remove_profiles,
    f"endpoint <ENDPOINT> profile set {_OWNERS} [<PROFILE>...]": set_profiles,
    f"endpoint <ENDPOINT> profile show {_OWNERS}": show_profiles,
}

NOTES = """\
<ENDPOINT> is the EndpointID that 'docker network inspect' shows. Profiles are tried in the order of the list; an
endpoint without profiles sends and receives nothing.

Options:
  --host=<H>          Only endpoints on this host.
  --orchestrator=<O>  Only endpoints of this orchestrator; for Docker networks it is 'libnetwork'.
  --workload=<W>      Only endpoints of this workload.
  --endpoint=<E>      Only the endpoint with this id.
  --detailed          Show every endpoint with its addresses and profiles.
"""
