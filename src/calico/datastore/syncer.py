"""From the datastore's keys and texts to typed changes: everything once, then what happens.

    snapshot  everything below a directory, told as changes and closed by ``InSync``
    follow    what the watch says, told as changes; each answer is closed by ``Progress``
    resync    another snapshot, because history was compacted or the datastore was away: only differences are told

While the datastore is away nothing is taken back: whoever listens keeps what he was told.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, final

from calico.datastore.api import Datastore
from calico.model.changes import Change, InSync, Progress
from calico.model.codec import decode
from calico.model.errors import CompactedError, UnavailableError, ValidationError
from calico.model.keys import Key, parse_key

Message = Change | InSync | Progress

Emit = Callable[[Message, float], bool]
"""Hand over a message, waiting for room for so many seconds at most; false when there was none."""

Status = Literal["wait", "resync", "in-sync"]
"""``wait``: the datastore does not answer; ``resync``: reading everything; ``in-sync``: following."""

_LONGEST_LINE = 400


class Stop(Protocol):
    """Tells a thread to end; a ``threading.Event`` is one."""

    def is_set(self) -> bool:
        """Whether to end."""
        ...

    def wait(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for the order to end; whether it came."""
        ...


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds. ``step`` is the longest single wait, and so about the time that stopping takes."""

    call: float = 5.0
    step: float = 0.5
    first_retry: float = 0.1
    last_retry: float = 5.0


class _StoppedError(Exception):
    """The order to end came while a message waited for room."""


def _report_to_nobody(_status: Status) -> None:
    return


@final
class Syncer:
    """Follows ``directory`` and emits typed changes, from the one thread that calls ``run``.

    ``log`` gets single, harmless lines; ``report`` gets each change of status. A key of unknown shape is
    passed over in silence; a value that cannot be understood counts as absent and is complained about once.
    """

    def __init__(
        self,
        datastore: Datastore,
        directory: str,
        emit: Emit,
        *,
        log: Callable[[str], None],
        report: Callable[[Status], None] = _report_to_nobody,
        timing: Timing = Timing(),
    ) -> None:
        self._datastore = datastore
        self._directory = directory
        self._emit = emit
        self._log = log
        self._report = report
        self._timing = timing
        self._status: Status | None = None
        self._texts: dict[str, str] = {}
        self._complaints = _Complaints(log)
        self._trouble = ""
        self._retry = timing.first_retry

    def run(self, stop: Stop) -> None:
        """Work until ``stop`` is set. Datastore errors are survived; every other error is raised."""
        with contextlib.suppress(_StoppedError):
            while not stop.is_set():
                try:
                    self._follow(self._take_snapshot(stop), stop)
                except CompactedError:
                    self._change_status("resync")
                except UnavailableError as error:
                    self._change_status("wait")
                    self._note_trouble(str(error))
                stop.wait(self._retry)
                self._retry = min(self._retry * 2, self._timing.last_retry)

    def _take_snapshot(self, stop: Stop) -> int:
        """Tell how everything differs from what was told; the revision at which it stands so."""
        if self._status is None:
            self._change_status("resync")
        snapshot = self._datastore.list(self._directory, timeout=self._timing.call)
        self._change_status("resync")
        self._note_trouble("")
        present = {entry.key for entry in snapshot.entries}
        for path in [path for path in self._texts if path not in present]:
            self._update(path, None, stop)
        for entry in snapshot.entries:
            self._update(entry.key, entry.value, stop)
        self._tell(InSync(snapshot.revision), stop)
        self._change_status("in-sync")
        return snapshot.revision

    def _follow(self, revision: int, stop: Stop) -> None:
        with self._datastore.watch(self._directory, revision) as watch:
            while not stop.is_set():
                answer = watch.next(self._timing.step)
                self._retry = self._timing.first_retry
                for event in answer.events:
                    self._update(event.key, event.value, stop)
                if answer.revision > revision:
                    revision = answer.revision
                    self._tell(Progress(revision), stop)

    def _update(self, path: str, text: str | None, stop: Stop) -> None:
        """Tell that ``path`` holds ``text`` now, unless that was told already."""
        if self._texts.get(path) == text:
            return
        if text is None:
            del self._texts[path]
            self._complaints.settle(path, "was removed")
        else:
            self._texts[path] = text
        try:
            key = parse_key(path)
        except ValidationError as error:
            if text is not None:
                self._complaints.add(path, text, str(error))
            return
        if key is not None:
            self._tell(Change(key, None if text is None else self._decode(key, path, text)), stop)

    def _decode(self, key: Key, path: str, text: str) -> object | None:
        try:
            value = decode(key, text)
        except ValidationError as error:
            self._complaints.add(path, text, str(error))
            return None
        except Exception as error:  # no value, whatever it does to us, may stop all the others
            self._complaints.add(path, text, f"{type(error).__name__}: {error}")
            return None
        self._complaints.settle(path, "is valid again")
        return value

    def _tell(self, message: Message, stop: Stop) -> None:
        while not stop.is_set():
            if self._emit(message, self._timing.step):
                return
        raise _StoppedError

    def _change_status(self, status: Status) -> None:
        if status != self._status:
            self._status = status
            self._report(status)

    def _note_trouble(self, trouble: str) -> None:
        """Log the beginning, each new reason and the end of an outage."""
        if trouble == self._trouble:
            return
        self._trouble = trouble
        self._log(harmless(f"datastore: {trouble}" if trouble else "datastore: it answers again"))


@final
class _Complaints:
    """Each pair of key and text that cannot be understood is logged once, and once more when it is mended."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._seen: dict[str, set[int]] = {}

    def add(self, path: str, text: str, reason: str) -> None:
        seen = self._seen.setdefault(path, set())
        if hash(text) not in seen:
            seen.add(hash(text))
            self._log(harmless(f"{path} is ignored until it is mended: {reason}"))

    def settle(self, path: str, how: str) -> None:
        if self._seen.pop(path, None):
            self._log(harmless(f"{path} {how}"))


def harmless(text: str) -> str:
    """Text from outside as one line of printable characters, cut when it is very long."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= _LONGEST_LINE else text[:_LONGEST_LINE] + "…"
