"""``calicoctl endpoint``: every message, exit code and effect."""

import json
from pathlib import Path

import pytest

from tests.fakes.terminal import Run, Terminal

GOLDEN = Path(__file__).parents[2] / "golden" / "cli"
NETWORK = "46007b33d4dd56b13ede0f10bb427ba4481e3c0efe64960b0567dd53a80d3420"
ENDPOINT = "5a21f63bc17feb6b9c879bbbc271594dfa1483ddf9af5171efca7a2d509908e5"
SEVERAL = (
    "More than 1 endpoint matches the provided criteria.  Please provide additional parameters to refine the search."
)


def put(terminal: Terminal, path: str, *profiles: str, **fields: object) -> None:
    """Write an endpoint at ``host/orchestrator/workload/endpoint``."""
    host, orchestrator, workload, endpoint = path.split("/")
    value = {"state": "active", "mac": "EE:EE:EE:EE:EE:EE", "profile_ids": profiles, **fields}
    key = f"/calico/v1/host/{host}/workload/{orchestrator}/{workload}/endpoint/{endpoint}"
    terminal.put(key, json.dumps(value))


def profiles(terminal: Terminal, path: str = "h1/libnetwork/libnetwork/e1") -> list[str]:
    host, orchestrator, workload, endpoint = path.split("/")
    found = terminal.get(f"/calico/v1/host/{host}/workload/{orchestrator}/{workload}/endpoint/{endpoint}")
    return list(json.loads(found or "")["profile_ids"])


@pytest.fixture
def terminal() -> Terminal:
    """Profiles A, B, C; endpoint ``e1`` with A and B."""
    terminal = Terminal()
    for name in "ABC":
        terminal(f"profile add {name}")
    put(terminal, "h1/libnetwork/libnetwork/e1", "A", "B", ipv4_nets=["10.0.0.2/32"], ipv6_nets=["fd80::2/128"])
    return terminal


def said(text: str) -> Run:
    """Success with a paragraph of one line on standard output."""
    return Run(0, f"{text}\n\n", "")


def refused(text: str) -> Run:
    """Failure with one line on standard error."""
    return Run(1, "", f"{text}\n")


def test_the_seeds_table_is_printed_to_the_byte() -> None:
    terminal = Terminal()
    put(terminal, f"host1/libnetwork/libnetwork/{ENDPOINT}", NETWORK)

    result = terminal(f"endpoint {ENDPOINT} profile show")

    assert result == Run(0, (GOLDEN / "seed-endpoint-profile-show.txt").read_text() + "\n", "")


def test_profiles_are_shown_in_evaluation_order(terminal: Terminal) -> None:
    terminal("endpoint e1 profile set C A")

    assert terminal("endpoint e1 profile show").out == (
        "+------+\n| Name |\n+------+\n|  C   |\n|  A   |\n+------+\n\n"
    )


def test_an_endpoint_without_profiles_says_so(terminal: Terminal) -> None:
    terminal("endpoint e1 profile set")

    assert terminal("endpoint e1 profile show") == Run(0, "Endpoint has no profiles associated with it.\n", "")


def test_the_summary_counts_by_host_and_orchestrator(terminal: Terminal) -> None:
    put(terminal, "h1/docker/w1/e2")
    put(terminal, "h1/docker/w1/e3")
    put(terminal, "h1/docker/w2/e4")

    assert terminal("endpoint show") == Run(
        0,
        "+----------+-----------------+---------------------+---------------------+\n"
        "| Hostname | Orchestrator ID | Number of Workloads | Number of Endpoints |\n"
        "+----------+-----------------+---------------------+---------------------+\n"
        "|    h1    |      docker     |          2          |          3          |\n"
        "|    h1    |    libnetwork   |          1          |          1          |\n"
        "+----------+-----------------+---------------------+---------------------+\n\n",
        "",
    )


def test_detailed_shows_addresses_and_profiles(terminal: Terminal) -> None:
    terminal("endpoint e1 profile set B A")

    assert terminal("endpoint show --detailed").out == (GOLDEN / "endpoint-show-detailed.txt").read_text()


def test_no_endpoints_are_an_empty_table() -> None:
    result = Terminal()("endpoint show")

    assert result.code == 0
    assert len(result.out.splitlines()) == 5


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ("", 4),
        ("--host=h1", 3),
        ("--host=h2", 1),
        ("--host=h", 0),
        ("--orchestrator=docker", 2),
        ("--orchestrator docker --host h2", 0),
        ("--workload=w1", 2),
        ("--workload=w1 --endpoint=e3", 1),
        ("--endpoint=e1", 2),
        ("--host=h1 --orchestrator=libnetwork --workload=libnetwork --endpoint=e1", 1),
        ("--host=../h1", 0),
        ("--host=h1/workload", 0),
    ],
)
def test_filters_match_exactly_and_together(terminal: Terminal, filters: str, count: int) -> None:
    put(terminal, "h1/docker/w1/e2")
    put(terminal, "h1/docker/w1/e3")
    put(terminal, "h2/libnetwork/libnetwork/e1")

    rows = terminal(f"endpoint show --detailed {filters}").out.splitlines()[3:-2]

    assert len([row for row in rows if "fd80::2" not in row]) == count


def test_append_puts_profiles_at_the_end(terminal: Terminal) -> None:
    terminal("profile add D")

    assert terminal("endpoint e1 profile append D C") == said("Profile(s) D, C appended.")
    assert profiles(terminal) == ["A", "B", "D", "C"]


