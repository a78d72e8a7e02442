"""A calculation graph between the content of a datastore and one host, held against the oracle at every flush."""

from collections.abc import Iterable

from calico.calc.graph import CalcGraph
from calico.model.changes import Change
from calico.model.keys import Key, ReadyKey
from calico.updates import Flushed, Update
from tests.fakes.host_state import HostState
from tests.fakes.oracle import expected_state


class Calculation:
    """Feeds a graph and remembers what it was fed; ``host_state`` is what the host was told.

    Each flush checks that the messages keep their promises, that the host knows exactly what the oracle says, and
    that a shut gate lets nothing through.
    """

    def __init__(self, host: str) -> None:
        self.graph = CalcGraph(host)
        self.host_state = HostState()
        self.values: dict[Key, object | None] = {}
        self._host = host
        self._expected = HostState()
        self.is_in_sync = False
        self._revision = 0

    def change(self, key: Key, value: object | None) -> None:
        """Tell one change."""
        self.values[key] = value
        self.graph.on_change(Change(key, value))

    def in_sync(self) -> None:
        """Say that the snapshot is whole, at a new revision."""
        self.is_in_sync = True
        self._revision += 1
        self.graph.on_in_sync(self._revision)

    def progress(self) -> None:
        """Say that the changes so far are all, at a new revision."""
        self._revision += 1
        self.graph.on_progress(self._revision)

    def resync(self, order: Iterable[Key]) -> None:
        """Tell the keys of ``order`` again with the values they have, and that the snapshot is whole."""
        for key in order:
            self.graph.on_change(Change(key, self.values[key]))
        self.in_sync()

    def flush(self) -> list[Update]:
        """Flush, check, and give what was flushed."""
        before = self._expected
        updates = self.graph.flush()
        self.host_state.apply(updates)
        if self.is_in_sync and self.values.get(ReadyKey()) is True:
            self._expected = expected_state(self.values, self._host)
            assert self.host_state.flushed == Flushed(self._revision, in_sync=True)
            assert len(updates) > 1 or self._expected == before
        else:
            assert updates == []
        assert self.host_state == self._expected
        return updates
