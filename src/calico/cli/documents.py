"""Documents on the command line: which form was asked for, where a file is read from, how a plan is told."""

from __future__ import annotations

from calico.client.documents import render_data, render_documents, render_json
from calico.model.errors import NotFoundError, UnavailableError, ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from calico.cli.grammar import Match
    from calico.cli.session import Session
    from calico.client.documents import Document
    from calico.client.plan import Plan

FORMS = ("table", "yaml", "json")

_LIMIT = 1 << 22
"""Bytes of a file that are read at all; the parser takes less."""

_NOT_DONE = {"created": "would be created", "changed": "would be changed", "deleted": "would be deleted"}


def form_of(found: Match, default: str = "table") -> str:
    """The form in which to print, as ``-o`` says."""
    form = found.option("-o")
    if form is None:
        return default
    if form not in FORMS:
        raise ValidationError(f"-o {form} is not valid: use {', '.join(FORMS[:-1])} or {FORMS[-1]}")
    return form


def print_documents(session: Session, documents: Iterable[Document], form: str) -> int:
    """Print documents so that ``apply`` reads them; the exit code."""
    session.out.text(render_documents(documents, form))
    return 0


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
            text = file.read(_LIMIT).decode()
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
        session.out.line(f"{change.document.label} {action}")


def change_lines(plan: Plan) -> Sequence[str]:
    """What a plan changes, line by line, as a unified difference of documents."""
    from difflib import unified_diff

    lines: list[str] = []
    for change in plan.effective:
        label = change.document.label
        place = change.document.place()
        before = render_documents([change.before], "yaml") if change.before else ""
        after = render_documents([change.after], "yaml") if change.after else ""
        source = f"{label} (datastore)" if change.before else f"{label} (not in the datastore)"
        wanted = f"{label} ({place.source}:{place.line})"
        lines += unified_diff(before.splitlines(), after.splitlines(), source, wanted, lineterm="")
    return lines
