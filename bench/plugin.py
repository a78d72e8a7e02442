"""Docker's side of the plugin protocol, and networks and endpoints that are made by it without Docker."""

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

SOCKET = "/run/docker/plugins/calico.sock"
_POOL = "CalicoPoolIPv4"
_IPAM = {"AddressSpace": "CalicoLocalAddressSpace", "Pool": "0.0.0.0/0", "Gateway": "0.0.0.0/0"}
_SECONDS = 30.0
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Attachment:
    """An endpoint that is attached; ``peer`` is the container's end of its pair, which stays with the host."""

    network: str
    endpoint: str
    address: str
    peer: str


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

    def create_network(self, network: str) -> None:
        """The last call of ``docker network create``; the network's profile has its name."""
        self.call("NetworkDriver.CreateNetwork", NetworkID=network, Options={}, IPv4Data=[_IPAM], IPv6Data=[])

    def delete_network(self, network: str) -> None:
        """The call of ``docker network rm``."""
        self.call("NetworkDriver.DeleteNetwork", NetworkID=network)

    def attach(self, network: str, number: int) -> Attachment:
        """The calls of one ``docker run``, up to the point where the container has its network."""
        endpoint = f"{number:08x}" * 8
        address = self.call("IpamDriver.RequestAddress", PoolID=_POOL, Address="", Options={})["Address"]
        ids = {"NetworkID": network, "EndpointID": endpoint}
        self.call("NetworkDriver.CreateEndpoint", **ids, Interface={"Address": address}, Options={})
        joined = self.call("NetworkDriver.Join", **ids, SandboxKey=f"/var/run/docker/netns/{number:012x}", Options={})
        return Attachment(network, endpoint, address, joined["InterfaceName"]["SrcName"])

    def detach(self, attachment: Attachment) -> None:
        """The calls when the container is removed."""
        ids = {"NetworkID": attachment.network, "EndpointID": attachment.endpoint}
        self.call("NetworkDriver.Leave", **ids)
        self.call("NetworkDriver.DeleteEndpoint", **ids)
        self.call("IpamDriver.ReleaseAddress", PoolID=_POOL, Address=attachment.address)

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
def network(name: str = "bench") -> Iterator[str]:
    """A network while the block runs; gives the name of its profile."""
    with Plugin() as plugin:
        plugin.create_network(name)
    try:
        yield name
    finally:
        with Plugin() as plugin:
            plugin.delete_network(name)


@contextmanager
def attached(profile: str, numbers: Sequence[int]) -> Iterator[list[Attachment]]:
    """So many endpoints more on a network, without containers, while the block runs."""
    made: list[Attachment] = []
    try:
        with Plugin() as plugin:
            made += (plugin.attach(profile, number) for number in numbers)
        yield made
    finally:
        # Another connection: the agent may have been another process meanwhile.
        with Plugin() as plugin:
            for attachment in made:
                plugin.detach(attachment)
