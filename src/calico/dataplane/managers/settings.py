"""The kernel settings of an endpoint's interface: what makes the kernel route for a container.

The host answers ARP and neighbour questions for every address, forwards, and takes no router's word.
Source: the kernel's Documentation/networking/ip-sysctl.rst.
"""

from collections.abc import Iterator
from typing import Protocol

from calico.linux.sysctl import Key
from calico.model.errors import NotFoundError

IPV6_FORWARDING: Key = ("net", "ipv6", "conf", "all", "forwarding")


class Settings(Protocol):
    """What is needed of the kernel's settings; see :class:`calico.linux.sysctl.Sysctl`."""

    def read(self, key: Key) -> str:
        """The value; NotFoundError when there is none."""
        ...

    def write(self, key: Key, value: str | int) -> None:
        """Set the value; NotFoundError when there is no such setting."""
        ...


def has_ipv6(settings: Settings) -> bool:
    """Whether the host's kernel speaks IPv6."""
    try:
        settings.read(IPV6_FORWARDING)
    except NotFoundError:
        return False
    return True


def write_interface(settings: Settings, name: str) -> None:
    """Set an interface up for an endpoint."""
    for key, value in _wanted(name, ipv6=has_ipv6(settings)):
        settings.write(key, value)


def check_interface(settings: Settings, name: str) -> list[str]:
    """What is not as it was set, one line each; NotFoundError when the interface has gone."""
    lines = []
    for key, value in _wanted(name, ipv6=has_ipv6(settings)):
        found = settings.read(key)
        if found != value:
            lines.append(f"{'/'.join(key)} was {found}, is {value} again")
    return lines


def _wanted(name: str, *, ipv6: bool) -> Iterator[tuple[Key, str]]:
    ipv4_conf = ("net", "ipv4", "conf", name)
    yield (*ipv4_conf, "rp_filter"), "1"
    yield (*ipv4_conf, "proxy_arp"), "1"
    yield (*ipv4_conf, "forwarding"), "1"
    # Answer for the gateway at once: there is nobody else to wait for.
    yield ("net", "ipv4", "neigh", name, "proxy_delay"), "0"
    if ipv6:
        ipv6_conf = ("net", "ipv6", "conf", name)
        yield (*ipv6_conf, "forwarding"), "1"
        yield (*ipv6_conf, "proxy_ndp"), "1"
        yield (*ipv6_conf, "accept_ra"), "0"
