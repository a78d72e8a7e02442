"""Policy as documents: planned, applied and deleted as a whole or not at all."""

import json

import pytest

from calico.client.addresses import Addresses
from calico.client.affinities import Affinities
from calico.client.document_parser import parse_documents
from calico.client.documents import Document, EndpointDocument, PoolDocument, ProfileDocument
from calico.client.place import Place
from calico.client.plan import Plan
from calico.client.policy import Policy
from calico.client.pools import Pools
from calico.client.profiles import Profiles
from calico.datastore.api import Put
from calico.datastore.memory import MemoryDatastore
from calico.datastore.request import MAX_OPERATIONS
from calico.model.errors import AlreadyExistsError, ConflictError, ValidationError
from calico.model.values import Rule
from tests.fakes.interleaving import CrashError, InterleavedDatastore, crash

PROFILE = "/calico/v1/policy/profile"
ENDPOINT = "/calico/v1/host/h1/workload/libnetwork/libnetwork/endpoint/e1"
POOL = "/calico/v1/ipam/v4/pool/10.1.0.0-16"
PEER = "/calico/bgp/v1/global/peer_v4/192.0.2.1"

WEB = "{kind: profile, name: web, inbound: [allow tcp to ports 80], outbound: [allow]}"
FILE = f"""\
- {WEB}
- {{kind: pool, cidr: 10.1.0.0/16, nat-outgoing: true}}
- {{kind: bgp-peer, address: 192.0.2.1, as: 64512}}
- {{kind: endpoint, name: e1, profiles: [web, base]}}
"""


@pytest.fixture
def datastore() -> MemoryDatastore:
    datastore = MemoryDatastore()
    endpoint = {"state": "active", "mac": "ee:ee:ee:ee:ee:ee", "profile_ids": ["base"], "note": 7}
    put(datastore, ENDPOINT, endpoint)
    Profiles(datastore).create("base")
    return datastore


def put(datastore: MemoryDatastore, path: str, value: object) -> None:
    datastore.transact((), [Put(path, value if isinstance(value, str) else json.dumps(value))])


def text(datastore: MemoryDatastore, path: str) -> str | None:
    found = datastore.get(path)
    return None if found is None else found.value


def tree(datastore: MemoryDatastore) -> dict[str, str]:
    return {entry.key: entry.value for entry in datastore.list("/").entries}


def read(file: str) -> tuple[Document, ...]:
    return parse_documents(file, "f")


def actions(plan: Plan) -> list[str]:
    return [f"{change.label} {change.action}" for change in plan.changes]


