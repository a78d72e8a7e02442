"""A container's stack, in real namespaces, as the ip command sees it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from calico.client.stacks import NamespaceStack, delete_host_end, open_process_stack, open_stack
from calico.model.errors import AlreadyExistsError, ApplyError, CalicoError, NotFoundError
from tests.functional.netns import Netns

pytestmark = pytest.mark.kernel

MAC = "02:00:00:00:00:01"


@pytest.fixture
def inside(netns: Netns, make_netns: Callable[[], Netns]) -> Netns:
    """The container's namespace; the test runs in the host's."""
    return make_netns()


@pytest.fixture
def stack(inside: Netns) -> Iterator[NamespaceStack]:
    with NamespaceStack(inside.path) as opened:
        yield opened


@pytest.fixture
def connected(stack: NamespaceStack) -> NamespaceStack:
    stack.connect("cali0", "eth1", MAC)
    return stack


def defaults(netns: Netns, version: int) -> list[tuple[str, str, int]]:
    """Gateway, interface and metric of the default routes, the preferred one first."""
    routes = netns.ip(f"-{version}", "route", "show", "default")
    return [(route["gateway"], route["dev"], route.get("metric", 0)) for route in routes]


def addresses(netns: Netns) -> list[dict[str, Any]]:
    """The addresses of ``eth1`` that are not the kernel's own."""
    (link,) = netns.ip("address", "show", "dev", "eth1")
    return [address for address in link["addr_info"] if address.get("scope") == "global"]


def bridge(netns: Netns, version: int, *metrics: int) -> list[tuple[str, str, int]]:
    """Give a namespace an interface as Docker's bridge would, with default routes of these metrics."""
    netns.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other")
    netns.run("ip", "link", "set", "other", "up")
    netns.run("ip", "address", "add", "172.17.0.2/16", "dev", "eth0")
    netns.run("ip", "address", "add", "fd17::2/64", "dev", "eth0", "nodad")
    netns.run("ip", "link", "set", "eth0", "up")
    for metric in metrics:
        gateway = "172.17.0.1" if version == 4 else "fd17::1"
        netns.run("ip", "route", "add", "default", "via", gateway, "metric", str(metric))
    return defaults(netns, version)


def test_a_pair_has_one_end_in_each_stack(netns: Netns, inside: Netns, connected: NamespaceStack) -> None:
    (host,), (own,) = netns.ip("link", "show", "cali0"), inside.ip("link", "show", "eth1")

    assert own["address"] == MAC
    assert ("LOWER_UP" in host["flags"], "LOWER_UP" in own["flags"]) == (True, True)
    assert (connected.has("eth1"), connected.has("eth0"), connected.has("cali0")) == (True, False, False)
    assert connected.interface_of("cali0") == "eth1"
    delete_host_end("cali0")
    delete_host_end("cali0")
    assert not connected.has("eth1")


def test_names_in_use_are_refused(netns: Netns, inside: Netns, connected: NamespaceStack) -> None:
    with pytest.raises(AlreadyExistsError):
        connected.connect("cali1", "eth1", MAC)
    with pytest.raises(AlreadyExistsError):
        connected.connect("cali0", "eth2", MAC)

    assert [link["ifname"] for link in netns.ip("link")] == ["lo", "cali0"]
    assert [link["ifname"] for link in inside.ip("link")] == ["lo", "eth1"]


def test_the_end_of_another_containers_pair_is_none(
    netns: Netns, connected: NamespaceStack, make_netns: Callable[[], Netns]
) -> None:
    with NamespaceStack(make_netns().path) as other:
        other.connect("cali1", "eth1", MAC)

        with pytest.raises(NotFoundError):
            connected.interface_of("cali1")
        with pytest.raises(NotFoundError):
            connected.interface_of("cali2")
        assert other.interface_of("cali1") == "eth1"


@pytest.mark.parametrize("address", ["192.168.0.5", "fd80::5"])
def test_addresses_come_and_go(inside: Netns, connected: NamespaceStack, address: str) -> None:
    connected.add_address("eth1", address)

    (found,) = addresses(inside)
    assert (found["local"], found["prefixlen"]) == (address, 32 if "." in address else 128)
    assert not found.get("tentative")
    with pytest.raises(AlreadyExistsError):
        connected.add_address("eth1", address)
    connected.remove_address("eth1", address)
    with pytest.raises(NotFoundError):
        connected.remove_address("eth1", address)
    assert addresses(inside) == []


