"""Dispatch and the one place where outcomes become exit codes and lines."""

import io

import pytest

from calico import __version__
from calico.cli.main import COMMANDS, run
from calico.cli.output import Output
from calico.cli.session import Session
from calico.datastore.api import Datastore
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import UnavailableError
from tests.fakes.datastore import FaultyDatastore
from tests.fakes.terminal import Terminal

USAGE = "Usage:\n  calicoctl profile <PROFILE> tag (add|remove) <TAG>\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["-h", "profile"]])
def test_without_a_command_help_is_printed(arguments: list[str]) -> None:
    result = Terminal()(arguments)

    assert result.code == 0
    assert result.err == ""
    for name, summary in COMMANDS.items():
        assert f"  {name:{max(map(len, COMMANDS))}}  {summary}\n" in result.out


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("rest", ["--help", "-h", "nonsense --bogus --help", "show -h"])
def test_every_command_helps_wherever_it_is_asked(command: str, rest: str) -> None:
    terminal = Terminal()

    result = terminal(f"{command} {rest}")

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"{COMMANDS[command]}\n\nUsage:\n  calicoctl {command}")
    assert terminal.datastore.opened == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_on_a_terminal_of_120_columns(command: str) -> None:
    assert max(map(len, Terminal()(f"{command} --help").out.splitlines())) <= 126


@pytest.mark.parametrize("command", ["version", "--version"])
def test_version(command: str) -> None:
    assert Terminal()(command).out == f"{__version__}\n"


@pytest.mark.parametrize("command", ["bogus", "main", "grammar", "output", "__init__", "x.profile.x.y", ""])
def test_what_is_no_command_is_an_error_that_lists_the_commands(command: str) -> None:
    result = Terminal()([command])

    assert (result.code, result.out) == (1, "")
    assert result.err == f"unknown command {command!r}; the commands are {', '.join(COMMANDS)}\n"


@pytest.mark.parametrize(
    ("command", "meant"), [("proflie", "profile"), ("Pool", "pool"), ("../profile", "profile"), ("stat", "status")]
)
def test_a_mistyped_command_is_recognised(command: str, meant: str) -> None:
    assert Terminal()([command]).err.endswith(f"version. Did you mean '{meant}'?\n")


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("profile shwo", "expected tag or rule. Did you mean 'show'?"),
        ("profile WEB ruel add inbound allow", "expected tag or rule. Did you mean 'rule'?"),
        ("profile WEB rule add inbuond allow", "expected inbound or outbound. Did you mean 'inbound'?"),
        ("profile WEB rule add inbound allow --atp=1", "unknown option '--atp'. Did you mean '--at'?"),
        ("pool ad 10.0.0.0/8", "Did you mean 'add'?"),
        ("pool", "expected add, remove, range or show"),
    ],
)
def test_a_mistyped_word_is_recognised(command: str, hint: str) -> None:
    result = Terminal()(command)

    assert result.code == 1
    assert result.err.splitlines()[0].endswith(hint)


def test_an_option_before_the_command_is_an_error() -> None:
    result = Terminal()("--bogus profile show")

    assert result.code == 1
    assert result.err.startswith("unknown option '--bogus'")


def test_a_usage_error_is_one_line_and_the_usage_of_the_sub_command() -> None:
    terminal = Terminal()

    result = terminal("profile WEB tag add")

    assert (result.code, result.out) == (1, "")
    assert result.err == "something is missing after 'calicoctl profile WEB tag add'; expected <TAG>\n" + USAGE
    assert terminal.datastore.opened == 0


def test_the_datastore_is_closed_whatever_happens() -> None:
    terminal = Terminal()

    terminal("profile show")
    terminal("profile NONE rule show")

    assert (terminal.datastore.opened, terminal.datastore.closed) == (2, 2)


def test_a_datastore_that_does_not_answer_is_one_line() -> None:
    datastore = FaultyDatastore(MemoryDatastore())
    datastore.go_down(UnavailableError("the datastore is down"))

    result = Terminal(datastore)("profile show")

    assert (result.code, result.out, result.err) == (1, "", "the datastore is down\n")


def failing(error: BaseException, environ: dict[str, str] | None = None) -> tuple[int, str, str]:
    def open_datastore() -> Datastore:
        raise error

    out, err = io.StringIO(), io.StringIO()
    session = Session(Output(out, err), io.StringIO(), environ or {}, open_datastore=open_datastore)
    return run(["profile", "show"], session), out.getvalue(), err.getvalue()


def test_an_unexpected_error_is_one_line_that_tells_how_to_see_more() -> None:
    assert failing(RuntimeError("first\nsecond\x1b[2J")) == (
        1,
        "",
        "internal error: RuntimeError: first (run with CALICO_DEBUG=1 to see the traceback)\n",
    )


def test_the_traceback_is_shown_on_request() -> None:
    code, _, err = failing(RuntimeError("bad\x1b[2J"), {"CALICO_DEBUG": "1"})

    assert code == 1
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith("RuntimeError: bad\\x1b[2J\n")


def test_an_interrupted_command_says_so() -> None:
    assert failing(KeyboardInterrupt()) == (130, "", "Aborted command.\n")


def test_a_reader_who_went_away_is_not_worth_a_word() -> None:
    assert failing(BrokenPipeError(32, "Broken pipe")) == (141, "", "")


def test_control_characters_in_arguments_do_not_reach_the_terminal() -> None:
    for command in (
        ["\x1b[2J"],
        ["profile", "\x1b[2J"],
        ["profile", "\x1b[2J", "rule", "show"],
        ["pool", "add", "\x07"],
    ):
        result = Terminal()(command)

        assert result.code == 1
        assert all(line.isprintable() for line in (result.out + result.err).splitlines())


@pytest.mark.parametrize("variable", ["sqlite://relative", "nonsense", "sqlite:///", "etcd://127.0.0.1:2379"])
def test_a_datastore_of_no_known_kind_is_one_line(variable: str) -> None:
    err = io.StringIO()
    session = Session(Output(io.StringIO(), err), io.StringIO(), {"CALICO_DATASTORE": variable})

    assert run(["profile", "show"], session) == 1
    assert err.getvalue().startswith(f"datastore {variable!r}")
    assert err.getvalue().count("\n") == 1
