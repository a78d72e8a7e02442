"""A host with containers whose network stacks are values, an engine and an agent; any step can be made to fail."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self, final

from calico.client.agent import AgentStatus
from calico.client.docker import DockerContainer
from calico.datastore.api import DEFAULT_TIMEOUT, Compare, Datastore, Delete, KeyValue, Put, Snapshot, Watch
from calico.model.errors import AlreadyExistsError, NotFoundError, UnavailableError
from calico.model.keys import EndpointKey
from tests.fakes.interleaving import CrashError

Step = Callable[[str], None]


@dataclass(frozen=True)
class Interface:
    """A container's end of a pair."""

    host_end: str
    mac: str
    addresses: frozenset[str] = frozenset()


@dataclass
class StackState:
    """What a container's stack holds: interfaces by name, and for each IP version the ways out, best first."""

    interfaces: dict[str, Interface] = field(default_factory=dict)
    ways_out: dict[int, tuple[str, ...]] = field(default_factory=lambda: {4: (), 6: ()})
    connected: dict[int, str] = field(default_factory=dict)
    is_host: bool = False

    def copy(self) -> "StackState":
        return StackState(dict(self.interfaces), dict(self.ways_out), dict(self.connected), self.is_host)


class FakeStack:
    """A stack as `calico.client.stacks.Stack` has it; ``opened`` says whether it is in use."""

    def __init__(self, state: StackState, host: "FakeContainerHost") -> None:
        self._state = state
        self._host = host

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._host.open_stacks -= 1

    @property
    def is_host(self) -> bool:
        return self._state.is_host

    def has(self, interface: str) -> bool:
        return interface in self._state.interfaces

    def connected(self, version: int) -> str | None:
        return self._state.connected.get(version)

    def interface_of(self, host_end: str) -> str:
        for name, interface in self._state.interfaces.items():
            if interface.host_end == host_end and host_end in self._host.interfaces:
                return name
        raise NotFoundError(f"no interface {host_end}")

    def connect(self, host_end: str, interface: str, mac: str) -> None:
        self._host.step("connect")
        if self.has(interface) or host_end in self._host.interfaces:
            raise AlreadyExistsError(f"{host_end} or {interface} exists")
        self._state.interfaces[interface] = Interface(host_end, mac)
        self._host.interfaces[host_end] = self._state
        self._host.step("connected")

    def add_address(self, interface: str, address: str) -> None:
        self._host.step("add address")
        found = self._find(interface)
        if address in found.addresses:
            raise AlreadyExistsError(f"{address} exists")
        self._state.interfaces[interface] = replace(found, addresses=found.addresses | {address})
        self._host.step("added address")

    def remove_address(self, interface: str, address: str) -> None:
        self._host.step("remove address")
        found = self._find(interface)
        if address not in found.addresses:
            raise NotFoundError(f"no {address}")
        self._state.interfaces[interface] = replace(found, addresses=found.addresses - {address})
        self._host.step("removed address")

    def prefer(self, interface: str, version: int) -> None:
        self._host.step("prefer")
        self._find(interface)
        self._state.connected[version] = interface
        others = (name for name in self._state.ways_out[version] if name != interface)
        self._state.ways_out[version] = (interface, *others)

    def withdraw(self, interface: str, version: int) -> None:
        self._host.step("withdraw")
        self._state.connected.pop(version, None)
        ways = self._state.ways_out[version]
        self._state.ways_out[version] = tuple(name for name in ways if name != interface)
        self._host.step("withdrawn")

    def _find(self, interface: str) -> Interface:
        if interface not in self._state.interfaces:
            raise NotFoundError(f"no interface {interface}")
        return self._state.interfaces[interface]


class FakeEngine:
    """Docker: containers by name, found by the beginning of an id too; a ``fault`` instead of every answer."""

    def __init__(self) -> None:
        self.containers: dict[str, DockerContainer] = {}
        self.fault: Exception | None = None
        self.asked: list[str] = []

    def inspect(self, name: str) -> DockerContainer:
        self.asked.append(name)
        if self.fault:
            raise self.fault
        for known, container in self.containers.items():
            if name == known or container.id.startswith(name):
                return container
        raise NotFoundError(f"Container {name} was not found.")


