"""Docker's side of the plugin protocol: one connection that is kept open, and attachments made over it."""

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

SOCKET = "/run/docker/plugins/calico.sock"
POOL = "CalicoPoolIPv4"
_SECONDS = 30.0
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Attachment:
    """An endpoint that is attached; its container's end of the pair stays with the host."""

    network: str
    endpoint: str
    address: str


class Plugin:
    """Speaks to the plugin as dockerd does: HTTP/1.1 on the unix socket, keep-alive, one request at a time."""

    def __init__(self, path: str = SOCKET) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_SECONDS)
        self._socket.connect(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def call(self, method: str, **fields: object) -> dict[str, Any]:
        """One call and its answer; AssertionError with the plugin's words when it refuses."""
        # By hand: http.client takes longer to read the head of an answer than the plugin to give a short one.
        body = json.dumps(fields).encode()
        head = f"POST /{method} HTTP/1.1\r\nHost: plugin\r\nContent-Length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode() + body)
        status, answer = self._read_answer()
        assert status == 200, f"{method}: {answer}"
        return answer

    def attach(self, network: str, number: int) -> Attachment:
        """The calls of one ``docker run``, up to the point where the container has its network."""
        endpoint = f"{number:08x}" * 8
        address = self.call("IpamDriver.RequestAddress", PoolID=POOL, Address="", Options={})["Address"]
        ids = {"NetworkID": network, "EndpointID": endpoint}
        self.call("NetworkDriver.CreateEndpoint", **ids, Interface={"Address": address}, Options={})
        self.call("NetworkDriver.Join", **ids, SandboxKey=f"/var/run/docker/netns/{number:012x}", Options={})
        return Attachment(network, endpoint, address)

    def detach(self, attachment: Attachment) -> None:
        """The calls when the container is removed."""
        ids = {"NetworkID": attachment.network, "EndpointID": attachment.endpoint}
        self.call("NetworkDriver.Leave", **ids)
        self.call("NetworkDriver.DeleteEndpoint", **ids)
        self.call("IpamDriver.ReleaseAddress", PoolID=POOL, Address=attachment.address)

    def _read_answer(self) -> tuple[int, dict[str, Any]]:
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._receive()
        head, _, body = received.partition(b"\r\n\r\n")
        status, *fields = head.decode().split("\r\n")
        named = dict(field.lower().split(": ", 1) for field in fields)
        while len(body) < int(named["content-length"]):
            body += self._receive()
        return int(status.split()[1]), json.loads(body)

    def _receive(self) -> bytes:
        piece = self._socket.recv(_CHUNK)
        assert piece, "the plugin closed the connection"
        return piece


@contextmanager
def attached(network: str, numbers: Sequence[int]) -> Iterator[None]:
    """So many endpoints more on a network, without containers, while the block runs."""
    made: list[Attachment] = []
    try:
        with Plugin() as plugin:
            made += (plugin.attach(network, number) for number in numbers)
        yield
    finally:
        # Another connection: the agent may have been another process meanwhile.
        with Plugin() as plugin:
            for attachment in made:
                plugin.detach(attachment)
