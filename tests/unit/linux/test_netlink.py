"""The conversation with the kernel: whose answer counts, what ends it, what a full buffer means."""

import errno
import struct
from collections.abc import Callable, Iterable

import pytest

from calico.linux.messages import (
    NLM_F_ACK,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_MULTI,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    Message,
    Request,
    parse_messages,
)
from calico.linux.netlink import Lost, NetlinkSocket, open_netlink
from calico.model.errors import AlreadyExistsError, ApplyError, NotFoundError, UnavailableError, ValidationError
from tests.fakes.netlink import FakeKernel, datagram
from tests.unit.linux.kernel_messages import KERNEL_MESSAGES

KIND = 40
OVERRUN = OSError(errno.ENOBUFS, "No buffer space available")


def ack(request: Message, number: int = 0) -> Message:
    return Message(NLMSG_ERROR, 0, request.sequence, 1, struct.pack("=i", -number) + bytes(16))


def done(request: Message, flags: int = 0, number: int = 0) -> Message:
    return Message(NLMSG_DONE, NLM_F_MULTI | flags, request.sequence, 1, struct.pack("=i", -number))


def reply(request: Message, payload: bytes = b"abcd", flags: int = 0) -> Message:
    return Message(KIND, flags, request.sequence, 1, payload)


def talk(respond: Callable[[list[Message]], Iterable[object]]) -> tuple[NetlinkSocket, FakeKernel]:
    kernel = FakeKernel(respond)
    return NetlinkSocket(kernel, timeout=0.0), kernel


def scripted(*datagrams: Callable[[Message], object]) -> Callable[[list[Message]], Iterable[object]]:
    """Answers the next send with the next of these, made from its first message."""
    pending = iter(datagrams)
    return lambda messages: [next(pending)(messages[0])]


def test_request_is_sent_as_given_and_its_answer_collected() -> None:
    sock, kernel = talk(lambda sent: [datagram(reply(sent[0])), datagram(ack(sent[0]))])

    received = sock.call(Request(KIND, b"wxyz"), "do it")

    assert [m.payload for m in received] == [b"abcd"]
    assert [(m.kind, m.flags, m.payload) for m in kernel.sent[0]] == [(KIND, NLM_F_REQUEST | NLM_F_ACK, b"wxyz")]


def test_without_acknowledgement_the_first_message_ends_the_answer() -> None:
    sock, _ = talk(lambda sent: [datagram(reply(sent[0]))])

    assert len(sock.call(Request(KIND, b"", flags=0), "do it")) == 1


def test_refusal_is_raised_with_what_was_tried() -> None:
    sock, _ = talk(lambda sent: [datagram(ack(sent[0], errno.EEXIST))])

    with pytest.raises(AlreadyExistsError, match=r"^cannot make it: file exists$"):
        sock.call(Request(KIND, b""), "make it")


def test_refusal_ends_an_answer_that_asked_for_no_acknowledgement() -> None:
    sock, _ = talk(lambda sent: [datagram(ack(sent[0], errno.EINVAL))])

    assert sock.ask(Request(KIND, b"", flags=0)).errno == errno.EINVAL


def test_silence_ends_at_the_deadline() -> None:
    sock, _ = talk(lambda _: [])

    with pytest.raises(UnavailableError, match="in time"):
        sock.call(Request(KIND, b""), "do it")


def test_answers_to_an_abandoned_request_are_not_taken_for_the_next_one() -> None:
    sock, kernel = talk(lambda _: [])
    with pytest.raises(UnavailableError):
        sock.ask(Request(KIND, b""))
    late = kernel.sent[0][0]

    kernel.queue.extend([datagram(ack(late, errno.EINVAL)), OVERRUN, b"junk"])
    kernel._respond = lambda sent: [datagram(ack(late, errno.EINVAL)), datagram(ack(sent[0]))]

    assert sock.ask(Request(KIND, b"")).errno == 0


def test_only_the_kernel_is_believed() -> None:
    sock, _ = talk(lambda sent: [(datagram(ack(sent[0])), (4711, 0)), datagram(ack(sent[0], errno.EPERM))])

    assert sock.ask(Request(KIND, b"")).errno == errno.EPERM


def test_answer_that_did_not_fit_is_no_answer() -> None:
    sock, _ = talk(lambda _: [OVERRUN])

    with pytest.raises(UnavailableError, match="receive buffer"):
        sock.ask(Request(KIND, b""))


def test_answer_that_makes_no_sense_is_our_error() -> None:
    sock, _ = talk(lambda _: [b"\xff" * 30])

    with pytest.raises(ValidationError):
        sock.ask(Request(KIND, b""))


def test_many_requests_share_a_send_and_only_the_last_asks_for_an_acknowledgement() -> None:
    sock, kernel = talk(lambda sent: [datagram(ack(sent[1], errno.ESRCH)), datagram(reply(sent[2]), ack(sent[-1]))])

    answers = sock.ask_all([Request(KIND, b"") for _ in range(4)])

    assert [answer.errno for answer in answers] == [0, errno.ESRCH, 0, 0]
    assert len(answers[2].messages) == 1
    assert len(kernel.sent) == 1
    assert [m.flags & NLM_F_ACK for m in kernel.sent[0]] == [0, 0, 0, NLM_F_ACK]


def test_last_request_of_many_may_be_the_refused_one() -> None:
    sock, _ = talk(lambda sent: [datagram(ack(sent[-1], errno.EINVAL))])

    assert [a.errno for a in sock.ask_all([Request(KIND, b"")] * 3)] == [0, 0, errno.EINVAL]


