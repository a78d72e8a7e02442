"""The agent put together: which part feeds which. Nothing is decided here.

datastore ──▶ Syncer ──▶ Calculation (CalcGraph) ──▶ Driver ──▶ kernel
    ▲                                                   │
    │                                            EndpointStatuses
    │                                                   ▼
plugin drivers ◀── PluginServer ◀── Docker        ControlServer ◀── calicoctl

datastore ◀── NameKeeper ◀── Docker's events
"""

import asyncio
import contextlib
import datetime
import logging
import os
import random
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import calico
from calico.agent.confirmation import keep_confirmations
from calico.agent.control import ControlServer
from calico.agent.engine import Scope, check_docker_host, watch_engine
from calico.agent.history import forget_history
from calico.agent.logs import LogLevel
from calico.agent.names import NameKeeper
from calico.agent.pipeline import Calculation, Message, Threads
from calico.agent.settings import Settings
from calico.calc.graph import CalcGraph
from calico.client.addresses import Addresses
from calico.client.keeper import Keeper
from calico.client.naming import Naming
from calico.client.profiles import Profiles
from calico.client.store import Store
from calico.dataplane.assembly import Dataplane, open_dataplane
from calico.dataplane.clean import clean_host as clean_host
from calico.datastore.api import Datastore
from calico.datastore.open import open_datastore
from calico.datastore.syncer import Status, Syncer
from calico.linux.links import Links
from calico.model.errors import UnavailableError
from calico.model.keys import ROOT
from calico.plugin.ipam import IPAMDriver
from calico.plugin.methods import plugin_methods
from calico.plugin.network import NetworkDriver
from calico.plugin.server import PluginServer
from calico.updates import Update

log = logging.getLogger(__name__)

STOP_SECONDS = 5.0
NOT_READY = "the datastore's Ready flag is not true: run 'calicoctl node' on this host"
SUBMIT_SECONDS = 0.5


class Agent:
    """One run of ``calico-node``."""

    def __init__(self, settings: Settings) -> None:
        check_docker_host(settings.docker_host)
        self._settings = settings
        self._stop = threading.Event()
        self._failed = ""
        self._graph = CalcGraph(settings.node)
        self._datastore_status: Status = "resync"
        self._plugin = "starting"
        self._started = datetime.datetime.now(datetime.UTC)
        self._started_clock = time.monotonic()

    def run(self) -> int:
        """Work until told to end; the exit code. Policy stays in the kernel."""
        log.info("calico-node %s starts on %s", calico.__version__, self._settings.node)
        with ExitStack() as stack:
            datastore = open_datastore(self._settings.datastore)
            stack.callback(datastore.close)
            dataplane = stack.enter_context(open_dataplane())
            asyncio.run(self._serve(datastore, dataplane))
        log.info("calico-node ends; policy stays in the kernel")
        return 1 if self._failed else 0

    async def _serve(self, datastore: Datastore, dataplane: Dataplane) -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)

        def on_failure(thread: str) -> None:
            self._failed = thread
            loop.call_soon_threadsafe(ended.set)

        scope = Scope(self._settings.scope)
        control = ControlServer(lambda: self._status(dataplane), dataplane.statuses)
        plugin = self._plugin_server(datastore, dataplane, scope)
        threads = Threads(self._stop, on_failure)
        names = NameKeeper(Naming(Store(datastore), self._settings.node), self._settings.docker_host)
        calculation = self._start_pipeline(datastore, dataplane, threads, names)
        tasks = [
            asyncio.create_task(watch_engine(scope, self._settings.docker_host)),
            asyncio.create_task(names.run()),
            asyncio.create_task(keep_confirmations(Keeper(datastore, self._settings.node, log=log.warning))),
            asyncio.create_task(forget_history(datastore, lambda: dataplane.statuses.snapshot().revision)),
        ]
        try:
            await control.start(self._settings.control_socket)
            await plugin.start(self._settings.plugin_socket)
            self._plugin = "serving"
            log.info("docker is served at %s", self._settings.plugin_socket)
            await ended.wait()
        finally:
            self._stop.set()
            calculation.wake()
            dataplane.driver.wake()
            for task in tasks:
                task.cancel()
            await plugin.stop()
            await control.stop()
            for name in threads.join(STOP_SECONDS):
                log.error("%s did not end in time", name)

    def _start_pipeline(
        self, datastore: Datastore, dataplane: Dataplane, threads: Threads, names: NameKeeper
    ) -> Calculation:
        """syncer ──changes──▶ calculation ──updates──▶ dataplane, a thread each."""

        def submit(updates: Sequence[Update]) -> None:
            while not self._stop.is_set():
                with contextlib.suppress(UnavailableError):
                    return dataplane.driver.submit(updates, SUBMIT_SECONDS)
            return None

        calculation = Calculation(self._graph, submit, self._stop)
        level = LogLevel(self._settings.node, logging.getLogger().setLevel)

        def emit(message: Message, timeout: float) -> bool:
            if not self._settings.log_level:
                level.on_message(message)
            names.on_message(message)
            return calculation.emit(message, timeout)

        syncer = Syncer(datastore, ROOT, emit, log=log.warning, report=self._on_datastore_status)
        threads.start("dataplane", lambda: dataplane.driver.run(self._stop))
        threads.start("calculation", calculation.run)
        threads.start("syncer", lambda: syncer.run(self._stop))
        return calculation

    def _plugin_server(self, datastore: Datastore, dataplane: Dataplane, scope: Scope) -> PluginServer:
        store = Store(datastore)
        network = NetworkDriver(store, Profiles(datastore), self._settings.node, Links, dataplane.statuses, scope)
        ipam = IPAMDriver(store, Addresses(datastore, self._settings.node, shuffle=random.shuffle))
        return PluginServer(plugin_methods(network, ipam), time.monotonic)

    def _on_datastore_status(self, status: Status) -> None:
        self._datastore_status = status
        log.info("datastore: %s", status)

    def _status(self, dataplane: Dataplane) -> Mapping[str, object]:
        kernel = dataplane.statuses.snapshot()
        up = sum(endpoint.up for endpoint in kernel.endpoints)
        held, status = self._graph.is_held, self._datastore_status
        return {
            "pid": os.getpid(),
            "version": calico.__version__,
            "node": self._settings.node,
            "uptime": round(time.monotonic() - self._started_clock, 1),
            "started": self._started.isoformat(timespec="seconds"),
            "plugin": self._plugin,
            "in_sync": kernel.in_sync and not kernel.error and not held,
            "datastore": self._settings.datastore,
            "datastore_status": "not ready" if held and status == "in-sync" else status,
            "revision": kernel.revision,
            "endpoints_up": up,
            "endpoints_down": len(kernel.endpoints) - up,
            "last_error": kernel.error or (NOT_READY if held else None),
            "repairs": kernel.repairs,
        }
