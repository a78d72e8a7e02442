"""``calicoctl profile``: every message, exit code and effect."""

import json
from pathlib import Path

import pytest

from calico.datastore.sqlite import SqliteDatastore
from tests.fakes.terminal import Run, Terminal

GOLDEN = Path(__file__).parents[2] / "golden" / "cli"
NETWORK = "46007b33d4dd56b13ede0f10bb427ba4481e3c0efe64960b0567dd53a80d3420"
RULES = "/calico/v1/policy/profile/WEB/rules"
TAGS = "/calico/v1/policy/profile/WEB/tags"


def endpoint(*profiles: str, state: str = "active") -> str:
    return json.dumps({"state": state, "mac": "ee:ee:ee:ee:ee:ee", "profile_ids": profiles})


@pytest.fixture
def terminal() -> Terminal:
    terminal = Terminal()
    assert terminal("profile add WEB").code == 0
    return terminal


def said(text: str) -> Run:
    """Success with one line on standard output."""
    return Run(0, f"{text}\n", "")


def refused(text: str) -> Run:
    """Failure with one line on standard error."""
    return Run(1, "", f"{text}\n")


def rules(terminal: Terminal, direction: str = "inbound") -> list[str]:
    """The rules of WEB as ``rule show`` prints them, without their numbers."""
    lines = terminal("profile WEB rule show").out.splitlines()
    outbound = lines.index("Outbound rules:")
    part = lines[1:outbound] if direction == "inbound" else lines[outbound + 1 :]
    assert [line[:5] for line in part] == [f" {number:3} " for number in range(1, len(part) + 1)]
    return [line[5:] for line in part]


def test_the_seeds_rules_are_printed_to_the_byte() -> None:
    terminal = Terminal()
    terminal(f"profile add {NETWORK}")

    result = terminal(f"profile {NETWORK} rule show")

    assert result == Run(0, (GOLDEN / "seed-profile-rule-show.txt").read_text(), "")


def test_a_new_profile_has_its_tag_and_the_default_rules() -> None:
    terminal = Terminal()

    assert terminal("profile add WEB") == said("Created profile WEB")
    assert json.loads(terminal.get(TAGS) or "") == ["WEB"]
    assert json.loads(terminal.get(RULES) or "") == {
        "id": "WEB",
        "inbound_rules": [{"action": "allow", "src_tag": "WEB"}],
        "outbound_rules": [{"action": "allow"}],
    }


def test_adding_a_profile_again_changes_nothing_and_is_no_failure(terminal: Terminal) -> None:
    terminal("profile WEB tag add OTHER")
    before = terminal.tree()

    assert terminal("profile add WEB") == said("Profile WEB already exists.")
    assert terminal.tree() == before


@pytest.mark.parametrize("name", ["Profile!", "", "a b", "a/b", "$(reboot)", "a;b", "`x`", "é", "x" * 129, "a\nb"])
@pytest.mark.parametrize(
    "command", [["add", "{}"], ["remove", "{}"], ["{}", "rule", "show"], ["{}", "tag", "add", "T"]]
)
def test_a_name_of_other_characters_is_refused(name: str, command: list[str]) -> None:
    terminal = Terminal()

    result = terminal(["profile", *(word.format(name) for word in command)])

    assert result == refused(
        "Profile names must be at most 128 characters long and can only contain numbers, letters, dots, dashes and "
        f"underscores; {name!r} is not valid."
    )
    assert terminal.datastore.opened == 0


@pytest.mark.parametrize("name", ["profile-1", "A.b_c", NETWORK, "x" * 128, "show", "add"])
def test_names_that_are_allowed(name: str) -> None:
    assert Terminal()(["profile", "add", name]) == said(f"Created profile {name}")


def test_profiles_are_listed_by_code_point_without_an_empty_line() -> None:
    terminal = Terminal()
    for name in ("b", "B", "a10"):
        terminal(f"profile add {name}")

    assert terminal("profile show").out == "+------+\n| Name |\n+------+\n|  B   |\n| a10  |\n|  b   |\n+------+\n"