class FakeLocalAgent:
    """The agent: runs unless ``state`` is ``None``; every endpoint is up at once, unless there is a ``fault``."""

    def __init__(self, state: AgentStatus, step: Step) -> None:
        self.state: AgentStatus | None = state
        self.fault: Exception | None = None
        self.waited: list[tuple[EndpointKey, int]] = []
        self._step = step

    def status(self) -> AgentStatus | None:
        return self.state

    def wait_up(self, key: EndpointKey, revision: int, timeout: float) -> None:
        assert timeout > 0
        self._step("wait")
        if self.fault:
            raise self.fault
        self.waited.append((key, revision))


class FakeContainerHost:
    """The doors of `calico.client.containers.Host`.

    ``steps`` counts what may go wrong; the one whose number, from 1, is ``fail_at`` raises ``error``, and from the
    number ``die_at`` on the caller is dead. ``run`` starts a container; ``stacks`` are those of namespaces by path.
    """

    def __init__(self, status: AgentStatus) -> None:
        self.docker = FakeEngine()
        self.agent = FakeLocalAgent(status, self.step)
        self.stacks: dict[str, StackState] = {}
        self.processes: dict[int, tuple[str, StackState]] = {}
        self.interfaces: dict[str, StackState] = {}
        self.open_stacks = 0
        self.steps: list[str] = []
        self.fail_at: int | None = None
        self.error: BaseException = UnavailableError("it broke here")
        self.die_at: int | None = None
        self._random = 0

    def run(self, name: str, *, network_mode: str = "none", id: str = "") -> StackState:  # noqa: A002
        """Start a container; its stack."""
        pid = len(self.processes) + 100
        state = StackState()
        container = DockerContainer(id or f"{pid:x}".ljust(64, "0"), True, pid, network_mode)
        self.docker.containers[name] = container
        self.processes[pid] = (container.id, state)
        return state

    def stop(self, name: str) -> None:
        """End a container: its stack goes, and the pairs that led into it."""
        container = self.docker.containers[name]
        _, state = self.processes.pop(container.pid)
        self.docker.containers[name] = DockerContainer(container.id, False, 0, container.network_mode)
        self.interfaces = {end: stack for end, stack in self.interfaces.items() if stack is not state}

    def step(self, name: str) -> None:
        self.steps.append(name)
        if self.die_at is not None and len(self.steps) >= self.die_at:
            raise CrashError
        if len(self.steps) == self.fail_at:
            raise self.error

    def open_stack(self, path: str) -> FakeStack:
        if path not in self.stacks:
            raise NotFoundError(f"nothing at {path}")
        self.open_stacks += 1
        return FakeStack(self.stacks[path], self)

    def open_process_stack(self, pid: int, container: str) -> FakeStack:
        owner, state = self.processes.get(pid, ("", StackState()))
        if owner != container:
            raise NotFoundError(f"process {pid} does not belong to {container}")
        self.open_stacks += 1
        return FakeStack(state, self)

    def delete_interface(self, name: str) -> None:
        self.step("delete interface")
        state = self.interfaces.pop(name, None)
        if state is not None:
            for own in [own for own, interface in state.interfaces.items() if interface.host_end == name]:
                del state.interfaces[own]
                for version, ways in state.ways_out.items():
                    state.ways_out[version] = tuple(way for way in ways if way != own)
                state.connected = {version: way for version, way in state.connected.items() if way != own}

    def random_bytes(self, count: int) -> bytes:
        self._random += 1
        return self._random.to_bytes(count, "little")


@final
class SteppedDatastore:
    """Passes every call on to ``inner``; before it and, when it writes, after it is a step that may fail."""

    def __init__(self, inner: Datastore, step: Step) -> None:
        self.inner = inner
        self._step = step

    def get(self, key: str, *, timeout: float = DEFAULT_TIMEOUT) -> KeyValue | None:
        self._step("get")
        return self.inner.get(key, timeout=timeout)

    def list(self, directory: str, *, timeout: float = DEFAULT_TIMEOUT) -> Snapshot:
        self._step("list")
        return self.inner.list(directory, timeout=timeout)

    def transact(
        self, compares: Iterable[Compare], writes: Sequence[Put | Delete], *, timeout: float = DEFAULT_TIMEOUT
    ) -> int:
        self._step("transact")
        revision = self.inner.transact(compares, writes, timeout=timeout)
        self._step("transacted")
        return revision

    def watch(self, directory: str, revision: int) -> Watch:
        return self.inner.watch(directory, revision)

    def compact(self, revision: int, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        self.inner.compact(revision, timeout=timeout)

    def close(self) -> None:
        self.inner.close()
