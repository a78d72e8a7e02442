"""``calicoctl explain``: the page and the document with the same facts, the exit codes, and whatever is asked."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from calico.cli.explain import DENIED
from tests.fakes.terminal import Run, Terminal

WEB_ID = "5a21f63bc17feb6b9c879bbbc271594dfa1483ddf9af5171efca7a2d509908e5"

DENIED_PAGE = """\
DENIED: tcp/5432 from web (10.65.0.3) to db (10.65.0.4)

Outbound policy of web (endpoint 5a21f63bc17f on h1): ALLOWED
  rule 2 of profile WEB matches
  profile WEB
    1  deny udp  protocol is tcp, not udp
  > 2  allow

Inbound policy of db (endpoint db on h2): DENIED
  rule 2 of profile DB matches
  profile BASE
    1  allow icmp                              protocol is tcp, not icmp
  profile DB
    1  allow tcp from tag admin to ports 5432  source 10.65.0.3 is not in tag admin (members: 0)
  > 2  deny tcp to ports 5432

To allow it:
  calicoctl profile DB rule add inbound --at=2 allow tcp from tag WEB to ports 5432
"""

ALLOWED_PAGE = """\
ALLOWED: udp/53 from 10.65.0.3 to host (10.9.8.7)

Outbound policy of 10.65.0.3 (container web, endpoint 5a21f63bc17f on h1): ALLOWED
  DHCP, DNS and neighbour discovery always reach the own host

Host h1: ALLOWED
  DHCP, DNS and neighbour discovery always reach the own host
"""

OUTSIDE_PAGE = """\
ALLOWED: icmp/8 (ping) from web (10.65.0.3) to 8.8.8.8

Outbound policy of web (endpoint 5a21f63bc17f on h1): ALLOWED
  rule 2 of profile WEB matches
  profile WEB
    1  deny udp  protocol is icmp, not udp
  > 2  allow

Outside address 8.8.8.8: not filtered
  it is no endpoint: nothing is filtered there
"""

INVALID_PAGE = """\
DENIED: from web to broken

Outbound policy of web (endpoint 5a21f63bc17f on h1): NOT KNOWN
  the address of the other end is not known

Inbound policy of broken (endpoint broken on h1): DENIED
  its value in the datastore is not valid: state: missing

What can be done:
  broken: repair or remove the value at /calico/v1/host/h1/workload/libnetwork/libnetwork/endpoint/broken
