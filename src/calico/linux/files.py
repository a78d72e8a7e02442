"""Files that are whole or not there: written beside their place, then renamed into it.

Source: rename(2), fsync(2).
"""

import os
import tempfile
from pathlib import Path

from calico.linux.refusals import os_error


def write_file(path: Path, content: str | bytes, *, mode: int = 0o644) -> None:
    """Put ``content`` at ``path`` so that a reader, or a host that lost its power, finds old or new, never half.

    Raises ApplyError when it cannot (disk full, no such folder, no right); the old file is then untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary: str | None = None
    try:
        fd, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with open(fd, "wb") as file:
            os.fchmod(fd, mode)
            file.write(data)
            file.flush()
            os.fsync(fd)
        Path(temporary).rename(path)
        temporary = None
        _sync_folder(path.parent)
    except OSError as error:
        raise os_error(f"write {path}", error) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
