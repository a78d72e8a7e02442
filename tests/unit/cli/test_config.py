"""``calicoctl config``: every message, exit code and effect."""

import pytest

from tests.fakes.terminal import Run, Terminal

KEYS = {
    "felix": "/calico/v1/config/LogSeverityScreen",
    "bgp": "/calico/bgp/v1/global/loglevel",
    "node bgp": "/calico/bgp/v1/host/h1/loglevel",
}
BASES = {scope: key.rpartition("/")[0] for scope, key in KEYS.items()}
SCOPES = pytest.mark.parametrize("scope", KEYS)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def refused(text: str) -> Run:
    """Failure with one line on standard error."""
    return Run(1, "", f"{text}\n")


@SCOPES
def test_a_value_is_set_shown_and_removed(terminal: Terminal, scope: str) -> None:
    command = f"config {scope} loglevel"

    assert terminal(command) == Run(0, "No value configured\n", "")
    assert terminal(f"{command} debug") == Run(0, "", "")
    assert terminal.tree() == {KEYS[scope]: "debug"}
    assert terminal(command) == Run(0, "debug\n", "")
    assert terminal(f"{command} --remove") == Run(0, "Value removed\n", "")
    assert terminal(f"{command} --remove") == Run(0, "No value configured\n", "")
    assert terminal.tree() == {}


@pytest.mark.parametrize(
    ("scope", "values"),
    [
        ("felix", "none debug info warning error critical"),
        ("bgp", "none debug info"),
        ("node bgp", "none debug info"),
    ],
)
def test_exactly_these_values_are_known(terminal: Terminal, scope: str, values: str) -> None:
    for value in values.split():
        assert terminal(f"config {scope} loglevel {value}") == Run(0, "", "")
    for value in ("infox", "inf", "DEBUG", "''", "fatal"):
        assert terminal(f"config {scope} loglevel {value}") == refused(
            f"The configuration value '{value.strip(chr(39))}' is not recognized as a valid value. "
            "Use the --force option to override."
        )
    assert terminal.get(KEYS[scope]) == values.split()[-1]


@SCOPES
@pytest.mark.parametrize("rest", ["", "x", "--remove"])
def test_an_unknown_name_needs_force(terminal: Terminal, scope: str, rest: str) -> None:
    assert terminal(f"config {scope} Colour {rest}") == refused(
        "The configuration 'Colour' is not recognized as a valid option. Use the --force option to override."
    )
    assert terminal.tree() == {}


@SCOPES
def test_a_forced_name_stands_for_the_setting_itself(terminal: Terminal, scope: str) -> None:
    doubt = "The configuration 'Colour' is not recognized as a valid option. The --force option is set.\n"

    assert terminal(f"config {scope} Colour blue --force") == Run(0, "", doubt)
    assert terminal.tree() == {f"{BASES[scope]}/Colour": "blue"}
    assert terminal(f"config {scope} Colour --force") == Run(0, "blue\n", doubt)
    assert terminal(f"config {scope} Colour --remove --force") == Run(0, "Value removed\n", doubt)


def test_a_forced_value_is_stored(terminal: Terminal) -> None:
    assert terminal("config felix loglevel loud --force") == Run(
        0, "", "The configuration value 'loud' is not recognized as a valid value. The --force option is set.\n"
    )
    assert terminal.tree() == {KEYS["felix"]: "loud"}


@SCOPES
@pytest.mark.parametrize("name", ["a/b", "", "..\x1b", "a b", "$(id)"])
def test_force_does_not_reach_beyond_the_settings(terminal: Terminal, scope: str, name: str) -> None:
    result = terminal(["config", *scope.split(), name, "x", "--force"])

    assert (result.code, result.out) == (1, "")
    assert "is not a valid name" in result.err
    assert terminal.tree() == {}


@pytest.mark.parametrize("rest", ["", "x", "--remove"])
def test_the_mesh_is_no_single_value(terminal: Terminal, rest: str) -> None:
    terminal("bgp node-mesh off")

    result = terminal(f"config bgp node_mesh {rest} --force")

    assert (result.code, result.out) == (1, "")
    assert result.err.endswith("node_mesh is not a single value: use 'calicoctl bgp node-mesh'\n")
    assert terminal("bgp node-mesh").out == "off\n"


@pytest.mark.parametrize("words", ["", "felix", "node loglevel", "felix loglevel debug --remove", "felix a b c"])
def test_what_is_not_in_the_grammar(terminal: Terminal, words: str) -> None:
    result = terminal(f"config {words}")

    assert result.code == 1
    assert "Usage:\n  calicoctl config" in result.err
