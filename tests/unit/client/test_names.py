"""Which endpoint, profile or tag is meant: exactly one, or an error that lists the choice."""

import json

import pytest

from calico.client.names import Directory, EndpointNames, Names, match_endpoints, match_profiles
from calico.client.profiles import Profiles
from calico.datastore.api import Put
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import AmbiguousError, NotFoundError, ValidationError
from calico.model.keys import EndpointKey
from calico.model.values import Endpoint

NET1, NET2, NET3 = "46007b33d4dd" + "0" * 52, "f67ee3a3ec1b" + "1" * 52, "99007b33d4dd" + "2" * 52
WEB_ID, DB_ID, TWIN_ID = "6a853ddc289c" + "a" * 52, "7362daf3b8d4" + "b" * 52, "8833ddc289c1" + "c" * 52
E1, E2, E3, E4 = (
    "5a21f63bc17f" + "1" * 52,
    "5a21aaaabbbb" + "2" * 52,
    "a2205294d53d" + "3" * 52,
    "b2205294d53d" + "4" * 52,
)


class World:
    """``web`` of shop/web on two networks, ``db`` made by hand, and another host with a ``db`` and a ``net1``."""

    def __init__(self) -> None:
        self.datastore = MemoryDatastore()
        self.names = Names(self.datastore)
        self.profiles = Profiles(self.datastore)
        for name in (NET1, NET2, NET3, "WEB", "PRODUCTION", "4600"):
            self.profiles.create(name)
        self.endpoint("h1", "libnetwork/libnetwork", E1, "10.0.0.1", "fd80::1")
        self.endpoint("h1", "libnetwork/libnetwork", E2, "10.0.0.2")
        self.endpoint("h1", f"docker/{DB_ID}", E3, "10.0.0.3")
        self.endpoint("h2", "libnetwork/libnetwork", E4, "10.0.1.1")
        web = {"name": "web", "project": "shop", "service": "web", "endpoints": {E1: NET1, E2: NET2}}
        self.put(f"/calico/docker/v1/host/h1/container/{WEB_ID}", web)
        self.put(f"/calico/docker/v1/host/h1/container/{DB_ID}", {"name": "db", "endpoints": {}})
        self.put(f"/calico/docker/v1/host/h2/container/{TWIN_ID}", {"name": "db", "endpoints": {E4: NET3}})
        self.network("h1", NET1, "net1")
        self.network("h1", NET2, "net2")
        self.network("h2", NET3, "net1")

    def put(self, path: str, value: object) -> None:
        self.datastore.transact([], [Put(path, json.dumps(value))])

    def endpoint(self, host: str, owner: str, identity: str, *addresses: str) -> None:
        nets = [f"{address}/{128 if ':' in address else 32}" for address in addresses]
        by_version = {f"ipv{v}_nets": [net for net in nets if (":" in net) == (v == 6)] for v in (4, 6)}
        path = f"/calico/v1/host/{host}/workload/{owner}/endpoint/{identity}"
        self.put(path, {"state": "active", "profile_ids": ["WEB"], **by_version})

    def network(self, host: str, identity: str, name: str) -> None:
        self.put(f"/calico/docker/v1/host/{host}/network/{identity}", {"name": name})


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (E1, E1),
        (E1[:9], E1),
        (E3[:4], E3),
        ("10.0.0.1", E1),
        ("fd80::1", E1),
        ("FD80:0::1", E1),
        ("web@net1", E1),
        ("web@net2", E2),
        (f"web@{NET2}", E2),
        (f"web@{NET2[:6]}", E2),
        ("shop/web@net1", E1),
        (f"{WEB_ID[:12]}@net1", E1),
        (f"{WEB_ID}@net2", E2),
        (f"{E1}@net1", E1),
        (f"{E1[:6]}@net1", E1),
        ("10.0.0.2@net2", E2),
        (DB_ID, E3),
        (DB_ID[:12], E3),
        (TWIN_ID, E4),
        ("db@net1", E4),
    ],
)
def test_an_endpoint_is_found(world: World, text: str, meant: str) -> None:
    assert world.names.resolve_endpoint(text).endpoint == meant


