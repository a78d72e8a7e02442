"""A steady stream of numbered datagrams from one network namespace to another.

The receiver never answers, so the connection tracker sees no established connection and policy judges every
datagram anew.
"""

import itertools
import multiprocessing
import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from bench.plugin import Attachment, attached
from calico.linux.links import Links
from calico.linux.namespaces import Namespace
from tests.functional.netns import Netns

PORT = 4000
_FORM = struct.Struct("=Qd")
_SO_RCVBUFFORCE = 33
_BUFFER = 1 << 24
_QUIET = 0.05


@dataclass(frozen=True, slots=True)
class Datagram:
    """One that arrived: its number, and when it was sent (``time.monotonic``)."""

    number: int
    sent: float


class Stream:
    """Sends by a process of its own, every ``interval`` seconds, while it is entered."""

    def __init__(self, sender: Namespace, receiver: Namespace, address: str, interval: float) -> None:
        with sender.entered():
            self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with receiver.entered():
            self._receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        self._receiver.bind((address, PORT))
        self._process = multiprocessing.get_context("fork").Process(
            target=_send, args=(self._sender, (address, PORT), interval), daemon=True
        )

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()
        self._sender.close()
        self._receiver.close()

    def pause(self) -> None:
        """Stop sending."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on sending."""
        self._signal(signal.SIGCONT)

    def receive(self, timeout: float) -> Datagram | None:
        """The next one; ``None`` when none comes in time."""
        self._receiver.settimeout(timeout)
        try:
            return Datagram(*_FORM.unpack(self._receiver.recv(_FORM.size)))
        except TimeoutError:
            return None

    def wait_quiet(self, timeout: float = 10.0) -> None:
        """Take in what still arrives, until nothing does."""
        due = time.monotonic() + timeout
        while self.receive(_QUIET) is not None:
            assert time.monotonic() < due, "the stream does not end"

    def received(self) -> list[Datagram]:
        """Everything that has arrived up to now."""
        now = time.monotonic()
        arrived = []
        while (datagram := self.receive(_QUIET)) is not None and datagram.sent < now:
            arrived.append(datagram)
        return arrived

    def _signal(self, number: int) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)


@contextmanager
def two_containers(profile: str) -> Iterator[Callable[[float], Stream]]:
    """Two containers on a network; gives what makes a stream from one to the other with the interval it is given."""
    with attached(profile, range(2)) as (sender, receiver):
        address = receiver.address.partition("/")[0]
        yield partial(Stream, _sandbox(sender), _sandbox(receiver), address)


def _sandbox(attachment: Attachment) -> Namespace:
    """A namespace with the container's end of the pair, set up as Docker does it."""
    netns = Netns()
    with Links() as links:
        links.update(attachment.peer, namespace=netns.namespace.fileno())
    for words in (
        f"link set {attachment.peer} name cali0 up",
        f"address add {attachment.address} dev cali0",
        "route add 169.254.1.1 dev cali0",
        "route add default via 169.254.1.1",
    ):
        netns.run("ip", *words.split())
    return netns.namespace


def _send(sender: socket.socket, target: tuple[str, int], interval: float) -> None:
    due = time.monotonic()
    for number in itertools.count():
        sender.sendto(_FORM.pack(number, time.monotonic()), target)
        due = max(due + interval, time.monotonic())  # what was missed is not made up for
        time.sleep(max(0.0, due - time.monotonic()))