class TestApply:
    def test_makes_everything_as_the_file_says(self, datastore: MemoryDatastore) -> None:
        plan = Policy(datastore).apply(read(FILE))

        assert actions(plan) == [
            "profile web created",
            "pool 10.1.0.0/16 created",
            "bgp-peer 192.0.2.1 created",
            "endpoint e1 changed",
        ]
        assert text(datastore, f"{PROFILE}/web/tags") == '["web"]'
        assert Profiles(datastore).rules("web").inbound == (Rule("allow", protocol="tcp", dst_ports=((80, 80),)),)
        assert text(datastore, POOL) == '{"cidr": "10.1.0.0/16", "masquerade": true}'
        assert text(datastore, PEER) == '{"ip": "192.0.2.1", "as_num": "64512"}'
        endpoint = json.loads(text(datastore, ENDPOINT) or "")
        assert (endpoint["profile_ids"], endpoint["note"]) == (["web", "base"], 7)

    def test_is_one_transaction(self, datastore: MemoryDatastore) -> None:
        before = datastore.list("/").revision

        Policy(datastore).apply(read(FILE))

        assert datastore.list("/").revision == before + 1

    def test_again_changes_nothing(self, datastore: MemoryDatastore) -> None:
        policy = Policy(datastore)
        policy.apply(read(FILE))
        before = datastore.list("/").revision

        plan = policy.apply(read(FILE))

        assert {change.action for change in plan.changes} == {"unchanged"}
        assert plan.effective == ()
        assert datastore.list("/").revision == before

    def test_writes_only_what_differs(self, datastore: MemoryDatastore) -> None:
        policy = Policy(datastore)
        policy.apply(read(WEB))
        tags = datastore.get(f"{PROFILE}/web/tags")

        plan = policy.apply(read("{kind: profile, name: web}"))

        assert [write.key for write in plan.writes] == [f"{PROFILE}/web/rules"]
        assert datastore.get(f"{PROFILE}/web/tags") == tags

    def test_keeps_fields_that_it_does_not_know(self, datastore: MemoryDatastore) -> None:
        put(datastore, f"{PROFILE}/web/rules", {"inbound_rules": [], "outbound_rules": [], "note": 1})
        put(datastore, POOL, {"cidr": "10.1.0.0/16", "ipip": "tunl9", "note": 2})
        put(datastore, PEER, {"ip": "192.0.2.1", "as_num": "1", "note": 3})

        Policy(datastore).apply(read(FILE.replace("nat-outgoing: true", "nat-outgoing: true, ipip: true")))

        notes = [json.loads(text(datastore, path) or "")["note"] for path in (f"{PROFILE}/web/rules", POOL, PEER)]
        assert notes == [1, 2, 3]
        assert json.loads(text(datastore, POOL) or "")["ipip"] == "tunl9"

    def test_mends_what_cannot_be_understood(self, datastore: MemoryDatastore) -> None:
        for path in (f"{PROFILE}/web/rules", f"{PROFILE}/web/tags", POOL, PEER):
            put(datastore, path, "{")

        plan = Policy(datastore).apply(read(FILE))

        assert [change.action for change in plan.changes] == ["changed"] * 4
        assert Policy(datastore).documents()[1] == ()

    def test_of_a_pool_with_ipip_switches_the_tunnel_on(self, datastore: MemoryDatastore) -> None:
        Policy(datastore).apply(read("{kind: pool, cidr: 10.1.0.0/16, ipip: true}"))

        assert text(datastore, "/calico/v1/config/IpInIpEnabled") == "true"
        assert text(datastore, POOL) == '{"cidr": "10.1.0.0/16", "ipip": "tunl0"}'

    def test_a_profile_without_tags_needs_no_key_for_them(self, datastore: MemoryDatastore) -> None:
        put(datastore, f"{PROFILE}/web/rules", {"inbound_rules": [], "outbound_rules": []})

        plan = Policy(datastore).apply(read("{kind: profile, name: web, tags: []}"))

        assert actions(plan) == ["profile web unchanged"]

    def test_finds_an_endpoint_by_what_is_given_of_its_owners(self, datastore: MemoryDatastore) -> None:
        put(datastore, ENDPOINT.replace("h1", "h2"), {"state": "active"})

        Policy(datastore).apply(read("{kind: endpoint, name: e1, host: h2, profiles: [base]}"))

        assert json.loads(text(datastore, ENDPOINT.replace("h1", "h2")) or "")["profile_ids"] == ["base"]

    @pytest.mark.parametrize(
        ("file", "complaint"),
        [
            ("{kind: endpoint, name: e2, profiles: []}", "f:1:24: Endpoint e2 is unknown to Calico."),
            ("{kind: endpoint, name: e1, profiles: [base, x]}", "f:1:45: Profile with name x was not found."),
            (
                "{kind: endpoint, name: two, profiles: []}",
                "f:1:24: several endpoints are called two: two of h1/libnet",
            ),
            (
                "{kind: endpoint, name: broken, profiles: []}",
                "f:1:1: the endpoint cannot be understood: /calico/v1/ho",
            ),
            (
                "- {kind: endpoint, name: e1, profiles: []}\n- {kind: endpoint, name: e1, host: h1, profiles: []}",
                "f:2:3: endpoint e1 stands here a second time; first in line 1",
            ),
            ("{kind: pool, cidr: 10.1.0.0/28}", "f:1:20: Pool 10.1.0.0/28 is too small"),
            ("{kind: pool, cidr: 10.9.1.0/24}", "f:1:20: Pool 10.9.1.0/24 overlaps with pool 10.9.0.0/16."),
            (
                "[{kind: pool, cidr: 10.1.0.0/16}, {kind: pool, cidr: 10.1.0.0/20}]",
                "f:1:21: Pool 10.1.0.0/16 overlaps with pool 10.1.0.0/20.",
            ),
            ("{kind: pool, cidr: 'fd80::/64', ipip: true}", "f:1:20: IP in IP not supported for IPv6 pools"),
        ],
    )
    def test_refuses_as_the_single_commands_do_and_changes_nothing(
        self, datastore: MemoryDatastore, file: str, complaint: str
    ) -> None:
        put(datastore, ENDPOINT.replace("e1", "two"), {"state": "active"})
        put(datastore, ENDPOINT.replace("h1", "h2").replace("e1", "two"), {"state": "active"})
        put(datastore, ENDPOINT.replace("e1", "broken"), "{")
        Pools(datastore).add(["10.9.0.0/16"])
        before = tree(datastore)
        documents = (*read(file), *read(WEB))

        for operation in (Policy(datastore).plan_apply, Policy(datastore).apply):
            with pytest.raises(ValidationError) as raised:
                operation(documents)
            assert str(raised.value).startswith(complaint)

        assert tree(datastore) == before

    def test_what_stands_already_is_not_held_against_the_file(self, datastore: MemoryDatastore) -> None:
        put(datastore, ENDPOINT, {"state": "active", "profile_ids": ["gone", "base", "gone"]})
        put(datastore, "/calico/v1/ipam/v4/pool/10.1.1.0-30", {"cidr": "10.1.1.0/30"})
        put(datastore, POOL, {"cidr": "10.1.0.0/16"})

        documents, faults = Policy(datastore).documents()

        assert faults == ()
        assert Policy(datastore).apply(documents).effective == ()

    def test_may_be_refused_by_a_check_of_the_plan(self, datastore: MemoryDatastore) -> None:
        def refuse(_plan: Plan) -> None:
            raise ValidationError("no")

        before = tree(datastore)
        with pytest.raises(ValidationError, match="no"):
            Policy(datastore).apply(read(FILE), refuse)

        assert tree(datastore) == before


