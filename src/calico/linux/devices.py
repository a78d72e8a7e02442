"""The names that network interfaces may have.

Source: netdevice(7), dev_valid_name in the kernel.
"""

from calico.model.errors import ValidationError

NAME_LENGTH = 15
"""Bytes at most."""


def validate_device(name: str) -> str:
    """Give ``name`` back when the kernel would take it for an interface, and a shell for one word."""
    bad = name in ("", ".", "..") or not name.isprintable() or len(name.encode(errors="replace")) > NAME_LENGTH
    if bad or any(c in "/:" or c.isspace() for c in name):
        raise ValidationError(
            f"{name!r} is not an interface name: 1 to {NAME_LENGTH} bytes without spaces, '/' and ':'"
        )
    return name
