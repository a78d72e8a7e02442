"""Elements of hash sets and verdict maps as netlink messages of one transaction, without libnftables.

libnftables reads every set of the table before it changes one element, so its cost grows with the table; these
messages cost what they carry. Only adding and removing elements is spoken here: linux/netfilter/nf_tables.h.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from calico.dataplane.nft.text import is_writable
from calico.dataplane.nft.values import INTERFACE, Accept, Drop, Element, Goto, Jump, MapSpec, MapVerdict, SetSpec
from calico.linux.messages import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_REQUEST,
    NLMSG_ERROR,
    Message,
    pack_attribute,
    pack_message,
    pack_nested,
    pack_text,
    parse_acknowledgement,
)
from calico.model.errors import ValidationError
from calico.model.net import parse_address

_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_SUBSYSTEM = 10
_NEW_ELEMENT, _DELETE_ELEMENT = _SUBSYSTEM << 8 | 12, _SUBSYSTEM << 8 | 14
_FAMILIES = {"inet": 1}

_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS = 1, 2, 3
_LIST_ITEM = 1
_ELEMENT_KEY, _ELEMENT_DATA = 1, 2
_DATA_VALUE, _DATA_VERDICT = 1, 2
_VERDICT_CODE, _VERDICT_CHAIN = 1, 2
_JUMP, _GOTO, _RETURN = -3, -4, -5

_NFGENMSG = struct.Struct("!BBH")
_INTERFACE_BYTES = 16
_ELEMENTS_PER_MESSAGE = 250  # an attribute's length has 16 bits


@dataclass(frozen=True, slots=True)
class ElementChange:
    """Elements that leave a set or map of single values, and elements that join it (a set's map to ``None``)."""

    set_name: str
    spec: SetSpec | MapSpec
    removed: Sequence[Element]
    added: Mapping[Element, MapVerdict | None]

    @property
    def size(self) -> int:
        """How many elements are named."""
        return len(self.removed) + len(self.added)


def pack_transaction(family: str, table: str, changes: Iterable[ElementChange]) -> bytes:
    """One transaction that the kernel applies whole or not at all; its last change asks for acknowledgement.

    Raises :class:`ValidationError` for an element that does not fit its set.
    """
    start = _NFGENMSG.pack(_FAMILIES[family], 0, 0)
    border = _NFGENMSG.pack(socket.AF_UNSPEC, 0, _SUBSYSTEM)
    bodies = [(kind, start + body) for change in changes for kind, body in _messages(table, change)]
    packed = [pack_message(_BATCH_BEGIN, NLM_F_REQUEST, 0, border)]
    for number, (kind, body) in enumerate(bodies, start=1):
        flags = NLM_F_REQUEST | (NLM_F_CREATE if kind == _NEW_ELEMENT else 0)
        packed.append(pack_message(kind, flags | (NLM_F_ACK if number == len(bodies) else 0), number, body))
    packed.append(pack_message(_BATCH_END, NLM_F_REQUEST, len(bodies) + 1, border))
    return b"".join(packed)


def find_refusal(answers: Iterable[Message]) -> str:
    """Why the kernel refused the transaction, by all its answers; empty when it took effect.

    A change may be acknowledged although another one, or the transaction as a whole, was refused.
    """
    results = [parse_acknowledgement(answer) for answer in answers if answer.kind == NLMSG_ERROR]
    refused = next((result for result in results if result.errno), None)
    if refused is not None:
        return os.strerror(refused.errno) + (f": {refused.reason}" if refused.reason else "")
    return "" if results else os.strerror(errno.ENODATA)


def _messages(table: str, change: ElementChange) -> Iterator[tuple[int, bytes]]:
    removed = [pack_nested(_LIST_ITEM, _key(change.spec, element)) for element in change.removed]
    added = [
        pack_nested(_LIST_ITEM, _key(change.spec, element), *([_verdict(verdict)] if verdict else []))
        for element, verdict in change.added.items()
    ]
    names = pack_text(_LIST_TABLE, table) + pack_text(_LIST_SET, change.set_name)
    for kind, items in ((_DELETE_ELEMENT, removed), (_NEW_ELEMENT, added)):
        for first in range(0, len(items), _ELEMENTS_PER_MESSAGE):
            yield kind, names + pack_nested(_LIST_ELEMENTS, *items[first : first + _ELEMENTS_PER_MESSAGE])


def _key(spec: SetSpec | MapSpec, element: Element) -> bytes:
    if not is_writable(spec, element):
        raise ValidationError(f"{element!r} does not fit a set of {' . '.join(spec.fields)}")
    values = (element,) if isinstance(element, str) else element
    data = b"".join(_field(field, value) for field, value in zip(spec.fields, values, strict=True))
    return pack_nested(_ELEMENT_KEY, pack_attribute(_DATA_VALUE, data))


def _field(field: str, value: str) -> bytes:
    if field == INTERFACE:
        return value.encode().ljust(_INTERFACE_BYTES, b"\0")
    version, number = parse_address(value)
    return number.to_bytes(4 if version == 4 else 16, "big")


def _verdict(verdict: MapVerdict) -> bytes:
    match verdict:
        case Drop():
            parts = [_code(0)]
        case Accept():
            parts = [_code(1)]
        case Jump(chain):
            parts = [_code(_JUMP), pack_text(_VERDICT_CHAIN, chain)]
        case Goto(chain):
            parts = [_code(_GOTO), pack_text(_VERDICT_CHAIN, chain)]
        case _:
            parts = [_code(_RETURN)]
    return pack_nested(_ELEMENT_DATA, pack_nested(_DATA_VERDICT, *parts))


def _code(number: int) -> bytes:
    return pack_attribute(_VERDICT_CODE, struct.pack("!i", number))
