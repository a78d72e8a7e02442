"""The netlink codec: round trips, bytes of the real kernel, and nothing but our errors on hostile bytes."""

import contextlib
import errno
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.linux.messages import (
    NLM_F_ACK_TLVS,
    NLMSG_DONE,
    NLMSG_ERROR,
    Answer,
    Message,
    pack_attribute,
    pack_message,
    pack_nested,
    pack_text,
    pack_u32,
    parse_acknowledgement,
    parse_attributes,
    parse_messages,
    unpack_struct,
    unpack_text,
    unpack_uint,
)
from calico.model.errors import ApplyError, NotFoundError, ValidationError
from tests.fakes.netlink import datagram
from tests.unit.linux.kernel_messages import KERNEL_MESSAGES

u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
messages = st.builds(Message, u16, u16, u32, u32, st.binary(max_size=40))


def kernel_message(name: str) -> Message:
    (message,) = parse_messages(bytes.fromhex(KERNEL_MESSAGES[name]))
    return message


def test_message_has_the_header_of_the_manual_page() -> None:
    packed = pack_message(16, 0x605, 7, b"abc", port=9)

    assert packed == struct.pack("=IHHII", 19, 16, 0x605, 7, 9) + b"abc\0"


@given(st.lists(messages))
def test_messages_round_trip(sent: list[Message]) -> None:
    assert parse_messages(datagram(*sent)) == sent


@given(st.dictionaries(st.integers(0, 0x3FFF), st.binary(max_size=20)), st.integers(0, 8))
def test_attributes_round_trip(sent: dict[int, bytes], offset: int) -> None:
    data = bytes(offset) + b"".join(pack_attribute(kind, value) for kind, value in sent.items())

    assert parse_attributes(data, offset) == sent


def test_nested_attributes_carry_their_flag_and_are_found_without_it() -> None:
    packed = pack_nested(18, pack_text(1, "veth"), pack_u32(2, 5))

    outer = parse_attributes(packed)

    assert packed[3] & 0x80
    assert parse_attributes(outer[18]) == {1: b"veth\0", 2: (5).to_bytes(4, sys.byteorder)}


def test_of_repeated_attributes_the_last_counts() -> None:
    assert parse_attributes(pack_u32(1, 1) + pack_attribute(1, b"x")) == {1: b"x"}


@pytest.mark.parametrize(
    "data",
    [
        b"\x10\0\0",  # a header cut short
        struct.pack("=IHHII", 15, 1, 0, 0, 0),  # shorter than its own header
        struct.pack("=IHHII", 17, 1, 0, 0, 0),  # longer than what is there
        struct.pack("=IHHII", 0xFFFFFFFF, 1, 0, 0, 0),
        struct.pack("=IHHII", 0, 1, 0, 0, 0),  # would never end
    ],
)
def test_lengths_of_messages_must_add_up(data: bytes) -> None:
    with pytest.raises(ValidationError):
        parse_messages(data)


@pytest.mark.parametrize("data", [b"\0", b"\x03\0\x01\0", b"\x05\0\x01\0", b"\0\0\0\0", b"\xff\xff\x01\0ab"])
def test_lengths_of_attributes_must_add_up(data: bytes) -> None:
    with pytest.raises(ValidationError):
        parse_attributes(data)


def test_numbers_and_structs_must_have_their_size() -> None:
    with pytest.raises(ValidationError):
        unpack_uint(b"abc")
    with pytest.raises(ValidationError):
        unpack_struct(struct.Struct("=II"), b"1234567")


def test_text_ends_at_its_nul_and_never_fails() -> None:
    assert unpack_text(b"lo\0junk") == "lo"
    assert unpack_text(b"\xff") == "\N{REPLACEMENT CHARACTER}"
    assert unpack_text(b"") == ""


@pytest.mark.parametrize(
    ("name", "number", "reason"),
    [
        ("acknowledgement", 0, ""),
        ("dump done", 0, ""),
        ("refusal", errno.ENODEV, ""),
        ("refusal with a reason", errno.EINVAL, "mtu less than device minimum"),
        ("refusal with a reason and the request", errno.EINVAL, "mtu less than device minimum"),
        ("dump refused", errno.EINVAL, "Unsupported attribute in link dump request"),
    ],
)
def test_acknowledgements_of_the_kernel_are_read(name: str, number: int, reason: str) -> None:
    assert parse_acknowledgement(kernel_message(name)) == Answer(number, reason)


@pytest.mark.parametrize("number", [1, 4096, -4096, 0x7FFFFFFF, -0x80000000])
def test_what_is_no_errno_is_no_success(number: int) -> None:
    message = Message(NLMSG_ERROR, 0, 1, 1, struct.pack("=i", number) + bytes(16))

    assert parse_acknowledgement(message).errno == errno.EPROTO


def test_answer_becomes_an_error_with_its_reason() -> None:
    assert Answer().error("do it") is None
    assert isinstance(Answer(errno.ENODEV).error("do it"), NotFoundError)

    error = Answer(errno.EINVAL, "Nexthop has invalid gateway").error("set route")

    assert isinstance(error, ApplyError)
    assert str(error) == "cannot set route: invalid argument: Nexthop has invalid gateway"


@given(st.binary(max_size=200))
def test_hostile_bytes_raise_nothing_but_our_error(data: bytes) -> None:
    for parse in (parse_messages, parse_attributes):
        with contextlib.suppress(ValidationError):
            parse(data)


@given(st.sampled_from([NLMSG_ERROR, NLMSG_DONE]), u16, st.binary(max_size=80))
def test_hostile_acknowledgements_raise_nothing_but_our_error(kind: int, flags: int, payload: bytes) -> None:
    with contextlib.suppress(ValidationError):
        parse_acknowledgement(Message(kind, flags | NLM_F_ACK_TLVS, 1, 1, payload))
