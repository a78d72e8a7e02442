"""A terminal at which tests type ``calicoctl`` commands, on a host and a datastore of their own."""

import io
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from calico.cli.machine import Machine
from calico.cli.main import run
from calico.cli.output import Output
from calico.cli.session import Session
from calico.client.agent import AgentStatus
from calico.client.checks import AgentFacts, DatastoreFacts, DockerFacts, Facts, KernelFacts, RoutingFacts
from calico.client.diags import Collector
from calico.client.host_networks import HostNetwork, host_networks
from calico.datastore.api import Compare, Datastore, Delete, KeyValue, Put, Snapshot, Watch
from calico.datastore.memory import MemoryDatastore
from calico.linux.addresses import Address
from calico.linux.routes import ROUTE_PROTOCOL, Route
from calico.model.record import replace
from tests.fakes.containers import FakeContainerHost

NODE = "h1"
ETH0 = Address("eth0", "10.9.8.7/24")
LOOPBACK = Address("lo", "127.0.0.1/8", "host")

READY = AgentStatus(
    pid=4242,
    version="0.1.0",
    node=NODE,
    uptime=185.2,
    started="2026-11-23T20:00:00+00:00",
    plugin="serving",
    in_sync=True,
    datastore="sqlite:///var/lib/calico/calico.db",
    datastore_status="in-sync",
    revision=17,
    endpoints_up=3,
    endpoints_down=1,
    last_error=None,
    repairs=0,
)
WELL = Facts(
    KernelFacts(nft_version="1.0.6", forwarding={4: "1", 6: "1"}, rp_filter="0", chains=(("ip filter", "FORWARD"),)),
    DockerFacts(version="20.10.24", api_version="1.41", user_chains={"ip filter DOCKER-USER": True}),
    AgentFacts(running=True),
    DatastoreFacts(name="sqlite:///var/lib/calico/calico.db"),
    RoutingFacts(),
)
STARTING = replace(READY, plugin="starting", in_sync=False)


class Executed(BaseException):
    """Raised where the real machine would become another program."""


@dataclass
class FakeAgent:
    """Runs when ``running`` is a pid; gives its ``answers`` one by one, the last for ever."""

    running: int | None = None
    answers: list[AgentStatus | Exception | None] = field(default_factory=lambda: [READY])

    def pid(self) -> int | None:
        return self.running

    def status(self, timeout: float = 5.0) -> AgentStatus | None:
        assert timeout > 0
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class FakeProcess:
    """The agent as the machine started it."""

    machine: "FakeMachine"
    pid: int = READY.pid
    ended: bool = False

    def exit_code(self) -> int | None:
        return self.machine.exit_code

    def end(self) -> None:
        self.ended = True
        self.machine.agent.running = None

    def log_text(self) -> str:
        return self.machine.log_text


