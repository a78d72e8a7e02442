"""A netlink socket: requests and their answers, dumps, and events of multicast groups.

The kernel does the work of a request inside ``send``, so the answer is mostly there at once; the deadline
guards the rest. Nothing can bound the kernel's own wait for its configuration lock.
Source: netlink(7), socket(7).
"""

import array
import errno
import fcntl
import math
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from calico.linux.devices import validate_device
from calico.linux.messages import (
    NLM_F_ACK,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_NOOP,
    Answer,
    Message,
    Request,
    pack_message,
    pack_text,
    parse_acknowledgement,
    parse_messages,
    unpack_struct,
    unpack_text,
)
from calico.linux.refusals import os_error
from calico.model.errors import UnavailableError, ValidationError

NETLINK_ROUTE = 0
NETLINK_NETFILTER = 12

TIMEOUT = 10.0
"""Seconds to wait for the kernel's answer unless the caller says otherwise."""
RECEIVE_BUFFER = 1 << 20

_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP = 1
_NETLINK_CAP_ACK = 10
_NETLINK_EXT_ACK = 11
_NETLINK_GET_STRICT_CHK = 12
_SO_RCVBUFFORCE = 33
_SO_ATTACH_FILTER = 26
_SIOCGIFNAME = 0x8910
_IFREQ = struct.Struct("=16si20x")
_RTM_GETLINK = 18
_IFLA_IFNAME = 3
_IFINFO = struct.Struct("=BxHiII")

_DATAGRAM = 1 << 16
"""The kernel cuts a dump into datagrams of at most 32 KiB; single messages of ours are far below."""
_BATCH = 256
"""Requests per send: they fit the send buffer, and an error for each fits the receive buffer."""
_DUMP_TRIES = 8
_RECEIVE_MANY = 4096
"""Events per ``receive``: a flood must not keep its reader from everything else."""
_MAX_SEQUENCE = 0x7FFFFFFF
_LONGEST_WAIT = 1e6
_KIND_OFFSET = 4
_DONE = Answer()


@dataclass(frozen=True, slots=True)
class Lost:
    """Events were thrown away, since nobody read them in time or they made no sense: list everything again."""


class _OverrunError(Exception):
    """The receive buffer was full and messages were dropped (ENOBUFS)."""