def test_ipv6_is_switched_on_where_docker_switched_it_off(inside: Netns, stack: NamespaceStack) -> None:
    inside.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
    stack.connect("cali0", "eth1", MAC)

    stack.add_address("eth1", "fd80::5")
    stack.prefer("eth1", 6)

    assert defaults(inside, 6) == [("fe80::ecee:eeff:fe00:1", "eth1", 1024)]
    assert inside.run("sysctl", "-n", "net.ipv6.conf.lo.disable_ipv6").strip() == "1"


def test_a_stack_without_a_way_out_gets_one(inside: Netns, connected: NamespaceStack) -> None:
    for version, address, gateway, metric in (
        (4, "192.168.0.5", "169.254.1.1", 0),
        (6, "fd80::5", "fe80::ecee:eeff:fe00:1", 1024),
    ):
        assert connected.connected(version) is None
        connected.add_address("eth1", address)

        connected.prefer("eth1", version)

        assert defaults(inside, version) == [(gateway, "eth1", metric)]
        assert connected.connected(version) == "eth1"
        connected.prefer("eth1", version)
        connected.withdraw("eth1", version)
        connected.withdraw("eth1", version)
        assert defaults(inside, version) == []
        assert connected.connected(version) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([0], [1]),
        ([5], [5]),
        ([0, 1, 2, 9], [1, 2, 3, 9]),
        ([0, 2], [1, 2]),
        ([0, 4294967295], [1, 4294967295]),
    ],
)
def test_other_ways_out_step_back(
    inside: Netns, connected: NamespaceStack, before: list[int], after: list[int]
) -> None:
    bridge(inside, 4, *before)
    connected.add_address("eth1", "192.168.0.5")

    connected.prefer("eth1", 4)

    assert defaults(inside, 4) == [
        ("169.254.1.1", "eth1", 0),
        *(("172.17.0.1", "eth0", metric) for metric in after),
    ]
    connected.withdraw("eth1", 4)
    assert defaults(inside, 4) == [("172.17.0.1", "eth0", metric) for metric in after]


def test_other_ways_out_step_back_in_ipv6(inside: Netns, connected: NamespaceStack) -> None:
    bridge(inside, 6, 10, 1024, 1025, 3000)
    connected.add_address("eth1", "fd80::5")

    connected.prefer("eth1", 6)

    assert [metric for _, _, metric in defaults(inside, 6)] == [1024, 1025, 1026, 1027, 3000]
    assert defaults(inside, 6)[0] == ("fe80::ecee:eeff:fe00:1", "eth1", 1024)


def test_what_fails_leaves_the_ways_out_as_they_were(inside: Netns, connected: NamespaceStack) -> None:
    before = bridge(inside, 4, 0, 1)
    inside.run("ip", "link", "set", "eth1", "down")

    with pytest.raises(CalicoError):
        connected.prefer("eth1", 4)

    assert defaults(inside, 4) == before
    assert connected.connected(4) is None


def test_the_hosts_own_stack_is_known(netns: Netns, stack: NamespaceStack) -> None:
    assert not stack.is_host
    with NamespaceStack(netns.path) as own:
        assert own.is_host


def test_a_path_without_a_namespace_is_refused(netns: Netns, tmp_path: Path) -> None:
    plain, pipe = tmp_path / "plain", tmp_path / "pipe"
    plain.touch()
    os.mkfifo(pipe)

    for path in (tmp_path / "nothing", pipe, tmp_path):
        with pytest.raises(NotFoundError):
            open_stack(str(path))
    with pytest.raises(ApplyError):
        open_stack(str(plain))


def test_a_process_must_belong_to_the_container(netns: Netns) -> None:
    with pytest.raises(NotFoundError, match=r"^process \d+ does not belong to container 0123$"):
        open_process_stack(os.getpid(), "0123")
    with pytest.raises(NotFoundError):
        open_process_stack(2**22 + 1, "0123")
