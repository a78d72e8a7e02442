"""Links, made and changed in the real kernel, as the ip command sees them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from calico.linux.links import Links
from calico.model.errors import AlreadyExistsError, ApplyError, NotFoundError
from tests.functional.netns import Netns

pytestmark = pytest.mark.kernel

MAC = "ee:ee:ee:ee:ee:ee"
PEER_MAC = "02:00:00:00:00:01"


def test_veth_pair_is_made_whole_in_one_step(netns: Netns) -> None:
    with Links() as links:
        index = links.create_veth("cali0.1", "tmp0", host_mac=MAC, peer_mac=PEER_MAC, mtu=1400)

    (host,), (peer,) = netns.ip("link", "show", "cali0.1"), netns.ip("link", "show", "tmp0")
    assert (host["ifindex"], host["address"], host["mtu"]) == (index, MAC, 1400)
    assert (peer["address"], peer["mtu"]) == (PEER_MAC, 1400)
    assert host["linkinfo"]["info_kind"] == "veth"
    assert "UP" in host["flags"]
    assert "UP" not in peer["flags"]


def test_peer_is_born_in_another_namespace(netns: Netns, make_netns: Callable[[], Netns]) -> None:
    other = make_netns()

    with Links() as links:
        links.create_veth("cali0", "eth0", up=False, peer_namespace=other.namespace.fileno())

    assert [link["ifname"] for link in netns.ip("link")] == ["lo", "cali0"]
    assert [link["ifname"] for link in other.ip("link")] == ["lo", "eth0"]
    assert "UP" not in netns.ip("link", "show", "cali0")[0]["flags"]


def test_link_runs_when_both_ends_are_up(netns: Netns) -> None:
    with Links() as links:
        links.create_veth("cali0", "tmp0")
        assert (links.get("cali0").up, links.get("cali0").running) == (True, False)

        links.update("tmp0", up=True)
        assert links.get("cali0").running

        links.update("cali0", up=False)
        assert (links.get("cali0").up, links.get("tmp0").up, links.get("tmp0").running) == (False, True, False)


def test_links_are_found_as_the_ip_command_finds_them(netns: Netns) -> None:
    netns.run("ip", "link", "add", "br0", "type", "bridge")
    with Links() as links:
        links.create_veth("cali0", "tmp0", host_mac=MAC, mtu=1400)
        netns.run("ip", "link", "set", "cali0", "master", "br0")

        found = {link.name: link for link in links.list()}

        assert {link["ifname"]: link["ifindex"] for link in netns.ip("link")} == {
            name: link.index for name, link in found.items()
        }
        assert found["cali0"] == links.get("cali0")
        assert (found["cali0"].master, found["cali0"].kind) == (found["br0"].index, "veth")
        assert (found["cali0"].peer, found["cali0"].mac, found["cali0"].mtu) == (found["tmp0"].index, MAC, 1400)
        assert (found["lo"].kind, found["br0"].kind, found["lo"].mtu) == (None, "bridge", 65536)
        assert [link.name for link in links.list("cali")] == ["cali0"]


def test_many_links_are_listed(netns: Netns) -> None:
    names = {f"cali{number}" for number in range(50)}
    netns.run("ip", "-batch", "-", stdin="".join(f"link add {name} type bridge\n" for name in names))

    with Links() as links:
        assert {link.name for link in links.list("cali")} == names


def test_mac_mtu_and_name_change_together(netns: Netns) -> None:
    with Links() as links:
        links.create_veth("cali0", "tmp0", up=False)
        links.update("tmp0", mac=PEER_MAC, mtu=9000, rename="eth0", up=True)

    (link,) = netns.ip("link", "show", "eth0")
    assert (link["address"], link["mtu"], "UP" in link["flags"]) == (PEER_MAC, 9000, True)


def test_link_moves_to_another_namespace_under_a_new_name(netns: Netns, make_netns: Callable[[], Netns]) -> None:
    other = make_netns()

    with Links() as links:
        links.create_veth("cali0", "tmp0")
        links.update("tmp0", rename="eth0", namespace=other.namespace.fileno())

        with pytest.raises(NotFoundError):
            links.get("tmp0")
    assert [link["ifname"] for link in other.ip("link")] == ["lo", "eth0"]


def test_deleting_one_end_deletes_both(netns: Netns) -> None:
    with Links() as links:
        links.create_veth("cali0", "tmp0")
        links.delete("cali0")

        assert [link["ifname"] for link in netns.ip("link")] == ["lo"]
        with pytest.raises(NotFoundError, match="cannot delete interface cali0: no such device"):
            links.delete("cali0")


def test_names_in_use_are_refused_and_nothing_is_left(netns: Netns) -> None:
    with Links() as links:
        links.create_veth("cali0", "tmp0")

        with pytest.raises(AlreadyExistsError, match="cannot create the veth pair cali0 and tmp1: file exists"):
            links.create_veth("cali0", "tmp1")
        with pytest.raises(AlreadyExistsError):
            links.create_veth("cali1", "tmp0")

    assert {link["ifname"] for link in netns.ip("link")} == {"lo", "cali0", "tmp0"}


def test_refusal_gives_the_kernels_reason(netns: Netns) -> None:
    with Links() as links:
        links.create_veth("cali0", "tmp0")

        with pytest.raises(ApplyError, match="cannot change interface cali0: invalid argument: mtu less than"):
            links.update("cali0", mtu=10)


def test_threads_may_share_the_object(netns: Netns) -> None:
    def work(number: int) -> list[str]:
        found = []
        for turn in range(10):
            links.create_veth(f"cali{number}.{turn}", f"tmp{number}.{turn}", up=False)
            found.append(links.get(f"cali{number}.{turn}").name)
            links.list()
            links.delete(f"cali{number}.{turn}")
        return found

    with Links() as links, ThreadPoolExecutor(4) as threads:
        results = list(threads.map(work, range(4)))

    assert results == [[f"cali{number}.{turn}" for turn in range(10)] for number in range(4)]
    assert [link["ifname"] for link in netns.ip("link")] == ["lo"]


def test_socket_stays_in_the_namespace_of_its_birth(netns: Netns, make_netns: Callable[[], Netns]) -> None:
    with Links() as links, make_netns().entered():
        links.create_veth("cali0", "tmp0")
        links.update("tmp0", up=True)

    assert {link["ifname"] for link in netns.ip("link")} == {"lo", "cali0", "tmp0"}