@pytest.mark.parametrize(
    ("text", "endpoints"),
    [
        ("web", {E1, E2}),
        ("shop/web", {E1, E2}),
        (WEB_ID, {E1, E2}),
        (WEB_ID[:12], {E1, E2}),
        ("5a21", {E1, E2}),
        ("db", {E3, E4}),
    ],
)
def test_several_are_listed_with_what_tells_them_apart(world: World, text: str, endpoints: set[str]) -> None:
    with pytest.raises(AmbiguousError) as refusal:
        world.names.resolve_endpoint(text)

    assert {line.partition(",")[0] for line in refusal.value.candidates} == {endpoint[:12] for endpoint in endpoints}
    assert "More than 1 endpoint matches" in str(refusal.value)


def test_a_candidate_says_all_that_is_known_of_it(world: World) -> None:
    with pytest.raises(AmbiguousError) as refusal:
        world.names.resolve_endpoint("web")

    assert refusal.value.candidates == (
        "5a21aaaabbbb, container web, service shop/web, network net2, host h1, 10.0.0.2",
        "5a21f63bc17f, container web, service shop/web, network net1, host h1, 10.0.0.1, fd80::1",
    )


def test_ids_are_shown_as_long_as_they_must_be(world: World) -> None:
    world.endpoint("h1", "libnetwork/libnetwork", E1[:-1] + "9", "10.0.0.9")

    with pytest.raises(AmbiguousError) as refusal:
        world.names.resolve_endpoint(E1[:12])

    assert [line.partition(",")[0] for line in refusal.value.candidates] == [E1, E1[:-1] + "9"]


def test_filters_choose(world: World) -> None:
    assert world.names.resolve_endpoint("db", host="h2").endpoint == E4
    assert world.names.resolve_endpoint("db", orchestrator="docker").endpoint == E3
    with pytest.raises(NotFoundError):
        world.names.resolve_endpoint("db", host="h3")


@pytest.mark.parametrize(
    "text", ["5a2", "we", "shop/db", "web@net3", "web@", "10.0.0.9", "db@net2", NET1, "h1", "libnetwork"]
)
def test_nothing_else_is_an_endpoint(world: World, text: str) -> None:
    with pytest.raises((NotFoundError, ValidationError)) as refusal:
        world.names.resolve_endpoint(text)

    assert not isinstance(refusal.value, AmbiguousError)


@pytest.mark.parametrize(
    "text", ["", "@", "@net1", "a b", "a/b/c", "/", "shop/", "x" * 129, "\x1b[2J", "web@a\nb", "*"]
)
def test_what_nothing_could_be_called_says_what_to_give(world: World, text: str) -> None:
    with pytest.raises(ValidationError, match="is not a valid name"):
        world.names.resolve_endpoint(text)


def test_an_exact_id_goes_before_names_and_names_before_beginnings(world: World) -> None:
    world.endpoint("h1", "libnetwork/libnetwork", "db", "10.0.0.7")
    assert world.names.resolve_endpoint("db").endpoint == "db"

    named = {"name": E1[:8], "endpoints": {"e9": NET1}}
    world.endpoint("h1", "libnetwork/libnetwork", "e9", "10.0.0.8")
    world.put("/calico/docker/v1/host/h1/container/c9", named)
    assert world.names.resolve_endpoint(E1[:8]).endpoint == "e9"


def test_a_name_that_is_anothers_address_is_ambiguous(world: World) -> None:
    world.endpoint("h1", "libnetwork/libnetwork", "e9", "10.0.0.8")
    world.put("/calico/docker/v1/host/h1/container/c9", {"name": "10.0.0.1", "endpoints": {"e9": NET1}})

    with pytest.raises(AmbiguousError):
        world.names.resolve_endpoint("10.0.0.1")


def test_the_same_id_on_two_hosts_needs_the_host(world: World) -> None:
    world.endpoint("h2", "libnetwork/libnetwork", E1, "10.0.1.9")

    with pytest.raises(AmbiguousError) as refusal:
        world.names.resolve_endpoint(E1)
    assert [line.split(", ")[-2:] for line in refusal.value.candidates] == [
        ["10.0.0.1", "fd80::1"],
        ["host h2", "10.0.1.9"],
    ]
    assert world.names.resolve_endpoint(E1, host="h2").host == "h2"


