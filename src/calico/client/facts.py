"""What the checks of a host look at, gathered through the doors to kernel, Docker, agent and datastore.

Nothing on the host is changed. What cannot be looked at becomes a fact of its own: its ``fault``.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl

from calico.client.agent import Agent, run_dir
from calico.client.bgp import BGP
from calico.client.checks import AgentFacts, DatastoreFacts, DockerFacts, Facts, KernelFacts, RoutingFacts
from calico.client.docker import Docker
from calico.client.masking import mask_text
from calico.client.nodes import Nodes
from calico.dataplane.docker_user import find_chains
from calico.dataplane.iptables import LegacyIptables
from calico.dataplane.nft.library import NftLibrary
from calico.dataplane.nft.table import FAMILY, TABLE
from calico.dataplane.rehearsal import rehearse
from calico.datastore.api import Delete
from calico.datastore.open import datastore_url
from calico.linux.nfnetlink import NfTables
from calico.linux.sysctl import Sysctl
from calico.model.errors import ApplyError, CalicoError
from calico.model.keys import ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from calico.datastore.api import Datastore
    from calico.linux.sysctl import Key

PLUGIN_SOCKET = "/run/docker/plugins/calico.sock"
ANSWER_SECONDS = 5.0

_IP_FORWARD: Key = ("net", "ipv4", "ip_forward")
_FORWARDING: Mapping[int, Key] = {4: _IP_FORWARD, 6: ("net", "ipv6", "conf", "all", "forwarding")}
_RP_FILTER: Key = ("net", "ipv4", "conf", "all", "rp_filter")
_LEGACY = {"iptables-legacy": "ip_tables_names", "ip6tables-legacy": "ip6_tables_names"}
_BIRD = ("bird", "birdc")
_PROBE = f"{ROOT}/v1/checksystem"
"""A key that is never there: removing it writes nothing, and shows that one could."""


def gather_facts(environ: Mapping[str, str], node: str, open_datastore: Callable[[], Datastore]) -> Facts:
    """Look at this host, whose name in the datastore is ``node``. Needs root; takes a second, or some deadlines."""
    return Facts(
        kernel=kernel_facts(),
        docker=docker_facts(environ),
        agent=agent_facts(environ),
        datastore=datastore_facts(environ, open_datastore),
        routing=routing_facts(node, open_datastore),
    )


def kernel_facts(settings: Sysctl | None = None) -> KernelFacts:
    """The kernel of this host."""
    settings = settings or Sysctl()
    rehearsal = rehearse()
    chains, chains_fault = _foreign_chains()
    values = {version: _setting(settings, key) for version, key in _FORWARDING.items()}
    return KernelFacts(
        nft_version=rehearsal.nft_version,
        nft_fault=rehearsal.nft_fault,
        link_fault=rehearsal.link_fault,
        settings_writable=settings.is_writable(_IP_FORWARD),
        forwarding={version: value for version, value in values.items() if value is not None},
        rp_filter=_setting(settings, _RP_FILTER) or "",
        chains=chains,
        chains_fault=chains_fault,
    )


def docker_facts(environ: Mapping[str, str]) -> DockerFacts:
    """Docker's engine, and what it has put into the firewall."""
    try:
        docker = Docker(environ.get("DOCKER_HOST", ""), ANSWER_SECONDS)
        version, info = (_object(docker.get(path)) for path in ("/version", "/info"))
    except CalicoError as error:
        return DockerFacts(fault=str(error))
    return DockerFacts(
        version=str(version.get("Version", "")),
        api_version=str(version.get("ApiVersion", "")),
        firewall=str(_object(info.get("FirewallBackend")).get("Driver", "")),
        user_chains=_user_chains(),
    )


def agent_facts(environ: Mapping[str, str]) -> AgentFacts:
    """calico-node on this host."""
    try:
        agent = Agent(run_dir(environ))
        if agent.pid() is None:
            return AgentFacts()
        status = agent.status(ANSWER_SECONDS)
    except CalicoError as error:
        return AgentFacts(running=True, fault=str(error))
    if status is None:
        return AgentFacts(running=True, fault="it is starting or ending, and does not answer")
    if not status.ready:
        state = f"the plugin is {status.plugin}, the kernel is {'in sync' if status.in_sync else 'not in sync'}"
        return AgentFacts(running=True, fault=status.last_error or state)
    return AgentFacts(running=True, plugin_fault=_plugin_fault(environ.get("CALICO_PLUGIN_SOCKET") or PLUGIN_SOCKET))


