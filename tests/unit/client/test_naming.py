"""What is recorded of an engine's descriptions, and that only differences are written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.client.naming import (
    Container,
    Naming,
    Touched,
    container_record,
    network_record,
    read_container,
    read_containers,
    read_event,
    read_networks,
)
from calico.client.store import Store
from calico.datastore.api import Put
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import ValidationError
from calico.model.keys import ContainerNameKey, EndpointKey, NetworkNameKey, names_path
from calico.model.values import ContainerName, Endpoint, NetworkName
from tests.fakes.datastore import FaultyDatastore

LABELS = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web", "a": "b"}
NETWORKS = {
    "net1": {"NetworkID": "n1", "EndpointID": "e1", "IPAddress": "192.168.0.0"},
    "bridge": {"NetworkID": "n2", "EndpointID": ""},
}
LISTED = {"Id": "c1", "Names": ["/other/db", "/web_1"], "Labels": LABELS, "NetworkSettings": {"Networks": NETWORKS}}
INSPECTED = {"Id": "c1", "Name": "/web_1", "Config": {"Labels": LABELS}, "NetworkSettings": {"Networks": NETWORKS}}
WEB = Container("c1", "web_1", "shop", "web", (("n1", "e1"), ("n2", "")))


@pytest.mark.parametrize("description", [LISTED, INSPECTED])
def test_both_descriptions_of_a_container_are_understood(description: object) -> None:
    assert read_container(description) == WEB


@pytest.mark.parametrize(
    "labels",
    [
        None,
        [],
        {"com.docker.compose.project": None},
        {"com.docker.compose.project": "a/b", "com.docker.compose.service": "\x1b[2J"},
        {"com.docker.compose.project": "x" * 129, "com.docker.compose.service": {"a": 1}},
    ],
)
def test_labels_that_could_not_be_typed_again_are_none(labels: object) -> None:
    found = read_container({**INSPECTED, "Config": {"Labels": labels}})

    assert (found.name, found.project, found.service) == ("web_1", "", "")


@pytest.mark.parametrize("name", [None, 3, "", "/", "/a b", "/" + "x" * 129, "/\udcff"])
def test_a_container_may_have_no_name_of_use(name: object) -> None:
    assert read_container({**INSPECTED, "Name": name}).name == ""


def test_a_list_leaves_out_what_it_cannot_understand() -> None:
    assert read_containers([LISTED, {}, None, {"Id": "../x"}]) == (WEB,)
    assert read_containers({"message": "no"}) == ()


def test_networks_are_those_of_our_driver() -> None:
    described = [
        {"Id": "n1", "Name": "net1", "Driver": "calico"},
        {"Id": "n2", "Name": "bridge", "Driver": "bridge"},
        {"Id": "n/3", "Name": "x", "Driver": "calico"},
        {"Id": "n4", "Name": None, "Driver": "calico"},
    ]

    assert read_networks(described) == {"n1": "net1", "n4": ""}


def event(kind: str, action: str, identity: str, **attributes: str) -> object:
    return {"Type": kind, "Action": action, "Actor": {"ID": identity, "Attributes": attributes}, "time": 1}


@pytest.mark.parametrize(
    ("description", "touched"),
    [
        (event("container", "rename", "c1", name="www", oldName="/web"), Touched("c1")),
        (event("network", "create", "n1", name="net", type="calico"), Touched("", "n1", "net")),
        (event("network", "connect", "n1", name="net", type="calico", container="c1"), Touched("c1", "n1", "net")),
        (event("network", "destroy", "n1", name="net", type="calico"), Touched("", "n1", "net", gone=True)),
        (event("network", "connect", "n2", name="bridge", type="bridge", container="c1"), Touched()),
        (event("volume", "create", "v1"), Touched()),
        (event("container", "start", "../c1"), Touched()),
    ],
)
def test_events_say_what_to_look_at(description: object, touched: Touched) -> None:
    assert read_event(description) == touched


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("Id Name Names Config Labels NetworkSettings Networks Type Actor ID Attributes".split()),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_a_strange_description_is_never_a_crash(description: object) -> None:
    read_event(description)
    read_networks(description)
    read_containers([description])
    try:
        found = read_container(description)
    except ValidationError:
        return
    record = container_record(found, {"n1"}, by_hand=True)
    assert record is not None


def test_only_attachments_to_our_networks_count() -> None:
    assert container_record(WEB, {"n1"}, by_hand=False) == ContainerName("web_1", "shop", "web", (("e1", "n1"),))
    assert container_record(WEB, {"n2"}, by_hand=False) == ContainerName("web_1", "shop", "web")
    assert container_record(WEB, {"n3"}, by_hand=False) is None
    assert container_record(WEB, (), by_hand=True) == ContainerName("web_1", "shop", "web")


def test_a_network_name_is_kept_when_it_is_one_short_line() -> None:
    assert network_record("my net") == NetworkName("my net")
    for name in ("", "a\nb", "\x1b[2J", "x" * 129):
        assert network_record(name) is None


class Host:
    """The records of ``h1`` in a datastore that counts calls."""

    def __init__(self) -> None:
        self.datastore = FaultyDatastore(MemoryDatastore())
        self.store = Store(self.datastore)
        self.naming = Naming(self.store, "h1")

    def container(self) -> ContainerName | None:
        return self.store.get(ContainerNameKey("h1", "c1"), ContainerName)

    def writes(self) -> int:
        return self.datastore.calls.count("transact")

    def paths(self) -> list[str]:
        return [item.key for item in self.store.raw(names_path("h1"))]

    def put(self, path: str, value: object) -> None:
        self.datastore.inner.transact([], [Put(path, json.dumps(value))])


def test_sync_writes_once_and_then_nothing() -> None:
    host = Host()

    host.naming.sync([WEB], {"n1": "net1"})
    assert host.container() == ContainerName("web_1", "shop", "web", (("e1", "n1"),))
    assert host.store.get(NetworkNameKey("h1", "n1"), NetworkName) == NetworkName("net1")
    host.naming.sync([WEB], {"n1": "net1"})
    host.naming.update_container("c1", WEB, {"n1"})
    host.naming.update_network("n1", "net1")

    assert host.writes() == 1


def test_sync_of_nothing_removes_all_of_this_host_only() -> None:
    host = Host()
    host.naming.sync([WEB], {"n1": "net1"})
    host.put("/calico/docker/v1/host/h1/container/c9", "garbage")
    host.put("/calico/docker/v1/host/h1/volume/v1", {"name": "not ours"})
    Naming(host.store, "h2").sync([WEB], {"n1": "net1"})

    host.naming.sync([], {})

    assert host.paths() == ["/calico/docker/v1/host/h1/volume/v1"]
    assert len(host.store.raw(names_path("h2"))) == 2


def test_a_thousand_containers_are_written_in_parts_that_the_datastore_takes() -> None:
    host = Host()
    many = [Container(f"c{number}", f"web-{number}", "", "", (("n1", f"e{number}"),)) for number in range(1000)]

    host.naming.sync(many, {"n1": "net1"})
    assert len(host.paths()) == 1001
    host.naming.sync(many[:1], {})

    assert host.paths() == []
    assert host.writes() == 22


def test_a_container_with_an_endpoint_made_by_hand_is_recorded() -> None:
    host = Host()
    key = EndpointKey("h1", "docker", "c1", "e9")
    host.store.run(lambda transaction: transaction.put(key, Endpoint("active", "cali1", None)))

    host.naming.sync([WEB], {})
    assert host.container() == ContainerName("web_1", "shop", "web")
    host.store.run(lambda transaction: transaction.delete(key))
    host.naming.update_container("c1", WEB, ())

    assert host.container() is None


@pytest.mark.parametrize("found", [None, WEB])
def test_a_record_that_is_garbage_is_mended_or_removed(found: Container | None) -> None:
    host = Host()
    host.put(ContainerNameKey("h1", "c1").path, {"name": 3})

    host.naming.update_container("c1", found, {"n1"})

    assert (host.container() is None) == (found is None)


def test_a_network_that_gets_an_unfit_name_loses_its_record() -> None:
    host = Host()
    host.naming.update_network("n1", "net1")
    host.naming.update_network("n1", "a\nb")

    assert host.paths() == []


def test_unknown_fields_stay() -> None:
    host = Host()
    host.put(ContainerNameKey("h1", "c1").path, {"name": "old", "endpoints": {}, "owner": "me"})

    host.naming.sync([WEB], {"n1": "net1"})

    found = host.container()
    assert found is not None
    assert (found.name, found.extra) == ("web_1", {"owner": "me"})
