"""The agent takes changes back that nobody confirms, survives failures, and ends at once."""

import asyncio
import threading
import time

import pytest

from calico.agent.confirmation import keep_confirmations
from calico.client.document_parser import parse_documents
from calico.client.keeper import Keeper
from calico.client.policy import Policy
from calico.client.profiles import Profiles
from calico.datastore.api import Put
from calico.datastore.memory import MemoryDatastore
from tests.fakes.datastore import FaultyDatastore


class SeenKeeper(Keeper):
    """Tells when it has seen a change that waits."""

    seen: threading.Event

    def step(self, timeout: float) -> None:
        super().step(timeout)
        if self._pending is not None and self._pending.armed:
            self.seen.set()


FILE = parse_documents("{kind: profile, name: web}", "f")


def test_answers_and_takes_back(caplog: pytest.LogCaptureFixture) -> None:
    datastore = MemoryDatastore()
    logs: list[str] = []

    now = 0.0

    async def scenario() -> None:
        nonlocal now
        keeper = SeenKeeper(datastore, "h1", log=logs.append, clock=lambda: now)
        keeper.seen = threading.Event()
        task = asyncio.create_task(keep_confirmations(keeper))
        await asyncio.to_thread(Policy(datastore).apply_for, FILE, 60.0, "h1")
        assert Profiles(datastore).exists("web")
        assert await asyncio.to_thread(keeper.seen.wait, 5.0)
        now = 61.0
        with datastore.watch("/calico/apply", datastore.list("/").revision + 1) as watch:
            datastore.transact((), [Put("/calico/apply/v1/news", "")])  # the keeper waits by the clock of the machine
            assert await asyncio.to_thread(watch.next, 5.0)
        assert not Profiles(datastore).exists("web")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())

    assert logs == ["the change made from h1 was not confirmed within 60 s and is taken back: profile web"]
    assert caplog.records == []


def test_survives_an_outage_and_says_it_once(caplog: pytest.LogCaptureFixture) -> None:
    datastore = FaultyDatastore(MemoryDatastore())
    datastore.fail_next(calls=3)

    async def scenario() -> None:
        task = asyncio.create_task(keep_confirmations(Keeper(datastore, "h1", log=print), retry=0.001))
        await asyncio.to_thread(Policy(datastore.inner).apply_for, FILE, 60.0, "h1")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())

    (record,) = caplog.records
    assert record.getMessage().startswith(
        "changes that wait for confirmation cannot be watched: the datastore is down"
    )


def test_ends_at_once() -> None:
    async def scenario() -> float:
        task = asyncio.create_task(keep_confirmations(Keeper(MemoryDatastore(), "h1", log=print)))
        await asyncio.sleep(0)
        start = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - start

    assert asyncio.run(scenario()) < 1
