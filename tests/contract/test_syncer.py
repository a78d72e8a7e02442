"""The syncer over every backend: whatever happens, whoever listens ends with what the datastore holds."""

import threading
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

from calico.datastore.api import Datastore, Delete, Put
from calico.datastore.syncer import Message, Syncer, Timing
from calico.model.changes import Change, InSync, Progress
from calico.model.keys import ROOT, ConfigKey, Key
from tests.contract.conftest import Backend

SOON = 10.0
NAMES = ["a", "b", "c"]


def listen(messages: "Queue[Message]", revision: int) -> dict[Key, object]:
    """Apply messages until all up to ``revision`` was told."""
    state: dict[Key, object] = {}
    told = -1
    while told < revision:
        message = messages.get(timeout=SOON)
        match message:
            case Change(key, None):
                state.pop(key, None)
            case Change(key, value):
                state[key] = value
            case InSync(newest) | Progress(newest):
                assert newest >= told
                told = newest
    return state


def write(store: Datastore, worker: int) -> None:
    for step in range(30):
        key = ConfigKey(NAMES[(worker + step) % len(NAMES)]).path
        store.transact([], [Delete(key) if step % 5 == worker else Put(key, f"{worker}-{step}")])


def test_a_listener_ends_with_what_the_datastore_holds(backend: Backend) -> None:
    messages: Queue[Message] = Queue()
    lines: list[str] = []
    stop = threading.Event()

    def emit(message: Message, _timeout: float) -> bool:
        messages.put(message)
        return True

    def compact() -> None:
        store = backend.open()
        for _ in range(20):
            store.compact(store.list("/").revision)

    timing = Timing(step=0.02, first_retry=0.001, last_retry=0.01)
    syncer = Syncer(backend.open(), ROOT, emit, log=lines.append, timing=timing)
    with ThreadPoolExecutor() as threads:
        running = threads.submit(syncer.run, stop)
        try:
            for task in [
                *(threads.submit(write, backend.open(), worker) for worker in range(3)),
                threads.submit(compact),
            ]:
                task.result()
            write(backend.open(), 4)
            snapshot = backend.open().list(ROOT)

            state = listen(messages, snapshot.revision)
        finally:
            stop.set()
        running.result(SOON)

    assert {key.path: value for key, value in state.items()} == {entry.key: entry.value for entry in snapshot.entries}
    assert lines == []
