"""Whether a host has what calico-node needs, decided from facts; who gathers them is :mod:`calico.client.facts`.

fact      something seen on the host; a ``fault`` is the line that says why it could not be seen, empty if it was
finding   what a fact means to the person: all right, worth knowing, or in the way; with what to do about it
"""

from __future__ import annotations

import re

from calico.model.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OK, WARNING, ERROR = "OK", "WARNING", "ERROR"

DOCKER_API = (1, 21)
"""The API with which network plugins came."""

ETCD_VERSION = (3, 4, 0)
"""The first one that speaks etcd's API v3 without a prefix for trials."""

_LEFTOVERS = ("felix-", "cali-")
_SHOWN = 3
_DOTTED = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){1,2}")


@record
class KernelFacts:
    """The kernel of this host.

    ``forwarding`` is the text of the setting by IP version, without those that the kernel does not have;
    ``chains`` are ``(table, chain)`` of everybody but us, in the words of a person.
    """

    nft_version: str = ""
    nft_fault: str = ""
    link_fault: str = ""
    settings_writable: bool = True
    forwarding: Mapping[int, str] | None = None
    rp_filter: str = ""
    chains: tuple[tuple[str, str], ...] = ()
    chains_fault: str = ""


@record
class DockerFacts:
    """Docker's engine. ``firewall`` is how it says that it filters, empty before Docker 29, which does not say.

    ``user_chains`` are the places of DOCKER-USER, with whether our rules are at the top.
    """

    fault: str = ""
    version: str = ""
    api_version: str = ""
    firewall: str = ""
    user_chains: Mapping[str, bool] | None = None


@record
class AgentFacts:
    """calico-node on this host, and whether its plugin socket answers as Docker would ask."""

    running: bool = False
    fault: str = ""
    plugin_fault: str = ""


@record
class DatastoreFacts:
    """The datastore: ``name`` to tell it by; ``etcd`` are the version texts of its servers, by address."""

    name: str = ""
    fault: str = ""
    etcd: Mapping[str, str] | None = None


@record
class RoutingFacts:
    """``reason`` says why hosts must exchange routes by BGP, empty when they need not."""

    reason: str = ""
    missing: tuple[str, ...] = ()


@record
class Facts:
    """All that is looked at."""

    kernel: KernelFacts
    docker: DockerFacts
    agent: AgentFacts
    datastore: DatastoreFacts
    routing: RoutingFacts


@record
class Finding:
    """One line for the person."""

    level: str
    text: str

    def __str__(self) -> str:
        return f"{self.level}: {self.text}"


def check(facts: Facts, *, libnetwork: bool = False) -> tuple[Finding, ...]:
    """Everything that can be said about the facts, good and bad.

    ``libnetwork`` says that somebody asked for Docker's networks by name, and is to be answered in these words.
    """
    return (
        *_check_kernel(facts.kernel, running=facts.agent.running),
        *_check_firewalls(facts.kernel),
        *_check_docker(facts.docker, running=facts.agent.running, libnetwork=libnetwork),
        *_check_agent(facts.agent),
        *_check_datastore(facts.datastore),
        *_check_routing(facts.routing),
    )


def is_fit(findings: tuple[Finding, ...]) -> bool:
    """Whether nothing is in the way."""
    return not any(finding.level == ERROR for finding in findings)


def _check_kernel(kernel: KernelFacts, *, running: bool) -> Iterator[Finding]:
    if kernel.nft_fault:
        yield Finding(
            ERROR,
            f"calico's nftables table cannot be made: {kernel.nft_fault}. It needs libnftables1, and a kernel with "
            "nf_tables, conntrack and NAT.",
        )
    else:
        yield Finding(OK, f"the kernel takes calico's nftables table (libnftables {kernel.nft_version or 'unknown'})")
    if kernel.link_fault:
        yield Finding(ERROR, f"no veth pair can be made: {kernel.link_fault}. The kernel needs veth.")
    else:
        yield Finding(OK, "the kernel makes veth pairs")
    if not kernel.settings_writable:
        yield Finding(
            ERROR,
            "/proc/sys is read-only here, and calico-node sets forwarding and proxy ARP there: run it on the host "
            "itself, or in a privileged container.",
        )
    for version, value in sorted((kernel.forwarding or {}).items()):
        yield _forwarding(version, value, running=running)
    yield _rp_filter(kernel.rp_filter)


def _forwarding(version: int, value: str, *, running: bool) -> Finding:
    if value != "0":
        return Finding(OK, f"IPv{version} forwarding is on")
    if not running:
        return Finding(OK, f"IPv{version} forwarding is off; 'calicoctl node' switches it on")
    setting = "net.ipv4.ip_forward" if version == 4 else "net.ipv6.conf.all.forwarding"
    return Finding(
        ERROR,
        f"IPv{version} forwarding was switched off while calico-node runs, so containers reach nobody: "
        f"sysctl -w {setting}=1, and see who did it.",
    )


def _rp_filter(value: str) -> Finding:
    if value != "2":
        return Finding(OK, "source addresses are checked strictly")
    return Finding(
        WARNING,
        "net.ipv4.conf.all.rp_filter is 2, so the kernel checks source addresses only loosely and calico's own table "
        "is the one check left: sysctl -w net.ipv4.conf.all.rp_filter=1",
    )


