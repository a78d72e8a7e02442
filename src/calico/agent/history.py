"""Forgetting the datastore's history, so that it does not grow with every change for ever."""

import asyncio
import logging
from collections.abc import Callable

from calico.datastore.api import Datastore
from calico.model.errors import CalicoError

log = logging.getLogger(__name__)

INTERVAL = 300.0
"""Seconds. History younger than this is kept, so that a watch that was interrupted can go on where it was."""


async def forget_history(
    datastore: Datastore, applied_revision: Callable[[], int], interval: float = INTERVAL
) -> None:
    """Every ``interval`` seconds, forget what was applied an interval before; runs until cancelled."""
    forget = 0
    while True:
        await asyncio.sleep(interval)
        forget, before = applied_revision(), forget
        if before:
            try:
                await asyncio.to_thread(datastore.compact, before)
            except CalicoError as error:
                log.warning("the datastore's history cannot be compacted: %s", error)
