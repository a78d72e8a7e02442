"""Neighbours: requests as the ip command makes them, and the kernel's messages read."""

import errno

import pytest

from calico.linux.messages import Answer
from calico.linux.neighbours import Neighbour, Neighbours
from calico.model.errors import NotFoundError, ValidationError
from tests.fakes.netlink import FakeNetlink
from tests.unit.linux.test_messages import kernel_message

DEVICES = {"eth0": 2, "calia": 3}


def test_replacement_is_that_of_the_ip_command() -> None:
    sock = FakeNetlink(devices=DEVICES)

    Neighbours(sock).replace("calia", "10.65.0.2", "02:00:00:00:00:01")

    # ip neigh replace 10.65.0.2 lladdr 02:00:00:00:00:01 dev calia nud permanent
    (request,) = sock.requests
    assert (request.kind, request.flags) == (28, 0x504)
    assert request.payload.hex() == "020000000300000080000000080001000a4100020a0002000200000000010000"


def test_list_leaves_multicast_and_other_devices_out() -> None:
    told = Answer(messages=(kernel_message("neighbour"), kernel_message("multicast neighbour")))
    neighbours = Neighbours(FakeNetlink([told, told], DEVICES))

    assert neighbours.list("calia") == (Neighbour("calia", "10.65.0.2", "02:00:00:00:00:01"),)
    assert neighbours.list("eth0") == ()


def test_refusals_name_the_neighbour() -> None:
    neighbours = Neighbours(FakeNetlink([Answer(errno.ENOENT)], DEVICES))

    with pytest.raises(NotFoundError, match=r"cannot delete neighbour 10\.65\.0\.2 on calia"):
        neighbours.delete("calia", "10.65.0.2")
    with pytest.raises(ValidationError):
        neighbours.replace("calia", "10.65.0.2", "nonsense")
