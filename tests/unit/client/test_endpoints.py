"""Endpoints: finding one among many, and editing its list of profiles."""

import pytest

from calico.client.endpoints import Endpoints
from calico.client.profiles import Profiles
from calico.datastore.api import DEFAULT_TIMEOUT, Put, Snapshot
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import AlreadyExistsError, NotFoundError, ValidationError
from calico.model.keys import EndpointKey
from calico.model.record import replace
from calico.model.values import Endpoint
from tests.fakes.interleaving import InterleavedDatastore

SEVERAL = "More than 1 endpoint matches the provided criteria.  Please provide additional parameters to refine the"
KEYS = tuple(
    EndpointKey(*parts)
    for parts in (
        ("h1", "docker", "w1", "e1"),
        ("h1", "libnetwork", "libnetwork", "e2"),
        ("h1", "libnetwork", "libnetwork", "e3"),
        ("h10", "libnetwork", "libnetwork", "e4"),
        ("h2", "libnetwork", "libnetwork", "e2"),
    )
)
E1 = KEYS[0]
ENDPOINT = Endpoint("active", "cali1", "ee:ee:ee:ee:ee:ee", ("A", "B"), ("10.0.0.1/32",))


class ListingDatastore:
    """Records which directories are listed."""

    def __init__(self, inner: MemoryDatastore) -> None:
        self._inner = inner
        self.get = inner.get
        self.transact = inner.transact
        self.watch = inner.watch
        self.compact = inner.compact
        self.close = inner.close
        self.directories: list[str] = []

    def list(self, directory: str, *, timeout: float = DEFAULT_TIMEOUT) -> Snapshot:
        self.directories.append(directory)
        return self._inner.list(directory, timeout=timeout)


@pytest.fixture
def datastore() -> MemoryDatastore:
    """Five endpoints with profiles A and B; C and D exist too."""
    store = MemoryDatastore()
    for key in KEYS:
        Endpoints(store).create(key, ENDPOINT)
    for name in "ABCD":
        Profiles(store).create(name)
    return store


@pytest.fixture
def endpoints(datastore: MemoryDatastore) -> Endpoints:
    return Endpoints(datastore)


def profiles_of(endpoints: Endpoints) -> tuple[str, ...]:
    return endpoints.get(E1).profiles


class TestList:
    @pytest.mark.parametrize(
        ("filters", "expected", "directories"),
        [
            ({}, KEYS, ["/calico/v1/host"]),
            ({"host": "h1"}, KEYS[:3], ["/calico/v1/host/h1/workload"]),
            ({"host": "h1", "orchestrator": "docker"}, KEYS[:1], ["/calico/v1/host/h1/workload/docker"]),
            (
                {"host": "h1", "orchestrator": "libnetwork", "workload": "libnetwork"},
                KEYS[1:3],
                ["/calico/v1/host/h1/workload/libnetwork/libnetwork"],
            ),
            (
                {"host": "h1", "orchestrator": "libnetwork", "workload": "libnetwork", "endpoint": "e3"},
                KEYS[2:3],
                [],
            ),
            ({"endpoint": "e2"}, (KEYS[1], KEYS[4]), ["/calico/v1/host"]),
            ({"host": "h1", "workload": "w1"}, KEYS[:1], ["/calico/v1/host/h1/workload"]),
            ({"orchestrator": "docker", "workload": "libnetwork"}, (), ["/calico/v1/host"]),
            ({"endpoint": "e"}, (), ["/calico/v1/host"]),
        ],
    )
    def test_combines_exact_filters_and_reads_as_little_as_they_allow(
        self,
        datastore: MemoryDatastore,
        filters: dict[str, str],
        expected: tuple[EndpointKey, ...],
        directories: list[str],
    ) -> None:
        listing = ListingDatastore(datastore)
        found = Endpoints(listing).list(**filters)
        assert tuple(key for key, _ in found) == expected
        assert listing.directories == directories

    @pytest.mark.parametrize("text", ["a/b", "/", "..", "a b", "\n", "//"])
    @pytest.mark.parametrize("name", ["host", "endpoint"])
    def test_finds_nothing_for_what_cannot_be_part_of_a_key(self, endpoints: Endpoints, name: str, text: str) -> None:
        assert endpoints.list(**{name: text}) == ()

    def test_leaves_out_what_cannot_be_understood(self, datastore: MemoryDatastore, endpoints: Endpoints) -> None:
        datastore.transact((), (Put(E1.path, "{"), Put("/calico/v1/host/h1/bird_ip", "10.0.0.1")))
        assert [key for key, _ in endpoints.list(host="h1")] == list(KEYS[1:3])


class TestFind:
    def test_gives_the_only_match(self, endpoints: Endpoints) -> None:
        assert endpoints.find(endpoint="e3") == (KEYS[2], ENDPOINT)
        assert endpoints.find(endpoint="e2", host="h2") == (KEYS[4], ENDPOINT)

    def test_refuses_to_choose(self, endpoints: Endpoints) -> None:
        with pytest.raises(ValidationError, match=SEVERAL):
            endpoints.find(endpoint="e2")

    def test_tells_what_is_unknown(self, endpoints: Endpoints) -> None:
        with pytest.raises(NotFoundError, match=r"Endpoint e9 is unknown to Calico\."):
            endpoints.find(endpoint="e9")


