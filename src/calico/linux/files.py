"""Files that are whole or not there: written beside their place, then renamed into it.

Source: rename(2), fsync(2).
"""

import os
import threading
from pathlib import Path

from calico.linux.refusals import os_error


def write_file(path: Path, content: str | bytes, *, mode: int = 0o644) -> None:
    """Put ``content`` at ``path``: a reader, also one after a loss of power, finds all of old or new.

    Raises NotFoundError when the folder is missing, ApplyError when it cannot be written (disk full, no
    right); the old file is then untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    # One name for each writer: what a killed one left behind is overwritten, not added to.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        try:
            _write_through(temporary, data, mode)
            temporary.rename(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise os_error(f"write {path}", error) from error


def _write_through(path: Path, data: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
