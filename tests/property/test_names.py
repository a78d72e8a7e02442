"""Whatever ids and names there are: what is meant is found alone, or nothing is."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from calico.client.names import SHORTEST_BEGINNING, Directory, match_endpoints, match_profiles
from calico.datastore.api import KeyValue
from calico.model.keys import EndpointKey
from calico.model.values import Endpoint

# Few letters, so that ids begin like one another and like names.
IDS = st.text("ab", min_size=1, max_size=7)
HOSTS = st.sampled_from(["h1", "h2"])
ADDRESSES = st.integers(0, 3).map("10.0.0.{}".format)
ORCHESTRATORS = st.sampled_from(["libnetwork", "docker"])
CONTAINERS = st.fixed_dictionaries(
    {
        "name": IDS | ADDRESSES,
        "project": st.sampled_from(["", "a", "ab"]),
        "service": st.sampled_from(["", "b", "ba"]),
        "endpoints": st.dictionaries(IDS, IDS, max_size=3),
    }
)
TEXTS = IDS | ADDRESSES | st.builds("{}/{}".format, IDS, IDS) | st.builds("{}@{}".format, IDS | ADDRESSES, IDS)


@st.composite
def endpoints(draw: st.DrawFn) -> list[tuple[EndpointKey, Endpoint]]:
    keys = draw(st.sets(st.builds(EndpointKey, HOSTS, ORCHESTRATORS, IDS, IDS), max_size=8))
    nets = st.lists(ADDRESSES.map("{}/32".format), max_size=2).map(tuple)
    return [(key, Endpoint("active", "cali1", None, (), draw(nets))) for key in sorted(keys)]


@st.composite
def directories(draw: st.DrawFn) -> list[KeyValue]:
    containers = draw(st.dictionaries(st.tuples(HOSTS, IDS), CONTAINERS, max_size=5))
    networks = draw(st.dictionaries(st.tuples(HOSTS, IDS), IDS, max_size=4))
    found = [(f"{host}/container/{identity}", record) for (host, identity), record in containers.items()]
    found += [(f"{host}/network/{identity}", {"name": name}) for (host, identity), name in networks.items()]
    return [KeyValue(f"/calico/docker/v1/host/{path}", json.dumps(value), 1) for path, value in sorted(found)]


def all_names(key: EndpointKey, endpoint: Endpoint, directory: Directory) -> set[str]:
    """Everything that an endpoint is called exactly."""
    names = directory.of_endpoint(key)
    compose = f"{names.project}/{names.service}" if names.project and names.service else ""
    addresses = {net.removesuffix("/32") for net in endpoint.nets}
    return ({key.endpoint, names.container, names.name, compose} | addresses) - {""}


@given(endpoints(), directories(), TEXTS)
def test_every_match_is_called_so_and_everything_called_so_matches(
    world: list[tuple[EndpointKey, Endpoint]], records: list[KeyValue], text: str
) -> None:
    directory = Directory(records)
    who, _, network = text.partition("@")
    on_network = [
        (key, endpoint)
        for key, endpoint in world
        if not network or _is_network(network, directory.of_endpoint(key).network, world, directory)
    ]
    exact = [key for key, endpoint in on_network if who in all_names(key, endpoint, directory)]
    begin = [
        key
        for key, _ in on_network
        if key.endpoint.startswith(who) or directory.of_endpoint(key).container.startswith(who)
    ]
    own = [key for key, _ in world if key.endpoint == text]

    found = [key for key, _ in match_endpoints(text, world, directory)]

    assert found == (own or exact or (begin if len(who) >= SHORTEST_BEGINNING else []))


def _is_network(text: str, network: str, world: list[tuple[EndpointKey, Endpoint]], directory: Directory) -> bool:
    known = {directory.of_endpoint(key).network for key, _ in world}
    called = {other for other in known if other and directory.network_name(other) == text}
    if text in known:
        return network == text
    if called or directory.networks_called(text):
        return network in called
    return len(text) >= SHORTEST_BEGINNING and network.startswith(text)


@given(endpoints(), directories())
def test_an_endpoint_that_is_found_alone_is_the_one_that_was_asked_for(
    world: list[tuple[EndpointKey, Endpoint]], records: list[KeyValue]
) -> None:
    directory = Directory(records)
    for key, endpoint in world:
        for name in all_names(key, endpoint, directory):
            found = match_endpoints(name, world, directory)
            # Either it is among those found, or its name is the very id of another one.
            assert key in [other for other, _ in found] or all(other.endpoint == name for other, _ in found)


@given(st.sets(IDS, max_size=8), st.sets(IDS, max_size=3), IDS, st.booleans())
def test_a_profile_is_never_guessed(profiles: set[str], called: set[str], text: str, beginnings: bool) -> None:
    found = match_profiles(text, profiles, called, beginnings=beginnings)

    begin = {name for name in profiles if name.startswith(text)}
    if text in profiles:
        assert found == (text,)
    elif called & profiles:
        assert set(found) == called & profiles
    else:
        assert set(found) == (begin if beginnings and len(text) >= SHORTEST_BEGINNING else set())