@pytest.mark.parametrize(
    ("text", "hint"),
    [("wbe", "Did you mean web?"), ("shop/wen", "Did you mean shop/web?"), ("nothing-like-it", "Calico.")],
)
def test_a_mistyped_endpoint_gets_a_suggestion(world: World, text: str, hint: str) -> None:
    with pytest.raises(NotFoundError) as refusal:
        world.names.resolve_endpoint(text)

    assert str(refusal.value).endswith(hint)


def test_a_container_that_does_not_run_is_told_from_an_unknown_one(world: World) -> None:
    world.put("/calico/docker/v1/host/h1/container/c9", {"name": "idle", "endpoints": {}})

    with pytest.raises(NotFoundError, match="Container idle has no endpoint while it does not run"):
        world.names.resolve_endpoint("idle")


def test_a_container_that_runs_elsewhere_is_not_said_to_be_idle(world: World) -> None:
    with pytest.raises(NotFoundError) as refusal:
        world.names.resolve_endpoint("web", host="h2")

    assert "does not run" not in str(refusal.value)


def test_a_service_is_called_by_both_words_or_not_at_all(world: World) -> None:
    world.endpoint("h1", "libnetwork/libnetwork", "e9", "10.0.0.8")
    for record in ({"project": "shop"}, {"service": "solo"}):
        world.put("/calico/docker/v1/host/h1/container/c9", {**record, "endpoints": {"e9": NET1}})
        assert world.names.directory().of_endpoint(EndpointKey("h1", "libnetwork", "libnetwork", "e9")).compose == ""


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("WEB", "WEB"),
        ("PROD", "PRODUCTION"),
        ("4600", "4600"),
        ("46007b", NET1),
        (NET1, NET1),
        ("net2", NET2),
    ],
)
def test_a_profile_is_found(world: World, text: str, meant: str) -> None:
    assert world.names.resolve_profile(text) == meant


@pytest.mark.parametrize("text", ["NONE", "PRO", "460", "web", ""])
def test_nothing_else_is_a_profile(world: World, text: str) -> None:
    with pytest.raises(NotFoundError, match=f"^Profile {text} not found"):
        world.names.resolve_profile(text)


def test_networks_of_one_name_are_listed_with_their_hosts(world: World) -> None:
    with pytest.raises(AmbiguousError) as refusal:
        world.names.resolve_profile("net1")

    assert refusal.value.candidates == (f"{NET1}, network net1 on h1", f"{NET3}, network net1 on h2")


def test_one_network_on_two_hosts_is_one(world: World) -> None:
    world.network("h2", NET2, "net2")

    assert world.names.resolve_profile("net2") == NET2


def test_a_network_whose_profile_is_gone_is_none(world: World) -> None:
    world.profiles.delete(NET3)

    assert world.names.resolve_profile("net1") == NET1


def test_a_network_with_one_profile_of_another_name_calls_that(world: World) -> None:
    world.put(f"/calico/libnetwork/v1/{NET2}", {"NetworkID": NET2, "Profiles": ["WEB"]})

    assert world.names.resolve_profile("net2") == "WEB"


def test_a_network_with_several_profiles_calls_none_of_them(world: World) -> None:
    world.put(f"/calico/libnetwork/v1/{NET2}", {"NetworkID": NET2, "Profiles": ["WEB", "PRODUCTION"]})

    with pytest.raises(AmbiguousError) as refusal:
        world.names.resolve_profile("net2")
    assert refusal.value.candidates == ("PRODUCTION", "WEB")


@pytest.mark.parametrize("value", [[], {"Profiles": "WEB"}, {"Profiles": []}, {"Profiles": [3]}])
def test_a_record_of_a_network_that_is_garbage_says_nothing_else(world: World, value: object) -> None:
    world.put(f"/calico/libnetwork/v1/{NET2}", value)

    assert world.names.resolve_profile("net2") == NET2


def test_only_whole_names_where_it_matters(world: World) -> None:
    assert world.names.resolve_profile("net2", beginnings=False) == NET2
    with pytest.raises(NotFoundError):
        world.names.resolve_profile("PROD", beginnings=False)


