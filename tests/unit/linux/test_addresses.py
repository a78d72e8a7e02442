"""Addresses: requests as the ip command makes them, and the kernel's messages read."""

import errno

import pytest

from calico.linux.addresses import Address, Addresses
from calico.linux.messages import Answer
from calico.model.errors import AlreadyExistsError, NotFoundError, ValidationError
from tests.fakes.netlink import FakeNetlink
from tests.unit.linux.test_messages import kernel_message

DEVICES = {"lo": 1, "calia": 3}
GATEWAY = Address("lo", "169.254.1.1/32", "link")


def test_addition_is_that_of_the_ip_command() -> None:
    sock = FakeNetlink(devices=DEVICES)
    addresses = Addresses(sock)

    addresses.add(GATEWAY)
    addresses.delete(GATEWAY)

    # ip addr add 169.254.1.1/32 dev lo scope link
    assert [(request.kind, request.flags) for request in sock.requests] == [(20, 0x604), (21, 0x4)]
    assert {request.payload.hex() for request in sock.requests} == {
        "022000fd0100000008000200a9fe010108000100a9fe0101"
    }


def test_duplicate_detection_can_be_left_out() -> None:
    sock = FakeNetlink(devices=DEVICES)

    Addresses(sock).add(Address("calia", "fe80::1/64", "link"), nodad=True)

    # ip -6 addr add fe80::1/64 dev calia scope link nodad, but for where the flag stands
    address = "fe800000000000000000000000000001"
    assert sock.requests[0].payload.hex() == (f"0a4000fd0300000014000200{address}14000100{address}0800080002000000")


def test_addresses_of_the_kernel_are_read() -> None:
    told = Answer(messages=(kernel_message("address4"), kernel_message("address6")))
    addresses = Addresses(FakeNetlink([told, told], DEVICES))

    assert addresses.list() == (GATEWAY, Address("calia", "fe80::1/64", "link"))
    assert addresses.list("calia") == (Address("calia", "fe80::1/64", "link"),)


def test_refusals_name_address_and_device() -> None:
    addresses = Addresses(FakeNetlink([Answer(errno.EEXIST), Answer(errno.EADDRNOTAVAIL)], DEVICES))

    with pytest.raises(AlreadyExistsError, match=r"cannot add address 169\.254\.1\.1/32 to lo: file exists"):
        addresses.add(GATEWAY)
    with pytest.raises(NotFoundError, match="cannot delete address"):
        addresses.delete(GATEWAY)
    with pytest.raises(NotFoundError, match="cannot find interface eth9"):
        addresses.list("eth9")


@pytest.mark.parametrize("address", [Address("lo", "1.2.3/8"), Address("lo", "10.0.0.1/8", "galaxy")])
def test_impossible_addresses_are_refused(address: Address) -> None:
    with pytest.raises(ValidationError):
        Addresses(FakeNetlink(devices=DEVICES)).add(address)
