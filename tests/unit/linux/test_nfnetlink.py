"""nf_tables: requests as nft makes them, and the kernel's messages read."""

import errno

import pytest

from calico.linux.messages import NLM_F_ACK, Answer, Message, pack_attribute
from calico.linux.nfnetlink import (
    Chain,
    ChainPlace,
    NewGeneration,
    NfTables,
    RuleEntry,
    parse_chain,
    parse_generation,
    parse_rule,
)
from calico.model.errors import ApplyError, NotFoundError, ValidationError
from tests.fakes.netlink import FakeNetlink
from tests.unit.linux.test_messages import kernel_message

MISSING = Answer(errno.ENOENT)
FILTER = "0b00010066696c7465720000"


def tables(*answers: Answer) -> tuple[NfTables, FakeNetlink]:
    sock = FakeNetlink(answers)
    return NfTables(sock), sock


def told(*names: str) -> Answer:
    return Answer(messages=tuple(kernel_message(name) for name in names))


@pytest.mark.parametrize(("number", "family"), [(1, "inet"), (2, "ip"), (99, "99")])
def test_a_chains_place_has_nfts_word_for_its_family(number: int, family: str) -> None:
    names = pack_attribute(1, b"filter\0") + pack_attribute(3, b"FORWARD\0")
    place = Answer(messages=(Message(0xA03, 0, 0, 0, bytes([number, 0, 0, 0]) + names),))

    assert tables(place)[0].list_chains() == (ChainPlace(family, "filter", "FORWARD"),)


def rule(userdata: bytes) -> RuleEntry:
    return parse_rule(
        Message(0, 0, 0, 0, bytes(4) + pack_attribute(3, bytes(7) + b"\5") + pack_attribute(7, userdata))
    )


def test_requests_are_those_of_nft() -> None:
    nft, sock = tables(told("generation"), Answer(), told("chain"), told("rule"))

    nft.generation()
    nft.has_table("ip", "filter")
    nft.get_chain("ip", "filter", "DOCKER-USER")
    nft.list_rules("ip", "filter", "DOCKER-USER")

    assert [(request.kind & 0xFF, request.payload.hex()) for request in sock.requests] == [
        (0x10, "00000000"),
        (0x01, "02000000" + FILTER),
        (0x04, "02000000" + FILTER + "10000300444f434b45522d5553455200"),
        (0x07, "02000000" + FILTER + "10000200444f434b45522d5553455200"),
    ]
    assert {request.kind >> 8 for request in sock.requests} == {10}
    assert not any(request.flags & NLM_F_ACK for request in sock.requests[:3])


def test_generation_tells_who_made_it() -> None:
    assert parse_generation(kernel_message("generation event")) == NewGeneration(2, 26752, 26752, "nft")
    assert tables(told("generation"))[0].generation() == 2


def test_generation_of_a_kernel_that_names_nobody_is_read() -> None:
    message = Message(0, 0, 0, 7, bytes(4) + pack_attribute(1, b"\0\0\1\0"))

    assert parse_generation(message) == NewGeneration(256, 7)


def test_chains_of_the_kernel_are_read() -> None:
    assert parse_chain(kernel_message("base chain")) == Chain("FORWARD", "drop")
    assert parse_chain(kernel_message("chain")) == Chain("DOCKER-USER")


def test_rules_stand_in_order_with_their_comments() -> None:
    nft, _ = tables(told("rule with comment", "rule"))

    assert nft.list_rules("ip", "filter", "DOCKER-USER") == (RuleEntry(3, "calico: accept"), RuleEntry(4))


def test_empty_chain_is_told_from_no_chain() -> None:
    nft, _ = tables(Answer(), told("chain"), Answer(), MISSING)

    assert nft.list_rules("ip", "filter", "DOCKER-USER") == ()
    with pytest.raises(NotFoundError, match="cannot find nft chain ip filter DOCKER-USER"):
        nft.list_rules("ip", "filter", "DOCKER-USER")


def test_missing_things_are_said_to_be_missing() -> None:
    nft, _ = tables(MISSING, Answer(), MISSING, Answer())

    assert not nft.has_table("ip", "filter")
    assert nft.has_table("ip", "filter")
    with pytest.raises(NotFoundError):
        nft.get_chain("ip", "filter", "FORWARD")
    with pytest.raises(ApplyError, match="empty answer"):
        nft.get_chain("ip", "filter", "FORWARD")


@pytest.mark.parametrize(
    ("userdata", "comment"),
    [
        (b"", None),
        (b"\0", None),
        (b"\0\3ab\0", "ab"),
        (b"\0\x09ab", None),
        (b"\1\2xx\0\3ab\0", "ab"),
        (b"\1\xff\0\3ab\0", None),
        (b"\0\2\xff\0", "\N{REPLACEMENT CHARACTER}"),
        (b"\0\0", ""),
    ],
)
def test_user_data_is_searched_for_a_comment(userdata: bytes, comment: str | None) -> None:
    assert rule(userdata) == RuleEntry(5, comment)


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 256])
def test_names_no_table_can_have_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        tables()[0].get_chain("ip", name, "FORWARD")


def test_unknown_families_are_refused() -> None:
    with pytest.raises(ValidationError, match="is not an nft family: use inet"):
        tables()[0].has_table("ipx", "filter")
