"""Whatever bytes come in, nothing but ValidationError leaves a parser."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.linux.addresses import parse_address_message
from calico.linux.links import link_family, parse_link
from calico.linux.messages import Message, parse_acknowledgement
from calico.linux.neighbours import parse_neighbour
from calico.linux.nfnetlink import parse_chain, parse_generation, parse_rule
from calico.linux.routes import parse_route
from calico.model.errors import ValidationError
from tests.unit.linux.kernel_messages import KERNEL_MESSAGES
from tests.unit.linux.test_messages import kernel_message

PARSERS: list[Callable[[Message], object]] = [
    parse_link,
    link_family,
    lambda message: parse_route(message, lambda index: f"eth{index}"),
    lambda message: parse_address_message(message, lambda index: f"eth{index}"),
    lambda message: parse_neighbour(message, "eth0"),
    parse_generation,
    parse_chain,
    parse_rule,
    parse_acknowledgement,
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """The payload of a real message with some bytes changed, cut off or added."""
    payload = bytearray(kernel_message(draw(st.sampled_from(sorted(KERNEL_MESSAGES)))).payload)
    positions = st.integers(0, max(len(payload) - 1, 0))
    for position, value in draw(st.lists(st.tuples(positions, st.integers(0, 255)), max_size=6)):
        payload[position : position + 1] = bytes([value])
    return bytes(payload[: draw(positions)] if draw(st.booleans()) else payload) + draw(st.binary(max_size=8))


@pytest.mark.parametrize("parse", PARSERS)
@given(damaged() | st.binary(max_size=120), st.integers(0, 0xFFFF))
def test_nothing_but_our_error_leaves_a_parser(
    parse: Callable[[Message], object], payload: bytes, flags: int
) -> None:
    with contextlib.suppress(ValidationError):
        parse(Message(2, flags, 1, 1, payload))
