"""The syncer: snapshot, changes, in-sync; compaction, outages, garbage, a full queue, and stopping."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, Queue

import pytest

from calico.datastore.api import Delete, Put
from calico.datastore.memory import MemoryDatastore
from calico.datastore.syncer import Message, Status, Syncer, Timing
from calico.model.changes import Change, InSync, Progress
from calico.model.errors import CompactedError, UnavailableError
from calico.model.keys import ROOT, ConfigKey, HostIPKey, Key, PoolKey, ProfileTagsKey, ReadyKey
from tests.fakes.datastore import FaultyDatastore

SOON = 10.0
QUICK = Timing(call=1.0, step=0.01, first_retry=0.001, last_retry=0.004)
TAGS = ProfileTagsKey("WEB")


class Running:
    """A syncer at work in a thread, and what it said."""

    def __init__(self, store: FaultyDatastore) -> None:
        self.store = store
        self.messages: Queue[Message] = Queue()
        self.full = threading.Event()
        self.refused = threading.Event()
        self.lines: list[str] = []
        self.statuses: Queue[Status] = Queue()
        self.stop = threading.Event()
        self._threads = ThreadPoolExecutor(1)
        self.ended: Future[None] | None = None

    def start(self) -> None:
        syncer = Syncer(self.store, ROOT, self.emit, log=self.lines.append, report=self.statuses.put, timing=QUICK)
        self.ended = self._threads.submit(syncer.run, self.stop)

    def emit(self, message: Message, timeout: float) -> bool:
        if self.full.is_set():
            self.refused.set()
            self.stop.wait(timeout)
            return False
        self.messages.put(message)
        return True

    def put(self, **values: str) -> int:
        """Write settings, ``name=value``."""
        return self.store.inner.transact([], [Put(ConfigKey(name).path, value) for name, value in values.items()])

    def remove(self, name: str) -> int:
        return self.store.inner.transact([], [Delete(ConfigKey(name).path)])

    def until(self, last: Message) -> list[Message]:
        """All messages up to and including ``last``."""
        seen = []
        while not seen or seen[-1] != last:
            try:
                seen.append(self.messages.get(timeout=SOON))
            except Empty:
                raise AssertionError(f"{last} did not come after {seen}; log: {self.lines}") from None
        return seen

    def in_sync(self) -> list[Message]:
        return self.until(InSync(self.store.inner.list("/").revision))

    def progress(self) -> list[Message]:
        return self.until(Progress(self.store.inner.list("/").revision))

    def wait_status(self, last: Status) -> list[Status]:
        seen = [self.statuses.get(timeout=SOON)]
        while seen[-1] != last:
            seen.append(self.statuses.get(timeout=SOON))
        return seen

    def end(self) -> None:
        self.stop.set()
        if self.ended is not None:
            self.ended.result(SOON)
        self._threads.shutdown()


@pytest.fixture
def running() -> Iterator[Running]:
    run = Running(FaultyDatastore(MemoryDatastore()))
    yield run
    run.end()


def setting(name: str, value: str | None) -> Change:
    return Change(ConfigKey(name), value)


def write(run: Running, key: Key, text: str | None) -> int:
    return run.store.inner.transact([], [Delete(key.path) if text is None else Put(key.path, text)])


# Snapshot and changes


def test_an_empty_datastore_is_in_sync_at_once(running: Running) -> None:
    running.start()

    assert running.in_sync() == [InSync(0)]
    assert running.wait_status("in-sync") == ["resync", "in-sync"]


def test_everything_is_told_then_in_sync_then_what_happens(running: Running) -> None:
    write(running, ReadyKey(), "true")
    write(running, TAGS, '["WEB", "FRONT"]')
    running.start()

    assert running.in_sync() == [Change(ReadyKey(), True), Change(TAGS, ("WEB", "FRONT")), InSync(2)]
    running.put(a="1", b="2")
    running.remove("a")
    messages = [message for message in running.progress() if not isinstance(message, Progress)]
    assert messages == [setting("a", "1"), setting("b", "2"), setting("a", None)]


def test_progress_follows_each_batch_and_the_changes_elsewhere(running: Running) -> None:
    running.start()
    running.in_sync()

    revision = running.store.inner.transact([], [Put("/elsewhere", "x")])

    assert running.until(Progress(revision)) == [Progress(revision)]


def test_writing_what_is_there_is_no_change(running: Running) -> None:
    running.put(a="1")
    running.start()
    running.in_sync()

    revision = running.put(a="1")

    assert running.progress() == [Progress(revision)]


def test_paths_of_no_known_shape_are_passed_over_in_silence(running: Running) -> None:
    running.store.inner.transact([], [Put("/calico/v9/new", "x"), Put("/calico/v1/host/h/what", "x")])
    running.start()

    assert running.in_sync() == [InSync(1)]
    running.store.inner.transact([], [Delete("/calico/v9/new")])
    running.progress()
    assert running.lines == []


# Compaction and outages


def test_after_a_compaction_only_differences_are_told(running: Running) -> None:
    running.put(same="1", changed="1", gone="1")
    running.start()
    running.in_sync()
    running.store.go_down()
    assert running.wait_status("wait")
    running.put(changed="2", new="1")
    running.remove("gone")
    running.put(other="1")
    running.store.inner.compact(running.store.inner.list("/").revision)
    running.store.fail_next(CompactedError(1), on="watch")
    running.store.come_up()

    messages = running.in_sync()

    assert messages[0] == setting("gone", None)
    assert set(messages[1:-1]) == {setting("changed", "2"), setting("new", "1"), setting("other", "1")}
    assert isinstance(messages[-1], InSync)


def test_compaction_under_a_watch_leads_to_a_fresh_snapshot(running: Running) -> None:
    running.put(a="1")
    running.start()
    running.in_sync()
    running.wait_status("in-sync")

    running.store.fail_next(CompactedError(1), on="next")

    assert running.wait_status("in-sync") == ["resync", "in-sync"]
    assert running.in_sync() == [InSync(1)]
    revision = running.put(a="2")
    assert running.progress() == [setting("a", "2"), Progress(revision)]


def test_nothing_is_taken_back_while_the_datastore_is_away(running: Running) -> None:
    running.put(a="1")
    running.start()
    running.in_sync()
    running.wait_status("in-sync")

    running.store.go_down()
    assert running.wait_status("wait") == ["wait"]
    while running.store.calls.count("list") < 5:
        running.stop.wait(0.001)
    assert running.messages.empty()
    running.store.come_up()

    assert running.in_sync() == [InSync(1)]
    assert running.wait_status("in-sync") == ["resync", "in-sync"]
    assert running.lines == ["datastore: the datastore is down (test)", "datastore: it answers again"]


def test_a_datastore_that_is_away_at_the_start_is_waited_for(running: Running) -> None:
    running.put(a="1")
    running.store.fail_next(calls=3)
    running.start()

    assert running.in_sync() == [setting("a", "1"), InSync(1)]
    assert running.wait_status("in-sync") == ["resync", "wait", "resync", "in-sync"]


def test_an_outage_in_the_middle_of_a_snapshot_repeats_nothing(running: Running) -> None:
    running.put(a="1", b="2")
    running.store.fail_next(on="watch", calls=2)
    running.start()

    assert [running.messages.get(timeout=SOON) for _ in range(5)] == [
        setting("a", "1"),
        setting("b", "2"),
        InSync(1),
        InSync(1),
        InSync(1),
    ]


def test_retries_become_rarer_up_to_a_limit(running: Running) -> None:
    waits: list[float] = []

    class Stop:
        def is_set(self) -> bool:
            return len(waits) == 5

        def wait(self, timeout: float) -> bool:
            waits.append(timeout)
            return False

    running.store.go_down()
    timing = Timing(first_retry=1.0, last_retry=5.0)

    Syncer(running.store, ROOT, running.emit, log=running.lines.append, timing=timing).run(Stop())

    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert len(running.lines) == 1


def test_a_new_reason_of_the_same_outage_is_logged(running: Running) -> None:
    running.store.fail_next(UnavailableError("one\x1b[31m"), calls=2)
    running.store.fail_next(UnavailableError("two"))
    running.start()
    running.in_sync()

    assert running.lines == ["datastore: one\\x1b[31m", "datastore: two", "datastore: it answers again"]


# Garbage


@pytest.mark.parametrize(
    "text", ["", "not json", "{}", '["a b"]', "\x1b[2J", "[" * 100_000, "1" * 5000, '{"a": NaN}', "\ufffd"]
)
def test_garbage_disables_that_object_alone(running: Running, text: str) -> None:
    write(running, TAGS, text)
    write(running, ReadyKey(), "true")
    running.start()

    assert running.in_sync() == [Change(ReadyKey(), True), Change(TAGS, None), InSync(2)]
    assert len(running.lines) == 1
    assert running.lines[0].startswith(f"{TAGS.path} is ignored until it is mended: ")
    assert running.lines[0].isprintable()
    assert len(running.lines[0]) < 500


def test_a_good_value_that_turns_bad_is_taken_back(running: Running) -> None:
    write(running, TAGS, '["A"]')
    running.start()
    running.in_sync()

    revision = write(running, TAGS, "[")

    assert running.progress() == [Change(TAGS, None), Progress(revision)]


def test_each_garbage_value_is_logged_once_and_once_when_mended(running: Running) -> None:
    running.start()
    running.in_sync()
    for text in ("bad", "worse", "bad", '["A"]', "bad", None):
        write(running, TAGS, text)
        running.progress()

    ignored = f"{TAGS.path} is ignored until it is mended: "
    starts = [line.removeprefix(ignored)[:8] if line.startswith(ignored) else line for line in running.lines]
    assert starts == [
        "not JSON",
        "not JSON",
        f"{TAGS.path} is valid again",
        "not JSON",
        f"{TAGS.path} was removed",
    ]


def test_a_resync_does_not_complain_again(running: Running) -> None:
    write(running, TAGS, "bad")
    running.start()
    running.in_sync()
    running.store.fail_next(CompactedError(1), on="next")

    assert running.in_sync() == [InSync(1)]
    assert len(running.lines) == 1


def test_an_illegal_key_is_logged_once_and_when_it_goes(running: Running) -> None:
    path = "/calico/v1/ipam/v4/pool/10.0.0.1-8"
    running.store.inner.transact([], [Put(path, json.dumps({"cidr": "10.0.0.1/8"})), Put(ReadyKey().path, "true")])
    running.start()

    assert running.in_sync() == [Change(ReadyKey(), True), InSync(1)]
    running.store.inner.transact([], [Delete(path)])
    running.progress()

    assert len(running.lines) == 2
    assert running.lines[0].startswith(f"{path} is ignored until it is mended: ")
    assert running.lines[1] == f"{path} was removed"


def test_values_are_decoded_by_the_kind_of_their_key(running: Running) -> None:
    write(running, HostIPKey("h1"), "10.0.0.1")
    write(running, PoolKey("10.0.0.0/8"), '{"cidr": "10.0.0.0/8", "masquerade": true}')
    running.start()

    changes = {change.key: change.value for change in running.in_sync() if isinstance(change, Change)}

    assert changes[HostIPKey("h1")] == "10.0.0.1"
    assert type(changes[PoolKey("10.0.0.0/8")]).__name__ == "IPPool"


# Stopping and waiting for room


def test_stopping_ends_a_syncer_that_waits_for_news(running: Running) -> None:
    running.start()
    running.in_sync()

    running.end()


def test_stopping_ends_a_syncer_that_waits_for_room(running: Running) -> None:
    running.put(a="1")
    running.full.set()
    running.start()
    assert running.refused.wait(SOON)

    running.end()

    assert running.messages.empty()


def test_a_full_queue_loses_nothing(running: Running) -> None:
    running.put(a="1")
    running.full.set()
    running.start()
    assert running.refused.wait(SOON)

    revisions = [running.put(b="1"), running.remove("a"), running.put(a="2")]
    running.full.clear()

    assert [message for message in running.progress() if not isinstance(message, Progress)] == [
        setting("a", "1"),
        InSync(1),
        setting("b", "1"),
        setting("a", None),
        setting("a", "2"),
    ]
    assert revisions == [2, 3, 4]


def test_a_fault_that_is_not_the_datastores_is_raised(running: Running) -> None:
    def broken(_message: Message, _timeout: float) -> bool:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        Syncer(running.store, ROOT, broken, log=running.lines.append).run(threading.Event())
