"""Docker's names, kept up to date in the datastore: see :mod:`calico.client.naming` for what is recorded.

    session   one connection to the engine's event stream: everything is compared once, then events are followed
    mark      an event, or an endpoint made by hand, says that a container or network must be looked at
    look      the engine is asked what it is now, and its record is written or deleted

The stream is opened before anything is compared, so no change falls between. An engine that is away keeps the
records as they are. Sessions end now and then by themselves, which repairs what a lost event left behind.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NoReturn, Self

from calico.agent.engine import Engine, connect_engine
from calico.agent.pipeline import Message
from calico.client.naming import (
    DRIVER,
    Naming,
    read_container,
    read_containers,
    read_event,
    read_networks,
)
from calico.model.changes import Change
from calico.model.errors import CalicoError, NotFoundError, UnavailableError, ValidationError
from calico.model.keys import BY_HAND, ContainerNameKey, EndpointKey, Key, NetworkNameKey

log = logging.getLogger(__name__)

EVENTS = {
    "type": ("container", "network"),
    "event": ("start", "rename", "die", "destroy", "create", "connect", "disconnect"),
}
LOOKS = 16
"""Most containers to ask the engine about at the same time."""


Write = Callable[[Callable[[], None]], Awaitable[None]]
"""Runs a function that blocks on the datastore, outside of the event loop."""


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds: the pauses after failures, and how long a session lasts at most."""

    first_retry: float = 0.2
    last_retry: float = 2.0
    session: float = 300.0


class NameKeeper:
    """Records the names of one host. ``run`` is a task of the agent's event loop."""

    def __init__(self, naming: Naming, docker_host: str, timing: Timing = Timing()) -> None:
        self._naming = naming
        self._host = naming.host
        self._docker_host = docker_host
        self._timing = timing
        self._pause = timing.first_retry
        self._trouble = ""
        self._networks: dict[str, str] = {}
        self._marked: set[Key] = set()
        self._looks: _Looks | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> NoReturn:
        """Work until cancelled; failures are survived."""
        self._loop = asyncio.get_running_loop()
        # One thread, so that nothing overtakes an older write, not even one whose session has ended.
        executor = ThreadPoolExecutor(1, "names")
        try:
            while True:
                await self._try_session(partial(self._loop.run_in_executor, executor))
        finally:
            executor.shutdown(wait=False, cancel_futures=True)

    def on_message(self, message: Message) -> None:
        """Take what the datastore tells, from any thread: no event tells of an endpoint that was made by hand."""
        if not isinstance(message, Change) or not isinstance(message.key, EndpointKey) or self._loop is None:
            return
        if message.key.host == self._host and message.key.orchestrator == BY_HAND:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the agent with it
                self._loop.call_soon_threadsafe(self._mark, ContainerNameKey(self._host, message.key.workload))

    async def _try_session(self, write: Write) -> None:
        """One session, and a pause when it failed; a longer one each time that sessions fail soon."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            return await self._session(write)
        except CalicoError as error:
            self._note_trouble(str(error))
        except Exception as error:  # whatever it is, policy does not depend on it
            self._note_trouble(f"{type(error).__name__}: {error}")
            log.debug("names are not recorded", exc_info=True)
        if loop.time() - begun > self._timing.last_retry:
            self._pause = self._timing.first_retry
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 2, self._timing.last_retry)
        return None

    async def _session(self, write: Write) -> None:
        """Compare everything, then follow events; returns when it is time to compare again."""
        self._marked.clear()
        async with connect_engine(self._docker_host) as engine, engine.events(EVENTS) as events:
            await self._compare(engine, write)
            self._note_trouble("")
            async with _Looks(partial(self._look, engine, write), self._timing) as self._looks:
                try:
                    for key in self._marked:
                        self._looks.mark(key)
                    async with asyncio.timeout(self._timing.session):
                        await self._follow(events)
                except TimeoutError:
                    return
                finally:
                    self._looks = None
        raise UnavailableError("docker has ended its stream of events")

    async def _compare(self, engine: Engine, write: Write) -> None:
        """Bring all records in line with what the engine has."""
        filters = json.dumps({"driver": [DRIVER]})
        self._networks = read_networks(await engine.get("/networks", filters=filters))
        containers = read_containers(await engine.get("/containers/json", all="true"))
        await write(partial(self._naming.sync, containers, dict(self._networks)))

    async def _follow(self, events: AsyncIterator[object]) -> None:
        async for event in events:
            touched = read_event(event)
            if touched.network and touched.gone:
                self._networks.pop(touched.network, None)
                self._mark(NetworkNameKey(self._host, touched.network))
            elif touched.network and touched.network not in self._networks:
                # Also by the first container here: the network may have been made on another host.
                self._networks[touched.network] = touched.network_name
                self._mark(NetworkNameKey(self._host, touched.network))
            if touched.container:
                self._mark(ContainerNameKey(self._host, touched.container))

    def _mark(self, key: Key) -> None:
        if self._looks is None:
            self._marked.add(key)
        else:
            self._looks.mark(key)

    async def _look(self, engine: Engine, write: Write, key: Key) -> None:
        """Ask the engine about one thing and record the answer."""
        if isinstance(key, NetworkNameKey):
            name = self._networks.get(key.network)
            await write(partial(self._naming.update_network, key.network, name))
        elif isinstance(key, ContainerNameKey):
            # The engine answers once it has done with the container, so this is never half of a change.
            try:
                container = read_container(await engine.get(f"/containers/{key.container}/json"))
            except (NotFoundError, ValidationError):
                container = None
            await write(partial(self._naming.update_container, key.container, container, frozenset(self._networks)))

    def _note_trouble(self, trouble: str) -> None:
        """Log the beginning, each new reason and the end of an outage."""
        if trouble != self._trouble:
            self._trouble = trouble
            log.info("names are not recorded: %s" if trouble else "names are recorded again%s", trouble)


class _Looks:
    """At most one look at a time for each key; what is marked during a look is looked at again."""

    def __init__(self, look: Callable[[Key], Awaitable[None]], timing: Timing) -> None:
        self._look = look
        self._timing = timing
        self._places = asyncio.Semaphore(LOOKS)
        self._marked: set[Key] = set()
        self._tasks: dict[Key, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def mark(self, key: Key) -> None:
        """Have ``key`` looked at, by a look that begins after this."""
        self._marked.add(key)
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._work(key))

    async def _work(self, key: Key) -> None:
        pause = self._timing.first_retry
        try:
            while key in self._marked:
                async with self._places:
                    self._marked.discard(key)
                    done = await self._try(key)
                if not done:
                    self._marked.add(key)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, self._timing.last_retry)
        finally:
            self._tasks.pop(key, None)

    async def _try(self, key: Key) -> bool:
        try:
            await self._look(key)
        except CalicoError as error:
            log.debug("%s: %s", key.path, error)
            return False
        except Exception as error:  # one that is strange must not stop the others
            log.warning("%s cannot be recorded: %s: %s", key.path, type(error).__name__, error)
            log.debug("%s cannot be recorded", key.path, exc_info=True)
        return True
