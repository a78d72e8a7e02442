"""Links: requests as the ip command makes them, and the kernel's messages read."""

import errno

import pytest

from calico.linux.links import Link, Links, link_family, parse_link
from calico.linux.messages import NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, Answer, pack_text
from calico.model.errors import AlreadyExistsError, ApplyError, NotFoundError, ValidationError
from tests.fakes.netlink import FakeNetlink
from tests.unit.linux.test_messages import kernel_message

VETH_BY_IP = bytes.fromhex(
    "00000000000000000100000001000000"
    "0a000100eeeeeeeeeeee000008000400780500000a00030063616c6961000000"
    "44001200080001007665746838000200"
    "34000100000000000000000000000000000000000a0001000200000000010000080004007805000009000300746d706100000000"
)
"""Sent by ``ip link add calia address ee:ee:ee:ee:ee:ee mtu 1400 up
type veth peer name tmpa address 02:00:00:00:00:01 mtu 1400``."""
NESTED_AT = (0x33, 0x3F)
"""Where it could have marked attributes as nested, as we do and newer requests of the kernel demand."""


def test_veth_request_is_that_of_the_ip_command() -> None:
    sock = FakeNetlink(devices={"calia": 3})

    index = Links(sock).create_veth(
        "calia", "tmpa", host_mac="EE-EE-EE-EE-EE-EE", peer_mac="02:00:00:00:00:01", mtu=1400
    )

    (request,) = sock.requests
    expected = bytearray(VETH_BY_IP)
    for position in NESTED_AT:
        expected[position] |= 0x80

    assert index == 3
    assert (request.kind, request.flags) == (16, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
    assert request.payload == bytes(expected)


def test_peer_can_be_born_in_another_namespace() -> None:
    sock = FakeNetlink(devices={"calia": 3})

    Links(sock).create_veth("calia", "tmpa", peer_namespace=5, up=False)

    assert sock.requests[0].payload.endswith(bytes.fromhex("08001c0005000000"))


def test_update_changes_what_is_given_by_index() -> None:
    sock = FakeNetlink(devices={"calia": 3})

    Links(sock).update("calia", up=False, mtu=1300)

    assert sock.requests[0].payload == bytes.fromhex("000000000300000000000000010000000800040014050000")


def test_update_without_up_leaves_the_state_alone() -> None:
    sock = FakeNetlink(devices={"calia": 3})

    Links(sock).update("calia", rename="eth0")

    assert sock.requests[0].payload == bytes.fromhex("00000000030000000000000000000000") + pack_text(3, "eth0")


def test_link_of_the_kernel_is_read() -> None:
    assert parse_link(kernel_message("veth")) == Link(
        name="calia",
        index=3,
        mac="ee:ee:ee:ee:ee:ee",
        up=True,
        running=True,
        mtu=1400,
        kind="veth",
        peer=2,
    )


def test_message_of_a_bridge_about_its_port_shows_its_family() -> None:
    message = kernel_message("bridge port left")

    assert link_family(message) == 7
    assert link_family(kernel_message("veth")) == 0
    assert parse_link(message).master == 4


def test_list_takes_a_prefix() -> None:
    sock = FakeNetlink([Answer(messages=(kernel_message("veth"),))] * 2)
    links = Links(sock)

    assert [link.name for link in links.list("cali")] == ["calia"]
    assert links.list("eth") == ()


def test_refusals_name_the_link() -> None:
    links = Links(FakeNetlink([Answer(errno.EEXIST), Answer(errno.ENODEV)]))

    with pytest.raises(AlreadyExistsError, match="cannot create the veth pair calia and tmpa: file exists"):
        links.create_veth("calia", "tmpa")
    with pytest.raises(NotFoundError, match="cannot delete interface calia: no such device"):
        links.delete("calia")
    with pytest.raises(NotFoundError, match="cannot find interface calia"):
        links.update("calia", up=True)
    with pytest.raises(ApplyError, match="empty answer"):
        links.get("calia")


@pytest.mark.parametrize(
    "values", [{"host_mac": "ee:ee"}, {"peer_mac": "x"}, {"mtu": 0}, {"mtu": 1 << 31}, {"mtu": -1}]
)
def test_impossible_values_are_refused_before_the_kernel_sees_them(values: dict[str, object]) -> None:
    sock = FakeNetlink(devices={"calia": 3})

    with pytest.raises(ValidationError):
        Links(sock).create_veth("calia", "tmpa", **values)

    assert sock.requests == []


def test_names_are_refused_before_the_kernel_sees_them() -> None:
    sock = FakeNetlink()
    links = Links(sock)

    for call in (links.get, links.delete, lambda name: links.create_veth("calia", name)):
        with pytest.raises(ValidationError, match="is not an interface name"):
            call("a/b")

    assert sock.requests == []