def test_no_profiles_are_an_empty_table() -> None:
    assert Terminal()("profile show").out == "+------+\n| Name |\n+------+\n+------+\n"


def test_detailed_lists_members_and_says_none_without_them(terminal: Terminal) -> None:
    terminal("profile add DB")
    terminal.put("/calico/v1/host/h2/workload/libnetwork/libnetwork/endpoint/e2", endpoint("WEB"))
    terminal.put(
        "/calico/v1/host/h1/workload/libnetwork/libnetwork/endpoint/e1", endpoint("X", "WEB", state="inactive")
    )

    assert terminal("profile show --detailed").out == (
        "+------+------+-----------------+-------------+-------------+----------+\n"
        "| Name | Host | Orchestrator ID | Workload ID | Endpoint ID |  State   |\n"
        "+------+------+-----------------+-------------+-------------+----------+\n"
        "|  DB  | None |       None      |     None    |     None    |   None   |\n"
        "| WEB  |  h1  |    libnetwork   |  libnetwork |      e1     | inactive |\n"
        "| WEB  |  h2  |    libnetwork   |  libnetwork |      e2     |  active  |\n"
        "+------+------+-----------------+-------------+-------------+----------+\n"
    )


def test_removing_a_profile(terminal: Terminal) -> None:
    assert terminal("profile remove WEB") == said("Deleted profile WEB")
    assert terminal.tree() == {}


def test_removing_an_absent_profile_is_no_failure() -> None:
    assert Terminal()("profile remove WEB") == said("Profile WEB not found.")


def test_a_profile_in_use_is_removed_only_on_demand(terminal: Terminal) -> None:
    terminal.put("/calico/v1/host/h1/workload/libnetwork/libnetwork/endpoint/e1", endpoint("WEB"))
    before = terminal.tree()

    assert terminal("profile remove WEB") == refused(
        "Cannot remove profile - profile in use by endpoint(s). "
        "Use the '--no-check' flag to remove the profile anyway."
    )
    assert terminal.tree() == before
    assert terminal("profile remove WEB --no-check") == said("Deleted profile WEB")
    assert terminal.get(RULES) is None


@pytest.mark.parametrize(
    "command",
    ["tag show", "tag add T", "tag remove T", "rule show", "rule json", "rule update", "rule add inbound allow",
     "rule remove inbound allow", "rule remove outbound --at=1"],
)  # fmt: skip
def test_an_unknown_profile_is_a_failure(command: str) -> None:
    assert Terminal()(f"profile NONE {command}") == refused("Profile NONE not found.")


def test_tags(terminal: Terminal) -> None:
    assert terminal("profile WEB tag add APP") == said("Tag APP added to profile WEB")
    assert terminal("profile WEB tag add APP") == said("Tag APP added to profile WEB")
    assert terminal("profile WEB tag show").out.splitlines() == ["WEB", "APP"]
    assert terminal("profile WEB tag remove WEB") == said("Tag WEB removed from profile WEB")
    assert terminal("profile WEB tag remove WEB") == said("Tag WEB is not on profile WEB")
    assert terminal("profile WEB tag show") == said("APP")


