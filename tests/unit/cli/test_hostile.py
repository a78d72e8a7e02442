"""Whatever is typed, and whatever stands in the datastore: no crash, no traceback, no half-done change."""

import json

from hypothesis import given
from hypothesis import strategies as st

from calico.cli.main import COMMANDS
from tests.fakes.containers import StackState
from tests.fakes.terminal import Executed, Terminal

WORDS = [
    *COMMANDS, "show", "add", "remove", "set", "append", "stop", "release", "info", "range", "tag", "rule", "json",
    "update", "profile", "inbound", "outbound", "allow", "deny", "tcp", "icmp", "type", "8", "from", "to", "ports",
    "80,443", "cidr", "10.0.0.0/8", "10.1.0.0/16", "10.1.0.1", "fd80::/64", "WEB", "DB", "e1", "h1", "--at=1",
    "--at", "-1", "--detailed", "--no-check", "--force", "--ipip", "--nat-outgoing", "--ipv4", "--ipv6", "--host=h1",
    "--wide", "web", "web@net", "shop/web", "net",
    "--ip=10.9.8.7", "--runtime=none", "--detach=false", "peer", "as", "64511", "node-mesh", "on", "off", "felix",
    "loglevel", "debug", "--remove-endpoints", "--hostname=h1", "--vxlan", "c1", "ip", "/run/netns/red",
    "--interface=hello", "--", "-h", "--help", "", "\x1b[2J", "a;b", "$(reboot)",
    "../..", "\udcff", "x" * 200,
]  # fmt: skip
ARGUMENTS = st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=9)
SUB_COMMANDS = st.sampled_from(
    ["profile WEB rule add inbound", "profile WEB rule remove inbound", "profile WEB tag", "profile", "pool add",
     "pool range add", "pool", "endpoint e1 profile set", "endpoint", "ipam", "node", "status", "get", "confirm",
     "apply -f -", "delete -f -", "bgp", "bgp peer",
     "node bgp peer", "config felix", "config node bgp", "config bgp", "container", "container add c1",
     "container c1 ip add", "container c1 profile", "container /run/netns/red"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def prepared() -> Terminal:
    """A terminal with a profile, a pool, an endpoint and containers."""
    terminal = Terminal()
    terminal.machine.containers.run("c1")
    terminal.machine.containers.stacks["/run/netns/red"] = StackState()
    terminal("profile add WEB")
    terminal("pool add 10.1.0.0/16")
    value = {"state": "active", "mac": "ee:ee:ee:ee:ee:ee", "profile_ids": ["WEB"]}
    terminal.put("/calico/v1/host/h1/workload/libnetwork/libnetwork/endpoint/e1", json.dumps(value))
    return terminal


@given(SUB_COMMANDS, ARGUMENTS, JSON)
def test_what_is_not_accepted_changes_nothing(start: str, words: list[str], document: object) -> None:
    terminal = prepared()
    before = terminal.tree()

    try:
        result = terminal([*start.split(), *words], stdin=json.dumps(document))
    except Executed:
        return

    assert result.code in (0, 1)
    assert "internal error" not in result.err
    assert all(line.isprintable() for line in (result.out + result.err).splitlines())
    if result.code:
        assert result.err
        assert terminal.tree() == before


@given(ARGUMENTS)
def test_any_first_word_is_a_command_or_refused(words: list[str]) -> None:
    terminal = Terminal()

    try:
        result = terminal(words)
    except Executed:
        return

    assert result.code in (0, 1) or (result.code == 2 and words[0] == "diff")
    assert "internal error" not in result.err


PATHS = st.sampled_from(
    [
        "/calico/v1/policy/profile/WEB/rules",
        "/calico/v1/policy/profile/WEB/tags",
        "/calico/v1/policy/profile/a;b/rules",
        "/calico/v1/host/h1/workload/libnetwork/libnetwork/endpoint/e1",
        "/calico/v1/host/h1/workload/libnetwork/libnetwork/endpoint/e;2",
        "/calico/v1/ipam/v4/pool/10.1.0.0-16",
        "/calico/ipam/v2/assignment/ipv4/block/10.1.0.0-26",
        "/calico/bgp/v1/host/h1/ip_addr_v4",
        "/calico/bgp/v1/host/h1/as_num",
        "/calico/bgp/v1/host/h1/peer_v4/1.2.3.4",
        "/calico/bgp/v1/global/peer_v6/fd80::1",
        "/calico/bgp/v1/global/as_num",
        "/calico/bgp/v1/global/node_mesh",
        "/calico/bgp/v1/global/loglevel",
        "/calico/v1/config/LogSeverityScreen",
        "/calico/v1/host/h1/config/marker",
        "/calico/docker/v1/host/h1/container/c1",
        "/calico/docker/v1/host/h1/container/c;1",
        "/calico/docker/v1/host/h1/network/WEB",
        "/calico/apply/v1/pending",
        "/calico/apply/v1/outcome",
    ]
)
READING = [
    "profile show", "profile show --detailed", "profile WEB rule show", "profile WEB rule json",
    "profile WEB tag show", "endpoint show", "endpoint show --detailed", "endpoint e1 profile show", "pool show",
    "ipam info 10.1.0.1", "status", "node show", "bgp peer show", "node bgp peer show", "bgp node-mesh",
    "bgp default-node-as", "config felix loglevel", "config bgp loglevel", "config bgp as_num --force",
    "endpoint show --wide", "profile show --wide --detailed", "profile WEB rule show --wide",
    "endpoint show --endpoint=web", "endpoint web profile show", "profile net tag show",
    "get", "get -o table", "get profiles,endpoint -o json", "get profile WEB", "get endpoint e1",
    "get pool 10.1.0.0/16", "confirm show",
]  # fmt: skip


@given(PATHS, JSON.map(json.dumps) | st.text(max_size=20))
def test_whatever_stands_in_the_datastore_is_shown_or_refused(path: str, text: str) -> None:
    terminal = prepared()
    terminal.machine.agent.running = 4242
    terminal.put(path, text)

    for command in READING:
        result = terminal(command)

        assert result.code in (0, 1)
        assert "internal error" not in result.err
        assert all(line.isprintable() for line in (result.out + result.err).splitlines())