def datastore_facts(environ: Mapping[str, str], open_datastore: Callable[[], Datastore]) -> DatastoreFacts:
    """The datastore, and the version of its servers where it has any."""
    try:
        url = datastore_url(environ)
        servers = dict(_etcd_versions(url, environ))
    except CalicoError as error:
        return DatastoreFacts(fault=str(error))
    name = mask_text(url)
    try:
        open_datastore().transact((), (Delete(_PROBE),), timeout=ANSWER_SECONDS)
    except CalicoError as error:
        return DatastoreFacts(name, str(error), servers)
    return DatastoreFacts(name, "", servers)


def routing_facts(node: str, open_datastore: Callable[[], Datastore]) -> RoutingFacts:
    """Whether this host must exchange routes with others."""
    try:
        datastore = open_datastore()
        routing = BGP(datastore)
        hosts = len(Nodes(datastore).list())
        peers = sum(len(routing.peers(version, host)) for version in (4, 6) for host in ("", node))
        meshed = hosts > 1 and routing.node_mesh()
    except CalicoError:
        return RoutingFacts()  # the datastore's own fact says why
    reasons = [*([f"{hosts} hosts form a BGP mesh"] if meshed else []), *([f"{peers} BGP peers"] if peers else [])]
    missing = tuple(name for name in _BIRD if shutil.which(name, path=_program_path()) is None)
    return RoutingFacts(" and ".join(reasons), missing if reasons else ())


def _program_path() -> str:
    """Where daemons are, too, which is not on everybody's path."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def _setting(settings: Sysctl, key: Key) -> str | None:
    try:
        return settings.read(key)
    except CalicoError:
        return None


def _foreign_chains() -> tuple[tuple[tuple[str, str], ...], str]:
    """The chains that are not in our table, and why they could not be listed."""
    found: list[tuple[str, str]] = []
    try:
        with NfTables() as tables:
            found += [
                (f"{chain.family} {chain.table}", chain.name)
                for chain in tables.list_chains()
                if (chain.family, chain.table) != (FAMILY, TABLE)
            ]
        found += _legacy_chains(LegacyIptables())
    except CalicoError as error:
        return tuple(found), str(error)
    return tuple(found), ""


def _legacy_chains(legacy: LegacyIptables) -> Iterator[tuple[str, str]]:
    for command, file in _LEGACY.items():
        for table in legacy.names(file):
            listed = legacy.run([command, "-t", table, "-S"]) or ""
            for line in listed.splitlines():
                verb, _, name = line.partition(" ")
                if verb == "-N":
                    yield f"{table} of {command}", name


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _user_chains() -> Mapping[str, bool]:
    try:
        library = NftLibrary()
    except CalicoError:
        return {}  # the rehearsal says why
    try:
        return find_chains(library, LegacyIptables())
    except CalicoError:
        return {}
    finally:
        library.close()


def _plugin_fault(path: str) -> str:
    """Why Docker would not find our plugin at this socket; empty when it would."""
    connection = http.client.HTTPConnection("plugin", timeout=ANSWER_SECONDS)
    try:
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(ANSWER_SECONDS)
        connection.sock.connect(path)
        connection.request("POST", "/Plugin.Activate")
        answer = connection.getresponse()
        body = answer.read(1 << 16)
    except (OSError, http.client.HTTPException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else repr(error)
        return f"its socket {path} does not answer ({reason})"
    finally:
        connection.close()
    return "" if answer.status == http.client.OK and b"NetworkDriver" in body else f"{path} is another program's"


def _etcd_versions(url: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Address and version text of each server of an etcd datastore; empty text when it does not answer."""
    scheme, _, rest = url.partition("://")
    if scheme not in ("etcd", "etcds"):
        return
    context = _tls(environ) if scheme == "etcds" else None
    for address in rest.rpartition("@")[2].split("/")[0].split(","):
        yield address, _get_version(address, context)


def _get_version(address: str, context: ssl.SSLContext | None) -> str:
    if context is None:
        connection = http.client.HTTPConnection(address, timeout=ANSWER_SECONDS)
    else:
        connection = http.client.HTTPSConnection(address, timeout=ANSWER_SECONDS, context=context)
    try:
        connection.request("GET", "/version")
        return connection.getresponse().read(1 << 16).decode(errors="replace") or "unknown"
    except ssl.SSLError:
        return "unknown"
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def _tls(environ: Mapping[str, str]) -> ssl.SSLContext:
    authority, certificate = environ.get("ETCD_CA_CERT_FILE") or None, environ.get("ETCD_CERT_FILE", "")
    try:
        context = ssl.create_default_context(cafile=authority)
        if certificate:
            context.load_cert_chain(certificate, environ.get("ETCD_KEY_FILE") or None)
    except (OSError, ValueError) as error:
        raise ApplyError(f"the certificates of etcd cannot be used: {error}") from None
    return context
