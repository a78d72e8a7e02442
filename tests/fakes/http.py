"""A server that gives prepared answers over HTTP, on a unix socket or on loopback."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

_TLS_HANDSHAKE = b"\x16"


class FakeServer:
    """``with FakeServer(place, {"GET /info": "{}"})``: the answer to each request line, ``404`` for all others.

    ``place`` is the path of a unix socket, or ``None`` for a port of loopback; ``address`` says where it is. Every
    connection carries one request. TLS is answered as by a server that has none.
    """

    def __init__(self, place: Path | None, answers: dict[str, str]) -> None:
        self.answers = answers
        self._family = socket.AF_INET if place is None else socket.AF_UNIX
        self._socket = socket.socket(self._family, socket.SOCK_STREAM)
        self._socket.bind(("127.0.0.1", 0) if place is None else str(place))
        self._socket.listen()
        name = self._socket.getsockname()
        self.address = f"{name[0]}:{name[1]}" if place is None else str(place)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        # Closing alone does not wake the thread that accepts.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            piece = connection.recv(65536)
            if not piece:
                return
            request += piece
            if request.startswith(_TLS_HANDSHAKE):
                connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                return
        line = request.split(b"\r\n")[0].decode().rpartition(" ")[0]
        body = self.answers.get(line)
        status, text = ("200 OK", body) if body is not None else ("404 Not Found", '{"message": "page not found"}')
        head = f"HTTP/1.0 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text.encode())}\r\n\r\n"
        connection.sendall(head.encode() + text.encode())
