"""Stand-ins for the kernel's end of netlink: one below ``NetlinkSocket``, one in its place."""

import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from calico.linux.messages import Answer, Message, Request, pack_message, parse_messages
from calico.model.errors import NotFoundError

KERNEL = (0, 0)
"""The netlink address of the kernel, as the sender of a datagram."""


class FakeKernel:
    """What ``socket.socket`` is to ``NetlinkSocket``: ``respond`` turns the requests of a send into datagrams.

    A datagram is bytes, an OSError to be raised in its place, or ``(bytes, sender)``.
    """

    def __init__(self, respond: Callable[[list[Message]], Iterable[object]] = lambda _: ()) -> None:
        self.sent: list[list[Message]] = []
        self.queue: deque[object] = deque()
        self._respond = respond
        self._read_end, self._write_end = os.pipe()

    def send(self, data: bytes) -> int:
        messages = parse_messages(data)
        self.sent.append(messages)
        self.queue.extend(self._respond(messages))
        return len(data)

    def recvmsg_into(self, buffers: list[bytearray]) -> tuple[int, list[object], int, tuple[int, int]]:
        if not self.queue:
            raise BlockingIOError
        datagram = self.queue.popleft()
        if isinstance(datagram, OSError):
            raise datagram
        data, sender = datagram if isinstance(datagram, tuple) else (datagram, KERNEL)
        room = len(buffers[0])
        buffers[0][: min(len(data), room)] = data[:room]
        return min(len(data), room), [], socket.MSG_TRUNC if len(data) > room else 0, sender

    def fileno(self) -> int:
        return self._read_end

    def close(self) -> None:
        os.close(self._read_end)
        os.close(self._write_end)


class FakeNetlink:
    """What ``NetlinkSocket`` is to its users: keeps the requests, gives the answers it was told to.

    ``devices`` are the interfaces that exist, by name.
    """

    def __init__(self, answers: Sequence[Answer] = (), devices: dict[str, int] | None = None) -> None:
        self.requests: list[Request] = []
        self._answers = deque(answers)
        self._devices = devices or {}

    def index_of(self, device: str) -> int:
        if device not in self._devices:
            raise NotFoundError(f"cannot find interface {device}: no such device")
        return self._devices[device]

    def name_of(self, index: int) -> str | None:
        return next((name for name, number in self._devices.items() if number == index), None)

    def ask(self, request: Request) -> Answer:
        self.requests.append(request)
        return self._answers.popleft() if self._answers else Answer()

    def ask_all(self, requests: Sequence[Request]) -> list[Answer]:
        return [self.ask(request) for request in requests]

    def call(self, request: Request, what: str) -> tuple[Message, ...]:
        answer = self.ask(request)
        error = answer.error(what)
        if error is not None:
            raise error
        return answer.messages

    def dump(self, request: Request, what: str) -> list[Message]:
        return list(self.call(request, what))

    def close(self) -> None:
        pass


def datagram(*messages: Message) -> bytes:
    """Messages as the kernel would put them into one datagram."""
    return b"".join(pack_message(m.kind, m.flags, m.sequence, m.payload, m.port) for m in messages)
