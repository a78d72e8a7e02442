"""``calicoctl endpoint``: the interfaces under policy, and the ordered profiles of each."""

from __future__ import annotations

from calico.cli import arguments, lookup, profile_list
from calico.client.endpoints import Endpoints
from calico.client.names import Names
from calico.model.errors import AmbiguousError, NotFoundError, ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from calico.cli.grammar import Match
    from calico.cli.session import Session
    from calico.client.endpoints import Found

DETAILED = [
    "Hostname", "Orchestrator ID", "Workload ID", "Endpoint ID", "Addresses", "MAC", "Profiles", "State",
]  # fmt: skip


def show(found: Match, session: Session) -> int:
    """Print how many endpoints there are of each host and orchestrator, or with ``--detailed`` every one."""
    called = found.option("--endpoint")
    if called:
        endpoints = Names(session.datastore).find_endpoints(called, **lookup.owners(found))
    else:
        endpoints = Endpoints(session.datastore).list(**lookup.owners(found))
    form = arguments.form(found)
    if form != "table":
        return print_documents(session, endpoints, form)
    if found.flag("--wide"):
        directory = lookup.directory(session)
        names = [lookup.called(directory, key) for key, _ in endpoints]
        rows = [(*row, *more) for row, more in zip(detailed_rows(endpoints), names, strict=True)]
        session.out.table(DETAILED + lookup.CALLED_HEADERS, rows, sort_by="Hostname")
    elif found.flag("--detailed"):
        session.out.table(DETAILED, detailed_rows(endpoints), sort_by="Hostname")
    else:
        headers = ["Hostname", "Orchestrator ID", "Number of Workloads", "Number of Endpoints"]
        session.out.table(headers, _summary_rows(endpoints), sort_by="Hostname")
    session.out.line()
    return 0


def show_profiles(found: Match, session: Session) -> int:
    """Print the profiles of an endpoint in the order in which they are evaluated."""
    try:
        key, endpoint = lookup.endpoint(found, session)
    except AmbiguousError as error:
        raise AmbiguousError(f"Failed to list profiles in endpoint. {error}", error.candidates) from None
    except (NotFoundError, ValidationError) as error:
        raise type(error)(f"Failed to list profiles in endpoint. {error}") from None
    form = arguments.form(found)
    if form != "table":
        return print_documents(session, [(key, endpoint)], form)
    if not endpoint.profiles:
        session.out.line("Endpoint has no profiles associated with it.")
        return 0
    if found.flag("--wide"):
        directory = lookup.directory(session)
        rows = [(name, directory.network_name(name)) for name in endpoint.profiles]
        session.out.table(["Name", "Network"], rows)
    else:
        session.out.table(["Name"], [(name,) for name in endpoint.profiles])
    session.out.line()
    return 0


def append_profiles(found: Match, session: Session) -> int:
    """Put profiles at the end of an endpoint's list."""

    def find() -> Found:
        return lookup.endpoint_to_change(found, session, "append profiles to", "Endpoint {} is unknown to Calico.")

    return profile_list.append(find, found.values("PROFILE"), session)


def remove_profiles(found: Match, session: Session) -> int:
    """Take profiles out of an endpoint's list."""

    def find() -> Found:
        return lookup.endpoint_to_change(found, session, "remove profiles from", "Endpoint could not be found.")

    return profile_list.remove(find, found.values("PROFILE"), session)


def set_profiles(found: Match, session: Session) -> int:
    """Replace an endpoint's list."""

    def find() -> Found:
        return lookup.endpoint_to_change(found, session, "set profiles for", "Endpoint could not be found.")

    return profile_list.replace(find, found.values("PROFILE"), session)


def print_documents(session: Session, endpoints: Iterable[Found], form: str) -> int:
    """Print endpoints so that ``apply`` reads them; the exit code."""
    from calico.client.documents import render_documents
    from calico.client.inventory import endpoint_document

    session.out.text(render_documents([endpoint_document(key, endpoint) for key, endpoint in endpoints], form))
    return 0


def _summary_rows(endpoints: Iterable[Found]) -> list[tuple[str, ...]]:
    workloads: dict[tuple[str, str], list[str]] = {}
    for key, _ in endpoints:
        workloads.setdefault((key.host, key.orchestrator), []).append(key.workload)
    return [
        (host, orchestrator, str(len(set(found))), str(len(found)))
        for (host, orchestrator), found in workloads.items()
    ]


def detailed_rows(endpoints: Iterable[Found]) -> list[tuple[str | tuple[str, ...], ...]]:
    """The rows under ``DETAILED``."""
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
    f"endpoint show {_OWNERS} [--endpoint=<E>] [--detailed] [--wide]": show,
    f"endpoint show {_OWNERS} [--endpoint=<E>] [--detailed] -o <FORMAT>": show,
    f"endpoint <ENDPOINT> profile append {_OWNERS} [<PROFILE>...]": append_profiles,
    f"endpoint <ENDPOINT> profile remove {_OWNERS} [<PROFILE>...]": remove_profiles,
    f"endpoint <ENDPOINT> profile set {_OWNERS} [<PROFILE>...]": set_profiles,
    f"endpoint <ENDPOINT> profile show {_OWNERS} [--wide] [-o <FORMAT>]": show_profiles,
}

NOTES = f"""\
{lookup.CALLED}
Profiles are tried in the order of the list; an endpoint without profiles sends and receives nothing.

Options:
  --host=<H>          Only endpoints on this host.
  --orchestrator=<O>  Only endpoints of this orchestrator; for Docker networks it is 'libnetwork'.
  --workload=<W>      Only endpoints of this workload.
  --endpoint=<E>      Only what <E> calls, as <ENDPOINT> does.
  --detailed          Show every endpoint with its addresses and profiles.
  --wide              The same, with what Docker calls container and network, and Compose's project and service.
  -o <FORMAT>         table, yaml or json (default: table); what is not a table tells all of every endpoint, and can
                      be given to 'calicoctl apply'.
"""