class TestOthers:
    """What happens when somebody else writes between our look and our write."""

    @pytest.mark.parametrize("path", [f"{PROFILE}/web/rules", f"{PROFILE}/web/tags", ENDPOINT, POOL, PEER])
    def test_a_change_of_a_key_that_was_read_makes_a_fresh_plan(self, datastore: MemoryDatastore, path: str) -> None:
        Policy(datastore).apply(read(FILE))
        file = FILE.replace("ports 80", "ports 81").replace("[web, base]", "[base, web]").replace("64512", "1")
        watched = InterleavedDatastore(datastore)
        value = json.loads(text(datastore, path) or "")
        changed = [*value, "mine"] if isinstance(value, list) else {**value, "mine": 1}
        calls = calls_of(datastore, file)
        watched.arm(before={calls: lambda: put(datastore, path, changed)})

        Policy(watched).apply(read(file))

        assert watched.calls.count("transact") == 2
        if "tags" not in path:
            assert json.loads(text(datastore, path) or "")["mine"] == 1
        assert Policy(datastore).plan_apply(read(file)).effective == ()

    def test_a_profile_that_disappears_is_missed(self, datastore: MemoryDatastore) -> None:
        watched = InterleavedDatastore(datastore)
        Profiles(datastore).create("web")
        file = "{kind: endpoint, name: e1, profiles: [web]}"
        watched.arm(before={calls_of(datastore, file): lambda: Profiles(datastore).delete("web")})

        with pytest.raises(ValidationError, match="f:1:39: Profile with name web was not found"):
            Policy(watched).apply(read(file))

    def test_an_unchanged_document_counts_too(self, datastore: MemoryDatastore) -> None:
        policy = Policy(datastore)
        policy.apply(read(WEB))
        watched = InterleavedDatastore(datastore)
        file = f"[{WEB}, {{kind: profile, name: new}}]"
        rules = f"{PROFILE}/web/rules"
        calls = calls_of(datastore, file)
        watched.arm(before={calls: lambda: put(datastore, rules, {"inbound_rules": [], "outbound_rules": []})})

        Policy(watched).apply(read(file))

        assert Policy(datastore).plan_apply(read(file)).effective == ()

    def test_of_two_pools_that_overlap_the_later_yields_with_all_its_file(self, datastore: MemoryDatastore) -> None:
        before = tree(datastore)
        watched = InterleavedDatastore(datastore)
        watched.arm(before={calls_of(datastore, FILE): lambda: Pools(datastore).add(["10.1.5.0/24"])})

        with pytest.raises(AlreadyExistsError, match=r"Pool 10.1.0.0/16 overlaps with pool 10.1.5.0/24"):
            Policy(watched).apply(read(FILE))

        rival = "/calico/v1/ipam/v4/pool/10.1.5.0-24"
        assert tree(datastore) == {**before, rival: '{"cidr": "10.1.5.0/24"}'}

    def test_a_death_leaves_all_or_nothing(self, datastore: MemoryDatastore) -> None:
        before = tree(datastore)
        number = 1
        while True:
            watched = InterleavedDatastore(MemoryDatastore())
            for key, value in before.items():
                put(watched.inner, key, value)  # type: ignore[arg-type]
            watched.arm(before={number: crash})
            try:
                Policy(watched).apply(read(FILE))
            except CrashError:
                after = tree(watched.inner)  # type: ignore[arg-type]
                assert after == before or f"{PROFILE}/web/rules" in after
                number += 1
            else:
                break
        assert number > 4