class FakeMachine(Machine):
    """A host that does nothing but remember what was asked of it. Sleeping moves its clock."""

    def __init__(self, *, root: bool = True, addresses: Sequence[Address] = (LOOPBACK, ETH0)) -> None:
        self.agent = FakeAgent()  # type: ignore[assignment]
        self.root = root
        self.own = tuple(addresses)
        self.routes: tuple[Route, ...] = ()
        self.forwarding: list[int] = []
        self.forwarding_error: Exception | None = None
        self.started: list[FakeProcess] = []
        self.log_dirs: list[Path] = []
        self.exit_code: int | None = None
        self.log_text = ""
        self.terminated: list[int] = []
        self.stubborn = False
        self.modules = {"ipip"}
        self.cleaned = 0
        self.clean_error: Exception | None = None
        self.seen = WELL
        self.sources: tuple[Collector, ...] = ()
        self.folder = Path("/nonexistent")
        self.date = datetime(2026, 11, 23, 20, 5, 6, tzinfo=UTC)
        self.time = 0.0
        self.typed: list[bool | BaseException | None] | None = None
        """What a person does, second by second; ``None`` for no person at all."""
        self.containers = FakeContainerHost(READY)

    def is_root(self) -> bool:
        return self.root

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def time_of_day(self) -> float:
        return 1_700_000_000.0 + self.time

    def is_interactive(self) -> bool:
        return self.typed is not None

    def forget_typed(self) -> None:
        return

    def wait_enter(self, seconds: float) -> bool | None:
        self.time += seconds
        answer = self.typed.pop(0) if self.typed else False
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def addresses(self) -> tuple[Address, ...]:
        return self.own

    def networks(self) -> tuple[HostNetwork, ...]:
        return host_networks(self.own, self.routes, own_protocol=ROUTE_PROTOCOL)

    def enable_forwarding(self, version: int) -> None:
        if self.forwarding_error:
            raise self.forwarding_error
        self.forwarding.append(version)

    def start_agent(self, log_dir: Path) -> FakeProcess:  # type: ignore[override]
        self.log_dirs.append(log_dir)
        self.started.append(FakeProcess(self))
        self.agent.running = READY.pid
        return self.started[-1]

    def become_agent(self) -> NoReturn:
        raise Executed

    def clean_kernel(self) -> None:
        if self.clean_error:
            raise self.clean_error
        self.cleaned += 1

    def facts(self, node: str, open_datastore: Callable[[], Datastore]) -> Facts:
        return self.seen

    def collectors(self, open_datastore: Callable[[], Datastore]) -> tuple[Collector, ...]:
        return self.sources

    def make_folder(self) -> Path:
        return self.folder

    def today(self) -> datetime:
        return self.date

    def has_module(self, name: str) -> bool:
        return name in self.modules

    def container_host(self) -> FakeContainerHost:
        return self.containers

    def terminate(self, pid: int) -> None:
        self.terminated.append(pid)
        if not self.stubborn:
            self.agent.running = None


class Unclosed:
    """A datastore that outlives the commands that open and close it."""

    def __init__(self, inner: Datastore) -> None:
        self.inner = inner
        self.opened = 0
        self.closed = 0

    def get(self, key: str, *, timeout: float = 5.0) -> KeyValue | None:
        return self.inner.get(key, timeout=timeout)

    def list(self, directory: str, *, timeout: float = 5.0) -> Snapshot:
        return self.inner.list(directory, timeout=timeout)

    def transact(self, compares: Iterable[Compare], writes: Sequence[Put | Delete], *, timeout: float = 5.0) -> int:
        return self.inner.transact(compares, writes, timeout=timeout)

    def watch(self, directory: str, revision: int) -> Watch:
        return self.inner.watch(directory, revision)

    def compact(self, revision: int, *, timeout: float = 5.0) -> None:
        self.inner.compact(revision, timeout=timeout)

    def close(self) -> None:
        self.closed += 1


@dataclass(frozen=True)
class Run:
    """What a command left behind: exit code and what it printed."""

    code: int
    out: str
    err: str


class Terminal:
    """``terminal("profile add WEB")`` runs a command; a list of arguments is taken as it is."""

    def __init__(
        self,
        datastore: Datastore | None = None,
        machine: FakeMachine | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.datastore = Unclosed(datastore or MemoryDatastore())
        self.machine = machine or FakeMachine()
        self.environ = {"CALICO_NODENAME": NODE, **(environ or {})}

    def __call__(self, command: str | Sequence[str], stdin: str = "") -> Run:
        arguments = shlex.split(command) if isinstance(command, str) else command
        out, err = io.StringIO(), io.StringIO()
        session = Session(
            Output(out, err), io.StringIO(stdin), self.environ, open_datastore=self._open, machine=self.machine
        )
        code = run(arguments, session)
        return Run(code, out.getvalue(), err.getvalue())

    def _open(self) -> Datastore:
        self.datastore.opened += 1
        return self.datastore

    def put(self, key: str, value: str) -> None:
        """Write to the datastore by hand."""
        self.datastore.transact([], [Put(key, value)])

    def get(self, key: str) -> str | None:
        """The text at a key of the datastore."""
        found = self.datastore.get(key)
        return found.value if found else None

    def tree(self) -> dict[str, str]:
        """Everything in the datastore."""
        return {entry.key: entry.value for entry in self.datastore.list("/").entries}
