"""``calicoctl get``: policy as documents."""

from __future__ import annotations

from calico.cli import arguments, documents
from calico.client.documents import (
    KINDS,
    EndpointDocument,
    PeerDocument,
    PoolDocument,
    ProfileDocument,
    render_documents,
)
from calico.client.policy import Policy
from calico.model.errors import NotFoundError, ValidationError
from calico.model.net import canonical_address, parse_network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from calico.cli.grammar import Match
    from calico.cli.session import Session
    from calico.client.documents import Document

_PLURALS = {f"{kind}s": kind for kind in KINDS}


def get(found: Match, session: Session) -> int:
    """Print everything, or what is of the kinds that are asked for, or one thing."""
    form = arguments.form(found, "yaml")
    kinds = _kinds(next(iter(found.values("KIND")), ""))
    name = next(iter(found.values("NAME")), None)
    shown, faults = Policy(session.datastore).documents(kinds)
    if name is not None:
        shown = _named(kinds, name, shown, session)
        faults = tuple(fault for fault in faults if not shown)
        if not shown and not faults:
            raise NotFoundError(f"There is no {kinds[0]} {name}.")
    if form == "table":
        rows = [(document.kind, *_row(document)) for document in shown]
        session.out.table(["Kind", "Name", "Content"], rows, left=True)
    else:
        session.out.text(render_documents(shown, form))
    return documents.tell_faults(session, faults)


def _kinds(text: str) -> tuple[str, ...]:
    """The kinds that a word such as ``profiles,pool`` stands for, in the order of printing; all for no word."""
    if not text:
        return KINDS
    asked = {_PLURALS.get(word, word) for word in text.split(",")}
    unknown = sorted(asked.difference(KINDS))
    if unknown:
        raise ValidationError(f"{unknown[0]!r} is not a kind: use {', '.join(KINDS[:-1])} or {KINDS[-1]}")
    return tuple(kind for kind in KINDS if kind in asked)


def _named(kinds: Sequence[str], name: str, shown: Sequence[Document], session: Session) -> tuple[Document, ...]:
    """Those of the documents that are about what ``name`` calls."""
    if len(kinds) > 1:
        raise ValidationError("a name needs one kind before it")
    if kinds == ("pool",):
        cidr = str(parse_network(name))
        return tuple(document for document in shown if isinstance(document, PoolDocument) and document.cidr == cidr)
    if kinds == ("bgp-peer",):
        address = canonical_address(name)
        return tuple(one for one in shown if isinstance(one, PeerDocument) and one.address == address)
    from calico.cli import lookup

    if kinds == ("profile",):
        profile = lookup.profile(name, session)
        return tuple(one for one in shown if isinstance(one, ProfileDocument) and one.name == profile)
    from calico.client.names import Names

    keys = [key for key, _ in Names(session.datastore).find_endpoints(name)]
    owners = {(key.host, key.orchestrator, key.workload, key.endpoint) for key in keys}
    return tuple(
        one
        for one in shown
        if isinstance(one, EndpointDocument) and (one.host, one.orchestrator, one.workload, one.name) in owners
    )


def _row(document: Document) -> tuple[str, str]:
    """The name of what a document is about, and what it says in short."""
    if isinstance(document, ProfileDocument):
        rules = f"{len(document.inbound)} inbound and {len(document.outbound)} outbound rules"
        return document.name, f"{rules}, tags {' '.join(document.tags) or 'none'}"
    if isinstance(document, PoolDocument):
        flags = {"ipip": document.ipip, "nat-outgoing": document.masquerade, "no ipam": not document.ipam}
        return document.cidr, ",".join(flag for flag, is_set in flags.items() if is_set)
    if isinstance(document, PeerDocument):
        return document.address, f"as {document.as_number}" + (f" of host {document.host}" if document.host else "")
    assert isinstance(document, EndpointDocument)
    return document.name, f"host {document.host}, profiles {' '.join(document.profiles) or 'none'}"


USAGES = {"get [<KIND>] [<NAME>] [-o <FORMAT>]": get}

NOTES = """\
<KIND> is profile, pool, bgp-peer or endpoint, or several of them joined by commas; <NAME> is the name of one thing
of that kind: of a profile or an endpoint, what other commands take too; of a pool its CIDR, of a peer its address.

What is printed as YAML or JSON can be given to 'apply', and then changes nothing. docs/policy-files.md has the form.
What is stored but cannot be understood is told on standard error, and the exit code is then 1.

Options:
  -o <FORMAT>  yaml, json or table (default: yaml).

Examples:
  calicoctl get > policy.yaml
  calicoctl get profile web -o json
"""
