"""libnftables through ctypes: runs nft's language inside this process, one transaction a call.

See libnftables(3). The library is a system component: it is loaded when a context is made, never at import.
"""

import ctypes
import json
from typing import Any

from calico.model.errors import ApplyError, UnavailableError

SONAME = "libnftables.so.1"

_CONTEXT_DEFAULT = 0
_OUTPUT_JSON = 1 << 4  # NFT_CTX_OUTPUT_JSON
_LARGE = 1_000_000
_NO_TABLE = "No such file or directory"


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

    def run(self, commands: str) -> None:
        """Run ``commands`` (one per line) as one transaction.

        Raises :class:`ApplyError` with the first error; then nothing took effect.
        """
        text = commands.encode()
        status, _output, errors = self._call(text, 0)
        if len(text) > _LARGE:
            _give_memory_back()
        if status != 0:
            raise ApplyError(f"the kernel refused the nft transaction: {_first_error(errors, commands)}")

    def list_table(self, family: str, name: str) -> list[dict[str, object]] | None:
        """The objects of a table as nft lists them in JSON (libnftables-json(5)); ``None`` without such a table.

        ``family`` and ``name`` are our own words. Raises :class:`ApplyError` when the kernel refuses.
        """
        status, output, errors = self._call(f"list table {family} {name}".encode(), _OUTPUT_JSON)
        if status != 0:
            if _NO_TABLE in errors:
                return None
            raise ApplyError(f"the kernel refused to list table {family} {name}: {_first_error(errors, '')}")
        objects = json.loads(output)["nftables"]
        if len(output) > _LARGE:
            _give_memory_back()
        return list(objects)

    def close(self) -> None:
        """Give the context back; may be called twice."""
        context, self._context = self._context, None
        if context is not None:
            self._functions.nft_ctx_free(context)

    def _call(self, text: bytes, output_flags: int) -> tuple[int, bytes, str]:
        if self._context is None:
            raise UnavailableError("this libnftables context is closed")
        functions = self._functions
        functions.nft_ctx_output_set_flags(self._context, output_flags)
        status = functions.nft_run_cmd_from_buffer(self._context, text)
        output = functions.nft_ctx_get_output_buffer(self._context) or b""
        errors = functions.nft_ctx_get_error_buffer(self._context) or b""
        return status, output, errors.decode(errors="replace")


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
    ):
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


def _first_error(errors: str, commands: str) -> str:
    """The first message of libnftables, and the command that it points at when that is clear.

    The library prints the first command, whichever is at fault, and marks columns of the faulty one below it.
    """
    lines = errors.splitlines()
    message = next((line.partition("Error: ")[2] for line in lines if "Error: " in line), "no reason given")
    marks = next((line for line in lines if line and not line.strip(" ^~")), "")
    start, end = len(marks) - len(marks.lstrip()), len(marks)
    suspects = [command for command in commands.splitlines() if _is_word(command, start, end)]
    return f"{message} in: {suspects[0][:200]}" if marks and len(suspects) == 1 else message


def _is_word(text: str, start: int, end: int) -> bool:
    return f" {text} "[start : start + 1] == " " and f" {text} "[end + 1 : end + 2] == " " and len(text) >= end


def _give_memory_back() -> None:
    # A large transaction leaves a hundred megabytes of freed blocks with malloc (malloc_trim(3)).
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
