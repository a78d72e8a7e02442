"""Kernel settings: the files below /proc/sys.

Settings below ``net`` are those of the calling thread's network namespace at the time of the call.
Source: sysctl(8), proc(5).
"""

import errno
import os
from pathlib import Path

from calico.linux.refusals import os_error
from calico.model.errors import ApplyError, NotFoundError, ValidationError

Key = tuple[str, ...]
"""The path of a setting, part by part: ``("net", "ipv4", "conf", "eth0.5", "rp_filter")``.

Not dotted text, because an interface's name may hold dots.
"""


class Sysctl:
    """Reads and writes settings below ``root``."""

    def __init__(self, root: Path = Path("/proc/sys")) -> None:
        self._root = root

    def read(self, key: Key) -> str:
        """The value without its line end; NotFoundError when there is no such setting."""
        try:
            with open(self._path(key)) as file:
                return file.read().strip()
        except OSError as error:
            raise _refusal("read", key, error) from error

    def write(self, key: Key, value: str | int) -> None:
        """Set the value.

        Raises NotFoundError when there is no such setting (its interface may have gone), ApplyError when
        /proc/sys is read-only or the kernel does not take the value.
        """
        try:
            # Without O_CREAT: only what the kernel offers can be written.
            with open(self._path(key), "r+b", buffering=0) as file:
                file.write(f"{value}\n".encode())
        except OSError as error:
            raise _refusal(f"write {value!r} to", key, error) from error

    def is_writable(self, key: Key) -> bool:
        """Whether there is such a setting and it may be written; nothing is."""
        return os.access(self._path(key), os.W_OK)

    def _path(self, key: Key) -> Path:
        for part in key:
            if part in ("", ".", "..") or "/" in part or "\0" in part:
                raise ValidationError(f"{part!r} is not part of a kernel setting's name")
        if not key:
            raise ValidationError("a kernel setting needs a name")
        return self._root.joinpath(*key)


def _refusal(verb: str, key: Key, error: OSError) -> Exception:
    name = "/".join(key)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return ApplyError(
            f"cannot {verb} kernel setting {name}: /proc/sys is read-only here: run as root on the host itself"
        )
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return NotFoundError(f"cannot {verb} kernel setting {name}: there is no such setting or interface")
    return os_error(f"{verb} kernel setting {name}", error)