@pytest.mark.parametrize("tag", ["Tag~1", "", "a b", "x" * 129, "'; drop"])
def test_a_tag_of_other_characters_is_refused(terminal: Terminal, tag: str) -> None:
    before = terminal.tree()

    result = terminal(["profile", "WEB", "tag", "add", tag])

    assert result.code == 1
    assert result.err.startswith(
        "Tags names must be at most 128 characters long and can only contain numbers, letters"
    )
    assert terminal.tree() == before


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("", ["a", "b", "x"]),
        ("--at=3", ["a", "b", "x"]),
        ("--at=1", ["x", "a", "b"]),
        ("--at=2", ["a", "x", "b"]),
        ("--at 2", ["a", "x", "b"]),
        ("--at=0", ["x", "a", "b"]),
    ],
)
@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_rules_are_added_at_a_position(terminal: Terminal, direction: str, at: str, expected: list[str]) -> None:
    terminal(f"profile WEB rule remove {direction} --at=1")
    for tag in ("a", "b"):
        terminal(f"profile WEB rule add {direction} allow from tag {tag}")

    assert terminal(f"profile WEB rule add {direction} {at} allow from tag x") == Run(0, "", "")
    assert rules(terminal, direction) == [f"allow from tag {tag}" for tag in expected]


@pytest.mark.parametrize("at", ["-1", "-5", "3", "9", "999999999"])
def test_a_position_out_of_range_is_refused(terminal: Terminal, at: str) -> None:
    before = terminal.tree()

    assert terminal(f"profile WEB rule add inbound --at={at} deny") == refused(f"Position {at} is out-of-range.")
    assert terminal.tree() == before


@pytest.mark.parametrize("at", ["first", "1.5", "", "1e3", "٣", "9999999999", "--1"])
def test_a_position_that_is_no_number_is_refused(terminal: Terminal, at: str) -> None:
    for command in (["add", "inbound", f"--at={at}", "deny"], ["remove", "inbound", f"--at={at}"]):
        result = terminal(["profile", "WEB", "rule", *command])

        assert result == refused(f"Invalid position specified: {at!r} is not a number.")


def test_a_rule_that_is_there_already_is_no_failure(terminal: Terminal) -> None:
    terminal("profile WEB rule add inbound allow from cidr 10.0.0.0/8")
    before = terminal.tree()

    for rule in ("allow from cidr 10.0.0.0/8", "allow from cidr 10.1.2.3/8", "allow from tag WEB"):
        assert terminal(f"profile WEB rule add inbound {rule}") == said("Rule already present, skipping.")
    assert terminal.tree() == before


def test_rules_are_removed_by_position_and_by_content(terminal: Terminal) -> None:
    terminal("profile WEB rule add inbound deny tcp to ports 80,443")
    terminal("profile WEB rule add inbound deny udp")

    assert terminal("profile WEB rule remove inbound --at=1") == Run(0, "", "")
    assert terminal("profile WEB rule remove inbound deny tcp to ports 80,443") == Run(0, "", "")
    assert rules(terminal) == ["deny udp"]


def test_a_rule_that_is_not_there_need_not_be_removed(terminal: Terminal) -> None:
    before = terminal.tree()

    assert terminal("profile WEB rule remove inbound deny") == said("Rule not found.")
    assert terminal.tree() == before


@pytest.mark.parametrize("at", ["0", "2", "-1", "99"])
def test_no_rule_can_be_removed_at_a_position_that_does_not_exist(terminal: Terminal, at: str) -> None:
    before = terminal.tree()

    assert terminal(f"profile WEB rule remove inbound --at={at}") == refused("Rule position out-of-range.")
    assert terminal.tree() == before


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        ("allow", "allow"),
        ("allow tcp to ports 80,443", "allow tcp to ports 80,443"),
        ("allow tcp to ports 80,443,8000-8080", "allow tcp to ports 80,443,8000:8080"),
        ("deny udp from ports 53 tag dns cidr 10.0.0.0/8 to", "deny udp from ports 53 tag dns cidr 10.0.0.0/8"),
        ("allow icmp type 8", "allow icmp type 8"),
        ("allow icmp type 255 code 255", "allow icmp type 255 code 255"),
        ("allow icmpv6 type 128 code 0 to cidr fd80::/64", "allow icmpv6 type 128 code 0 to cidr fd80::/64"),
        ("deny from cidr 10.1.2.3", "deny from cidr 10.1.2.3/32"),
    ],
)
def test_rules_are_shown_as_they_can_be_typed_again(terminal: Terminal, rule: str, shown: str) -> None:
    terminal("profile WEB rule remove inbound --at=1")

    assert terminal(f"profile WEB rule add inbound {rule}").code == 0
    assert rules(terminal) == [shown]
    assert terminal(f"profile WEB rule remove inbound {shown}") == Run(0, "", "")
    assert rules(terminal) == []


