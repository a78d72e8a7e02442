"""Element changes as netlink messages, and what the kernel's answers mean."""

import errno
import struct

import pytest

from calico.dataplane.nft.elements import ElementChange, find_refusal, pack_transaction
from calico.dataplane.nft.values import (
    INTERFACE,
    IPV4,
    IPV6,
    Accept,
    Drop,
    Element,
    Goto,
    Jump,
    MapSpec,
    MapVerdict,
    Return,
    SetSpec,
)
from calico.linux.messages import NLM_F_ACK, NLMSG_ERROR, Message, parse_attributes, parse_messages
from calico.model.errors import ValidationError

BEGIN, END, NEW, DELETE = 0x10, 0x11, 10 << 8 | 12, 10 << 8 | 14
TAG = SetSpec((IPV4,))
DISPATCH = MapSpec((INTERFACE,))


def messages(*changes: ElementChange) -> list[Message]:
    return parse_messages(pack_transaction("inet", "calico", changes))


def only_element(change: ElementChange) -> dict[int, bytes]:
    """The attributes of the one element of a transaction."""
    _begin, message, _end = messages(change)
    assert message.payload[:4] == bytes([1, 0, 0, 0])
    attributes = parse_attributes(message.payload, 4)
    assert attributes[1] == b"calico\0"
    assert attributes[2] == change.set_name.encode() + b"\0"
    return parse_attributes(parse_attributes(attributes[3])[1])


def test_a_transaction_is_a_batch_whose_last_change_is_acknowledged() -> None:
    batch = messages(
        ElementChange("cali-a", TAG, ["10.0.0.1"], {"10.0.0.2": None}),
        ElementChange("cali-b", TAG, [], {"10.0.0.3": None}),
    )

    assert [message.kind for message in batch] == [BEGIN, DELETE, NEW, NEW, END]
    assert [bool(message.flags & NLM_F_ACK) for message in batch] == [False, False, False, True, False]
    assert batch[0].payload == batch[-1].payload == bytes([0, 0, 0, 10])


def test_what_leaves_goes_before_what_joins() -> None:
    batch = messages(ElementChange("cali-from", DISPATCH, ["cali1"], {"cali1": Drop()}))

    assert [message.kind for message in batch] == [BEGIN, DELETE, NEW, END]


@pytest.mark.parametrize(
    ("fields", "element", "key"),
    [
        ((IPV4,), "10.0.0.1", bytes([10, 0, 0, 1])),
        ((IPV6,), "fd00::1", bytes([0xFD]) + bytes(14) + b"\1"),
        ((INTERFACE,), "cali1", b"cali1" + bytes(11)),
        ((INTERFACE, IPV4), ("cali1", "10.0.0.1"), b"cali1" + bytes(11) + bytes([10, 0, 0, 1])),
    ],
)
def test_keys(fields: tuple[str, ...], element: Element, key: bytes) -> None:
    attributes = only_element(ElementChange("cali-s", SetSpec(fields), [], {element: None}))

    assert parse_attributes(attributes[1])[1] == key
    assert 2 not in attributes


@pytest.mark.parametrize(
    ("verdict", "code", "chain"),
    [
        (Drop(), 0, None),
        (Accept(), 1, None),
        (Jump("cali-x"), -3, b"cali-x\0"),
        (Goto("cali-x"), -4, b"cali-x\0"),
        (Return(), -5, None),
    ],
)
def test_verdicts(verdict: MapVerdict, code: int, chain: bytes | None) -> None:
    attributes = only_element(ElementChange("cali-from", DISPATCH, [], {"cali1": verdict}))
    packed = parse_attributes(parse_attributes(attributes[2])[2])

    assert struct.unpack("!i", packed[1]) == (code,)
    assert packed.get(2) == chain


def test_many_elements_are_several_messages() -> None:
    addresses = [f"10.0.{number // 250}.{number % 250}" for number in range(600)]
    batch = messages(ElementChange("cali-s", TAG, addresses, {}))

    assert [message.kind for message in batch] == [BEGIN, DELETE, DELETE, DELETE, END]


@pytest.mark.parametrize(
    ("spec", "element"),
    [(TAG, "ten"), (TAG, ("cali1", "10.0.0.1")), (DISPATCH, "c" * 16), (DISPATCH, "cali*"), (DISPATCH, "")],
)
def test_what_does_not_fit_is_refused(spec: SetSpec | MapSpec, element: Element) -> None:
    with pytest.raises(ValidationError):
        pack_transaction("inet", "calico", [ElementChange("cali-s", spec, [element], {})])


def answer(number: int) -> Message:
    return Message(NLMSG_ERROR, 0, 1, 0, struct.pack("=i", -number) + bytes(16))


def test_only_an_acknowledgement_and_no_refusal_is_success() -> None:
    assert find_refusal([answer(0)]) == ""
    assert find_refusal([answer(errno.ENOENT)]) == "No such file or directory"
    assert find_refusal([answer(errno.EBUSY), answer(0)]) == "Device or resource busy"
    assert find_refusal([answer(0), answer(errno.EEXIST)]) == "File exists"
    assert find_refusal([]) == "No data available"
