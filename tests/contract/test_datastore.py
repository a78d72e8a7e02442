"""What every datastore does: reading, transactions, watches, compaction, closing."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from calico.datastore.api import Compare, Datastore, Delete, Event, Events, KeyValue, Put
from calico.datastore.request import MAX_BYTES, MAX_OPERATIONS
from calico.model.errors import CompactedError, ConflictError, UnavailableError, ValidationError
from tests.contract.conftest import Backend

SOON = 10.0
"""Far longer than any answer takes; only a failing test waits for so long."""


def put(store: Datastore, key: str, value: str = "x") -> int:
    return store.transact([], [Put(key, value)])


def keys(store: Datastore, directory: str) -> list[str]:
    return [entry.key for entry in store.list(directory).entries]


# Reading


def test_a_key_never_written_is_absent(store: Datastore) -> None:
    assert store.get("/a") is None
    assert store.list("/").entries == ()


def test_a_value_comes_back_with_the_revision_that_wrote_it(store: Datastore, other: Datastore) -> None:
    revision = put(store, "/a", "one")

    assert other.get("/a") == KeyValue("/a", "one", revision)
    assert put(store, "/b") > revision
    assert other.get("/a") == KeyValue("/a", "one", revision)


@pytest.mark.parametrize(
    "value", ["", " ", "a\nb", "null\0inside", "ü€😀", "'; DROP TABLE entries; --", "x" * 100_000]
)
def test_any_text_is_a_value(store: Datastore, value: str) -> None:
    put(store, "/a", value)

    found = store.get("/a")

    assert found is not None
    assert found.value == value


def test_a_directory_means_every_key_below_it_and_no_neighbour(store: Datastore) -> None:
    for key in ("/a", "/a/b", "/a/b/c", "/a/b/c/d", "/ab", "/a-b", "/a0", "/A/b", "/b/a/b"):
        put(store, key)

    assert keys(store, "/a") == ["/a/b", "/a/b/c", "/a/b/c/d"]
    assert keys(store, "/a/") == keys(store, "/a")
    assert keys(store, "/a/b/c/d") == []
    assert len(keys(store, "/")) == 9


def test_a_directory_may_contain_wildcards_of_other_languages(store: Datastore) -> None:
    for key in ("/a%/x", "/ab/x", "/a_/x", "/a*/x", "/a[b]/x"):
        put(store, key)

    assert keys(store, "/a%") == ["/a%/x"]
    assert keys(store, "/a_") == ["/a_/x"]
    assert keys(store, "/a*") == ["/a*/x"]
    assert keys(store, "/a[b]") == ["/a[b]/x"]


def test_a_listing_is_sorted_and_carries_the_newest_revision(store: Datastore) -> None:
    for key in ("/d/b", "/d/a/z", "/d/Z", "/d/a"):
        put(store, key)
    newest = put(store, "/elsewhere")

    snapshot = store.list("/d")

    assert [entry.key for entry in snapshot.entries] == ["/d/Z", "/d/a", "/d/a/z", "/d/b"]
    assert snapshot.revision == newest


# Transactions


def test_all_writes_of_a_transaction_have_one_revision(store: Datastore) -> None:
    put(store, "/old")

    revision = store.transact([], [Put("/a", "1"), Delete("/old"), Put("/b", "2")])

    assert store.list("/").entries == (KeyValue("/a", "1", revision), KeyValue("/b", "2", revision))


def test_a_conditional_write_succeeds_once(store: Datastore, other: Datastore) -> None:
    first = store.transact([Compare("/a", 0)], [Put("/a", "1")])
    with pytest.raises(ConflictError, match="/a"):
        other.transact([Compare("/a", 0)], [Put("/a", "2")])

    second = other.transact([Compare("/a", first)], [Put("/a", "3")])

    with pytest.raises(ConflictError):
        store.transact([Compare("/a", first)], [Delete("/a")])
    assert store.get("/a") == KeyValue("/a", "3", second)


def test_one_failed_condition_of_many_writes_nothing(store: Datastore) -> None:
    revision = put(store, "/a", "1")

    with pytest.raises(ConflictError, match="/absent"):
        store.transact(
            [Compare("/a", revision), Compare("/absent", revision)], [Put("/a", "2"), Put("/b", "2"), Delete("/c")]
        )

    snapshot = store.list("/")
    assert snapshot.entries == (KeyValue("/a", "1", revision),)
    assert snapshot.revision == revision


def test_a_removed_key_does_not_exist_for_a_condition(store: Datastore) -> None:
    put(store, "/a")
    removed = store.transact([], [Delete("/a")])

    with pytest.raises(ConflictError):
        store.transact([Compare("/a", removed)], [Put("/a", "2")])
    store.transact([Compare("/a", 0)], [Put("/a", "2")])

    assert keys(store, "/") == ["/a"]


def test_writes_that_change_nothing_make_no_revision(store: Datastore) -> None:
    revision = put(store, "/a")

    assert store.transact([], [Delete("/absent")]) == revision
    assert store.transact([Compare("/a", revision)], []) == revision
    with pytest.raises(ConflictError):
        store.transact([Compare("/a", 0)], [])
    assert store.list("/").revision == revision


def test_writing_the_same_value_is_a_change(store: Datastore) -> None:
    first = put(store, "/a", "same")

    second = put(store, "/a", "same")

    assert second > first
    with store.watch("/", first) as watch:
        assert watch.next(SOON) == Events((Event("/a", "same", second),), second)


@pytest.mark.parametrize("key", ["", "a", "/", "/a/", "//a", "/a//b", "/a\nb", "/a\x00b", "/\ud800", 5, b"/a", None])
def test_what_is_not_a_path_is_refused(store: Datastore, key: object) -> None:
    for call in (
        lambda: store.get(key),
        lambda: store.transact([Compare(key, 0)], []),
        lambda: store.transact([], [Put(key, "x")]),
        lambda: store.transact([], [Delete(key)]),
    ):
        with pytest.raises(ValidationError) as caught:
            call()
        assert str(caught.value).isprintable()
    assert store.list("/").entries == ()


@pytest.mark.parametrize("directory", ["a", "//", "/a//b", "/a\n", 5, b"/a", None])
def test_what_is_not_a_directory_is_refused(store: Datastore, directory: object) -> None:
    with pytest.raises(ValidationError):
        store.list(directory)
    with pytest.raises(ValidationError):
        store.watch(directory, 0)


@pytest.mark.parametrize("value", [b"x", None, 5, "\ud800"])
def test_what_is_not_text_is_refused_with_the_whole_transaction(store: Datastore, value: object) -> None:
    with pytest.raises(ValidationError, match=r"/a (must be|is not) text"):
        store.transact([], [Put("/b", "x"), Put("/a", value)])

    assert store.list("/").entries == ()


def test_a_key_is_written_once_in_a_transaction(store: Datastore) -> None:
    with pytest.raises(ValidationError, match="/a is written twice"):
        store.transact([], [Put("/a", "1"), Delete("/a")])

    assert store.list("/").entries == ()


def test_a_transaction_has_the_limits_of_etcd(store: Datastore) -> None:
    most = [Put(f"/{index}", "x") for index in range(MAX_OPERATIONS)]

    store.transact([Compare(write.key, 0) for write in most], most)

    with pytest.raises(ValidationError, match="at most"):
        store.transact([], [*most, Put("/one-more", "x")])
    with pytest.raises(ValidationError, match="at most"):
        store.transact([Compare("/a", 0)] * (MAX_OPERATIONS + 1), [])
    with pytest.raises(ValidationError, match="at most"):
        put(store, "/big", "x" * MAX_BYTES)
    assert len(keys(store, "/")) == MAX_OPERATIONS


# Watches


def test_a_watch_tells_what_happened_after_its_revision(store: Datastore) -> None:
    put(store, "/d/before")
    start = store.list("/d").revision
    first = put(store, "/d/a", "1")
    second = store.transact([], [Put("/d/b", "2"), Delete("/d/a"), Put("/elsewhere", "3"), Put("/d/0", "4")])

    with store.watch("/d", start) as watch:
        answer = watch.next(SOON)

    assert answer.events == (
        Event("/d/a", "1", first),
        Event("/d/b", "2", second),
        Event("/d/a", None, second),
        Event("/d/0", "4", second),
    )
    assert answer.revision == second


def test_a_watch_from_zero_tells_all(store: Datastore) -> None:
    revision = put(store, "/a", "1")

    with store.watch("/", 0) as watch:
        assert watch.next(SOON).events == (Event("/a", "1", revision),)
        assert watch.next(0) == Events((), revision)


def test_a_watch_covers_its_directory_at_path_borders(store: Datastore) -> None:
    with store.watch("/a", store.list("/").revision) as watch:
        for key in ("/a", "/ab", "/a-b/c", "/a0/c", "/b/a/c"):
            put(store, key)
        newest = put(store, "/a/b")

        assert watch.next(SOON) == Events((Event("/a/b", "x", newest),), newest)


def test_what_happens_elsewhere_moves_the_revision_only(store: Datastore) -> None:
    with store.watch("/d", store.list("/").revision) as watch:
        newest = put(store, "/elsewhere")

        assert watch.next(0) == Events((), newest)


def test_a_waiting_watch_is_woken_by_another_handle(store: Datastore, other: Datastore) -> None:
    with store.watch("/d", store.list("/").revision) as watch, ThreadPoolExecutor() as threads:
        waiting = threads.submit(watch.next, SOON)
        put(other, "/elsewhere")
        revision = put(other, "/d/a", "1")

        assert waiting.result() == Events((Event("/d/a", "1", revision),), revision)


def test_watches_do_not_take_events_from_each_other(store: Datastore, other: Datastore) -> None:
    start = store.list("/").revision
    revision = put(store, "/a")

    with store.watch("/", start) as one, store.watch("/", start) as two, other.watch("/", start) as three:
        answers = [watch.next(SOON) for watch in (one, two, three)]

    assert answers == [Events((Event("/a", "x", revision),), revision)] * 3


def test_a_transaction_is_told_whole_whatever_the_revision_asked_for(store: Datastore) -> None:
    put(store, "/before")
    revision = store.transact([], [Put(f"/{index}", "x") for index in range(10)])

    with store.watch("/", revision - 1) as watch:
        assert len(watch.next(SOON).events) == 10
    with store.watch("/", revision) as watch:
        assert watch.next(0).events == ()


def test_closing_a_watch_ends_the_wait(store: Datastore) -> None:
    watch = store.watch("/", store.list("/").revision)
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(watch.next, SOON)
        watch.close()

        assert waiting.result(SOON / 2).events == ()
    watch.close()
    put(store, "/a")
    assert watch.next(SOON).events == ()


def test_closing_the_datastore_ends_every_wait_and_every_call(backend: Backend) -> None:
    store = backend.open()
    watch = store.watch("/", store.list("/").revision)
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(watch.next, SOON)
        store.close()

        assert waiting.result(SOON / 2).events == ()
    store.close()
    for call in (
        lambda: store.get("/a"),
        lambda: store.list("/"),
        lambda: store.transact([], [Put("/a", "x")]),
        lambda: store.compact(0),
    ):
        with pytest.raises(UnavailableError, match="closed"):
            call()


# Compaction


def test_compaction_keeps_values_and_forgets_history(store: Datastore) -> None:
    start = put(store, "/a", "1")
    for value in ("2", "3", "4"):
        newest = put(store, "/a", value)
    before = store.list("/")

    store.compact(newest)

    assert store.list("/") == before
    with store.watch("/", start) as watch:
        with pytest.raises(CompactedError) as caught:
            watch.next(SOON)
        assert caught.value.compact_revision == newest
        with pytest.raises(CompactedError):
            watch.next(SOON)
    with store.watch("/", newest) as watch:
        after = put(store, "/a", "5")
        assert watch.next(SOON).events == (Event("/a", "5", after),)


def test_a_watch_that_has_caught_up_outlives_a_compaction(store: Datastore) -> None:
    with store.watch("/", 0) as watch:
        revision = put(store, "/a")
        watch.next(SOON)
        store.compact(revision)
        after = put(store, "/b")

        assert watch.next(SOON).events == (Event("/b", "x", after),)


def test_revisions_are_never_used_again(store: Datastore, other: Datastore) -> None:
    put(store, "/a")
    last = store.transact([], [Delete("/a")])
    store.compact(last)

    assert other.list("/").revision == last
    assert put(other, "/a") > last


def test_compacting_again_or_less_is_no_error_and_more_is_refused(store: Datastore) -> None:
    put(store, "/a")
    newest = put(store, "/b")
    store.compact(newest)

    store.compact(newest)
    store.compact(newest - 1)
    with pytest.raises(ValidationError, match="newest"):
        store.compact(newest + 1000)

    with store.watch("/", newest) as watch:
        assert watch.next(0).events == ()


# Many threads


def add_one(store: Datastore, key: str) -> int:
    """Count up by compare-and-swap until it succeeds."""
    while True:
        entry = store.get(key)
        value, revision = (int(entry.value), entry.revision) if entry else (0, 0)
        try:
            return store.transact([Compare(key, revision)], [Put(key, str(value + 1))], timeout=SOON)
        except ConflictError:
            continue


def test_no_update_is_lost_and_every_watch_sees_every_one_in_order(backend: Backend) -> None:
    writers, rounds = 4, 15
    total = writers * rounds
    watches = [backend.open().watch("/d", 0) for _ in range(3)]
    start = threading.Barrier(writers)

    def write() -> None:
        store = backend.open()
        start.wait()
        for _ in range(rounds):
            add_one(store, "/d/count")

    def follow(index: int) -> list[Event]:
        seen: list[Event] = []
        while len(seen) < total:
            answer = watches[index].next(SOON)
            assert answer.events
            seen += answer.events
            assert answer.revision >= seen[-1].revision
        return seen

    with ThreadPoolExecutor(writers + len(watches)) as threads:
        writing = [threads.submit(write) for _ in range(writers)]
        following = [threads.submit(follow, index) for index in range(len(watches))]
        for task in writing:
            task.result()
        histories = [task.result() for task in following]

    for history in histories:
        assert [event.value for event in history] == [str(value) for value in range(1, total + 1)]
        assert [event.revision for event in history] == sorted({event.revision for event in history})
    assert histories[0] == histories[1] == histories[2]


def test_one_handle_serves_many_threads(store: Datastore) -> None:
    with ThreadPoolExecutor(8) as threads:
        revisions = list(threads.map(lambda index: put(store, f"/d/{index}", str(index)), range(60)))
        found = list(threads.map(lambda index: store.get(f"/d/{index}"), range(60)))

    assert len(set(revisions)) == 60
    assert found == [KeyValue(f"/d/{index}", str(index), revision) for index, revision in enumerate(revisions)]


def test_a_listing_never_shows_half_a_transaction(store: Datastore, other: Datastore) -> None:
    done = threading.Event()

    def write() -> None:
        for value in range(40):
            store.transact([], [Put("/d/left", str(value)), Put("/d/right", str(value))])
        done.set()

    with ThreadPoolExecutor() as threads:
        writing = threads.submit(write)
        while not done.is_set() and not writing.done():
            snapshot = other.list("/d")
            assert len({(entry.value, entry.revision) for entry in snapshot.entries}) <= 1
            assert all(entry.revision == snapshot.revision for entry in snapshot.entries)
        writing.result()