@pytest.mark.parametrize(
    "rule",
    [
        "from tag WEB",
        "allow frm tag WEB",
        "allow from tag WEB to 10.0.0.0/8",
        "allow from 192.168.0.0/16",
        "allow to tag A from tag B",
        "allow from tag",
        "allow from tag A tag B",
        "allow from cidr 10/8",
        "allow from cidr 10.0.0.0/33",
        "allow from cidr bogus",
        "allow from tag 'a;b'",
        "allow from ports 80",
        "allow icmp from ports 80",
        "allow tcp type 8",
        "allow icmp code 8",
        "allow icmp type 256",
        "allow icmp type -1",
        "allow tcp to ports 80,,90",
        "allow tcp to ports 99999",
        "allow tcp to ports 90:80",
        "allow tcp to ports http",
        "allow tcp to ports 80 90",
        "allow allow",
        "permit",
        "ALLOW",
        "''",
        "allow ftp",
        "allow \x1b[2J",
    ],
)
@pytest.mark.parametrize("verb", ["add", "remove"])
def test_a_rule_that_does_not_parse_changes_nothing(terminal: Terminal, verb: str, rule: str) -> None:
    before = terminal.tree()

    result = terminal(f"profile WEB rule {verb} inbound {rule}")

    assert (result.code, result.out) == (1, "")
    assert result.err.count("\n") == 1
    assert result.err.rstrip("\n").isprintable()
    assert terminal.tree() == before


@pytest.mark.parametrize(
    "rule",
    [
        "allow from cidr 10.0.0.0/8 to cidr fd80::/64",
        "allow icmp from cidr fd80::/64",
        "allow icmpv6 type 128 to cidr 10.0.0.0/8",
        "allow ipv4 tcp from cidr fd80::/64",
    ],
)
def test_a_rule_of_two_ip_versions_is_refused(terminal: Terminal, rule: str) -> None:
    before = terminal.tree()

    result = terminal(f"profile WEB rule add inbound {rule}")

    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith("Invalid or unmatching IP versions for SRCCIDR/DSTCIDR.")
    assert terminal.tree() == before


def test_a_rule_of_two_ip_versions_that_was_stored_by_hand_can_be_removed(terminal: Terminal) -> None:
    rule = '{"action": "allow", "src_net": "10.0.0.0/8", "dst_net": "fd80::/64"}'
    terminal.put(
        "/calico/v1/policy/profile/WEB/rules", f'{{"id": "WEB", "inbound_rules": [{rule}], "outbound_rules": []}}'
    )

    assert rules(terminal) == ["allow from cidr 10.0.0.0/8 to cidr fd80::/64"]
    assert terminal(f"profile WEB rule remove inbound {rules(terminal)[0]}") == Run(0, "", "")
    assert rules(terminal) == []


def test_port_errors_are_worded_as_ever(terminal: Terminal) -> None:
    def error(ports: str) -> str:
        return terminal(f"profile WEB rule add inbound allow tcp to ports {ports}").err.strip()

    assert error("99999") == "Port (99999) out-of-range."
    assert error("90:80") == "Port range minimum (90) > maximum (80)."
    assert error("a,b") == "Ports: 'a,b' are invalid; expecting a comma-separated list of ports and port ranges."


