"""The netlink codec: bytes to messages and attributes, and back.

    message      a 16-byte header (nlmsghdr) and a payload: a fixed struct, then attributes
    attribute    length, kind, value, padded to four bytes; a nested attribute holds attributes
    answer       the kernel's word on one request: done, or an errno with a reason in words

Numbers are in the host's byte order, but for nfnetlink, which has them in network order.
Bytes from outside that make no sense raise ValidationError and nothing else.
Source: netlink(7), linux/netlink.h, RFC 3549.
"""

import errno
import struct
import sys
from dataclasses import dataclass

from calico.linux.refusals import kernel_error
from calico.model.errors import CalicoError, ValidationError

NLM_F_REQUEST = 0x1
NLM_F_MULTI = 0x2
NLM_F_ACK = 0x4
NLM_F_DUMP_INTR = 0x10
NLM_F_DUMP = 0x300
NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLM_F_CAPPED = 0x100
NLM_F_ACK_TLVS = 0x200

NLMSG_NOOP = 1
NLMSG_ERROR = 2
NLMSG_DONE = 3
_NLMSGERR_ATTR_MSG = 1

_NLA_F_NESTED = 0x8000
_NLA_TYPE_MASK = 0x3FFF
_MAX_ERRNO = 4095

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_INT = struct.Struct("=i")
_HEADER_SIZE = _HEADER.size


@dataclass(frozen=True, slots=True)
class Message:
    """One netlink message; ``port`` is the address of the socket whose request it concerns."""

    kind: int
    flags: int
    sequence: int
    port: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the kernel: message kind, payload, and ``NLM_F_*`` flags beside ``NLM_F_REQUEST``."""

    kind: int
    payload: bytes
    flags: int = NLM_F_ACK


@dataclass(frozen=True, slots=True)
class Answer:
    """The kernel's word on one request: ``errno`` 0 when done, its reason in words, and what it sent."""

    errno: int = 0
    reason: str = ""
    messages: tuple[Message, ...] = ()

    def error(self, what: str) -> CalicoError | None:
        """The refusal as one of our errors, ``what`` completing "cannot ..."; ``None`` when it was done."""
        return None if self.errno == 0 else kernel_error(what, self.errno, self.reason)


def pack_message(kind: int, flags: int, sequence: int, payload: bytes, port: int = 0) -> bytes:
    """One message, padded to four bytes so that another may follow."""
    length = _HEADER_SIZE + len(payload)
    return _HEADER.pack(length, kind, flags, sequence, port) + payload + bytes(-length & 3)


def parse_messages(data: bytes | memoryview) -> list[Message]:
    """All messages of a datagram."""
    messages = []
    offset, end = 0, len(data)
    while offset < end:
        if end - offset < _HEADER_SIZE:
            raise ValidationError(f"netlink message cut short: {end - offset} bytes left")
        length, kind, flags, sequence, port = _HEADER.unpack_from(data, offset)
        if not _HEADER_SIZE <= length <= end - offset:
            raise ValidationError(f"netlink message says {length} bytes, {end - offset} are there")
        payload = bytes(data[offset + _HEADER_SIZE : offset + length])
        messages.append(Message(kind, flags, sequence, port, payload))
        offset += (length + 3) & ~3
    return messages


def pack_attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded."""
    length = 4 + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length & 3)


def pack_nested(kind: int, *attributes: bytes) -> bytes:
    """An attribute that holds attributes."""
    return pack_attribute(kind | _NLA_F_NESTED, b"".join(attributes))


def pack_u32(kind: int, value: int) -> bytes:
    """An attribute of 32 bits in the host's byte order."""
    if not 0 <= value < 1 << 32:
        raise ValidationError(f"{value} does not fit 32 bits")
    return pack_attribute(kind, value.to_bytes(4, sys.byteorder))


def pack_text(kind: int, text: str) -> bytes:
    """A NUL-terminated text attribute."""
    return pack_attribute(kind, text.encode() + b"\0")


def parse_attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """Attributes from ``offset`` to the end, by kind without flag bits; of repeated ones the last."""
    attributes = {}
    end = len(data)
    while offset < end:
        if end - offset < _ATTRIBUTE.size:
            raise ValidationError(f"netlink attribute cut short: {end - offset} bytes left")
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if not _ATTRIBUTE.size <= length <= end - offset:
            raise ValidationError(f"netlink attribute says {length} bytes, {end - offset} are there")
        attributes[kind & _NLA_TYPE_MASK] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return attributes


def unpack_struct(layout: struct.Struct, data: bytes) -> tuple[int, ...]:
    """The fixed struct at the start of a payload."""
    if len(data) < layout.size:
        raise ValidationError(f"netlink payload of {len(data)} bytes, {layout.size} expected")
    return layout.unpack_from(data)


def unpack_uint(value: bytes, size: int = 4) -> int:
    """An unsigned number of exactly ``size`` bytes in the host's byte order."""
    if len(value) != size:
        raise ValidationError(f"netlink number of {len(value)} bytes, {size} expected")
    return int.from_bytes(value, sys.byteorder)


def unpack_text(value: bytes) -> str:
    """Text up to its NUL; bytes that are not UTF-8 are replaced."""
    return value.partition(b"\0")[0].decode(errors="replace")


def parse_acknowledgement(message: Message) -> Answer:
    """The errno and reason in an NLMSG_ERROR or NLMSG_DONE message."""
    number = unpack_struct(_INT, message.payload)[0] if message.payload else 0
    if number == 0:
        return Answer()
    # A kernel errno is negative; what is none must not pass for success.
    positive = -number if -_MAX_ERRNO <= number < 0 else errno.EPROTO
    if not message.flags & NLM_F_ACK_TLVS:
        return Answer(positive)
    offset = _INT.size
    if message.kind == NLMSG_ERROR:
        # The request comes back before the attributes: its header, and its payload unless left out.
        length = unpack_struct(_HEADER, message.payload[offset:])[0]
        offset += _HEADER_SIZE if message.flags & NLM_F_CAPPED else (length + 3) & ~3
    reason = parse_attributes(message.payload, offset).get(_NLMSGERR_ATTR_MSG, b"")
    return Answer(positive, unpack_text(reason))
