"""Addresses and neighbours in the real kernel, as the ip command sees them."""

import pytest

from calico.linux.addresses import Address, Addresses
from calico.linux.links import Links
from calico.linux.neighbours import Neighbour, Neighbours
from calico.model.errors import AlreadyExistsError, NotFoundError
from tests.functional.netns import Netns

pytestmark = pytest.mark.kernel

GATEWAY = Address("lo", "169.254.1.1/32", "link")
LINK_LOCAL = Address("cali0", "fe80::1/64", "link")
MAC = "02:00:00:00:00:01"


@pytest.fixture
def host(netns: Netns) -> Netns:
    with Links() as links:
        links.create_veth("cali0", "tmp0")
        links.update("tmp0", up=True)
    return netns


def addresses_of(host: Netns, device: str) -> dict[str, dict[str, object]]:
    (link,) = host.ip("address", "show", "dev", device)
    return {f"{a['local']}/{a['prefixlen']}": a for a in link["addr_info"]}


def test_gateway_address_on_loopback(host: Netns) -> None:
    with Addresses() as addresses:
        addresses.add(GATEWAY)

        assert addresses_of(host, "lo")["169.254.1.1/32"]["scope"] == "link"
        assert GATEWAY in addresses.list("lo")
        with pytest.raises(AlreadyExistsError, match=r"cannot add address 169\.254\.1\.1/32 to lo: file exists"):
            addresses.add(GATEWAY)

        addresses.delete(GATEWAY)

        assert "169.254.1.1/32" not in addresses_of(host, "lo")
        with pytest.raises(NotFoundError):
            addresses.delete(GATEWAY)


def test_link_local_address_is_usable_at_once(host: Netns) -> None:
    with Addresses() as addresses:
        addresses.add(LINK_LOCAL, nodad=True)

        assert not addresses_of(host, "cali0")["fe80::1/64"].get("tentative")
        assert LINK_LOCAL in addresses.list("cali0")
        with pytest.raises(AlreadyExistsError):
            addresses.add(LINK_LOCAL, nodad=True)
        addresses.delete(LINK_LOCAL)
        assert LINK_LOCAL not in addresses.list()


def test_addresses_of_all_devices_are_as_the_ip_command_shows_them(host: Netns) -> None:
    host.run("ip", "address", "add", "192.0.2.1/24", "dev", "cali0")

    with Addresses() as addresses:
        found = {(a.device, a.cidr, a.scope) for a in addresses.list()}

    assert ("cali0", "192.0.2.1/24", "global") in found
    assert found == {
        (link["ifname"], f"{a['local']}/{a['prefixlen']}", a["scope"])
        for link in host.ip("address")
        for a in link["addr_info"]
    }


def test_neighbours_are_permanent_and_replaceable(host: Netns) -> None:
    with Neighbours() as neighbours:
        for address in ("10.65.0.2", "fd00::2"):
            neighbours.replace("cali0", address, "02:00:00:00:00:ff")
            neighbours.replace("cali0", address, MAC)

        told = {
            n["dst"]: (n["lladdr"], n["state"])
            for n in host.ip("neighbour", "show", "dev", "cali0", "nud", "permanent")
        }
        assert told == {"10.65.0.2": (MAC, ["PERMANENT"]), "fd00::2": (MAC, ["PERMANENT"])}
        assert set(neighbours.list("cali0")) == {Neighbour("cali0", a, MAC) for a in ("10.65.0.2", "fd00::2")}
        assert neighbours.list("tmp0") == ()

        neighbours.delete("cali0", "10.65.0.2")

        assert [n.address for n in neighbours.list("cali0")] == ["fd00::2"]
        with pytest.raises(NotFoundError):
            neighbours.delete("cali0", "10.65.0.2")