def test_json_is_printed_and_read_again(terminal: Terminal) -> None:
    terminal("profile WEB rule add inbound --at=1 allow tcp to ports 80,8000:8080")
    printed = terminal("profile WEB rule json").out

    assert printed.endswith("}\n\n")
    assert list(json.loads(printed)) == ["id", "inbound_rules", "outbound_rules"]
    assert '\n  "id": "WEB",\n' in printed
    assert json.loads(printed)["inbound_rules"][0] == {
        "action": "allow",
        "protocol": "tcp",
        "dst_ports": [80, "8000:8080"],
    }
    before = terminal.tree()
    assert terminal("profile WEB rule update", stdin=printed) == said("Successfully updated rules on profile WEB")
    assert terminal.tree() == before


def test_an_update_replaces_both_directions(terminal: Terminal) -> None:
    document = {"id": "WEB", "inbound_rules": [{"action": "deny"}], "outbound_rules": []}

    terminal("profile WEB rule update", stdin=json.dumps(document))

    assert rules(terminal) == ["deny"]
    assert rules(terminal, "outbound") == []


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("", "Rules JSON is not valid: not JSON"),
        ("{", "Rules JSON is not valid: not JSON"),
        ("[]", "Rules JSON is not valid: must be an object"),
        ("[" * 5000, "Rules JSON is not valid: not JSON"),
        ('{"id": "WEB", "outbound_rules": []}', "Rules JSON is not valid: inbound_rules: missing"),
        ('{"id": "WEB", "inbound_rules": []}', "Rules JSON is not valid: outbound_rules: missing"),
        ('{"inbound_rules": [], "outbound_rules": []}', "Rules JSON is not valid: id: missing"),
        (
            '{"id": "DB", "inbound_rules": [], "outbound_rules": []}',
            'Rules JSON "id"=DB doesn\'t match profile name WEB.',
        ),
        (
            '{"id": "WEB", "inbound_rules": [{"action": "allow", "src_tga": "X"}], "outbound_rules": []}',
            "Rules JSON is not valid: inbound_rules[0]: unknown field 'src_tga'",
        ),
        (
            '{"id": "WEB", "inbound_rules": [], "outbound_rules": [{"action": "allow", "src_net": "10/8"}]}',
            "Rules JSON is not valid: outbound_rules[0].src_net: '10' is not an IP address",
        ),
        (" " * (1 << 20) + "{}", "Rules JSON is longer than 1048576 characters."),
    ],
)
def test_a_bad_update_changes_nothing(terminal: Terminal, document: str, reason: str) -> None:
    before = terminal.tree()

    result = terminal("profile WEB rule update", stdin=document)

    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(reason)
    assert result.err.count("\n") == 1
    assert terminal.tree() == before


def test_rules_that_cannot_be_understood_are_named_and_can_be_replaced(terminal: Terminal) -> None:
    terminal.put(RULES, '{"inbound_rules": [{"action": "\\u001b[2J"}], "outbound_rules": []}')

    result = terminal("profile WEB rule show")
    assert result.code == 1
    assert result.err.startswith(f"{RULES}: inbound_rules[0]")
    assert result.err.rstrip("\n").isprintable()

    document = '{"id": "WEB", "inbound_rules": [], "outbound_rules": []}'
    assert terminal("profile WEB rule update", stdin=document).code == 0
    assert rules(terminal) == []


def test_a_value_written_by_hand_is_shown(terminal: Terminal) -> None:
    terminal.put(RULES, '{"id": "WEB", "inbound_rules": [{"protocol": null}], "outbound_rules": []}')

    assert rules(terminal) == ["allow"]


def test_commands_share_an_sqlite_file(tmp_path: Path) -> None:
    environ = {"CALICO_DATASTORE": f"sqlite://{tmp_path}/calico.db"}
    first = Terminal(SqliteDatastore(f"{tmp_path}/calico.db"), environ=environ)
    second = Terminal(SqliteDatastore(f"{tmp_path}/calico.db"), environ=environ)
    try:
        assert first("profile add WEB") == said("Created profile WEB")
        assert second("profile add WEB") == said("Profile WEB already exists.")
    finally:
        first.datastore.inner.close()
        second.datastore.inner.close()