class TestLimits:
    def profiles(self, count: int) -> str:
        return "\n".join(f"- {{kind: profile, name: p{number}}}" for number in range(count))

    def test_as_many_as_one_transaction_takes(self, datastore: MemoryDatastore) -> None:
        Policy(datastore).apply(read(self.profiles(MAX_OPERATIONS // 2)))

        assert Profiles(datastore).exists("p63")

    def test_more_are_refused_with_the_line_to_split_at(self, datastore: MemoryDatastore) -> None:
        before = tree(datastore)

        with pytest.raises(ValidationError) as raised:
            Policy(datastore).apply(read(self.profiles(MAX_OPERATIONS // 2 + 1)))

        assert str(raised.value) == (
            "f:65:3: one transaction takes 128 keys and 1048576 bytes, and the changes up to here need more: split "
            "the file before line 65, and apply the first part first"
        )
        assert tree(datastore) == before

    def test_what_is_unchanged_does_not_count(self, datastore: MemoryDatastore) -> None:
        policy = Policy(datastore)
        policy.apply(read(self.profiles(64)))

        policy.apply(read(self.profiles(128)))
        plan = policy.apply(read(self.profiles(128).replace("name: p100", "name: p100, tags: []")))

        assert [change.document.label for change in plan.effective] == ["profile p100"]

    def test_bytes_count_too(self, datastore: MemoryDatastore) -> None:
        rules = (Rule("deny", protocol="tcp", src_tag="a" * 20, dst_ports=((80, 80),)),) * 3000
        files = [ProfileDocument(f"p{n}", (), rules, marks={"": Place("f", n, 3)}) for n in range(1, 7)]

        with pytest.raises(ValidationError, match=r"f:4:3: one transaction takes .* split the file before line 4"):
            Policy(datastore).apply(files)


class TestNames:
    """A file may call things as people do; what is stored has ids."""

    SHOP, OTHER = "5" * 64, "6" * 64

    @pytest.fixture(autouse=True)
    def docker(self, datastore: MemoryDatastore) -> None:
        put(datastore, f"/calico/docker/v1/host/h1/network/{self.SHOP}", {"name": "shop"})
        put(datastore, "/calico/docker/v1/host/h1/container/c1", {"name": "web-1", "endpoints": {"e1": self.SHOP}})
        Profiles(datastore).create(self.SHOP)

    def test_a_profile_by_its_network(self, datastore: MemoryDatastore) -> None:
        file = "{kind: profile, network: shop, inbound: [allow tcp from tag shop to ports 80, allow from tag base]}"

        plan = Policy(datastore).apply(read(file))

        assert actions(plan) == ["profile of network shop changed"]
        assert Profiles(datastore).tags(self.SHOP) == (self.SHOP,)
        rules = Profiles(datastore).rules(self.SHOP).inbound
        assert [rule.src_tag for rule in rules] == [self.SHOP, "base"]
        assert Policy(datastore).apply(read(file)).effective == ()

    def test_an_endpoint_by_its_container_and_its_profiles_by_their_networks(
        self, datastore: MemoryDatastore
    ) -> None:
        Policy(datastore).apply(read("{kind: endpoint, name: web-1, profiles: [shop, base]}"))

        assert json.loads(text(datastore, ENDPOINT) or "")["profile_ids"] == [self.SHOP, "base"]

    def test_a_tag_or_profile_of_that_name_goes_first(self, datastore: MemoryDatastore) -> None:
        file = "[{kind: profile, name: shop}, {kind: endpoint, name: web-1, profiles: [shop]}, " + WEB[:-1] + "}]"
        Policy(datastore).apply(read(file.replace("allow tcp to ports 80", "allow from tag shop")))

        assert json.loads(text(datastore, ENDPOINT) or "")["profile_ids"] == ["shop"]
        assert Profiles(datastore).rules("web").inbound[0].src_tag == "shop"

    def test_what_is_stored_is_meant_as_it_stands(self, datastore: MemoryDatastore) -> None:
        put(datastore, f"{PROFILE}/web/rules", {"inbound_rules": [{"src_tag": "shop"}], "outbound_rules": []})
        put(datastore, ENDPOINT, {"state": "active", "profile_ids": ["shop"]})

        documents, _ = Policy(datastore).documents()

        assert Policy(datastore).apply(documents).effective == ()

    def test_a_network_that_was_made_with_profiles_means_these(self, datastore: MemoryDatastore) -> None:
        put(datastore, f"/calico/docker/v1/host/h1/network/{self.OTHER}", {"name": "back"})
        put(datastore, f"/calico/libnetwork/v1/{self.OTHER}", {"Profiles": ["base"]})
        policy = Policy(datastore)

        policy.apply(read("[{kind: profile, network: back, tags: []}, {kind: endpoint, name: e1, profiles: [back]}]"))

        assert Profiles(datastore).tags("base") == ()
        assert json.loads(text(datastore, ENDPOINT) or "")["profile_ids"] == ["base"]
        with pytest.raises(
            ValidationError, match="f:1:36: network back has no tag of its own: use one of its profiles"
        ):
            policy.apply(read("{kind: profile, name: a, inbound: [allow from tag back]}"))

    @pytest.mark.parametrize(
        ("file", "complaint"),
        [
            ("{kind: profile, network: chop}", "f:1:26: no Docker network with driver calico is called chop"),
            ("{kind: profile, network: twice}", "f:1:26: several Docker networks are called twice: 6666"),
            ("{kind: profile, name: a, inbound: [allow from tag twice]}", "f:1:36: several Docker networks are"),
            ("[{kind: profile, network: shop}, {kind: profile, name: " + SHOP + "}]", "f:1:34: profile 555"),
            ("{kind: endpoint, name: e1, profiles: [shop, " + SHOP + "]}", "f:1:45: profile 555"),
            ("[{kind: endpoint, name: e1, profiles: []}, {kind: endpoint, name: web-1, profiles: []}]", "f:1:44: "),
            ("{kind: endpoint, name: db-1, profiles: []}", "f:1:24: Endpoint db-1 is unknown to Calico."),
        ],
    )  # fmt: skip
    def test_nothing_is_guessed(self, datastore: MemoryDatastore, file: str, complaint: str) -> None:
        for network in (self.OTHER, "7" * 64):
            put(datastore, f"/calico/docker/v1/host/h2/network/{network}", {"name": "twice"})
        before = tree(datastore)

        with pytest.raises(ValidationError) as raised:
            Policy(datastore).apply(read(file))

        assert str(raised.value).startswith(complaint)
        assert tree(datastore) == before


class TestDelete:
    def test_removes_what_is_named_and_takes_profiles_off_endpoints(self, datastore: MemoryDatastore) -> None:
        policy = Policy(datastore)
        before = tree(datastore)
        policy.apply(read(FILE))
        put(datastore, f"{PROFILE}/web/labels", "{}")

        plan = policy.delete(read(FILE.replace("[web, base]", "[web]")))

        assert actions(plan) == [
            "profile web deleted",
            "pool 10.1.0.0/16 deleted",
            "bgp-peer 192.0.2.1 deleted",
            "endpoint e1 changed",
        ]
        after = tree(datastore)
        assert after.keys() == before.keys()
        assert json.loads(after[ENDPOINT])["profile_ids"] == ["base"]

    def test_what_is_not_there_needs_not_be_removed(self, datastore: MemoryDatastore) -> None:
        before = datastore.list("/").revision

        plan = Policy(datastore).delete(read(FILE.replace("name: e1", "name: e9")))

        assert {change.action for change in plan.changes} == {"absent"}
        assert datastore.list("/").revision == before

    def test_a_profile_in_use_stays_with_all_the_rest(self, datastore: MemoryDatastore) -> None:
        policy = Policy(datastore)
        policy.apply(read(FILE))
        before = tree(datastore)

        with pytest.raises(
            ValidationError, match="f:1:1: profile base is in use by endpoint e1 of host h1; take it off"
        ):
            policy.delete((*read("{kind: profile, name: base}"), *read(FILE)[1:3]))
        assert tree(datastore) == before

        policy.delete(read("{kind: profile, name: base}"), unused=False)
        assert not Profiles(datastore).exists("base")

    def test_ends_the_claims_on_a_removed_pool_and_on_no_other(self, datastore: MemoryDatastore) -> None:
        Pools(datastore).add(["10.1.0.0/16", "10.2.0.0/16"])
        addresses = Addresses(datastore, "h1")
        addresses.assign("10.1.0.7")
        addresses.assign("10.2.0.7")

        Policy(datastore).delete(read("[{kind: pool, cidr: 10.1.0.0/16}, {kind: pool, cidr: 10.2.0.0/24}]"))

        assert [claim.cidr for claim in Affinities(datastore).list()] == ["10.2.0.0/26"]

    def test_is_one_transaction_that_others_make_it_look_again(self, datastore: MemoryDatastore) -> None:
        policy = Policy(datastore)
        policy.apply(read(FILE))
        watched = InterleavedDatastore(datastore)

        def change() -> None:
            Profiles(datastore).add_tag("web", "new")

        watched.arm(before={1 + [*Recorder(datastore, FILE)].index("transact"): change})
        Policy(watched).delete(read(FILE))

        assert watched.calls.count("transact") == 2
        assert not Profiles(datastore).exists("web")


class TestDocuments:
    def test_are_sorted_and_complete(self, datastore: MemoryDatastore) -> None:
        policy = Policy(datastore)
        Pools(datastore).add(["10.9.0.0/16", "9.0.0.0/8"])
        policy.apply(read(FILE))
        put(datastore, "/calico/bgp/v1/host/h2/peer_v4/192.0.2.0", {"ip": "192.0.2.0", "as_num": "7"})

        documents, faults = policy.documents()

        assert faults == ()
        assert [document.label for document in documents] == [
            "profile base",
            "profile web",
            "pool 9.0.0.0/8",
            "pool 10.1.0.0/16",
            "pool 10.9.0.0/16",
            "bgp-peer 192.0.2.1",
            "bgp-peer 192.0.2.0 of host h2",
            "endpoint e1",
        ]
        assert [document.kind for document in policy.documents(["pool"])[0]] == ["pool"] * 3

    def test_tell_what_was_observed_of_an_endpoint(self, datastore: MemoryDatastore) -> None:
        put(datastore, ENDPOINT, {"state": "active", "mac": "EE:ee:ee:ee:ee:ee", "ipv4_nets": ["10.1.0.1/32"]})

        (document,) = Policy(datastore).documents(["endpoint"])[0]

        assert document == EndpointDocument("e1", (), "h1", "libnetwork", "libnetwork")
        assert isinstance(document, EndpointDocument)
        assert document.status == {
            "state": "active",
            "interface": "calie1",
            "mac": "ee:ee:ee:ee:ee:ee",
            "addresses": ["10.1.0.1/32"],
        }

    def test_leave_out_what_cannot_be_understood_and_say_so(self, datastore: MemoryDatastore) -> None:
        put(datastore, f"{PROFILE}/bad/rules", "{")
        put(datastore, f"{PROFILE}/half/tags", "[]")
        put(datastore, f"{PROFILE}/a;b/tags", "[]")
        put(datastore, POOL, {"cidr": "10.2.0.0/16"})
        put(datastore, PEER, "[]")
        put(datastore, ENDPOINT, {"state": "odd"})

        documents, faults = Policy(datastore).documents()

        assert [document.label for document in documents] == ["profile base"]
        assert [fault.partition(": ")[0] for fault in faults] == [
            f"{PROFILE}/bad/rules",
            f"{PROFILE}/half/rules",
            POOL,
            PEER,
            ENDPOINT,
        ]
        assert faults[1].endswith("missing, so the profile drops everything")

    def test_a_plan_tells_before_and_after(self, datastore: MemoryDatastore) -> None:
        policy = Policy(datastore)
        policy.apply(read(WEB))

        plan = policy.plan_apply(read("[{kind: profile, name: web, tags: [x]}, {kind: pool, cidr: 10.1.0.0/16}]"))

        before, after = plan.changes[0].before, plan.changes[0].after
        assert isinstance(before, ProfileDocument)
        assert isinstance(after, ProfileDocument)
        assert (before.tags, after.tags) == (("web",), ("x",))
        assert (plan.changes[1].before, plan.changes[1].after) == (None, PoolDocument("10.1.0.0/16"))


def test_it_gives_up_when_others_are_always_faster(datastore: MemoryDatastore) -> None:
    class Busy(MemoryDatastore):
        def transact(self, compares: object, writes: object, *, timeout: float = 5.0) -> int:
            raise ConflictError

    with pytest.raises(ConflictError, match="other writers were faster"):
        Policy(Busy()).apply(read(WEB))


class Recorder(list[str]):
    """The calls that deleting a file makes."""

    def __init__(self, datastore: MemoryDatastore, file: str) -> None:
        copy = MemoryDatastore()
        for key, value in tree(datastore).items():
            put(copy, key, value)
        watched = InterleavedDatastore(copy)
        Policy(watched).delete(read(file))
        super().__init__(watched.calls)


def calls_of(datastore: MemoryDatastore, file: str) -> int:
    """The number of the call with which applying a file commits."""
    copy = MemoryDatastore()
    for key, value in tree(datastore).items():
        put(copy, key, value)
    watched = InterleavedDatastore(copy)
    Policy(watched).apply(read(file))
    return watched.calls.index("transact") + 1
