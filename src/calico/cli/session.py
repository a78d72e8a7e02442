"""What a command has of the world: streams, environment, the datastore, this machine; opened when first asked for."""

from __future__ import annotations

from calico.model.errors import CalicoError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

    from calico.cli.machine import Machine
    from calico.cli.output import Output
    from calico.datastore.api import Datastore


class RootRequiredError(CalicoError):
    """The command changes the host and needs root."""


class Session:
    """One run of the program.

    ``open_datastore`` and ``machine`` stand in for the real ones in tests; ``None`` means those of this host.
    """

    def __init__(
        self,
        out: Output,
        stdin: TextIO,
        environ: Mapping[str, str],
        *,
        open_datastore: Callable[[], Datastore] | None = None,
        machine: Machine | None = None,
    ) -> None:
        self.out = out
        self.stdin = stdin
        self.environ = environ
        self._open_datastore = open_datastore
        self._machine = machine
        self._datastore: Datastore | None = None

    @property
    def datastore(self) -> Datastore:
        """The datastore that the environment names, opened at the first use."""
        if self._datastore is None:
            self._datastore = (self._open_datastore or self._open)()
        return self._datastore

    @property
    def node(self) -> str:
        """The name of this host in every key."""
        from os import uname  # its name is what socket.gethostname() says, without the import of socket

        from calico.model.names import validate_node_name

        return validate_node_name(self.environ.get("CALICO_NODENAME") or uname().nodename)

    @property
    def machine(self) -> Machine:
        """This host."""
        if self._machine is None:
            from calico.cli.machine import Machine

            self._machine = Machine(self.environ)
        return self._machine

    def require_root(self) -> None:
        """Raise unless the person is root."""
        if not self.machine.is_root():
            raise RootRequiredError("This command must be run as root.")

    def close(self) -> None:
        """Give back what was opened."""
        if self._datastore is not None:
            self._datastore.close()
            self._datastore = None

    def _open(self) -> Datastore:
        from calico.datastore.open import datastore_url, open_datastore

        return open_datastore(datastore_url(self.environ))
