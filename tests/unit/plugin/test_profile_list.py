"""Profiles named when a network or an attachment is made: read, looked up, joined in order."""

import pytest

from calico.model.errors import ValidationError
from calico.model.keys import NetworkKey, ProfileRulesKey, ProfileTagsKey
from calico.model.values import DockerNetwork, ProfileRules, Rule, default_profile
from calico.plugin.profile_list import endpoint_profiles, joined, network_profiles
from tests.unit.plugin.test_plugin import CREATE_ENDPOINT, CREATE_NETWORK, NETWORK, Plugin


def create_network(plugin: Plugin, **options: str) -> None:
    plugin.must("NetworkDriver.CreateNetwork", {**CREATE_NETWORK, "Options": {"com.docker.network.generic": options}})


def profiles_of_endpoint(plugin: Plugin, **options: object) -> tuple[str, ...]:
    named = {f"calico.{name}": value for name, value in options.items()}
    plugin.must("NetworkDriver.CreateEndpoint", {**CREATE_ENDPOINT, "Options": {"com.docker.x": 1, **named}})
    endpoint = plugin.endpoint()
    assert endpoint is not None
    return endpoint.profiles


def test_a_network_s_named_profiles_are_made_and_given_in_order() -> None:
    plugin = Plugin()

    create_network(plugin, profiles="WEB, BASE")

    assert profiles_of_endpoint(plugin) == ("WEB", "BASE")
    assert plugin.store.get(ProfileRulesKey("WEB"), ProfileRules) == default_profile("WEB").rules
    assert plugin.store.get(ProfileRulesKey(NETWORK), ProfileRules) is None


def test_existing_profiles_are_kept_and_found_without_regard_to_case() -> None:
    plugin = Plugin()
    rules = ProfileRules(inbound=(Rule("deny"),))
    plugin.put(ProfileTagsKey("Web"), ("Web",))
    plugin.put(ProfileRulesKey("Web"), rules)

    create_network(plugin, profiles="web")

    assert profiles_of_endpoint(plugin) == ("Web",)
    assert plugin.store.get(ProfileRulesKey("Web"), ProfileRules) == rules


def test_named_profiles_outlive_the_network() -> None:
    plugin = Plugin()
    create_network(plugin, profiles="WEB")

    plugin.must("NetworkDriver.DeleteNetwork", {"NetworkID": NETWORK})

    assert plugin.store.get(ProfileRulesKey("WEB"), ProfileRules) is not None
    assert plugin.store.get(NetworkKey(NETWORK), DockerNetwork) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("db", ("DB",)),
        ("db,@network", ("DB", NETWORK)),
        ("@network,db", (NETWORK, "DB")),
        ("@network", (NETWORK,)),
        ("DB,db", ("DB",)),
    ],
)
def test_an_attachment_names_its_own(value: str, expected: tuple[str, ...]) -> None:
    plugin = Plugin()
    create_network(plugin)
    plugin.put(ProfileTagsKey("DB"), ("DB",))

    assert profiles_of_endpoint(plugin, profiles=value) == expected


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"calico.profiles": "nobody"}, "profile nobody does not exist: make it with `calicoctl profile add nobody`"),
        ({"calico.profiles": "two"}, "ambiguous"),
        ({"calico.profiles": ""}, "names no profile"),
        ({"calico.profiles": 7}, "names no profile"),
        ({"calico.profiles": "a;b"}, "profile 'a;b' is not a valid name"),
        ({"calico.policy": "x"}, "does not know the option 'calico.policy'; it knows calico.profiles"),
    ],
)
def test_attachments_that_cannot_be_honoured_are_refused(options: dict[str, object], fault: str) -> None:
    plugin = Plugin()
    create_network(plugin)
    for name in ("Two", "TWO"):
        plugin.put(ProfileTagsKey(name), (name,))

    status, answer = plugin.call("NetworkDriver.CreateEndpoint", {**CREATE_ENDPOINT, "Options": options})

    assert status == 500
    assert fault in str(answer["Err"])
    assert plugin.endpoint() is None


def test_unknown_network_options_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError, match="does not know the option 'profile'; it knows profiles"):
        network_profiles({"profile": "x"})


def test_options_of_others_are_let_be() -> None:
    assert endpoint_profiles({"com.docker.network.portmap": [], "other.thing": "x"}) == ()


def test_each_profile_stands_once_at_its_first_place() -> None:
    assert joined(["a", "@network", "b"], ["n", "a"]) == ("a", "n", "b")
