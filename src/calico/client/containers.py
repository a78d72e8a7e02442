"""Containers that join Calico by command, without a Docker network.

    container    a Docker container by name, id or unique beginning of an id; or the path of a network namespace
    workload     its place in the keys: the full Docker id under ``docker``, the path with dashes under ``namespace``
    interface    what is put into the running container; it goes when the container ends, the endpoint stays

An address is taken in the same transaction that gives it to an endpoint, so none is ever held by nobody. Everything
that an operation did is taken back when it cannot be completed.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from functools import partial

from calico.client import allocation
from calico.client.agent import NOT_RUNNING, WAIT_SECONDS
from calico.client.docker import HOST_NETWORK
from calico.client.endpoints import SEVERAL, Endpoints
from calico.client.nodes import Nodes, release_nets
from calico.client.store import Store
from calico.datastore.api import DEFAULT_TIMEOUT
from calico.model.codec import INTERFACE_PREFIX, interface_name
from calico.model.errors import (
    AlreadyExistsError,
    ApplyError,
    CalicoError,
    NotFoundError,
    UnavailableError,
    ValidationError,
)
from calico.model.keys import EndpointKey, endpoints_path
from calico.model.names import NAME_LENGTH, is_name
from calico.model.net import address_of, bits
from calico.model.record import record, replace
from calico.model.values import Attributes, Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Protocol

    from calico.client.agent import AgentStatus
    from calico.client.allocation import Shuffle
    from calico.client.docker import DockerContainer
    from calico.client.endpoints import Found
    from calico.client.stacks import Stack
    from calico.client.store import Clock, Transaction
    from calico.datastore.api import Datastore

    class Engine(Protocol):
        """Who knows Docker's containers; see :class:`calico.client.docker.Docker`."""

        def inspect(self, name: str) -> DockerContainer:
            """The container; NotFoundError when there is none."""
            ...

    class LocalAgent(Protocol):
        """This host's agent; see :class:`calico.client.agent.Agent`."""

        def status(self) -> AgentStatus | None:
            """What it says of itself; ``None`` when it does not run."""
            ...

        def wait_up(self, key: EndpointKey, revision: int, timeout: float) -> None:
            """Return when the endpoint is up; UnavailableError with the reason when it is not in time."""
            ...

    class Host(Protocol):
        """The doors to this host."""

        @property
        def agent(self) -> LocalAgent: ...

        @property
        def docker(self) -> Engine: ...

        def open_stack(self, path: str) -> Stack:
            """The stack at the path of a network namespace; NotFoundError when there is none."""
            ...

        def open_process_stack(self, pid: int, container: str) -> Stack:
            """The stack of a container's process; NotFoundError when it is not there, or of another container."""
            ...

        def delete_interface(self, name: str) -> None:
            """Delete a host's end of a veth pair; one that is gone already is fine."""
            ...

        def random_bytes(self, count: int) -> bytes:
            """Bytes that nobody can guess."""
            ...


DOCKER = "docker"
NAMESPACE = "namespace"
DEFAULT_INTERFACE = "eth1"

_ADVICE = "Use `calicoctl container add` to add the container to the Calico network."


@record
class AddressRequest:
    """Which address is wanted: this ``address``, or any of IP ``version``, from this ``pool`` (CIDR) or from all."""

    version: int
    address: str = ""
    pool: str = ""


@record
class Workload:
    """Whose endpoints are meant: ``name`` as typed, ``orchestrator`` and ``workload`` as in their keys."""

    name: str
    orchestrator: str
    workload: str


