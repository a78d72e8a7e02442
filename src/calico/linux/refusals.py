"""What the kernel's error numbers mean to us: the one table from errno to the project's errors."""

import errno
import os

from calico.model.errors import (
    AlreadyExistsError,
    ApplyError,
    CalicoError,
    NotFoundError,
    UnavailableError,
)

_MEANING: dict[int, type[CalicoError]] = {
    errno.ENODEV: NotFoundError,
    errno.ENOENT: NotFoundError,
    errno.ESRCH: NotFoundError,
    errno.EADDRNOTAVAIL: NotFoundError,
    errno.EEXIST: AlreadyExistsError,
    errno.EAGAIN: UnavailableError,
    errno.EBUSY: UnavailableError,
    errno.EINTR: UnavailableError,
    errno.ENOBUFS: UnavailableError,
    errno.ENOMEM: UnavailableError,
    errno.ETIMEDOUT: UnavailableError,
}
_HINT = {
    errno.EPERM: "run as root (CAP_NET_ADMIN)",
    errno.EOPNOTSUPP: "the kernel lacks this feature",
    errno.EPROTONOSUPPORT: "the kernel lacks this kind of netlink",
}


def kernel_error(what: str, number: int, reason: str = "") -> CalicoError:
    """An errno as one of our errors, with one line: "cannot <what>: <errno text>: <reason>"."""
    parts = [f"cannot {what}", os.strerror(number).lower()]
    if reason:
        parts.append(" ".join(reason.split()))
    if number in _HINT:
        parts.append(_HINT[number])
    return _MEANING.get(number, ApplyError)(": ".join(parts))


def os_error(what: str, error: OSError) -> CalicoError:
    """The same for an OSError of the standard library."""
    return kernel_error(what, error.errno) if error.errno else ApplyError(f"cannot {what}: {error}")
