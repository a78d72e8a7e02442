"""Files of documents: what they mean, what is refused, and that line and column are right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.client.document_parser import parse_documents
from calico.client.documents import (
    Document,
    EndpointDocument,
    PeerDocument,
    PoolDocument,
    ProfileDocument,
    render_data,
    render_documents,
)
from calico.model.errors import ValidationError
from calico.model.values import Rule
from tests.fakes.strategies import documents

EXAMPLE = """\
kind: profile
name: web
tags: [web]
inbound:
  - allow tcp to ports 80,443
  - allow icmp type 8
outbound:
  - allow
---
kind: endpoint        # profile list of an existing endpoint
host: h1
orchestrator: libnetwork
workload: libnetwork
name: 5a21f6
profiles: [web, base]
---
- kind: pool
  cidr: 10.1.2.3/16
  nat-outgoing: true
- {"kind": "bgp-peer", "address": "192.0.2.1", "as": 64512}
---
kind: bgp-peer
host: h1
address: fd80:0::1
as: 1.10
"""
DOCUMENTS = (
    ProfileDocument(
        "web",
        ("web",),
        (
            Rule("allow", protocol="tcp", dst_ports=((80, 80), (443, 443))),
            Rule("allow", protocol="icmp", icmp_type=8),
        ),
        (Rule("allow"),),
    ),
    EndpointDocument("5a21f6", ("web", "base"), "h1", "libnetwork", "libnetwork"),
    PoolDocument("10.1.0.0/16", masquerade=True),
    PeerDocument("192.0.2.1", 64512),
    PeerDocument("fd80::1", 65546, "h1"),
)


def test_the_example_means_what_it_says() -> None:
    assert parse_documents(EXAMPLE, "web.yaml") == DOCUMENTS


def test_the_yaml_form() -> None:
    status = {"state": "active", "addresses": ["10.0.0.1/32"]}
    shown = render_documents([*DOCUMENTS[:3], DOCUMENTS[4], EndpointDocument("e", (), status=status)], "yaml")

    assert shown == (
        "kind: profile\nname: web\ntags: [web]\n"
        "inbound:\n  - allow tcp to ports 80,443\n  - allow icmp type 8\n"
        "outbound:\n  - allow\n"
        "---\n"
        "kind: endpoint\nhost: h1\norchestrator: libnetwork\nworkload: libnetwork\n"
        "name: 5a21f6\nprofiles: [web, base]\n"
        "---\n"
        "kind: pool\ncidr: 10.1.0.0/16\nipip: false\nnat-outgoing: true\nipam: true\n"
        "---\n"
        "kind: bgp-peer\nhost: h1\naddress: fd80::1\nas: 65546\n"
        "---\n"
        "kind: endpoint\nname: e\nprofiles: []\n"
        "status:\n  state: active\n  addresses: [10.0.0.1/32]\n"
    )


def test_what_is_left_out_has_a_default() -> None:
    assert parse_documents("[{kind: profile, name: web}, {kind: pool, cidr: 10.0.0.0/8}]", "f") == (
        ProfileDocument("web", ("web",)),
        PoolDocument("10.0.0.0/8"),
    )
    assert parse_documents("{kind: profile, name: web, tags: []}", "f") == (ProfileDocument("web", ()),)


def test_words_that_yaml_takes_for_something_else_are_names() -> None:
    text = "{kind: profile, name: no, tags: [on, 1e3, 007, null, 12, 0x10, 2026-11-23, .5]}"

    (document,) = parse_documents(text, "f")

    assert isinstance(document, ProfileDocument)
    assert (document.name, document.tags) == ("no", ("on", "1e3", "007", "null", "12", "0x10", "2026-11-23", ".5"))


def test_ports_are_no_sexagesimal_number() -> None:
    (document,) = parse_documents("{kind: profile, name: a, inbound: ['allow tcp to ports 80:90']}", "f")

    assert isinstance(document, ProfileDocument)
    assert document.inbound == (Rule("allow", protocol="tcp", dst_ports=((80, 90),)),)


def test_an_empty_list_of_documents_is_one_and_an_empty_text_is_not() -> None:
    assert parse_documents("[]", "f") == ()
    for text in ("", "# nothing\n", "---\n---\n"):
        with pytest.raises(ValidationError, match="f: holds no document"):
            parse_documents(text, "f")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- a", "1:3: expected a document: fields such as 'kind: profile'"),
        ("profile", "1:1: expected a document: fields such as 'kind: profile'"),
        ("- [{kind: profile}]", "1:3: expected a document: fields such as 'kind: profile'"),
        ("a: 1", "1:1: a document needs the field 'kind': profile, pool, bgp-peer or endpoint"),
        ("kind: [profile]", "1:7: expected a word here, not a list"),
        ("kind: Profile", "1:7: 'Profile' is not a kind; did you mean 'profile'?"),
        ("kind: x", "1:7: 'x' is not a kind; use profile, pool, bgp-peer or endpoint"),
        ("\nkind: profile", "2:1: the field 'name' of this profile is missing"),
        ("kind: profile\nname: a\ninbond: []", "3:1: unknown field 'inbond'; did you mean 'inbound'?"),
        ("kind: profile\nname: a\nx: 1", "3:1: unknown field 'x'; the fields of this profile may be name, network"),
        ("kind: profile\nname: a\nstatus: {}", "3:1: unknown field 'status'"),
        ("kind: profile\nname: a\nnetwork: b", "3:10: give the name of the profile or that of its network, not both"),
        ("kind: endpoint\nname: a b\nprofiles: []", "2:7: 'a b' calls no endpoint"),
        ("kind: profile\nname: a b", "2:7: profile 'a b' is not a valid name"),
        ("kind: profile\nname: {a: b}", "2:7: expected a word here, not fields; does it need quotes?"),
        ("kind: profile\nname:", "2:6: nothing stands behind 'name:'"),
        ("kind: profile\nname: a\ninbound:\noutbound: []", "3:9: nothing stands behind 'inbound:'; write []"),
        ("kind: profile\nname: a\ninbound: allow", "3:10: expected a list here, not a word"),
        ("kind: profile\nname: a\ntags: [a, b, a]", "3:14: tag a stands in the list a second time"),
        ("kind: profile\nname: a\ntags: [a, 'b c']", "3:11: tag 'b c' is not a valid name"),
        ("kind: profile\nname: a\ninbound:\n  - allow: tcp", "4:5: expected a rule in one line"),
        ("kind: profile\nname: a\ninbound:\n  -", "4:4: the rule ends too early"),
        ("kind: profile\nname: a\ninbound:\n  - allow tcp frm tag x", "4:15: word 3 of the rule: 'frm' not expected"),
        ("kind: profile\nname: a\ninbound:\n  - 'permit'", "4:6: word 1 of the rule: 'permit' not expected"),
        ("kind: profile\nname: a\ninbound:\n  - allow  tcp to ports 99999", "4:25: Port (99999) out-of-range."),
        ("kind: profile\nname: a\ninbound: [allow to ports 80]", "3:11: ports are not valid with protocol any"),
        ("kind: profile\nname: a\ninbound:\n  - allow tcp from", None),
        ("kind: profile\nname: a\ninbound:\n  - allow tcp from tag", "4:20: the rule ends too early"),
        ("kind: profile\nname: a\ninbound:\n  - >\n    allow tcp\n    frm x", "4:5: word 3 of the rule"),
        ("kind: pool\ncidr: 10/8", "2:7: '10' is not an IP address"),
        ("kind: pool\ncidr: 10.0.0.0/8\nipip: yes", "3:7: 'yes' is neither true nor false"),
        ("kind: bgp-peer\naddress: 1.2.3.4\nas: nine", "3:5: Invalid AS Number specified."),
        ("kind: bgp-peer\naddress: 1.2.3.0/24\nas: 1", "2:10: '1.2.3.0/24' is not an IP address"),
        ("kind: bgp-peer\nhost: a/b\naddress: 1.2.3.4\nas: 1", "2:7: node name 'a/b' is not valid"),
        ("kind: endpoint\nname: e", "1:1: the field 'profiles' of this endpoint is missing"),
        ("kind: endpoint\nname: e\nprofiles: [a, a]", "3:15: profile a stands in the list a second time"),
        ("kind: profile\nname: a\n---\nkind: profile\nname: a", "4:1: profile a stands here a second time; firs"),
        ("[{kind: pool, cidr: 10.0.0.1/8}, {kind: pool, cidr: 10.0.0.0/8}]", "1:34: pool 10.0.0.0/8 stands here a"),
    ],
)  # fmt: skip
def test_what_is_refused_and_where(text: str, complaint: str | None) -> None:
    if complaint is None:
        assert parse_documents(text, "f")
        return
    with pytest.raises(ValidationError) as raised:
        parse_documents(text, "f")

    assert str(raised.value).startswith("f:" + complaint)


@given(
    st.lists(documents(), max_size=4, unique_by=lambda document: document.label), st.sampled_from(["yaml", "json"])
)
def test_what_is_printed_is_read_back(found: list[Document], form: str) -> None:
    assert parse_documents(render_documents(found, form), "f") == tuple(found)


FIELDS = [
    "kind",
    "name",
    "tags",
    "inbound",
    "outbound",
    "cidr",
    "ipip",
    "address",
    "as",
    "host",
    "profiles",
    "status",
]
WORDS = [
    "profile",
    "pool",
    "bgp-peer",
    "endpoint",
    "web",
    "allow",
    "allow tcp to ports 80",
    "10.0.0.0/8",
    "1",
    "true",
    "",
]
TREES = st.recursive(
    st.sampled_from(WORDS) | st.text(max_size=4) | st.none() | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), inner),
    max_leaves=12,
)
SHAPED = st.fixed_dictionaries(
    {"kind": st.sampled_from(WORDS[:4])}, optional={name: TREES for name in FIELDS if name != "kind"}
)


@given(st.lists(TREES | SHAPED, max_size=3))
def test_any_data_is_documents_or_a_fault_of_ours(data: list[object]) -> None:
    found: tuple[Document, ...] = ()
    complaint = "f:"
    try:
        found = parse_documents(render_data(data, "yaml"), "f")
    except ValidationError as error:
        complaint = str(error)

    assert complaint.startswith("f:")
    assert parse_documents(render_documents(found, "yaml"), "f") == found