class TestLife:
    def test_create_refuses_what_exists(self, endpoints: Endpoints) -> None:
        with pytest.raises(AlreadyExistsError, match=r"Endpoint e1 already exists\."):
            endpoints.create(E1, replace(ENDPOINT, state="inactive"))
        assert endpoints.get(E1) == ENDPOINT

    def test_update_gives_what_it_wrote(self, endpoints: Endpoints) -> None:
        wanted = replace(ENDPOINT, state="inactive")
        assert endpoints.update(E1, lambda found: replace(found, state="inactive")) == wanted
        assert endpoints.get(E1) == wanted

    def test_update_without_a_difference_writes_nothing(self, datastore: MemoryDatastore) -> None:
        seen = InterleavedDatastore(datastore)
        Endpoints(seen).update(E1, lambda found: found)
        assert "transact" not in seen.calls

    def test_delete_tells_whether_there_was_one(self, datastore: MemoryDatastore, endpoints: Endpoints) -> None:
        datastore.transact((), (Put(E1.path, "garbage"),))
        assert endpoints.delete(E1)
        assert not endpoints.delete(E1)

    def test_of_one_that_is_gone_is_over(self, endpoints: Endpoints) -> None:
        endpoints.delete(E1)
        operations = (
            lambda: endpoints.get(E1),
            lambda: endpoints.update(E1, lambda found: found),
            lambda: endpoints.append_profiles(E1, ["C"]),
            lambda: endpoints.remove_profiles(E1, ["A"]),
            lambda: endpoints.set_profiles(E1, ["A"]),
        )
        for operation in operations:
            with pytest.raises(NotFoundError, match=r"Endpoint e1 is unknown to Calico\."):
                operation()

    def test_a_change_meanwhile_is_kept(self, datastore: MemoryDatastore, endpoints: Endpoints) -> None:
        seen = InterleavedDatastore(datastore)
        seen.arm(before={2: lambda: endpoints.append_profiles(E1, ["C"])})
        Endpoints(seen).update(E1, lambda found: replace(found, state="inactive"))
        assert endpoints.get(E1) == replace(ENDPOINT, state="inactive", profiles=("A", "B", "C"))


class TestAppend:
    def test_puts_them_at_the_end_in_the_order_given(self, endpoints: Endpoints) -> None:
        assert endpoints.append_profiles(E1, ["D", "C"])
        assert profiles_of(endpoints) == ("A", "B", "D", "C")

    def test_of_what_is_there_already_changes_nothing(self, endpoints: Endpoints) -> None:
        assert not endpoints.append_profiles(E1, ["B", "A"])
        assert profiles_of(endpoints) == ("A", "B")

    def test_of_some_that_are_there_is_refused_as_a_whole(self, endpoints: Endpoints) -> None:
        with pytest.raises(ValidationError, match="Profile A is already in endpoint profile list"):
            endpoints.append_profiles(E1, ["C", "B", "A"])
        assert profiles_of(endpoints) == ("A", "B")

    def test_loses_nothing_to_another_writer(self, datastore: MemoryDatastore, endpoints: Endpoints) -> None:
        seen = InterleavedDatastore(datastore)
        seen.arm(before={3: lambda: endpoints.append_profiles(E1, ["D"])})
        assert Endpoints(seen).append_profiles(E1, ["C"])
        assert profiles_of(endpoints) == ("A", "B", "D", "C")

    def test_of_a_profile_deleted_meanwhile_is_refused(
        self, datastore: MemoryDatastore, endpoints: Endpoints
    ) -> None:
        seen = InterleavedDatastore(datastore)
        seen.arm(before={3: lambda: Profiles(datastore).delete("C")})
        with pytest.raises(NotFoundError, match=r"Profile with name C was not found\."):
            Endpoints(seen).append_profiles(E1, ["C"])
        assert profiles_of(endpoints) == ("A", "B")


class TestRemove:
    def test_keeps_the_order_of_the_rest(self, endpoints: Endpoints) -> None:
        endpoints.set_profiles(E1, ["A", "B", "C", "D"])
        assert endpoints.remove_profiles(E1, ["C", "A"])
        assert profiles_of(endpoints) == ("B", "D")

    def test_of_what_is_not_there_changes_nothing(self, endpoints: Endpoints) -> None:
        assert not endpoints.remove_profiles(E1, ["C", "D"])
        assert profiles_of(endpoints) == ("A", "B")

    def test_of_some_that_are_not_there_is_refused_as_a_whole(self, endpoints: Endpoints) -> None:
        with pytest.raises(ValidationError, match=r"Profile C is not in endpoint profile list\."):
            endpoints.remove_profiles(E1, ["A", "C", "D"])
        assert profiles_of(endpoints) == ("A", "B")

    def test_works_for_a_profile_that_was_deleted(self, datastore: MemoryDatastore, endpoints: Endpoints) -> None:
        Profiles(datastore).delete("A")
        assert endpoints.remove_profiles(E1, ["A"])
        assert profiles_of(endpoints) == ("B",)


class TestSet:
    def test_replaces_the_list(self, endpoints: Endpoints) -> None:
        endpoints.set_profiles(E1, ["D", "A"])
        assert profiles_of(endpoints) == ("D", "A")
        endpoints.set_profiles(E1, [])
        assert profiles_of(endpoints) == ()


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (["X"], NotFoundError, r"Profile with name X was not found\."),
        (["C", "X"], NotFoundError, r"Profile with name X was not found\."),
        (["C", "D", "C"], ValidationError, r"Profile with name C was specified more than once\."),
        (["Profile!", "C"], ValidationError, "'Profile!' is not a valid name"),
        (["C", "a/b"], ValidationError, "'a/b' is not a valid name"),
    ],
)
def test_names_are_checked_before_anything_changes(
    endpoints: Endpoints, names: list[str], error: type[Exception], message: str
) -> None:
    for operation in (endpoints.append_profiles, endpoints.remove_profiles, endpoints.set_profiles):
        with pytest.raises(error, match=message):
            operation(E1, names)
        assert profiles_of(endpoints) == ("A", "B")