class NetlinkSocket:
    """One conversation with the kernel, for life in the network namespace in which its socket was opened.

    Threads may share the object: each call holds a lock until its answer is complete. ``timeout`` is in
    seconds, for calls that name none. Made by ``open_netlink``.
    """

    def __init__(
        self, sock: socket.socket, *, timeout: float = TIMEOUT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._socket = sock
        self._timeout = timeout
        self._clock = clock
        self._sequence = 0
        self._stale = False
        self._lock = threading.Lock()
        self._buffer = bytearray(_DATAGRAM)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def close(self) -> None:
        """Close the socket; closing twice is allowed."""
        self._socket.close()

    def fileno(self) -> int:
        """For a selector; readable when ``receive`` has something."""
        return self._socket.fileno()

    @property
    def port(self) -> int:
        """The socket's netlink address, which events name as their cause."""
        return int(self._socket.getsockname()[0])

    # ---- devices ---------------------------------------------------------------------------------

    def index_of(self, device: str) -> int:
        """The index of a device; NotFoundError when there is none of this name. Rtnetlink sockets only."""
        # Not socket.if_nametoindex: that asks in the namespace of the calling thread, which may be another.
        # Not SIOCGIFINDEX: for a name that is gone the kernel starts modprobe, and waits for it.
        payload = _IFINFO.pack(0, 0, 0, 0, 0) + pack_text(_IFLA_IFNAME, validate_device(device))
        messages = self.call(Request(_RTM_GETLINK, payload, flags=0), f"find interface {device}")
        if not messages:
            raise UnavailableError(f"cannot find interface {device}: the kernel sent an empty answer")
        return unpack_struct(_IFINFO, messages[0].payload)[2]

    def name_of(self, index: int) -> str | None:
        """The name of the device with this index; ``None`` when it has gone."""
        try:
            answer = fcntl.ioctl(self._socket.fileno(), _SIOCGIFNAME, _IFREQ.pack(b"", index))
        except OSError as error:
            if error.errno in (errno.ENODEV, errno.ENXIO):
                return None
            raise os_error(f"find interface number {index}", error) from error
        return unpack_text(_IFREQ.unpack(answer)[0])

    # ---- requests --------------------------------------------------------------------------------

    def call(self, request: Request, what: str, *, timeout: float | None = None) -> tuple[Message, ...]:
        """Do one request; what the kernel sent, or its refusal raised as "cannot <what>: ..."."""
        answer = self.ask(request, timeout=timeout)
        error = answer.error(what)
        if error is not None:
            raise error
        return answer.messages

    def ask(self, request: Request, *, timeout: float | None = None) -> Answer:
        """Do one request; a refusal is an answer too.

        When its flags lack ``NLM_F_ACK`` the first message ends the answer.
        """
        return self.ask_all([request], timeout=timeout)[0]

    def ask_all(self, requests: Sequence[Request], *, timeout: float | None = None) -> list[Answer]:
        """Do many requests with few sends; an answer for each, in order.

        They are independent: a refused one does not stop the rest. When UnavailableError is raised, any
        number of them may have been done.
        """
        answers: list[Answer] = []
        with self._lock:
            deadline = self._deadline(timeout)
            try:
                for start in range(0, len(requests), _BATCH):
                    answers += self._exchange(requests[start : start + _BATCH], deadline)
            except _OverrunError:
                raise UnavailableError("the kernel's answer did not fit the receive buffer") from None
        return answers

    def dump(self, request: Request, what: str, *, timeout: float | None = None) -> list[Message]:
        """All messages of a list that did not change while the kernel sent it."""
        with self._lock:
            deadline = self._deadline(timeout)
            for _ in range(_DUMP_TRIES):
                try:
                    messages = self._dump_once(request, what, deadline)
                except _OverrunError:
                    messages = None
                if messages is not None:
                    return messages
        raise UnavailableError(f"cannot {what}: it changed each of the {_DUMP_TRIES} times it was read")

    def _exchange(self, requests: Sequence[Request], deadline: float) -> list[Answer]:
        """One send and its answers.

        Of several requests only the last asks for an acknowledgement: the kernel works in order and sends
        errors unasked, so once the last is acknowledged the silent ones are done.
        """
        alone = len(requests) == 1
        flags = [request.flags & ~NLM_F_ACK for request in requests]
        flags[-1] = requests[-1].flags if alone else requests[-1].flags | NLM_F_ACK
        first, last = self._send(requests, flags)
        refusals: dict[int, Answer] = {}
        received: dict[int, list[Message]] = {}
        finished = False
        while not finished:
            for message in self._receive_answer(deadline):
                if not first <= message.sequence <= last:
                    continue
                if message.kind == NLMSG_ERROR:
                    refusals[message.sequence] = parse_acknowledgement(message)
                    finished = finished or message.sequence == last
                elif message.kind != NLMSG_NOOP:
                    received.setdefault(message.sequence, []).append(message)
                    finished = finished or (message.sequence == last and not flags[-1] & NLM_F_ACK)
        self._stale = False
        return [_answer(refusals.get(n), received.get(n)) for n in range(first, last + 1)]

    def _dump_once(self, request: Request, what: str, deadline: float) -> list[Message] | None:
        """The list, or ``None`` when it changed meanwhile."""
        number, _ = self._send([request], [request.flags & ~NLM_F_ACK | NLM_F_DUMP])
        messages: list[Message] = []
        interrupted = False
        while True:
            for message in self._receive_answer(deadline):
                if message.sequence != number:
                    continue
                interrupted = interrupted or bool(message.flags & NLM_F_DUMP_INTR)
                if message.kind in (NLMSG_DONE, NLMSG_ERROR):
                    self._stale = False
                    error = parse_acknowledgement(message).error(what)
                    if error is not None:
                        raise error
                    return None if interrupted else messages
                if message.kind != NLMSG_NOOP:
                    messages.append(message)

    def _send(self, requests: Sequence[Request], flags: Sequence[int]) -> tuple[int, int]:
        """Send the requests; the first and the last of their sequence numbers."""
        if self._stale:
            self._drain()
        if self._sequence + len(requests) > _MAX_SEQUENCE:
            self._sequence = 0
        first = self._sequence + 1
        self._sequence += len(requests)
        data = b"".join(
            pack_message(request.kind, flag | NLM_F_REQUEST, number, request.payload)
            for number, (request, flag) in enumerate(zip(requests, flags, strict=True), first)
        )
        self._stale = True
        try:
            self._socket.send(data)
        except OSError as error:
            raise os_error("send a request to the kernel", error) from error
        return first, self._sequence

    # ---- receiving -------------------------------------------------------------------------------

    def receive(self, timeout: float = 0.0) -> list[Message] | Lost:
        """What has come in, waiting up to ``timeout`` seconds for the first; ``Lost`` after an overrun.

        After an overrun everything still queued is thrown away too: it is older than the list that the
        caller must now read, and would undo it.
        """
        with self._lock:
            deadline = self._clock() + timeout
            lost = False
            messages: list[Message] = []
            while lost or len(messages) < _RECEIVE_MANY:
                try:
                    some = self._read()
                except (_OverrunError, ValidationError):
                    lost = True
                    continue
                if some is not None:
                    messages += some
                elif lost or messages or not self._wait(deadline):
                    break
            return Lost() if lost else messages

    def _receive_answer(self, deadline: float) -> list[Message]:
        while True:
            messages = self._read()
            if messages is not None:
                return messages
            if not self._wait(deadline):
                raise UnavailableError("the kernel did not answer a netlink request in time")

    def _read(self) -> list[Message] | None:
        """The messages of one datagram; ``None`` when there is none now."""
        try:
            size, _, flags, sender = self._socket.recvmsg_into([self._buffer])
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                raise _OverrunError from None
            raise os_error("hear from the kernel", error) from error
        if sender[0] != 0:
            return []  # another process wrote to us; only the kernel's word counts
        if flags & socket.MSG_TRUNC:
            raise ValidationError(f"netlink message of more than {_DATAGRAM} bytes")
        return parse_messages(memoryview(self._buffer)[:size])

    def _wait(self, deadline: float) -> bool:
        """Whether something came in before the deadline."""
        remaining = deadline - self._clock()
        return remaining > 0 and bool(self._poll.poll(math.ceil(min(remaining, _LONGEST_WAIT) * 1000)))

    def _drain(self) -> None:
        """Take in what an abandoned request left behind; a half-read dump would block the next one."""
        while True:
            try:
                if self._read() is None:
                    return
            except (_OverrunError, ValidationError):
                continue

    def _deadline(self, timeout: float | None) -> float:
        return self._clock() + (self._timeout if timeout is None else timeout)


class SocketOwner:
    """What every door through netlink has: a socket of its own that is closed with it."""

    def __init__(self, sock: NetlinkSocket) -> None:
        self._socket = sock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the socket back; closing twice is allowed."""
        self._socket.close()


def open_netlink(
    protocol: int,
    *,
    groups: Sequence[int] = (),
    only_kind: int | None = None,
    timeout: float = TIMEOUT,
    receive_buffer: int = RECEIVE_BUFFER,
) -> NetlinkSocket:
    """Open a socket of ``NETLINK_ROUTE`` or ``NETLINK_NETFILTER`` in the calling thread's network namespace.

    With ``groups`` (multicast group numbers) it hears events: then use ``receive`` only. ``only_kind`` lets
    the kernel drop messages of all other kinds before they take room in the buffer of ``receive_buffer``
    bytes.
    """
    try:
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    except OSError as error:
        raise os_error("open a netlink socket", error) from error
    try:
        _configure(sock, receive_buffer)
        if only_kind is not None:
            _attach_kind_filter(sock, only_kind)
        sock.bind((0, 0))
        for group in groups:
            sock.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
    except OSError as error:
        sock.close()
        raise os_error("set up a netlink socket", error) from error
    return NetlinkSocket(sock, timeout=timeout)


def _configure(sock: socket.socket, receive_buffer: int) -> None:
    sock.setblocking(False)
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, receive_buffer)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK):
        try:
            sock.setsockopt(_SOL_NETLINK, option, 1)
        except OSError as error:
            # An old kernel: errors come without a reason, dumps unfiltered; callers filter again.
            if error.errno != errno.ENOPROTOOPT:
                raise


def _answer(refusal: Answer | None, messages: list[Message] | None) -> Answer:
    if refusal is None:
        refusal = _DONE
    return Answer(refusal.errno, refusal.reason, tuple(messages)) if messages else refusal


def _attach_kind_filter(sock: socket.socket, kind: int) -> None:
    """A socket filter (linux/filter.h) that accepts messages of one kind; loads are in network order."""
    swapped = int.from_bytes(struct.pack("=H", kind), "big")
    load_kind, if_equal, accept, drop = 0x28, 0x15, 0x06, 0x06
    instructions = (
        (load_kind, 0, 0, _KIND_OFFSET),
        (if_equal, 0, 1, swapped),
        (accept, 0, 0, 0xFFFFFFFF),
        (drop, 0, 0, 0),
    )
    program = array.array("B", b"".join(struct.pack("=HBBI", *one) for one in instructions))
    address, _ = program.buffer_info()
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(instructions), address))
