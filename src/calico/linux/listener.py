"""A listening unix socket at a path, with its access rights right from the first moment on (unix(7))."""

import os
import socket
from pathlib import Path

from calico.linux.refusals import os_error
from calico.model.errors import AlreadyExistsError, ValidationError

_MAX_PATH = 90
"""``sun_path`` holds 108 bytes; the socket is first bound under a somewhat longer name."""

_PROBE_SECONDS = 1.0


def listen_unix(path: Path, mode: int) -> socket.socket:
    """A non-blocking listening socket at ``path`` with access ``mode``; its directory is made when absent.

    It is bound under another name and renamed, so that clients never find the path missing while a program
    restarts. Raises :class:`AlreadyExistsError` when somebody serves there.
    """
    if len(os.fsencode(path)) > _MAX_PATH:
        raise ValidationError(f"{path} is too long for a unix socket: use at most {_MAX_PATH} bytes")
    if _is_served(path):
        raise AlreadyExistsError(f"another program serves {path}: stop it first")
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        listener.bind(str(fresh))
        fresh.chmod(mode)
        listener.listen(128)
        fresh.rename(path)
    except OSError as error:
        listener.close()
        raise os_error(f"listen on {path}", error) from None
    listener.setblocking(False)
    return listener


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
