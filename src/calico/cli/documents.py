"""Documents on the command line: printed in place of tables, read from files, and how a plan is told."""

from __future__ import annotations

from calico.client.documents import NO_STATUS, EndpointDocument, render_data, render_documents, render_json
from calico.client.policy import Policy
from calico.model.errors import NotFoundError, UnavailableError, ValidationError
from calico.model.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from calico.cli.grammar import Match
    from calico.cli.session import Session
    from calico.client.documents import Document
    from calico.client.plan import Plan

_LIMIT = 1 << 22
"""Bytes of a file that are read at all; the parser takes less."""

_NOT_DONE = {"created": "would be created", "changed": "would be changed", "deleted": "would be deleted"}


def _all(_document: Document) -> bool:
    return True


def is_of_version(found: Match, address: str) -> bool:
    """Whether an address or CIDR is of the IP version that ``--ipv4`` or ``--ipv6`` asks for; without, any is."""
    return not found.flag("--ipv4" if ":" in address else "--ipv6")


def show(session: Session, kinds: Collection[str], form: str, wanted: Callable[[Document], bool] = _all) -> int:
    """Print what the datastore has of these kinds, so that ``apply`` reads it; the exit code.

    What is stored and is no valid document cannot be printed: then the exit code is 1, and errors say what it is.
    """
    found, faults = Policy(session.datastore).documents(kinds)
    session.out.text(render_documents(filter(wanted, found), form))
    return tell_faults(session, faults)


def show_one(session: Session, kind: str, form: str, wanted: Callable[[Document], bool]) -> int:
    """Print the document of a thing that exists; the exit code."""
    found, faults = Policy(session.datastore).documents((kind,))
    meant = [document for document in found if wanted(document)]
    if not meant:
        raise ValidationError(f"it is stored in a form that cannot be understood: {'; '.join(faults[:3])}")
    session.out.text(render_documents(meant, form))
    return 0


def tell_faults(session: Session, faults: Iterable[str]) -> int:
    """Say what is stored and cannot be printed; the exit code."""
    code = 0
    for fault in faults:
        session.out.error(f"not printed: {fault}")
        code = 1
    return code


def print_data(session: Session, data: object, form: str) -> int:
    """Print plain data that is no document; the exit code. As JSON it is not in an array."""
    session.out.text(render_json(data) if form == "json" else render_data([data], form))
    return 0


def read_documents(found: Match, session: Session) -> tuple[Document, ...]:
    """The documents of the file that ``-f`` names; ``-`` is standard input."""
    from calico.client.document_parser import parse_documents

    name = found.option("-f") or ""
    if name == "-":
        return parse_documents(session.stdin.read(_LIMIT), "stdin")
    try:
        with open(name, "rb") as file:
            data = file.read(_LIMIT + 1)
        if len(data) > _LIMIT:
            raise ValidationError(f"{name}: longer than {_LIMIT} bytes: split the file")
        text = data.decode()
    except FileNotFoundError:
        raise NotFoundError(f"{name}: there is no such file") from None
    except UnicodeDecodeError as error:
        raise ValidationError(f"{name}: not UTF-8 text, at byte {error.start + 1}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UnavailableError(f"{name}: cannot be read: {reason}") from None
    return parse_documents(text, name)


def print_plan(session: Session, plan: Plan, *, done: bool) -> None:
    """One line for each document: what was done to its thing, or would be done."""
    for change in plan.changes:
        action = change.action if done else _NOT_DONE.get(change.action, change.action)
        session.out.line(f"{change.label} {action}")


def change_lines(plan: Plan) -> Sequence[str]:
    """What a plan changes, line by line, as a unified difference of documents."""
    from difflib import unified_diff

    lines: list[str] = []
    for change in plan.effective:
        label = change.label
        place = change.document.place()
        before, after = _lines(change.before), _lines(change.after)
        source = f"{label} (datastore)" if change.before else f"{label} (not in the datastore)"
        wanted = f"{label} ({place.source}:{place.line})"
        lines += unified_diff(before, after, source, wanted, lineterm="")
    return lines


def _lines(document: Document | None) -> list[str]:
    """The lines of a document without what it only tells."""
    if isinstance(document, EndpointDocument):
        document = replace(document, status=NO_STATUS)
    return render_documents([document], "yaml").splitlines() if document else []
