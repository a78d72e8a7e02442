"""The agent's part in changes that wait for confirmation: it takes back in time what nobody has confirmed.

What is to be done is :mod:`calico.client.keeper`; here it gets a thread, and its failures are survived.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

from calico.client.keeper import Keeper
from calico.model.errors import CalicoError

log = logging.getLogger(__name__)

STEP_SECONDS = 5.0
RETRY_SECONDS = 1.0


async def keep_confirmations(keeper: Keeper, retry: float = RETRY_SECONDS) -> NoReturn:
    """Let ``keeper`` work until cancelled; after a failure it tries again ``retry`` seconds later."""
    loop = asyncio.get_running_loop()
    executor = ThreadPoolExecutor(1, "confirmation")
    trouble = ""
    try:
        while True:
            try:
                await loop.run_in_executor(executor, keeper.step, STEP_SECONDS)
                trouble = ""
            except CalicoError as error:
                if str(error) != trouble:
                    trouble = str(error)
                    log.warning("changes that wait for confirmation cannot be watched: %s", error)
                await asyncio.sleep(retry)
    finally:
        keeper.close()
        executor.shutdown(wait=False, cancel_futures=True)