class Containers:
    """The containers of ``node``, this host.

    ``shuffle`` is as in :class:`~calico.client.addresses.Addresses`; ``timeout`` in seconds covers each operation on
    the datastore.
    """

    def __init__(
        self,
        datastore: Datastore,
        node: str,
        host: Host,
        timeout: float = DEFAULT_TIMEOUT,
        *,
        shuffle: Shuffle = lambda _items: None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._store = Store(datastore, timeout, clock=clock)
        self._endpoints = Endpoints(datastore, timeout, clock=clock)
        self._nodes = Nodes(datastore, timeout, clock=clock)
        self._node = node
        self._host = host
        self._shuffle = shuffle

    def add(self, name: str, wanted: AddressRequest, interface: str = DEFAULT_INTERFACE) -> str:
        """Give a running container an interface with an address, by which it reaches everything; the address.

        Returns once the kernel polices the endpoint, which has no profile yet. Raises :class:`AlreadyExistsError`
        for a container that has one, and what else keeps it from being done; then all is as it was.
        """
        self._check_agent()
        workload, stack = self._open_running(name)
        with stack, _Undo(f"run 'calicoctl container remove {name}'") as undo:
            self._check_new(workload, stack, wanted, interface)
            key = EndpointKey(self._node, workload.orchestrator, workload.workload, self._host.random_bytes(16).hex())
            undo.push(partial(self._forget, key))
            endpoint, revision = self._create(key, wanted, workload)
            undo.push(partial(self._host.delete_interface, endpoint.name))
            stack.connect(endpoint.name, interface, str(endpoint.mac))
            address = address_of(endpoint.nets[0])
            stack.add_address(interface, address)
            self._host.agent.wait_up(key, revision, WAIT_SECONDS)
            # Last: until here the container keeps the way out that it may have.
            stack.prefer(interface, wanted.version)
        return address

    def remove(self, name: str) -> str | None:
        """Take a container's interfaces, addresses and endpoints away; its workload, ``None`` when it had none.

        The container need not run, nor exist any more.
        """
        workload = self.find(name)
        found = self.endpoints(workload)
        for key, endpoint in found:
            if endpoint.name.startswith(INTERFACE_PREFIX):  # a stranger's name may stand there; not all are ours
                self._host.delete_interface(endpoint.name)
            self._forget(key)
        directory = endpoints_path(self._node, workload.orchestrator, workload.workload)
        left_over = self._store.delete_below((directory,))  # values that nobody understands
        return workload.workload if found or left_over else None

    def add_address(self, name: str, wanted: AddressRequest, interface: str = "") -> str:
        """Give a running container's endpoint one more address; the address.

        ``interface`` must be the container's end, when it is given. Raises :class:`NotFoundError` for a container
        without an endpoint, and what else keeps it from being done; then all is as it was.
        """
        self._check_agent()
        workload, stack = self._open_running(name)
        with stack, _Undo(f"run 'calicoctl container remove {name}'") as undo:
            key, endpoint = self._only_endpoint(workload, f"Container {name} is unknown to Calico. {_ADVICE}")
            device = _interface(stack, endpoint, name, interface)
            first = not _nets(endpoint, wanted.version)
            if first:
                _check_unconnected(stack, wanted.version, name)
            taken: list[str] = []
            undo.push(lambda: self._drop_addresses(key, taken))
            revision = self._add_net(key, wanted, taken)
            with _networking():
                undo.push(partial(_take_off, stack, device, taken[0]))
                _put_on(stack, device, taken[0])
                self._host.agent.wait_up(key, revision, WAIT_SECONDS)
                if first:
                    stack.prefer(device, wanted.version)
        return taken[0]

    def remove_address(self, name: str, address: str, interface: str = "") -> None:
        """Take an address (canonical text) from a running container's endpoint.

        Raises :class:`NotFoundError` when it is not one of the endpoint's, and what else keeps it from being done;
        then all is as it was.
        """
        workload, stack = self._open_running(name)
        with stack, _Undo(f"run 'calicoctl container remove {name}'") as undo:
            key, endpoint = self._only_endpoint(workload, "Container is unknown to Calico.")
            version = _version(address)
            nets = _nets(endpoint, version)
            if _net(address) not in nets:
                raise NotFoundError("IP address is not assigned to container. Aborting.")
            device = _interface(stack, endpoint, name, interface)
            with _networking():
                last = len(nets) == 1
                undo.push(lambda: self._put_back(key, stack, device, address, way_out=last))
                if last:
                    stack.withdraw(device, version)
                _take_off(stack, device, address)
            self._drop_addresses(key, [address])

    def find(self, name: str) -> Workload:
        """Whose endpoints a name means, of a container that need not run or exist.

        Raises :class:`NotFoundError` when neither Docker nor the datastore knows it, :class:`ValidationError` when
        it is the beginning of several workloads.
        """
        if name.startswith("/"):
            return _namespace(name)
        if is_name(name) and self._known(name) == {name}:
            return Workload(name, DOCKER, name)
        try:
            return Workload(name, DOCKER, self._host.docker.inspect(name).id)
        except NotFoundError:
            # Containers that Docker has forgotten are known by the beginnings of their ids, too.
            gone = self._known(name) if is_name(name) else set()
            if not gone:
                raise
        if len(gone) > 1:
            raise ValidationError(f"Container {name} was not found, and {name} may mean {', '.join(sorted(gone))}.")
        return Workload(name, DOCKER, gone.pop())

    def endpoints(self, workload: Workload) -> tuple[Found, ...]:
        """The endpoints of a workload on this host."""
        return self._endpoints.list(host=self._node, orchestrator=workload.orchestrator, workload=workload.workload)

    # ---- what is asked before anything is changed ------------------------------------------------

    def _check_agent(self) -> None:
        status = self._host.agent.status()
        if status is None:
            raise UnavailableError(NOT_RUNNING)
        if status.node != self._node:
            raise ValidationError(
                f"calico-node on this host is node {status.node}, and not {self._node}: set CALICO_NODENAME"
            )

    def _open_running(self, name: str) -> tuple[Workload, Stack]:
        """The workload and the open stack of a container that runs, with a stack of its own."""
        workload, stack = self._open(name)
        if stack.is_host:
            with stack:
                raise _host_networked(name)
        return workload, stack

    def _open(self, name: str) -> tuple[Workload, Stack]:
        if name.startswith("/"):
            workload = _namespace(name)
            try:
                return workload, self._host.open_stack(name)
            except NotFoundError:
                raise NotFoundError(f"Container {name} was not found.") from None
        container = self._host.docker.inspect(name)
        if not container.running:
            raise ValidationError(f"{name} is not currently running.")
        if container.network_mode == HOST_NETWORK:
            raise _host_networked(name)
        try:
            return Workload(name, DOCKER, container.id), self._host.open_process_stack(container.pid, container.id)
        except NotFoundError:
            raise NotFoundError(
                f"{name} is not currently running on this host: if DOCKER_HOST names another host, run this there."
            ) from None

    def _check_new(self, workload: Workload, stack: Stack, wanted: AddressRequest, interface: str) -> None:
        if self.endpoints(workload):
            raise _configured(workload.name)
        if stack.has(interface):
            raise AlreadyExistsError(
                f"Interface {interface} exists in {workload.name} already: name another one with --interface."
            )
        _check_unconnected(stack, wanted.version, workload.name)

    def _only_endpoint(self, workload: Workload, unknown: str) -> Found:
        found = self.endpoints(workload)
        if not found:
            raise NotFoundError(unknown)
        if len(found) > 1:
            raise ValidationError(SEVERAL)
        return found[0]

    def _known(self, beginning: str) -> set[str]:
        """The Docker workloads of this host whose ids begin so; only the one that is meant, when it is exact."""
        directory = endpoints_path(self._node, DOCKER)
        found = {item.key.removeprefix(directory).split("/")[1] for item in self._store.raw(directory)}
        return {beginning} if beginning in found else {each for each in found if each.startswith(beginning)}

    def _put_back(self, key: EndpointKey, stack: Stack, device: str, address: str, *, way_out: bool) -> None:
        """Give the container an address again, unless the endpoint has lost it: a failed write may be done."""
        try:
            endpoint = self._store.get(key, Endpoint)
        except UnavailableError:
            pass  # who cannot be asked has most likely not changed either
        else:
            if endpoint is None or _net(address) not in endpoint.nets:
                return
        _put_on(stack, device, address)
        if way_out:
            stack.prefer(device, _version(address))

    # ---- transactions ----------------------------------------------------------------------------

    def _create(self, key: EndpointKey, wanted: AddressRequest, workload: Workload) -> tuple[Endpoint, int]:
        """Take an address and write the endpoint that has it; the endpoint and the revision that wrote it."""
        name, mac = interface_name(key.endpoint), _mac(self._host.random_bytes(6))

        def write(transaction: Transaction) -> Endpoint:
            nets = (_net(self._take(transaction, wanted)),)
            ipv4_nets, ipv6_nets = (nets, ()) if wanted.version == 4 else ((), nets)
            endpoint = Endpoint("active", name, mac, ipv4_nets=ipv4_nets, ipv6_nets=ipv6_nets)
            transaction.put(key, endpoint)
            return endpoint

        endpoint, revision = self._store.run_revision(write)
        # A condition on keys cannot see a key that is new: of two who add the same container the later one yields.
        directory = endpoints_path(key.host, key.orchestrator, key.workload)
        if any(entry.revision < revision for entry in self._store.list(directory, EndpointKey, Endpoint)):
            raise _configured(workload.name)
        return endpoint, revision

    def _add_net(self, key: EndpointKey, wanted: AddressRequest, taken: list[str]) -> int:
        """Take an address and add it to the endpoint; the revision. ``taken`` is told first which one it is."""

        def write(transaction: Transaction) -> None:
            endpoint = _require(transaction, key)
            taken[:] = [self._take(transaction, wanted)]
            nets = (*_nets(endpoint, wanted.version), _net(taken[0]))
            transaction.put(key, _with_nets(endpoint, wanted.version, nets))

        return self._store.run_revision(write)[1]

    def _take(self, transaction: Transaction, wanted: AddressRequest) -> str:
        if wanted.address:
            allocation.take_address(transaction, self._node, wanted.address, Attributes())
            return wanted.address
        demand = allocation.Demand(self._node, wanted.version, Attributes(), wanted.pool or None, self._shuffle)
        found = allocation.take_some(transaction, demand, 1, set())
        if not found:
            counts = "1 IPv4s and 0 IPv6s" if wanted.version == 4 else "0 IPv4s and 1 IPv6s"
            raise NotFoundError(f"Failed to allocate any IPs (requested {counts}). Pools are likely exhausted.")
        return found[0]

    def _drop_addresses(self, key: EndpointKey, addresses: list[str]) -> None:
        """Take addresses from the endpoint and release them; those that it does not have are left alone."""

        def write(transaction: Transaction) -> None:
            endpoint = transaction.get(key, Endpoint)
            if endpoint is None:
                return  # its addresses went with it
            gone = {_net(address) for address in addresses} & set(endpoint.nets)
            for version in (4, 6):
                kept = tuple(net for net in _nets(endpoint, version) if net not in gone)
                endpoint = _with_nets(endpoint, version, kept)
            if gone:
                transaction.put(key, endpoint)
                release_nets(transaction, key, sorted(gone))

        self._store.run(write)

    def _forget(self, key: EndpointKey) -> None:
        """Delete the endpoint and release its addresses; one that is gone already is fine."""
        with suppress(NotFoundError):
            self._nodes.remove_endpoint(key)


class _Undo:
    """Takes steps back, the last first, when its block does not end well; ``advice`` is for when that fails too."""

    def __init__(self, advice: str) -> None:
        self._steps: list[Callable[[], object]] = []
        self._advice = advice

    def push(self, step: Callable[[], object]) -> None:
        """What takes back what is done next; it must be fine when that was not done, or only in part."""
        self._steps.append(step)

    def __enter__(self) -> _Undo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failures = [] if error is None else list(filter(None, map(_try, reversed(self._steps))))
        if failures:
            reason = "; ".join(failures)
            raise ApplyError(f"{error or 'Aborted.'} Not all of it could be taken back: {reason}; {self._advice}")


def _try(step: Callable[[], object]) -> str:
    try:
        step()
    except CalicoError as error:
        return str(error)
    return ""


@contextmanager
def _networking() -> Iterator[None]:
    """Say of what fails in a block that it concerns the container's network."""
    try:
        yield
    except CalicoError as error:
        raise type(error)(f"Error updating networking in container. {error}") from error


def _interface(stack: Stack, endpoint: Endpoint, name: str, wanted: str) -> str:
    """The container's end of the endpoint's veth pair; it must be ``wanted``, when that is not empty."""
    if wanted and not stack.has(wanted):
        raise NotFoundError("Interface provided does not exist in container. Aborting.")
    try:
        own = stack.interface_of(endpoint.name)
    except NotFoundError:
        raise NotFoundError(
            f"{name} has lost its Calico interface, as it does when it is restarted: run 'calicoctl container remove "
            f"{name}' and 'calicoctl container add {name} …'."
        ) from None
    if wanted not in ("", own):
        raise ValidationError(f"Interface {wanted} is not {name}'s Calico interface, which is {own}.")
    return own


def _check_unconnected(stack: Stack, version: int, name: str) -> None:
    other = stack.connected(version)
    if other:
        raise AlreadyExistsError(
            f"{name} is on a Calico network already, by interface {other}: answers of one would leave by the other."
        )


def _put_on(stack: Stack, device: str, address: str) -> None:
    with suppress(AlreadyExistsError):
        stack.add_address(device, address)


def _take_off(stack: Stack, device: str, address: str) -> None:
    with suppress(NotFoundError):
        stack.remove_address(device, address)


def _namespace(path: str) -> Workload:
    workload = path.replace("/", "-")
    if not is_name(workload):
        raise ValidationError(
            f"{path!r} cannot be a workload: use a path of at most {NAME_LENGTH} letters, digits, dots, dashes, "
            "underscores and slashes"
        )
    return Workload(path, NAMESPACE, workload)


def _mac(random: bytes) -> str:
    """A locally administered address of one interface (IEEE 802c)."""
    return bytes([random[0] & 0xFC | 0x02, *random[1:]]).hex(":")


def _version(address: str) -> int:
    return 6 if ":" in address else 4


def _net(address: str) -> str:
    return f"{address}/{bits(_version(address))}"


def _nets(endpoint: Endpoint, version: int) -> tuple[str, ...]:
    return endpoint.ipv4_nets if version == 4 else endpoint.ipv6_nets


def _with_nets(endpoint: Endpoint, version: int, nets: tuple[str, ...]) -> Endpoint:
    return replace(endpoint, ipv4_nets=nets) if version == 4 else replace(endpoint, ipv6_nets=nets)


def _require(transaction: Transaction, key: EndpointKey) -> Endpoint:
    endpoint = transaction.get(key, Endpoint)
    if endpoint is None:
        raise NotFoundError(f"Endpoint {key.endpoint} is unknown to Calico.")
    return endpoint


def _configured(name: str) -> AlreadyExistsError:
    return AlreadyExistsError(f"{name} has already been configured with Calico Networking.")


def _host_networked(name: str) -> ValidationError:
    return ValidationError(f"Can't add {name} to Calico because it is running NetworkMode = host.")