"""


def put_endpoint(terminal: Terminal, name: str, host: str = "h1", **fields: object) -> None:
    value = {"state": "active", "mac": None, "name": f"cali{name[:5]}", **fields}
    terminal.put(f"/calico/v1/host/{host}/workload/libnetwork/libnetwork/endpoint/{name}", json.dumps(value))


@pytest.fixture
def terminal() -> Terminal:
    """A container web on this host and an endpoint db on another."""
    terminal = Terminal()
    for command in (
        "profile add WEB", "profile add DB", "profile add BASE",
        "profile WEB rule add outbound --at=1 deny udp",
        "profile BASE rule remove inbound allow from tag BASE", "profile BASE rule add inbound allow icmp",
        "profile DB rule remove inbound --at=1",
        "profile DB rule add inbound allow tcp from tag admin to ports 5432",
        "profile DB rule add inbound deny tcp to ports 5432", "profile DB rule add inbound allow from tag DB",
    ):  # fmt: skip
        assert terminal(command).code == 0
    terminal.put("/calico/v1/Ready", "true")
    put_endpoint(terminal, WEB_ID, profile_ids=["WEB"], ipv4_nets=["10.65.0.3/32"], ipv6_nets=["fd65::3/128"])
    put_endpoint(
        terminal, "db", "h2", profile_ids=["BASE", "DB"], ipv4_nets=["10.65.0.4/32"], ipv6_nets=["fd65::4/128"]
    )
    terminal.put(
        "/calico/docker/v1/host/h1/container/c0ffee", json.dumps({"name": "web", "endpoints": {WEB_ID: "net1"}})
    )
    return terminal


@pytest.mark.parametrize(
    ("question", "code", "page"),
    [
        ("web db tcp/5432", DENIED, DENIED_PAGE),
        ("10.65.0.3 host udp/53", 0, ALLOWED_PAGE),
        ("web 8.8.8.8", 0, OUTSIDE_PAGE),
        ("web broken", DENIED, INVALID_PAGE),
    ],
)
def test_page(terminal: Terminal, question: str, code: int, page: str) -> None:
    put_endpoint(terminal, "broken", state=None)

    assert terminal(f"explain {question}") == Run(code, page, "")


def test_the_command_that_is_printed_works(terminal: Terminal) -> None:
    command = terminal("explain web db tcp/5432").out.splitlines()[-1].split()

    assert command[0] == "calicoctl"
    assert terminal(command[1:]) == Run(0, "", "")
    assert terminal("explain web db tcp/5432").code == 0


def test_the_document_has_the_same_facts(terminal: Terminal) -> None:
    result = terminal("explain web db tcp/5432 -o json")

    document = json.loads(result.out)
    assert (result.code, result.err) == (DENIED, "")
    assert document == {
        "allowed": False,
        "packet": {
            "ip_version": 4, "protocol": "tcp", "src": "10.65.0.3", "dst": "10.65.0.4", "src_port": 40000,
            "dst_port": 5432, "icmp_type": None, "icmp_code": None,
        },
        "sender": {
            "name": "web", "host": "h1", "orchestrator": "libnetwork", "workload": "libnetwork", "endpoint": WEB_ID,
            "container": "web", "direction": "outbound", "verdict": "allow", "cause": "rule",
            "reason": "rule 2 of profile WEB matches", "profile": "WEB", "rule": 2, "profiles": ["WEB"],
            "tried": [
                {
                    "profile": "WEB", "rule": 1, "text": "deny udp", "mismatch": "protocol",
                    "why": "protocol is tcp, not udp",
                },
                {"profile": "WEB", "rule": 2, "text": "allow", "mismatch": None, "why": None},
            ],
        },
        "receiver": {
            "name": "db", "host": "h2", "orchestrator": "libnetwork", "workload": "libnetwork", "endpoint": "db",
            "container": None, "direction": "inbound", "verdict": "deny", "cause": "rule",
            "reason": "rule 2 of profile DB matches", "profile": "DB", "rule": 2, "profiles": ["BASE", "DB"],
            "tried": [
                {
                    "profile": "BASE", "rule": 1, "text": "allow icmp", "mismatch": "protocol",
                    "why": "protocol is tcp, not icmp",
                },
                {
                    "profile": "DB", "rule": 1, "text": "allow tcp from tag admin to ports 5432",
                    "mismatch": "src_tag", "why": "source 10.65.0.3 is not in tag admin (members: 0)",
                },
                {
                    "profile": "DB", "rule": 2, "text": "deny tcp to ports 5432", "mismatch": None, "why": None,
                },
            ],
        },
        "notes": [],
        "advice": [],
        "commands": ["calicoctl profile DB rule add inbound --at=2 allow tcp from tag WEB to ports 5432"],
    }  # fmt: skip


def test_the_document_as_yaml(terminal: Terminal) -> None:
    as_json = terminal("explain web db tcp/5432 -o json")
    as_yaml = terminal("explain web db tcp/5432 -o yaml")

    assert as_yaml.code == DENIED
    assert yaml.safe_load(as_yaml.out) == json.loads(as_json.out)


def test_the_document_of_what_is_no_endpoint(terminal: Terminal) -> None:
    document = json.loads(terminal("explain 8.8.8.8 host -o json").out)

    assert (document["sender"]["host"], document["receiver"]["host"]) == (None, "h1")
    assert document["sender"]["endpoint"] is document["receiver"]["endpoint"] is None
    assert document["sender"]["cause"] == "outside"


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ("icmp -6", "DENIED: icmpv6/128 (ping) from fd65::4 to web (fd65::3)"),
        ("icmpv6/1/4", "DENIED: icmpv6/1/4 from fd65::4 to web (fd65::3)"),
        ("udp/53 --from-port=53", "DENIED: udp/53 from fd65::4 to web (fd65::3)"),
        ("47", "DENIED: 47 from fd65::4 to web (fd65::3)"),
    ],
)
def test_what_is_sent(terminal: Terminal, options: str, first: str) -> None:
    assert terminal(f"explain fd65::4 web {options}").out.splitlines()[0] == first


NETWORK_ID = "46007b33d4dd56b13ede0f10bb427ba4481e3c0efe64960b0567dd53a80d3420"

NETWORK_PAGE = """\
DENIED: tcp/80 from 10.65.0.3 to db2 (10.65.0.7)

