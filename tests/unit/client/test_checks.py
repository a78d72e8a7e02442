"""What the facts of a host mean: nothing to say about a good one, and one line for each thing in the way."""

import pytest

from calico.client.checks import (
    ERROR,
    OK,
    WARNING,
    AgentFacts,
    DatastoreFacts,
    DockerFacts,
    Facts,
    KernelFacts,
    RoutingFacts,
    check,
    is_fit,
)
from calico.model.record import replace
from tests.fakes.terminal import WELL


def problems(facts: Facts, *, libnetwork: bool = False) -> list[tuple[str, str]]:
    findings = check(facts, libnetwork=libnetwork)
    found = [(finding.level, finding.text) for finding in findings if finding.level != OK]
    assert is_fit(findings) == all(level != ERROR for level, _ in found)
    assert all("\n" not in text for _, text in found)
    return found


def kernel(**changes: object) -> Facts:
    return replace(WELL, kernel=replace(WELL.kernel, **changes))


def docker(**changes: object) -> Facts:
    return replace(WELL, docker=replace(WELL.docker, **changes))


STOPPED = replace(WELL, agent=AgentFacts())


@pytest.mark.parametrize("facts", [WELL, STOPPED])
def test_a_good_host_has_no_problems_and_says_what_is_well(facts: Facts) -> None:
    assert problems(facts) == []
    assert len(check(facts)) >= 9


@pytest.mark.parametrize(
    ("facts", "begin"),
    [
        (kernel(nft_fault="libnftables.so.1 is not installed: apt-get install libnftables1"),
         "calico's nftables table cannot be made: libnftables.so.1 is not installed: apt-get install libnftables1."),
        (kernel(link_fault="cannot create the veth pair: not supported"),
         "no veth pair can be made: cannot create the veth pair: not supported. The kernel needs veth."),
        (kernel(settings_writable=False), "/proc/sys is read-only here"),
        (kernel(forwarding={4: "0"}), "IPv4 forwarding was switched off while calico-node runs"),
        (kernel(forwarding={4: "1", 6: "0"}), "IPv6 forwarding was switched off while calico-node runs"),
        (kernel(chains=(("ip filter", "felix-FORWARD"),)),
         "rules of another Calico judge our interfaces too (felix-FORWARD in ip filter): "),
        (kernel(chains=tuple(("t", f"cali-{n}") for n in range(5))),
         "rules of another Calico judge our interfaces too (cali-0 in t, cali-1 in t, cali-2 in t and 2 more): "),
        (docker(fault="Docker does not answer"), "Docker daemon not running. Docker does not answer"),
        (docker(api_version="1.20"),
         "Docker server must support Docker Remote API v1.21 or greater. (Detected version: 1.20)"),
        (docker(api_version=""),
         "Docker server must support Docker Remote API v1.21 or greater. (Detected version: unknown)"),
        (docker(user_chains={"ip filter DOCKER-USER": True, "DOCKER-USER of iptables-legacy": False}),
         "DOCKER-USER of iptables-legacy does not begin with calico's rules"),
        (replace(WELL, agent=AgentFacts(running=True, fault="no nft")),
         "calico-node is not well: no nft; see its log"),
        (replace(WELL, agent=AgentFacts(running=True, plugin_fault="no answer")),
         "Docker cannot use calico-node: no answer; restart it"),
        (replace(WELL, datastore=DatastoreFacts("x", "it is full")), "the datastore cannot be used: it is full"),
        (replace(WELL, datastore=DatastoreFacts("x", "", {"10.0.0.1:2379": ""})),
         "Could not connect to etcd at 10.0.0.1:2379"),
        (replace(WELL, datastore=DatastoreFacts("x", "", {"h:1": '{"etcdserver":"3.3.25"}'})),
         "etcd must be at least version 3.4.0 (Detected version: 3.3.25)"),
        (replace(WELL, datastore=DatastoreFacts("x", "", {"h:1": "unknown"})),
         "Unable to detect etcd version. If using etcd with SSL, set ETCD_SCHEME, ETCD_KEY_FILE, ETCD_CERT_FILE"),
        (replace(WELL, routing=RoutingFacts("2 hosts form a BGP mesh", ("bird", "birdc"))),
         "2 hosts form a BGP mesh, but bird and birdc cannot be found: apt-get install bird2"),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_one_error(facts: Facts, begin: str) -> None:
    ((level, text),) = problems(facts)

    assert level == ERROR
    assert text.startswith(begin)


@pytest.mark.parametrize(
    ("facts", "begin"),
    [
        (kernel(rp_filter="2"), "net.ipv4.conf.all.rp_filter is 2"),
        (kernel(chains=(("ip filter", "ufw-user-forward"),)), "ufw is active."),
        (kernel(chains=(("ip6 filter", "ufw6-user-input"),)), "ufw is active."),
        (kernel(chains=(("inet firewalld", "filter_FORWARD"),)), "firewalld is active"),
        (kernel(chains=(("filter of iptables-legacy", "FORWARD_IN_ZONES"),)), "firewalld is active"),
        (kernel(chains_fault="not permitted"), "other programs' firewall rules could not be listed: not permitted"),
    ],
)
def test_what_is_worth_knowing_is_no_error(facts: Facts, begin: str) -> None:
    ((level, text),) = problems(facts)

    assert level == WARNING
    assert text.startswith(begin)


@pytest.mark.parametrize(
    "facts",
    [
        kernel(forwarding={}),
        kernel(rp_filter="1"),
        kernel(chains=(("inet mine", "califlower"), ("ip nat", "DOCKER"))),
        docker(user_chains={}),
        docker(firewall="nftables", version="29.1.0", api_version="1.52", user_chains={}),
        replace(STOPPED, kernel=replace(WELL.kernel, forwarding={4: "0", 6: "0"})),
        replace(STOPPED, docker=replace(WELL.docker, user_chains={"ip filter DOCKER-USER": False})),
        replace(WELL, datastore=DatastoreFacts("x", "", {"h:1": '{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}'})),
        replace(WELL, routing=RoutingFacts("2 BGP peers")),
    ],
)
def test_what_is_nobodys_fault_is_no_problem(facts: Facts) -> None:
    assert problems(facts) == []


def test_an_old_docker_is_told_in_both_ways_when_libnetwork_was_asked_for() -> None:
    assert [text for _, text in problems(docker(api_version="1.19"), libnetwork=True)] == [
        "Docker Version does not support Libnetwork.",
        "Docker server must support Docker Remote API v1.21 or greater. (Detected version: 1.19)",
    ]


def test_every_problem_is_told_at_once() -> None:
    facts = Facts(
        KernelFacts(nft_fault="a", link_fault="b", settings_writable=False),
        DockerFacts(fault="c"),
        AgentFacts(running=True, fault="d"),
        DatastoreFacts(fault="e"),
        RoutingFacts("x", ("bird",)),
    )

    assert len(problems(facts)) == 7


@pytest.mark.parametrize("version", ["1.21", "1.21.0", "1.100", "2.0"])
def test_versions_are_compared_as_numbers(version: str) -> None:
    assert problems(docker(api_version=version)) == []


@pytest.mark.parametrize("version", ["1.3", "0.9", "x", "1", "1.", "."])
def test_what_is_no_version_is_too_old(version: str) -> None:
    assert len(problems(docker(api_version=version))) == 1


def test_the_firewall_of_docker_is_named() -> None:
    facts = docker(firewall="nftables", user_chains={})

    assert "Docker's firewall: nftables (no DOCKER-USER chain)" in [finding.text for finding in check(facts)]