def test_append_of_what_is_there_already_is_no_failure(terminal: Terminal) -> None:
    assert terminal("endpoint e1 profile append B A") == said("Profile A is already in endpoint profile list")
    assert profiles(terminal) == ["A", "B"]


def test_append_of_known_and_new_profiles_changes_nothing(terminal: Terminal) -> None:
    assert terminal("endpoint e1 profile append C B") == refused("Profile B is already in endpoint profile list")
    assert profiles(terminal) == ["A", "B"]


def test_remove_takes_profiles_out(terminal: Terminal) -> None:
    terminal("endpoint e1 profile append C")

    assert terminal("endpoint e1 profile remove C A") == said("Profile(s) C,A removed.")
    assert profiles(terminal) == ["B"]


def test_remove_of_what_is_not_there_is_no_failure(terminal: Terminal) -> None:
    assert terminal("endpoint e1 profile remove C") == said("Profile C is not in endpoint profile list.")
    assert profiles(terminal) == ["A", "B"]


def test_remove_of_listed_and_unlisted_profiles_changes_nothing(terminal: Terminal) -> None:
    assert terminal("endpoint e1 profile remove A C") == refused("Profile C is not in endpoint profile list.")
    assert profiles(terminal) == ["A", "B"]


def test_set_replaces_the_list(terminal: Terminal) -> None:
    assert terminal("endpoint e1 profile set C B") == said("Profile(s) set to C, B.")
    assert profiles(terminal) == ["C", "B"]
    assert terminal("endpoint e1 profile set") == said("Removed all profiles from endpoint.")
    assert profiles(terminal) == []


@pytest.mark.parametrize("verb", ["append", "remove"])
def test_without_profiles_nothing_is_done(terminal: Terminal, verb: str) -> None:
    assert terminal(f"endpoint e1 profile {verb}") == said("No profile specified.")
    assert profiles(terminal) == ["A", "B"]


@pytest.mark.parametrize("verb", ["append", "set"])
def test_a_profile_must_exist(terminal: Terminal, verb: str) -> None:
    assert terminal(f"endpoint e1 profile {verb} C NONE") == refused("Profile with name NONE was not found.")
    assert profiles(terminal) == ["A", "B"]


@pytest.mark.parametrize("verb", ["append", "remove", "set"])
def test_a_profile_is_named_once(terminal: Terminal, verb: str) -> None:
    assert terminal(f"endpoint e1 profile {verb} C C") == refused("Profile with name C was specified more than once.")
    assert profiles(terminal) == ["A", "B"]


@pytest.mark.parametrize("verb", ["append", "remove", "set"])
@pytest.mark.parametrize("names", ["'Profile!' C", "C 'a;b'", "''", "C $'\\x1b[2J'"])
def test_every_name_is_checked(terminal: Terminal, verb: str, names: str) -> None:
    result = terminal(f"endpoint e1 profile {verb} {names}")

    assert result.code == 1
    assert result.err.startswith("Profile names must be at most 128 characters long")
    assert profiles(terminal) == ["A", "B"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("show", "Failed to list profiles in endpoint. Endpoint NONE is unknown to Calico."),
        ("append A", "Failed to append profiles to endpoint. Endpoint NONE is unknown to Calico."),
        ("remove A", "Failed to remove profiles from endpoint. Endpoint could not be found."),
        ("set A", "Failed to set profiles for endpoint. Endpoint could not be found."),
    ],
)
def test_an_unknown_endpoint_is_a_failure(terminal: Terminal, command: str, message: str) -> None:
    assert terminal(f"endpoint NONE profile {command}") == refused(message)


@pytest.mark.parametrize("command", ["show", "append C", "remove A", "set C"])
def test_an_id_that_several_endpoints_have_is_refused(terminal: Terminal, command: str) -> None:
    put(terminal, "h2/libnetwork/libnetwork/e1", "A")
    before = terminal.tree()

    result = terminal(f"endpoint e1 profile {command}")

    assert (result.code, result.out) == (1, "")
    first, *candidates = result.err.splitlines()
    assert first.endswith(SEVERAL)
    assert candidates == [
        "  e1, libnetwork/libnetwork, host h1, 10.0.0.2, fd80::2",
        "  e1, libnetwork/libnetwork, host h2",
    ]
    assert terminal.tree() == before


def test_an_id_that_several_endpoints_have_is_refined_by_host(terminal: Terminal) -> None:
    put(terminal, "h2/libnetwork/libnetwork/e1", "A")

    assert terminal("endpoint e1 profile set C --host=h2").code == 0
    assert profiles(terminal) == ["A", "B"]
    assert profiles(terminal, "h2/libnetwork/libnetwork/e1") == ["C"]


@pytest.mark.parametrize("endpoint", ["", "e1/", "a/b/c", "a b", "*", "x" * 129, "@e1", "e1@"])
@pytest.mark.parametrize("command", [["show"], ["set", "C"], ["append", "C"], ["remove", "A"]])
def test_an_id_is_never_a_pattern(terminal: Terminal, endpoint: str, command: list[str]) -> None:
    """The one endpoint there is must not be found under an empty or strange id."""
    result = terminal(["endpoint", endpoint, "profile", *command])

    assert result.code == 1
    assert "is not a valid name" in result.err
    assert profiles(terminal) == ["A", "B"]


def test_a_value_that_is_not_valid_is_left_out(terminal: Terminal) -> None:
    terminal.put("/calico/v1/host/h1/workload/libnetwork/libnetwork/endpoint/e2", '{"state": "\x1b[2J"}')

    assert "e2" not in terminal("endpoint show --detailed").out
    assert terminal("endpoint e2 profile show").code == 1
