"""JSON of the datastore to values and back: exact shapes, named faults, unknown fields kept."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.model.codec import decode, encode
from calico.model.errors import ValidationError
from calico.model.keys import (
    AffinityKey,
    BGPConfigKey,
    BGPPeerKey,
    BlockKey,
    ConfigKey,
    ContainerNameKey,
    EndpointKey,
    HandleKey,
    HostIPKey,
    Key,
    NetworkKey,
    NetworkNameKey,
    PoolKey,
    ProfileRulesKey,
    ProfileTagsKey,
    ReadyKey,
)
from calico.model.values import (
    AllocationBlock,
    Attributes,
    BGPPeer,
    ContainerName,
    DockerNetwork,
    Endpoint,
    Handle,
    IPPool,
    NetworkName,
    NodeMesh,
    ProfileRules,
    Rule,
)
from tests.fakes.strategies import profile_rules

ENDPOINT = EndpointKey("h1", "libnetwork", "libnetwork", "5a21f63bc17feb6b9c879bbbc271594d")
RULES = ProfileRulesKey("WEB")
BLOCK = BlockKey("192.168.0.0/26")
CONTAINER = ContainerNameKey("h1", "6a853ddc")
NETWORK = NetworkNameKey("h1", "46007b33")
FULL_ENDPOINT = (
    '{"state": "active", "name": "cali5a21f63bc17", "mac": "ee:ee:ee:ee:ee:ee", "profile_ids": ["WEB"], '
    '"ipv4_nets": ["192.168.0.0/32"], "ipv6_nets": [], "ipv4_gateway": "10.9.8.7", "ipv6_gateway": null}'
)


def block_text(**changes: object) -> str:
    document: dict[str, object] = {
        "cidr": "192.168.0.0/26",
        "affinity": "host:h1",
        "allocations": [0] + [None] * 63,
        "attributes": [{"handle_id": None, "secondary": {}}],
        "unallocated": list(range(1, 64)),
    }
    return json.dumps({**document, **changes})


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        (ReadyKey(), "true", True),
        (ConfigKey("InterfacePrefix"), "cali", "cali"),
        (HostIPKey("h1"), "10.9.8.7", "10.9.8.7"),
        (AffinityKey("h1", "192.168.0.0/26"), "", ""),
        (ProfileTagsKey("WEB"), '["WEB", "other"]', ("WEB", "other")),
        (
            RULES,
            (
                '{"id": "WEB", "inbound_rules": [{"action": "allow", "src_tag": "WEB"}, {"action": "allow", '
                '"protocol": "tcp", "dst_ports": [80, "2048:4000"]}, {"action": "allow", '
                '"protocol": "icmp", "icmp_type": 8}], '
                '"outbound_rules": [{"action": "deny", "dst_net": "10.1.2.3/8"}]}'
            ),
            ProfileRules(
                (
                    Rule("allow", src_tag="WEB"),
                    Rule("allow", "tcp", dst_ports=((80, 80), (2048, 4000))),
                    Rule("allow", "icmp", icmp_type=8),
                ),
                (Rule("deny", dst_net="10.1.2.3/8"),),
            ),
        ),
        (
            ENDPOINT,
            FULL_ENDPOINT,
            Endpoint("active", "cali5a21f63bc17", "ee:ee:ee:ee:ee:ee", ("WEB",), ("192.168.0.0/32",), (), "10.9.8.7"),
        ),
        (
            PoolKey("10.0.0.0/16"),
            '{"cidr": "10.0.0.0/16", "ipip": "tunl0", "masquerade": true, "ipam": false}',
            IPPool("10.0.0.0/16", "tunl0", True, False),
        ),
        (PoolKey("fd80::/64"), '{"cidr": "fd80::/64"}', IPPool("fd80::/64")),
        (
            BLOCK,
            block_text(),
            AllocationBlock("192.168.0.0/26", "h1", (0, *[None] * 63), (Attributes(),), tuple(range(1, 64))),
        ),
        (HandleKey("x"), '{"id": "x", "block": {"192.168.0.0/26": 2}}', Handle("x", (("192.168.0.0/26", 2),))),
        (BGPConfigKey("", "node_mesh"), '{"enabled": true}', NodeMesh(True)),
        (BGPConfigKey("", "as_num"), "64511", "64511"),
        (BGPPeerKey("", "10.0.0.9"), '{"ip": "10.0.0.9", "as_num": "64512"}', BGPPeer("10.0.0.9", 64512)),
        (NetworkKey("n1"), '{"NetworkID": "n1"}', DockerNetwork({"NetworkID": "n1"})),
        (
            CONTAINER,
            '{"name": "web_1", "project": "shop", "service": "web", "endpoints": {"e1": "n1", "e2": "n2"}}',
            ContainerName("web_1", "shop", "web", (("e1", "n1"), ("e2", "n2"))),
        ),
        (CONTAINER, '{"name": "web", "endpoints": {}}', ContainerName("web")),
        (NETWORK, '{"name": "my net"}', NetworkName("my net")),
    ],
)
def test_text_and_value_are_each_others_image(key: Key, text: str, value: object) -> None:
    assert decode(key, text) == value
    assert encode(key, value) == text


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        (ENDPOINT, '{"state": "active", "profile_id": "OLD"}', Endpoint("active", "cali5a21f63bc17", None, ("OLD",))),
        (
            RULES,
            '{"inbound_rules": [{}], "outbound_rules": [{"action": null, "protocol": null, "src_ports": null}]}',
            ProfileRules((Rule("allow"),), (Rule("allow"),)),
        ),
        (
            RULES,
            '{"inbound_rules": [{"protocol": 6, "src_ports": ["80"]}], "outbound_rules": []}',
            ProfileRules((Rule("allow", "tcp", src_ports=((80, 80),)),)),
        ),
        (ProfileTagsKey("WEB"), '["a", "b", "a"]', ("a", "b")),
        (BLOCK, block_text(unallocated=None), decode(BLOCK, block_text())),
        (BGPPeerKey("", "fd00::9"), '{"ip": "FD00::9", "as_num": 1}', BGPPeer("fd00::9", 1)),
    ],
)
def test_other_readable_forms(key: Key, text: str, value: object) -> None:
    assert decode(key, text) == value


@pytest.mark.parametrize(
    ("key", "text", "fault"),
    [
        (ReadyKey(), "yes", "must be true or false"),
        (ENDPOINT, "", "not JSON"),
        (ENDPOINT, "[" * 100_000, "not JSON"),
        (ENDPOINT, "[]", "must be an object"),
        (ENDPOINT, "{}", "state: missing"),
        (ENDPOINT, '{"state": "odd"}', "state: 'odd' is neither active nor inactive"),
        (ENDPOINT, '{"state": "active", "mac": "1:2"}', "mac: '1:2' is not a MAC address"),
        (ENDPOINT, '{"state": "active", "name": "../x"}', "name: '../x' is not an interface name"),
        (ENDPOINT, '{"state": "active", "name": "cali0123456789ab"}', "is not an interface name"),
        (
            ENDPOINT,
            '{"state": "active", "profile_ids": ["a", "b;c"]}',
            "profile_ids[1]: profile 'b;c' is not a valid",
        ),
        (ENDPOINT, '{"state": "active", "ipv4_nets": ["fd80::1/128"]}', "ipv4_nets[0]: 'fd80::1/128' is not an IPv4"),
        (ENDPOINT, '{"state": "active", "ipv4_nets": "10.0.0.1"}', "ipv4_nets: must be a list"),
        (ProfileTagsKey("p"), '["ok", "not ok"]', "tags[1]: tag 'not ok' is not a valid name"),
        (ProfileTagsKey("p"), '{"a": 1}', "tags: must be a list"),
        (RULES, '{"inbound_rules": []}', "outbound_rules: missing"),
        (RULES, '{"inbound_rules": [3], "outbound_rules": []}', "inbound_rules[0]: must be an object"),
        (RULES, '{"inbound_rules": [{"src_nets": "x"}], "outbound_rules": []}', "inbound_rules[0]: unknown field"),
        (
            RULES,
            '{"inbound_rules": [{}, {"protocol": "tcp", "dst_ports": [80, 70000]}], "outbound_rules": []}',
            "inbound_rules[1].dst_ports[1]: must be a number 0..65535, not 70000",
        ),
        (RULES, '{"inbound_rules": [{"dst_ports": [80]}], "outbound_rules": []}', "inbound_rules[0]: ports are not"),
        (RULES, '{"inbound_rules": [{"icmp_code": 1}], "outbound_rules": []}', "an ICMP code needs an ICMP type"),
        (RULES, '{"inbound_rules": [{"action": "log"}], "outbound_rules": []}', "'log' is neither allow nor deny"),
        (RULES, '{"inbound_rules": [{"ip_version": 5}], "outbound_rules": []}', "must be 4 or 6, not 5"),
        (RULES, '{"inbound_rules": [{"ip_version": true}], "outbound_rules": []}', "must be 4 or 6"),
        (PoolKey("10.0.0.0/16"), '{"cidr": "10.1.0.0/16"}', "cidr: 10.1.0.0/16 does not belong"),
        (PoolKey("10.0.0.0/16"), '{"cidr": "10.0.0.0/16", "masquerade": "yes"}', "masquerade: must be true or false"),
        (BLOCK, block_text(allocations=[None]), "allocations: a block of 192.168.0.0/26 has 1 entries"),
        (BLOCK, block_text(attributes=[]), "attributes: entries and the allocations"),
        (BLOCK, block_text(unallocated=[1, 1]), "unallocated: the queue and the free addresses"),
        (BLOCK, block_text(unallocated=list(range(64))), "unallocated: the queue and the free addresses"),
        (BLOCK, block_text(affinity="h1"), "affinity: 'h1' does not begin with 'host:'"),
        (HandleKey("x"), '{"id": "x", "block": {"192.168.0.0/26": -1}}', "block[192.168.0.0/26]: must be a number"),
        (BGPPeerKey("", "10.0.0.9"), '{"ip": "10.0.0.9", "as_num": "x"}', "as_num: must be a number"),
        (CONTAINER, '{"name": "a/b"}', "name 'a/b' is not a valid name"),
        (CONTAINER, '{"project": "\\u001b[2J"}', "project: name"),
        (CONTAINER, '{"service": 3}', "service: must be a string, not 3"),
        (CONTAINER, '{"endpoints": {"e1": "a b"}}', "endpoints: must map endpoint ids to network Ids"),
        (CONTAINER, '{"endpoints": ["e1"]}', "endpoints: must be an object"),
        (NETWORK, "{}", "name: missing"),
        (NETWORK, '{"name": "a\\nb"}', "name: must be one short line"),
        (NETWORK, json.dumps({"name": "x" * 129}), "name: must be one short line"),
    ],
)
def test_faults_are_named(key: Key, text: str, fault: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        decode(key, text)

    assert fault in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (ENDPOINT, FULL_ENDPOINT[:-1] + ', "labels": {"a": "b"}}'),
        (PoolKey("10.0.0.0/16"), '{"cidr": "10.0.0.0/16", "disabled": true}'),
        (BLOCK, block_text(strict_affinity=True)),
        (BGPPeerKey("", "10.0.0.9"), '{"ip": "10.0.0.9", "as_num": "64512", "password": "x"}'),
        (RULES, '{"id": "WEB", "inbound_rules": [], "outbound_rules": [], "comment": "why"}'),
        (CONTAINER, '{"name": "web", "endpoints": {}, "labels": {"a": "b"}}'),
        (NETWORK, '{"name": "net", "created": "2026"}'),
    ],
)
def test_unknown_fields_survive_a_rewrite(key: Key, text: str) -> None:
    assert encode(key, decode(key, text)) == text


@given(profile_rules())
def test_rules_round_trip(rules: ProfileRules) -> None:
    assert decode(RULES, encode(RULES, rules)) == rules


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "state name mac profile_ids ipv4_nets inbound_rules outbound_rules cidr allocations block id"
                " endpoints project".split()
            )
            | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


_KEYS = [
    ENDPOINT, RULES, BLOCK, CONTAINER, NETWORK, ProfileTagsKey("p"), PoolKey("10.0.0.0/8"), HandleKey("x"),
]  # fmt: skip


@given(st.sampled_from(_KEYS), _JSON)
def test_only_validation_errors_escape(key: Key, document: object) -> None:
    try:
        value = decode(key, json.dumps(document))
    except ValidationError:
        return
    assert decode(key, encode(key, value)) == value