def test_known_names_count_though_their_profile_is_gone(world: World) -> None:
    assert world.names.resolve_profile("GONE-LONG-AGO", known=("GONE-LONG-AGO",)) == "GONE-LONG-AGO"
    assert world.names.resolve_profile("GONE-L", known=("GONE-LONG-AGO",)) == "GONE-LONG-AGO"


def test_a_mistyped_profile_gets_a_suggestion(world: World) -> None:
    with pytest.raises(NotFoundError, match=r"Did you mean PRODUCTION\?$"):
        world.names.resolve_profile("PRODUCTOIN")


def test_many_candidates_are_cut(world: World) -> None:
    for number in range(20):
        world.profiles.create(f"many-{number:02}")
    with pytest.raises(AmbiguousError) as refusal:
        world.names.resolve_profile("many")
    assert refusal.value.candidates == tuple(f"many-{number:02}" for number in range(20))
    for number in range(20, 30):
        world.profiles.create(f"many-{number:02}")

    with pytest.raises(AmbiguousError) as refusal:
        world.names.resolve_profile("many")

    assert len(refusal.value.candidates) == 21
    assert refusal.value.candidates[-1] == "and 10 more"


def test_a_tag_is_taken_as_it_is_unless_only_a_network_is_called_so(world: World) -> None:
    assert world.names.resolve_tag("net2") == NET2
    for literal in ("WEB", "nobody", NET2, "PROD", "a\nb"):
        assert world.names.resolve_tag(literal) == literal
    with pytest.raises(AmbiguousError):
        world.names.resolve_tag("net1")

    world.profiles.add_tag("WEB", "net2")
    assert world.names.resolve_tag("net2") == "net2"


def test_a_profile_called_like_a_network_keeps_its_tag(world: World) -> None:
    world.profiles.create("net2")
    world.profiles.remove_tag("net2", "net2")

    assert world.names.resolve_tag("net2") == "net2"


def test_a_network_with_a_list_of_profiles_has_no_tag_of_its_own(world: World) -> None:
    world.put(f"/calico/libnetwork/v1/{NET2}", {"NetworkID": NET2, "Profiles": ["WEB", "PRODUCTION"]})

    with pytest.raises(ValidationError, match="has no tag of its own: use one of its profiles, WEB, PRODUCTION"):
        world.names.resolve_tag("net2")
    assert world.names.tag_names([NET2]) == {}


def test_tags_are_named_only_where_the_name_means_them(world: World) -> None:
    assert world.names.tag_names([NET1, NET2, "WEB"]) == {NET2: "net2"}
    world.profiles.add_tag("WEB", "net2")
    assert world.names.tag_names([NET2]) == {}


def test_the_directory_says_what_an_endpoint_is_called(world: World) -> None:
    directory = world.names.directory()

    assert directory.of_endpoint(EndpointKey("h1", "libnetwork", "libnetwork", E1)) == EndpointNames(
        WEB_ID, "web", "shop", "web", NET1, "net1"
    )
    assert directory.of_endpoint(EndpointKey("h1", "docker", DB_ID, E3)) == EndpointNames(DB_ID, "db")
    assert directory.of_endpoint(EndpointKey("h1", "docker", "c9", "e9")) == EndpointNames("c9")
    assert directory.of_endpoint(EndpointKey("h2", "libnetwork", "libnetwork", E1)) == EndpointNames()


@pytest.mark.parametrize(
    "value", [[], {"name": 3}, {"name": "\x1b"}, {"endpoints": {"e": 1}}, {"name": "web", "endpoints": []}]
)
def test_records_that_are_garbage_name_nothing(world: World, value: object) -> None:
    world.put("/calico/docker/v1/host/h1/container/c9", value)
    world.put("/calico/docker/v1/host/h1/network/n9", value)

    assert world.names.resolve_endpoint("web@net1").endpoint == E1
    assert world.names.resolve_profile("net2") == NET2


def test_nothing_is_found_in_nothing() -> None:
    assert match_endpoints("web", [], Directory([])) == ()
    assert match_endpoints("", [], Directory([])) == ()
    key, endpoint = EndpointKey("h1", "libnetwork", "libnetwork", "e1"), Endpoint("active", "cali1", None)
    for text in ("", "@", "@net1"):
        assert match_endpoints(text, [(key, endpoint)], Directory([])) == ()
    assert match_profiles("", ["WEB"], ()) == ()
