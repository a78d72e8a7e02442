"""The network stack of one container, seen and changed from its host.

    stack       the container's interfaces, addresses and routes: its network namespace
    interface   the container's end of a veth pair; the host's end is the endpoint's interface

Opened before anything is decided and kept open, a stack stays the one it was: a container that ends meanwhile
cannot leave its place to a stranger.
"""

import stat
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from calico.client.ways_out import WaysOut
from calico.linux.addresses import Address, Addresses
from calico.linux.links import Links
from calico.linux.namespaces import Namespace
from calico.linux.processes import mentions
from calico.linux.refusals import os_error
from calico.linux.routes import Routes
from calico.linux.sysctl import Sysctl
from calico.model.errors import ApplyError, NotFoundError
from calico.model.net import bits


class Stack(Protocol):
    """What is done with a container's stack. Addresses are canonical text without a prefix length."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def is_host(self) -> bool:
        """Whether it is the host's own stack."""
        ...

    def has(self, interface: str) -> bool:
        """Whether there is an interface of this name."""
        ...

    def connected(self, version: int) -> str | None:
        """The interface through which the stack has a host as its next hop already; ``None`` when there is none."""
        ...

    def interface_of(self, host_end: str) -> str:
        """The interface whose other end is ``host_end``; NotFoundError when there is none."""
        ...

    def connect(self, host_end: str, interface: str, mac: str) -> None:
        """Make a veth pair, both ends up: ``host_end`` on the host and ``interface`` here.

        Raises AlreadyExistsError when one of the names is in use. After other errors the pair may be there.
        """
        ...

    def add_address(self, interface: str, address: str) -> None:
        """Put an address on an interface; AlreadyExistsError when it is there."""
        ...

    def remove_address(self, interface: str, address: str) -> None:
        """Take an address off an interface; NotFoundError when it is not there."""
        ...

    def prefer(self, interface: str, version: int) -> None:
        """Make the host behind ``interface`` the preferred next hop for everything of an IP version.

        Other default routes stay, with a higher metric. On failure all is as it was.
        """
        ...

    def withdraw(self, interface: str, version: int) -> None:
        """Take back what :meth:`prefer` added; what is gone already is fine."""
        ...


class NamespaceStack:
    """The stack in the network namespace at ``path``; see :class:`Stack`."""

    def __init__(self, path: str) -> None:
        with ExitStack() as opened:
            self._namespace = opened.enter_context(Namespace(path))
            with Namespace.current() as own:
                self.is_host = own == self._namespace
            self._host_links = opened.enter_context(Links())
            with self._namespace.entered():
                self._links = opened.enter_context(Links())
                self._addresses = opened.enter_context(Addresses())
                self._ways_out = WaysOut(opened.enter_context(Routes()))
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def has(self, interface: str) -> bool:
        try:
            self._links.get(interface)
        except NotFoundError:
            return False
        return True

    def connected(self, version: int) -> str | None:
        return self._ways_out.connected(version)

    def interface_of(self, host_end: str) -> str:
        other = self._host_links.get(host_end)
        for link in self._links.list():
            if (link.index, link.peer, link.kind) == (other.peer, other.index, "veth"):
                return link.name
        raise NotFoundError(f"interface {host_end} leads to another container")

    def connect(self, host_end: str, interface: str, mac: str) -> None:
        self._host_links.create_veth(host_end, interface, peer_mac=mac, peer_namespace=self._namespace.fileno())
        self._links.update(interface, up=True)

    def add_address(self, interface: str, address: str) -> None:
        version = 6 if ":" in address else 4
        if version == 6:
            self._enable_ipv6(interface)
        # Nobody else can have it, so the search for duplicates would only make the container wait.
        self._addresses.add(Address(interface, f"{address}/{bits(version)}"), nodad=version == 6)

    def remove_address(self, interface: str, address: str) -> None:
        self._addresses.delete(Address(interface, f"{address}/{bits(6 if ':' in address else 4)}"))

    def prefer(self, interface: str, version: int) -> None:
        self._ways_out.prefer(interface, version)

    def withdraw(self, interface: str, version: int) -> None:
        self._ways_out.withdraw(interface, version)

    def _enable_ipv6(self, interface: str) -> None:
        """Docker switches IPv6 off in a container, interface by interface, unless it gave it an address itself."""
        with self._namespace.entered():
            try:
                Sysctl().write(("net", "ipv6", "conf", interface, "disable_ipv6"), 0)
            except NotFoundError:
                raise ApplyError(f"cannot give {interface} an IPv6 address: the kernel does not speak IPv6") from None


def delete_host_end(name: str) -> None:
    """Delete a veth pair by its host's end; one that is gone already is fine."""
    with Links() as links, suppress(NotFoundError):
        links.delete(name)


def open_stack(path: str) -> Stack:
    """The stack at the path of a network namespace.

    Raises :class:`NotFoundError` when there is no file, :class:`ApplyError` when it is something else.
    """
    try:
        kind = Path(path).stat().st_mode
    except OSError as error:
        raise os_error(f"open network namespace {path}", error) from error
    if not stat.S_ISREG(kind):  # to open a pipe would mean to wait for its writer
        raise NotFoundError(f"there is no network namespace at {path}")
    return NamespaceStack(path)


def open_process_stack(pid: int, container: str) -> Stack:
    """The stack of a process that must belong to the container with this id.

    Raises :class:`NotFoundError` when it does not: it has ended, or runs on another machine.
    """
    with ExitStack() as opened:
        stack = opened.enter_context(open_stack(f"/proc/{pid}/ns/net"))
        # Asked afterwards: what is open now was that of the process that answers.
        if not mentions(pid, container):
            raise NotFoundError(f"process {pid} does not belong to container {container}")
        opened.pop_all()
    return stack