def test_very_many_requests_go_in_several_sends() -> None:
    sock, kernel = talk(lambda sent: [datagram(ack(sent[0], errno.EINVAL), ack(sent[-1]))])

    answers = sock.ask_all([Request(KIND, b"")] * 600)

    sizes = [len(sent) for sent in kernel.sent]
    refused = [position for position, answer in enumerate(answers) if answer.errno]

    assert len(answers) == 600
    assert len(sizes) > 1
    assert refused == [sum(sizes[:n]) for n in range(len(sizes))]


def test_no_requests_need_no_send() -> None:
    sock, kernel = talk(lambda _: [])

    assert sock.ask_all([]) == []
    assert kernel.sent == []


def test_dump_is_collected_to_its_end() -> None:
    sock, kernel = talk(
        lambda sent: [
            datagram(reply(sent[0], b"a", NLM_F_MULTI), reply(sent[0], b"b", NLM_F_MULTI)),
            datagram(reply(sent[0], b"c", NLM_F_MULTI)),
            datagram(done(sent[0])),
        ]
    )

    assert [m.payload for m in sock.dump(Request(KIND, b""), "list it")] == [b"a", b"b", b"c"]
    assert kernel.sent[0][0].flags == NLM_F_REQUEST | NLM_F_DUMP


def test_dump_that_changed_meanwhile_is_read_again() -> None:
    sock, kernel = talk(
        scripted(
            lambda m: datagram(reply(m, b"old", NLM_F_MULTI | NLM_F_DUMP_INTR), done(m)),
            lambda m: datagram(reply(m, b"old", NLM_F_MULTI), done(m, NLM_F_DUMP_INTR)),
            lambda m: OVERRUN,
            lambda m: datagram(reply(m, b"new", NLM_F_MULTI), done(m)),
        )
    )

    assert [m.payload for m in sock.dump(Request(KIND, b""), "list it")] == [b"new"]
    assert len(kernel.sent) == 4


def test_dump_that_always_changes_is_given_up() -> None:
    sock, _ = talk(lambda sent: [datagram(done(sent[0], NLM_F_DUMP_INTR))])

    with pytest.raises(UnavailableError, match="cannot list it: it changed"):
        sock.dump(Request(KIND, b""), "list it")


@pytest.mark.parametrize("end", [ack, lambda request, number: done(request, 0, number)])
def test_dump_may_be_refused(end: Callable[[Message, int], Message]) -> None:
    sock, _ = talk(lambda sent: [datagram(end(sent[0], errno.EEXIST))])

    with pytest.raises(AlreadyExistsError, match="cannot list it"):
        sock.dump(Request(KIND, b""), "list it")


def test_events_are_given_as_they_came() -> None:
    sock, kernel = talk(lambda _: [])
    events = [Message(KIND, 0, 0, 0, bytes([n])) for n in range(3)]
    kernel.queue.extend([datagram(*events[:2]), datagram(events[2])])

    assert sock.receive() == events
    assert sock.receive() == []


def test_after_an_overrun_older_events_are_thrown_away() -> None:
    sock, kernel = talk(lambda _: [])
    event = Message(KIND, 0, 0, 0, b"")
    kernel.queue.extend([datagram(event), OVERRUN, datagram(event)])

    assert sock.receive() == Lost()
    assert sock.receive() == []


def test_flood_of_events_is_given_in_parts() -> None:
    sock, kernel = talk(lambda _: [])
    kernel.queue.extend([datagram(*[Message(KIND, 0, 0, 0, b"")] * 100)] * 100)

    first = sock.receive()

    assert isinstance(first, list)
    assert 0 < len(first) < 10_000
    assert kernel.queue


def test_event_that_makes_no_sense_counts_as_lost() -> None:
    sock, kernel = talk(lambda _: [])
    kernel.queue.append(b"\xff" * 30)

    assert sock.receive() == Lost()


def test_kernel_without_this_kind_of_netlink_is_said_to_lack_it() -> None:
    with pytest.raises(ApplyError, match=r"cannot open a netlink socket: .*: the kernel lacks this kind of netlink"):
        open_netlink(255)


def test_datagram_that_was_cut_off_is_no_answer_and_no_event() -> None:
    huge = datagram(Message(KIND, 0, 0, 0, bytes(1 << 17)))
    sock, kernel = talk(lambda _: [huge])

    with pytest.raises(ValidationError, match="netlink message of more than"):
        sock.ask(Request(KIND, b""))

    kernel.queue.append(huge)
    assert sock.receive() == Lost()


def test_index_of_a_device_is_the_kernels_answer() -> None:
    link = parse_messages(bytes.fromhex(KERNEL_MESSAGES["veth"]))[0]
    sock, kernel = talk(lambda sent: [datagram(Message(16, 0, sent[0].sequence, 1, link.payload))])

    assert sock.index_of("calia") == 3
    assert kernel.sent[0][0].payload.endswith(b"calia\0\0\0")


def test_device_that_does_not_exist_is_not_found() -> None:
    sock, _ = talk(lambda sent: [datagram(ack(sent[0], errno.ENODEV))])

    with pytest.raises(NotFoundError, match="cannot find interface cali9: no such device"):
        sock.index_of("cali9")
    with pytest.raises(ValidationError):
        sock.index_of("no/device")
