"""Work that the kernel may refuse: tried again after a while, complained about once, told as a fault meanwhile."""

import logging
from collections.abc import Callable

from calico.dataplane.backoff import retry_delay
from calico.model.errors import CalicoError

log = logging.getLogger(__name__)


class Trouble:
    """What keeps one part of the host from being right; ``complaint`` says what follows from it."""

    def __init__(self, complaint: str, retry_delay: Callable[[int], float] = retry_delay) -> None:
        self._complaint = complaint
        self._retry_delay = retry_delay
        self._failures = 0
        self.due: float | None = None
        self.fault = ""

    def attempt(self, work: Callable[[], None], now: float) -> None:
        """Do ``work``; a failure is kept as ``fault``, and ``due`` tells when to try again."""
        try:
            work()
        except CalicoError as error:
            self._failures += 1
            self.due = now + self._retry_delay(self._failures)
            if str(error) != self.fault:
                log.warning("%s, trying again: %s", self._complaint, error)
            self.fault = str(error)
        else:
            self._failures, self.due, self.fault = 0, None, ""

    def waits(self, now: float) -> bool:
        """Whether a failure is to rest for now."""
        return self.due is not None and now < self.due

    def is_due(self, now: float) -> bool:
        """Whether a failure is to be tried again now."""
        return self.due is not None and now >= self.due
