"""The backends that the contract is checked against. A new one joins by adding its line to ``BACKENDS``."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from calico.datastore.api import Datastore
from calico.datastore.memory import MemoryDatastore
from calico.datastore.open import open_datastore
from tests.fakes.datastore import FaultyDatastore


@dataclass
class Backend:
    """One empty store: ``open`` gives a handle on it, as another process would have; ``url`` when one could."""

    open_handle: Callable[[], Datastore]
    url: str = ""
    opened: list[Datastore] = field(default_factory=list)

    def open(self) -> Datastore:
        store = self.open_handle()
        self.opened.append(store)
        return store


def memory(_directory: Path) -> Backend:
    store = MemoryDatastore()
    return Backend(lambda: store)


def sqlite(directory: Path) -> Backend:
    url = f"sqlite://{directory}/calico.db"
    return Backend(lambda: open_datastore(url), url)


def faulty(_directory: Path) -> Backend:
    """The fake of the tests: without a fault it is the datastore that it wraps."""
    store = FaultyDatastore(MemoryDatastore())
    return Backend(lambda: store)


BACKENDS = [memory, sqlite, faulty]
SHARED_BACKENDS = [sqlite]
"""Those that several processes can use at once."""


@pytest.fixture(params=BACKENDS, ids=lambda make: make.__name__)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    made = request.param(tmp_path)
    yield made
    for store in made.opened:
        store.close()


@pytest.fixture(params=SHARED_BACKENDS, ids=lambda make: make.__name__)
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    made = request.param(tmp_path)
    yield made
    for store in made.opened:
        store.close()


@pytest.fixture
def store(backend: Backend) -> Datastore:
    return backend.open()


@pytest.fixture
def other(backend: Backend) -> Datastore:
    """A second handle on the store."""
    return backend.open()
