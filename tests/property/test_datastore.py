"""Random transactions against a dict: every backend holds the same, and who watches ends with the same."""

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calico.datastore.api import Compare, Datastore, Delete, Event, Put
from calico.datastore.memory import MemoryDatastore
from calico.datastore.sqlite import SqliteDatastore
from calico.model.errors import CompactedError, ConflictError

KEYS = ["/d", "/d/a", "/d/a/b", "/d/b", "/da", "/e/é"]
FAST_DISK = "/dev/shm" if Path("/dev/shm").is_dir() else None
Step = tuple[dict[str, bool], dict[str, str | None]]

# What a step asks for: conditions that must hold or not, and the new value of each key, None to remove it.
steps = st.tuples(
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from([True, True, True, False]), max_size=3),
    st.dictionaries(st.sampled_from(KEYS), st.none() | st.text(max_size=3), max_size=4),
)


def memory() -> AbstractContextManager[Datastore]:
    return nullcontext(MemoryDatastore())


class sqlite(AbstractContextManager[Datastore]):  # noqa: N801
    def __enter__(self) -> Datastore:
        self._directory = tempfile.TemporaryDirectory(dir=FAST_DISK)
        self._store = SqliteDatastore(f"{self._directory.name}/calico.db")
        return self._store

    def __exit__(self, *_exception: object) -> None:
        self._store.close()
        self._directory.cleanup()


def run(store: Datastore, model: dict[str, str], step: Step) -> None:
    """Do ``step`` in the store and, when it may happen, in the model."""
    conditions, changes = step
    present = {entry.key: entry.revision for entry in store.list("/").entries}
    compares = [Compare(key, present.get(key, 0) + (0 if holds else 1)) for key, holds in conditions.items()]
    writes = [Delete(key) if value is None else Put(key, value) for key, value in changes.items()]
    try:
        store.transact(compares, writes)
    except ConflictError:
        assert not all(conditions.values())
        return
    assert all(conditions.values())
    for key, value in changes.items():
        model.pop(key, None)
        if value is not None:
            model[key] = value


def replay(state: dict[str, str], events: tuple[Event, ...]) -> None:
    for event in events:
        state.pop(event.key, None)
        if event.value is not None:
            state[event.key] = event.value


def below(state: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in state.items() if key.startswith("/d/")}


@pytest.mark.parametrize("make", [memory, sqlite])
@given(history=st.lists(steps, max_size=12), middle=st.integers(0, 12), compacted=st.integers(0, 12))
@settings(max_examples=settings().max_examples // 4)  # each one makes a database
def test_a_store_is_a_dict_and_a_watch_replays_it(
    make: Callable[[], AbstractContextManager[Datastore]], history: list[Step], middle: int, compacted: int
) -> None:
    model: dict[str, str] = {}
    follower: dict[str, str] = {}
    late: dict[str, str] = {}
    late_start = forgotten = 0
    with make() as store, store.watch("/d", 0) as watch:
        for index, step in enumerate(history):
            run(store, model, step)
            replay(follower, watch.next(0).events)
            assert follower == below(model)
            snapshot = store.list("/")
            assert {entry.key: entry.value for entry in snapshot.entries} == model
            if index == middle:
                late, late_start = below(model), snapshot.revision
            if index == compacted:
                forgotten = snapshot.revision
                store.compact(forgotten)

        with store.watch("/d", late_start) as second:
            try:
                replay(late, second.next(0).events)
            except CompactedError:
                assert forgotten > late_start
            else:
                assert late == below(model)
