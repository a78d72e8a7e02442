"""The faulty datastore: faults come when they are due, and then no more."""

import pytest

from calico.datastore.api import Put
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import CompactedError, ConflictError, UnavailableError
from tests.fakes.datastore import FaultyDatastore


@pytest.fixture
def store() -> FaultyDatastore:
    return FaultyDatastore(MemoryDatastore())


def test_the_next_calls_fail_and_write_nothing(store: FaultyDatastore) -> None:
    store.fail_next(calls=2)
    for _ in range(2):
        with pytest.raises(UnavailableError):
            store.transact([], [Put("/a", "x")])

    assert store.get("/a") is None
    assert store.calls == ["transact", "transact", "get"]


def test_a_fault_waits_for_its_operation(store: FaultyDatastore) -> None:
    store.fail_next(ConflictError("lost"), on="transact")

    assert store.list("/").entries == ()
    with pytest.raises(ConflictError, match="lost"):
        store.transact([], [Put("/a", "x")])
    store.transact([], [Put("/a", "x")])


def test_a_datastore_that_is_down_fails_every_call_and_open_watches_too(store: FaultyDatastore) -> None:
    with store.watch("/", 0) as watch:
        store.go_down()
        for call in (lambda: watch.next(0), lambda: store.get("/a"), lambda: store.compact(0)):
            with pytest.raises(UnavailableError):
                call()

        store.come_up()
        store.fail_next(CompactedError(7), on="next")
        with pytest.raises(CompactedError):
            watch.next(0)
        assert watch.next(0).events == ()