def _check_firewalls(kernel: KernelFacts) -> Iterator[Finding]:
    if kernel.chains_fault:
        yield Finding(WARNING, f"other programs' firewall rules could not be listed: {kernel.chains_fault}")
    left = [(table, chain) for table, chain in kernel.chains if chain.startswith(_LEFTOVERS)]
    if left:
        names = ", ".join(f"{chain} in {table}" for table, chain in left[:_SHOWN])
        more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        yield Finding(
            ERROR,
            f"rules of another Calico judge our interfaces too ({names}{more}): stop its agent, then take its "
            "chains out with iptables, or restart this host.",
        )
    else:
        yield Finding(OK, "no rules of another Calico are left")
    if any(chain.startswith(("ufw-", "ufw6-")) for _, chain in kernel.chains):
        yield Finding(
            WARNING,
            "ufw is active. After calico it decides what containers reach on this host itself: allow the pools that "
            "may, such as 'ufw allow from 192.168.0.0/16'.",
        )
    if any("firewalld" in table or chain == "FORWARD_IN_ZONES" for table, chain in kernel.chains):
        yield Finding(
            WARNING,
            "firewalld is active, and rejects what it does not know after calico has allowed it: for each pool, "
            "'firewall-cmd --permanent --zone=trusted --add-source=192.168.0.0/16', then 'firewall-cmd --reload'.",
        )


def _check_docker(docker: DockerFacts, *, running: bool, libnetwork: bool) -> Iterator[Finding]:
    if docker.fault:
        yield Finding(ERROR, f"Docker daemon not running. {docker.fault}")
        return
    wanted = ".".join(map(str, DOCKER_API))
    if (_numbers(docker.api_version) or (0,)) < DOCKER_API:
        if libnetwork:
            yield Finding(ERROR, "Docker Version does not support Libnetwork.")
        yield Finding(
            ERROR,
            f"Docker server must support Docker Remote API v{wanted} or greater. "
            f"(Detected version: {docker.api_version or 'unknown'})",
        )
    else:
        yield Finding(OK, f"Docker {docker.version} answers (API {docker.api_version})")
    yield from _check_docker_firewall(docker, running=running)


def _check_docker_firewall(docker: DockerFacts, *, running: bool) -> Iterator[Finding]:
    chains = docker.user_chains or {}
    for place, ours in chains.items():
        if ours or not running:
            continue
        yield Finding(
            ERROR,
            f"{place} does not begin with calico's rules, so Docker may drop what policy allows. calico-node puts "
            "them back within seconds: check again, and if it stays, see its log.",
        )
    places = ", ".join(chains) or "no DOCKER-USER chain"
    yield Finding(OK, f"Docker's firewall: {docker.firewall or 'iptables'} ({places})")


def _check_agent(agent: AgentFacts) -> Iterator[Finding]:
    if agent.fault:
        yield Finding(ERROR, f"calico-node is not well: {agent.fault}; see its log.")
    elif not agent.running:
        yield Finding(OK, "calico-node does not run; 'calicoctl node' starts it")
    elif agent.plugin_fault:
        yield Finding(
            ERROR,
            f"Docker cannot use calico-node: {agent.plugin_fault}; restart it: 'calicoctl node stop --force', then "
            "'calicoctl node'.",
        )
    else:
        yield Finding(OK, "calico-node runs, and its plugin socket answers")


def _check_datastore(datastore: DatastoreFacts) -> Iterator[Finding]:
    for address, text in (datastore.etcd or {}).items():
        version = _numbers(text)
        if not text:
            yield Finding(ERROR, f"Could not connect to etcd at {address}")
        elif version is None or len(version) < len(ETCD_VERSION):
            yield Finding(
                ERROR,
                "Unable to detect etcd version. If using etcd with SSL, set ETCD_SCHEME, ETCD_KEY_FILE, "
                "ETCD_CERT_FILE, and ETCD_CA_CERT_FILE environment variables",
            )
        elif version < ETCD_VERSION:
            wanted, found = (".".join(map(str, numbers)) for numbers in (ETCD_VERSION, version))
            yield Finding(ERROR, f"etcd must be at least version {wanted} (Detected version: {found})")
    if datastore.fault:
        yield Finding(ERROR, f"the datastore cannot be used: {datastore.fault}")
    else:
        yield Finding(OK, f"the datastore {datastore.name} can be read and written")


def _check_routing(routing: RoutingFacts) -> Iterator[Finding]:
    if not routing.reason:
        yield Finding(OK, "no routes are to be exchanged with other hosts")
    elif routing.missing:
        yield Finding(
            ERROR,
            f"{routing.reason}, but {' and '.join(routing.missing)} cannot be found: apt-get install bird2",
        )
    else:
        yield Finding(OK, f"{routing.reason}; BIRD is installed")


def _numbers(text: str) -> tuple[int, ...] | None:
    """The first dotted number in a text, such as ``1.41`` or ``3.4.23``; ``None`` when there is none."""
    found = _DOTTED.search(text)
    return tuple(int(part) for part in found[0].split(".")) if found else None
