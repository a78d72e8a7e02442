"""The program ``calicoctl``: picks the command, and turns every outcome into an exit code and at most one line.

A command is a module of this package with ``USAGES``, its usage lines and the function of each, and ``NOTES``, the
rest of its help. It is imported only when it was typed, so that help and version cost no more than Python itself.
"""

from __future__ import annotations

import gc
import os
import sys
from io import TextIOWrapper

from calico.cli.grammar import HELP_OPTIONS, PROGRAM, UsageError, did_you_mean, match, wants_help
from calico.cli.output import Output
from calico.cli.session import RootRequiredError, Session
from calico.model.errors import AmbiguousError, CalicoError

TYPE_CHECKING = False  # not from typing: importing it costs as much as half of Python's own start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TextIO

    from calico.cli.progress import Progress

COMMANDS = {
    "node": "Start or stop calico-node on this host, show or remove hosts.",
    "status": "Show whether calico-node runs here and how it fares.",
    "profile": "Create, show and change policy profiles, their tags and rules.",
    "endpoint": "Show endpoints and change the profiles they carry.",
    "container": "Give containers that have no Calico network an interface and addresses.",
    "pool": "Add, remove and show address pools.",
    "get": "Print policy as documents that people can write.",
    "apply": "Make policy as the documents of a file say, all or nothing.",
    "diff": "Show what apply would change.",
    "delete": "Remove what the documents of a file are about, all or nothing.",
    "confirm": "Keep a change that waits for confirmation, or take it back.",
    "explain": "Say whether one end may reach another, by which rule, and what would allow it.",
    "bgp": "Show and change how all hosts exchange routes.",
    "ipam": "Show how full pools are, look up or release a single address.",
    "checksystem": "Check that this host has what calico-node needs.",
    "diags": "Collect what is needed to find a fault, in one file.",
    "config": "Show and change single settings.",
    "completion": "Print the script that lets a shell complete calicoctl's commands.",
    "version": "Show the version of calicoctl.",
}

FAILED = 1
NEEDS_ROOT = 2
TROUBLE = {"diff": 2}
"""What commands exit with when they fail whose 1 is an answer."""

INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it
BROKEN_PIPE = 141  # 128 + SIGPIPE

_HELP = """
Options:
  -h, --help  Show this help, or that of a command: calicoctl <command> --help
  --version   Show the version of calicoctl.

Environment:
  CALICO_DATASTORE  Where the data is kept (default: sqlite:///var/lib/calico/calico.db).
  CALICO_NODENAME   Name of this host (default: its hostname).
  CALICO_RUN_DIR    Where calico-node keeps its pid file and control socket (default: /run/calico).
  CALICO_DEBUG      Set to 1 to see the traceback of an internal error.
"""


def main() -> int:
    """Entry point: run with the arguments, streams and environment of this process."""
    gc.disable()  # it runs a dozen times while modules load, and a command ends before garbage matters
    stdout, stderr = _stream(sys.stdout), _stream(sys.stderr)
    out = Output(stdout, stderr, styled=_shows_styles(stdout), progress=_progress(stderr))
    code = run(sys.argv[1:], Session(out, _stream(sys.stdin), os.environ))
    out.end_progress()
    if code == BROKEN_PIPE:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())  # else Python complains when it ends
    return code


def run(arguments: Sequence[str], session: Session) -> int:
    """Carry out a command line; the exit code. No exception but ``SystemExit`` leaves here."""
    failed = TROUBLE.get(arguments[0], FAILED) if arguments else FAILED
    try:
        try:
            code = _dispatch(arguments, session)
        finally:
            session.close()
        session.out.flush()
    except UsageError as error:
        session.out.error(str(error))
        if error.usages:
            _print_usages(error.usages, session.out.error)
        return failed
    except RootRequiredError as error:
        session.out.error(str(error))
        return NEEDS_ROOT
    except AmbiguousError as error:
        session.out.error(str(error))
        for candidate in error.candidates:
            session.out.error(f"  {candidate}")
        return failed
    except CalicoError as error:
        session.out.error(str(error))
        session.out.details(error.details)
        return failed
    except KeyboardInterrupt:
        session.out.error("Aborted command.")
        return INTERRUPTED
    except BrokenPipeError:
        return BROKEN_PIPE
    except Exception as error:
        _report_internal(error, session)
        return failed
    return code


def _shows_styles(stream: TextIO) -> bool:
    """Whether bold and colours are welcome: at a terminal, unless the person has said otherwise (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _progress(stream: TextIO) -> Progress | None:
    """What shows a person at a terminal that something takes long."""
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        return None
    from calico.cli.progress import Progress

    progress = Progress(stream.fileno(), "Working")
    progress.start()
    return progress


def _stream(stream: TextIO | None) -> TextIO:
    """A standard stream that can print any text; a closed one is ``/dev/null``."""
    if stream is None:
        return open(os.devnull, "r+")  # it lives as long as the process
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _dispatch(arguments: Sequence[str], session: Session) -> int:
    command = arguments[0] if arguments else "--help"
    if command in HELP_OPTIONS:
        session.out.text(_main_help())
        return 0
    if command == "--version":
        command, arguments = "version", ["version"]
    if command == "__complete":
        from calico.cli.complete import complete

        session.out.text("".join(f"{text}\n" for text in complete(arguments[1:], COMMANDS, session)))
        return 0
    if command not in COMMANDS:
        what = "option" if command.startswith("-") else "command"
        hint = did_you_mean(command, COMMANDS)
        raise UsageError(f"unknown {what} {command!r}; the commands are {', '.join(COMMANDS)}{hint}")
    module = __import__(f"calico.cli.{command}", fromlist=["USAGES"])
    if wants_help(arguments):
        session.out.text(f"{COMMANDS[command]}\n\n")
        _print_usages(module.USAGES, session.out.line)
        session.out.text(f"\n{module.NOTES}")
        return 0
    line, found = match(tuple(module.USAGES), arguments)
    code: int = module.USAGES[line](found, session)
    return code


def _main_help() -> str:
    width = max(map(len, COMMANDS))
    commands = "".join(f"  {name:{width}}  {summary}\n" for name, summary in COMMANDS.items())
    usage = f"Usage: {PROGRAM} <command> [<argument>...]\n"
    return f"Policy and addresses for Docker networks.\n\n{usage}\nCommands:\n{commands}{_HELP}"


def _print_usages(lines: Iterable[str], write: Callable[[str], None]) -> None:
    write("Usage:")
    for line in lines:
        write(f"  {PROGRAM} {line}")


def _report_internal(error: Exception, session: Session) -> None:
    """A fault of ours: one line, and the traceback only for those who ask for it."""
    reason = f"{type(error).__name__}: {error}".partition("\n")[0]
    if not session.environ.get("CALICO_DEBUG"):
        session.out.error(f"internal error: {reason} (run with CALICO_DEBUG=1 to see the traceback)")
        return
    from traceback import format_exception

    for line in "".join(format_exception(error)).splitlines():
        session.out.error(line)
