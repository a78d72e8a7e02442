"""libnftables through ctypes: runs nft's language inside this process, one transaction a call.

See libnftables(3). The library is a system component: it is loaded when a context is made, never at import.
"""

import ctypes
import json
import os
import socket
import threading
from collections.abc import Sequence
from typing import Any

from calico.dataplane.nft.elements import ElementChange, find_refusal, pack_transaction
from calico.linux.messages import parse_messages
from calico.linux.netlink import NETLINK_NETFILTER
from calico.linux.refusals import os_error
from calico.model.errors import ApplyError, UnavailableError

SONAME = "libnftables.so.1"

_CONTEXT_DEFAULT = 0
_OUTPUT_JSON = 1 << 4  # NFT_CTX_OUTPUT_JSON
_LARGE = 1_000_000
_RECEIVE_SIZE = 1 << 16
_NO_TABLE = "No such file or directory"

_ONE_AT_A_TIME = threading.Lock()
"""Two contexts used by two threads at once abort the process: the library shares its JSON writer between them."""


class NftLibrary:
    """One libnftables context. It speaks to the network namespace of the thread that made it; use it from one thread.

    Python's lock is free while the library works. Raises :class:`UnavailableError` when it is not installed.
    """

    def __init__(self, soname: str = SONAME) -> None:
        self._context: ctypes.c_void_p | None = None
        self._functions = _load(soname)
        context = self._functions.nft_ctx_new(_CONTEXT_DEFAULT)
        if not context:
            raise UnavailableError("libnftables could not be started: run as root")
        self._context = ctypes.c_void_p(context)
        self._functions.nft_ctx_buffer_output(self._context)
        self._functions.nft_ctx_buffer_error(self._context)
        self._socket = _open_socket()

    def run(self, commands: str) -> None:
        """Run ``commands`` (one per line) as one transaction.

        Raises :class:`ApplyError` with the first error; then nothing took effect.
        """
        # From a file, because of commands in memory the library quotes the first one, whichever it means.
        with open(os.memfd_create("nft", os.MFD_CLOEXEC), "wb", buffering=0) as file:
            file.write(commands.encode())
            path = f"/proc/self/fd/{file.fileno()}".encode()
            status, _output, errors = self._call(self._functions.nft_run_cmd_from_filename, path, 0)
        if len(commands) > _LARGE:
            _give_memory_back()
        if status != 0:
            raise ApplyError(f"the kernel refused the nft transaction: {_first_error(errors)}")

    def change_elements(self, family: str, table: str, changes: Sequence[ElementChange]) -> None:
        """Add and remove some hundred elements of hash sets and verdict maps as one transaction.

        Costs what the change is large, where ``run`` also costs what the table is large. Raises
        :class:`ApplyError` when the kernel refuses; then nothing took effect.
        """
        if self._context is None:
            raise UnavailableError("this libnftables context is closed")
        try:
            self._socket.send(pack_transaction(family, table, changes))
            # The kernel does the work inside send, so all of its answers are there.
            refusal = find_refusal(parse_messages(self._read_all()))
        except OSError as error:
            raise os_error("send an nft transaction", error) from error
        if refusal:
            names = ", ".join(change.set_name for change in changes)
            raise ApplyError(f"the kernel refused the nft transaction: {refusal} in: elements of {names}"[:300])

    def list_table(self, family: str, name: str) -> list[dict[str, object]] | None:
        """The objects of a table as nft lists them in JSON (libnftables-json(5)); ``None`` without such a table.

        ``family`` and ``name`` are our own words. Raises :class:`ApplyError` when the kernel refuses.
        """
        command = f"list table {family} {name}".encode()
        status, output, errors = self._call(self._functions.nft_run_cmd_from_buffer, command, _OUTPUT_JSON)
        if status != 0:
            if _NO_TABLE in errors:
                return None
            raise ApplyError(f"the kernel refused to list table {family} {name}: {_first_error(errors)}")
        objects = json.loads(output)["nftables"]
        if len(output) > _LARGE:
            _give_memory_back()
        return list(objects)

    def list_ruleset(self) -> str:
        """All tables of everybody, as nft writes them. Raises :class:`ApplyError` when the kernel refuses."""
        status, output, errors = self._call(self._functions.nft_run_cmd_from_buffer, b"list ruleset", 0)
        if status != 0:
            raise ApplyError(f"the kernel refused to list the nft ruleset: {_first_error(errors)}")
        return output.decode(errors="backslashreplace")

    def close(self) -> None:
        """Give the context back; may be called twice."""
        context, self._context = self._context, None
        if context is not None:
            self._functions.nft_ctx_free(context)
            self._socket.close()

    def _read_all(self) -> bytes:
        data = b""
        try:
            while True:
                data += self._socket.recv(_RECEIVE_SIZE)
        except BlockingIOError:
            return data

    def _call(self, function: Any, argument: bytes, output_flags: int) -> tuple[int, bytes, str]:
        if self._context is None:
            raise UnavailableError("this libnftables context is closed")
        functions = self._functions
        with _ONE_AT_A_TIME:
            functions.nft_ctx_output_set_flags(self._context, output_flags)
            status = function(self._context, argument)
            output = functions.nft_ctx_get_output_buffer(self._context) or b""
            errors = functions.nft_ctx_get_error_buffer(self._context) or b""
        return status, output, errors.decode(errors="replace")


def _open_socket() -> socket.socket:
    try:
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        opened.setblocking(False)
        opened.bind((0, 0))
    except OSError as error:
        raise os_error("open a netlink socket", error) from error
    return opened


def _load(soname: str) -> Any:  # ctypes gives functions no type
    try:
        library = ctypes.CDLL(soname)
    except OSError:
        raise UnavailableError(f"{soname} is not installed: apt-get install libnftables1") from None
    context, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint
    for name, result, arguments in (
        ("nft_ctx_new", context, [ctypes.c_uint32]),
        ("nft_ctx_free", None, [context]),
        ("nft_ctx_buffer_output", ctypes.c_int, [context]),
        ("nft_ctx_buffer_error", ctypes.c_int, [context]),
        ("nft_ctx_get_output_buffer", text, [context]),
        ("nft_ctx_get_error_buffer", text, [context]),
        ("nft_ctx_output_set_flags", None, [context, number]),
        ("nft_run_cmd_from_buffer", ctypes.c_int, [context, text]),
        ("nft_run_cmd_from_filename", ctypes.c_int, [context, text]),
    ):
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


def _first_error(errors: str) -> str:
    """The first message of libnftables with the command that it means: ``MESSAGE in: COMMAND``."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    number = next((number for number, line in enumerate(lines) if "Error: " in line), None)
    if number is None:
        return "no reason given"
    message, command = lines[number].partition("Error: ")[2], "".join(lines[number + 1 : number + 2])
    return f"{message} in: {command[:200]}" if command else message


def _give_memory_back() -> None:
    # A large transaction leaves a hundred megabytes of freed blocks with malloc (malloc_trim(3)).
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
