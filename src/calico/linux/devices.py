"""Device names and the indexes by which the kernel knows them, in the network namespace of a socket.

``socket.if_nametoindex`` asks in the namespace of the calling thread, which may be another one.
Source: netdevice(7).
"""

import errno
import fcntl
import struct

from calico.linux.netlink import NetlinkSocket
from calico.linux.refusals import os_error
from calico.model.errors import ValidationError

NAME_LENGTH = 15

_SIOCGIFNAME = 0x8910
_SIOCGIFINDEX = 0x8933
_IFREQ = struct.Struct("=16si20x")


def validate_device(name: str) -> str:
    """Give ``name`` back when the kernel would take it for an interface."""
    size = len(name.encode(errors="replace"))
    bad = name in ("", ".", "..") or size > NAME_LENGTH
    if bad or any(c in "/:\0" or c.isspace() for c in name) or not name.isprintable():
        raise ValidationError(
            f"{name!r} is not an interface name: 1 to {NAME_LENGTH} bytes without spaces, '/' and ':'"
        )
    return name


def index_of(sock: NetlinkSocket, name: str) -> int:
    """The index of a device; NotFoundError when there is none of this name."""
    request = _IFREQ.pack(validate_device(name).encode(), 0)
    try:
        return int(_IFREQ.unpack(fcntl.ioctl(sock.fileno(), _SIOCGIFINDEX, request))[1])
    except OSError as error:
        raise os_error(f"find interface {name}", error) from error


def name_of(sock: NetlinkSocket, index: int) -> str | None:
    """The name of the device with this index; ``None`` when it has gone."""
    try:
        answer = fcntl.ioctl(sock.fileno(), _SIOCGIFNAME, _IFREQ.pack(b"", index))
    except OSError as error:
        if error.errno in (errno.ENODEV, errno.ENXIO):
            return None
        raise os_error(f"find interface number {index}", error) from error
    return str(_IFREQ.unpack(answer)[0].partition(b"\0")[0].decode(errors="replace"))