Outbound policy of 10.65.0.3 (container web, endpoint 5a21f63bc17f on h1): ALLOWED
  rule 2 of profile WEB matches
  profile WEB
    1  deny udp  protocol is tcp, not udp
  > 2  allow

Inbound policy of db2 (endpoint db2 on h1): DENIED
  no rule matches
  profile testnet1
    1  allow from tag testnet1  source 10.65.0.3 is not in tag testnet1 (members: 1)

To allow it:
  calicoctl profile testnet1 rule add inbound allow tcp from tag WEB to ports 80
"""


def test_networks_stand_by_their_names_and_in_the_document_by_their_ids(terminal: Terminal) -> None:
    terminal(f"profile add {NETWORK_ID}")
    terminal.put(f"/calico/docker/v1/host/h1/network/{NETWORK_ID}", json.dumps({"name": "testnet1"}))
    put_endpoint(terminal, "db2", profile_ids=[NETWORK_ID], ipv4_nets=["10.65.0.7/32"])

    assert terminal("explain 10.65.0.3 db2 tcp/80").out == NETWORK_PAGE
    document = json.loads(terminal("explain 10.65.0.3 db2 tcp/80 -o json").out)
    assert document["receiver"]["profiles"] == [NETWORK_ID]
    assert NETWORK_ID in document["commands"][0]

    assert terminal(NETWORK_PAGE.splitlines()[-1].split()[1:]).code == 0
    assert terminal("explain 10.65.0.3 db2 tcp/80").code == 0


def test_a_missing_profile_of_a_network_is_to_be_made_under_its_id(terminal: Terminal) -> None:
    terminal.put(f"/calico/docker/v1/host/h1/network/{NETWORK_ID}", json.dumps({"name": "testnet1"}))
    put_endpoint(terminal, "db2", profile_ids=[NETWORK_ID], ipv4_nets=["10.65.0.7/32"])

    page = terminal("explain web db2").out

    assert "  profile testnet1 does not exist, so it drops\n" in page
    assert f"  calicoctl profile add {NETWORK_ID}\n" in page


def test_a_forged_source(terminal: Terminal) -> None:
    result = terminal("explain web db icmp --from-ip=10.65.0.9")

    assert result.code == DENIED
    assert "  source 10.65.0.9 is none of its addresses (10.65.0.3, fd65::3)\n" in result.out


def test_a_page_has_no_more_rules_than_fit_on_a_screen(terminal: Terminal) -> None:
    for port in range(1, 21):
        terminal(f"profile DB rule add inbound --at=1 deny udp to ports {port}")
        terminal(f"profile DB rule add inbound --at=1 allow tcp to ports {port}")

    page = terminal("explain web db tcp/5432").out
    document = json.loads(terminal("explain web db tcp/5432 -o json").out)

    assert len(page.splitlines()) < 30
    assert "udp to ports" not in page.partition("Inbound")[2]
    assert "  31 other rules do not match; '-o yaml' shows all\n" in page
    assert "  > 42  deny tcp to ports 5432\n" in page
    assert len(document["receiver"]["tried"]) == 43


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (
            "wbe db",
            "Endpoint wbe is unknown to Calico. Did you mean web? An end is an endpoint, an IP address or 'host'.",
        ),
        ("web 127.0.0.1", "127.0.0.1 is not the address of one machine on a network"),
        ("web db tcp", "'tcp' needs a port, such as tcp/80"),
        ("web db icmp --from-port=5", "protocol icmp has no source port"),
        ("web db tcp/80 --from-port=x", "--from-port=x: a port is a number 0..65535"),
        ("web db tcp/80 --from-ip=x", "'x' is not an IP address"),
        ("web 8.8.8.8 -6", "8.8.8.8 has no IPv6 address"),
        ("web host -6", "host has no IPv6 address"),
        ("web db icmp/8 -6", "icmp of this kind exists in IPv4 only"),
        ("web db -o xml", "-o xml is not valid: use table, yaml or json"),
    ],
)
def test_questions_that_cannot_be_answered(terminal: Terminal, question: str, message: str) -> None:
    assert terminal(f"explain {question}") == Run(1, "", message + "\n")


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.sampled_from(
    [
        "/calico/v1/policy/profile/WEB/rules",
        "/calico/v1/policy/profile/WEB/tags",
        "/calico/v1/policy/profile/DB/rules",
        "/calico/v1/policy/profile/a;b/rules",
        "/calico/v1/host/h1/workload/libnetwork/libnetwork/endpoint/web",
        "/calico/v1/host/h1/workload/libnetwork/libnetwork/endpoint/e;2",
        "/calico/v1/host/h1/config/DefaultEndpointToHostAction",
        "/calico/v1/config/DefaultEndpointToHostAction",
        "/calico/v1/ipam/v4/pool/10.65.0.0-16",
        "/calico/bgp/v1/host/h1/ip_addr_v4",
        "/calico/bgp/v1/host/h1/ip_addr_v6",
        "/calico/v1/host/h1/bird_ip",
        "/calico/v1/Ready",
        "/calico/docker/v1/host/h1/container/c0ffee",
    ]
)
ENDS = st.sampled_from(["web", "db", "host", "10.65.0.3", "8.8.8.8", "fd65::4", "2001:db8::1"]) | st.text(max_size=6)
TRAFFIC = st.sampled_from(["tcp/5432", "udp/53", "icmp", "icmpv6/128", "47"]) | st.text(max_size=6)
VALUES = ANY_JSON.map(json.dumps) | st.text(max_size=20) | st.sampled_from(
    [
        '{"state": "active", "mac": null, "profile_ids": ["DB", "DB"], "ipv4_nets": ["127.0.0.1/8"]}',
        '{"inbound_rules": [{"protocol": "tcp"}], "outbound_rules": [{"action": "deny", "src_tag": "DB"}]}',
        '{"cidr": "10.65.0.0/16", "masquerade": true}',
        '["DB"]',
    ]
)  # fmt: skip


@given(PATHS, VALUES, ENDS, ENDS, TRAFFIC)
def test_whatever_stands_in_the_datastore_is_explained_or_refused(
    path: str, text: str, source: str, destination: str, traffic: str
) -> None:
    terminal = Terminal()
    terminal("profile add WEB")
    terminal("profile add DB")
    put_endpoint(terminal, "web", profile_ids=["WEB", "gone"], ipv4_nets=["10.65.0.3/32"])
    put_endpoint(terminal, "db", profile_ids=["DB"], ipv4_nets=["10.65.0.4/32"], ipv6_nets=["fd65::4/128"])
    terminal.put(path, text)

    for form in ("table", "yaml", "json"):
        result = terminal(["explain", f"-o={form}", "--", source, destination, traffic])

        assert result.code in (0, 1, DENIED)
        assert "internal error" not in result.err
        assert all(line.isprintable() for line in (result.out + result.err).splitlines())
        assert bool(result.out) == (result.code != 1)
