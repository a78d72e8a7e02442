"""The doors that commands on containers go through: this host's engine, agent, kernel and randomness."""

from __future__ import annotations

import os

from calico.client import stacks
from calico.client.docker import Docker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from calico.client.agent import Agent
    from calico.client.stacks import Stack


class ContainerHost:
    """This host, as :class:`calico.client.containers.Host` has it; ``environ`` says where Docker's engine is."""

    def __init__(self, environ: Mapping[str, str], agent: Agent) -> None:
        self.agent = agent
        self._environ = environ

    @property
    def docker(self) -> Docker:
        """The engine; asked for only where Docker's word is needed, because its address may be wrong."""
        return Docker(self._environ.get("DOCKER_HOST", ""))

    def open_stack(self, path: str) -> Stack:
        """The stack at the path of a network namespace."""
        return stacks.open_stack(path)

    def open_process_stack(self, pid: int, container: str) -> Stack:
        """The stack of a container's process."""
        return stacks.open_process_stack(pid, container)

    def delete_interface(self, name: str) -> None:
        """Delete a host's end of a veth pair."""
        stacks.delete_host_end(name)

    def random_bytes(self, count: int) -> bytes:
        """Bytes that nobody can guess."""
        return os.urandom(count)
