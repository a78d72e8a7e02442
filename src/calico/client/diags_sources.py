"""What a host has to tell somebody who looks for a fault, and through which door each of it comes."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import calico
from calico.client.agent import Agent, run_dir
from calico.client.diags import Collector, run_all
from calico.client.docker import Docker
from calico.client.masking import mask_document, mask_text, mask_value
from calico.dataplane.nft.library import NftLibrary
from calico.linux.command import run_command
from calico.model.codec import INTERFACE_PREFIX
from calico.model.errors import CalicoError, UnavailableError
from calico.model.keys import ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from calico.client.diags import Note
    from calico.datastore.api import Datastore, KeyValue

_OURS = ("CALICO_", "ETCD_", "DOCKER_")
_SETTINGS = (
    "net/ipv4/ip_forward",
    "net/ipv6/conf/all/forwarding",
    "net/netfilter/nf_conntrack_count",
    "net/netfilter/nf_conntrack_max",
)
_DEVICES = ("all", "default", f"{INTERFACE_PREFIX}*")
_NETSTAT = (("ss", "--all", "--numeric", "--tcp", "--udp", "--raw", "--processes"),)
_ROUTES = (
    ("ip", "-4", "rule"),
    ("ip", "-4", "-details", "route", "show", "table", "all"),
    ("ip", "-6", "rule"),
    ("ip", "-6", "-details", "route", "show", "table", "all"),
    ("ip", "neighbour", "show"),
    ("ip", "neighbour", "show", "proxy"),
)
_DOCKER = ("/version", "/info", "/networks", "/containers/json?all=1")
_LINKS = (("ip", "-details", "-statistics", "link"), ("ip", "address"))
_IPTABLES = tuple((f"{name}{kind}-save", "-c") for kind in ("", "-legacy") for name in ("iptables", "ip6tables"))


class HostSources:
    """The collectors of this host. ``run`` runs a program and gives its output."""

    def __init__(
        self,
        environ: Mapping[str, str],
        open_datastore: Callable[[], Datastore],
        run: Callable[[Sequence[str]], str] = run_command,
        root: Path = Path("/"),
    ) -> None:
        self._environ = environ
        self._open_datastore = open_datastore
        self._run = run
        self._root = root

    def collectors(self) -> tuple[Collector, ...]:
        """All of them, in the order in which they are to run."""
        return (
            Collector("hostname", "", lambda _note: f"{socket.gethostname()}\n"),
            Collector("version", "", lambda _note: self._version()),
            Collector("environment", "", lambda _note: self._environment()),
            Collector("status", "", lambda _note: self._status()),
            self._commands("netstat", "Dumping netstat output", _NETSTAT),
            self._commands("route", "Dumping routes", _ROUTES),
            self._commands("links", "Dumping interfaces", _LINKS),
            Collector("nft", "Dumping nft ruleset", lambda _note: _nft_ruleset()),
            self._commands("iptables", "Dumping iptables", _IPTABLES),
            Collector("sysctl", "Dumping kernel settings", lambda _note: self._kernel_settings()),
            Collector("docker", "Dumping Docker's state", lambda _note: self._docker(), masked=True),
            Collector("datastore", "Dumping datastore", self._datastore, masked=True),
        )

    def _commands(self, name: str, progress: str, commands: Sequence[Sequence[str]]) -> Collector:
        return Collector(name, progress, lambda note: run_all(self._run, commands, note))

    def _version(self) -> str:
        system = os.uname()
        release = self._read("etc/os-release")
        return f"calico {calico.__version__}\n{system.sysname} {system.release} {system.machine}\n\n{release}"

    def _environment(self) -> str:
        ours = sorted((name, value) for name, value in self._environ.items() if name.startswith(_OURS))
        return "".join(f"{name}={value}\n" for name, value in ours)

    def _status(self) -> str:
        status = Agent(run_dir(self._environ)).status()
        return f"{status}\n" if status else "calico-node does not run\n"

    def _kernel_settings(self) -> str:
        base = self._root / "proc/sys"
        paths = [base / name for name in _SETTINGS]
        for device in _DEVICES:
            for version in ("ipv4", "ipv6"):
                paths += sorted(base.glob(f"net/{version}/conf/{device}/*"))
        lines = [(path.relative_to(base), self._read(str(path.relative_to(self._root)))) for path in paths]
        return "".join(f"{name} = {text.strip()}\n" for name, text in lines)

    def _read(self, name: str) -> str:
        try:
            return (self._root / name).read_text(errors="backslashreplace")
        except OSError as error:
            return f"({error.strerror})\n"

    def _docker(self) -> str:
        docker = Docker(self._environ.get("DOCKER_HOST", ""))
        answers = ((path, mask_document(docker.get(path))) for path in _DOCKER)
        return "\n".join(f"# GET {path}\n{json.dumps(answer, indent=2)}\n" for path, answer in answers)

    def _datastore(self, note: Note) -> str:
        try:
            entries = self._open_datastore().list(ROOT).entries
        except CalicoError as error:
            note("Unable to dump datastore")
            raise UnavailableError(mask_text(str(error))) from None
        return "dir?, key, value\n" + "".join(map(_entry_line, entries))


def _nft_ruleset() -> str:
    library = NftLibrary()
    try:
        return library.list_ruleset()
    finally:
        library.close()


def _entry_line(entry: KeyValue) -> str:
    name = entry.key.rpartition("/")[2]
    return f"FILE, {_line(entry.key)}, {_line(mask_value(entry.value, name))}\n"


def _line(text: str) -> str:
    """Text on one line, whatever is in it."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
