"""The messages of Docker's plugin protocol, typed and checked once, where they come in.

Field names are Docker's. Unknown fields are ignored, because every release of Docker adds some; a ``null``
list or object counts as empty.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from calico.model.errors import ValidationError
from calico.model.names import canonical_mac, validate_name
from calico.model.net import canonical_address, split_cidr

Options = Mapping[str, object]
R = TypeVar("R", bound="Request")

GENERIC_OPTIONS = "com.docker.network.generic"
INTERNAL_OPTION = "com.docker.network.internal"
PORT_MAP_OPTION = "com.docker.network.portmap"
GATEWAY_DATA = "com.docker.network.gateway"
ADDRESS_TYPE_OPTION = "RequestAddressType"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request without arguments, and the base of those that have some."""

    def check(self) -> None:
        """Raise :class:`ValidationError` for what types alone cannot say."""


class IPAMData(msgspec.Struct, frozen=True, kw_only=True):
    """The pool that a network's addresses of one IP version come from."""

    address_space: str = msgspec.field(name="AddressSpace", default="")
    pool: str = msgspec.field(name="Pool", default="")
    gateway: str = msgspec.field(name="Gateway", default="")


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses that Docker has chosen for an endpoint; empty text stands for none."""

    address: str = msgspec.field(name="Address", default="")
    address_ipv6: str = msgspec.field(name="AddressIPv6", default="")
    mac_address: str = msgspec.field(name="MacAddress", default="")


class NetworkRequest(Request, frozen=True, kw_only=True):
    """DeleteNetwork, FreeNetwork, and the base of all that concern one network."""

    network_id: str = msgspec.field(name="NetworkID")

    def check(self) -> None:
        validate_name(self.network_id, "NetworkID")


class CreateNetwork(NetworkRequest, frozen=True, kw_only=True):
    """A network is being made; Docker has asked the IPAM driver for its pools already."""

    options: dict[str, object] | None = msgspec.field(name="Options", default=None)
    ipv4_data: list[IPAMData] | None = msgspec.field(name="IPv4Data", default=None)
    ipv6_data: list[IPAMData] | None = msgspec.field(name="IPv6Data", default=None)

    @property
    def driver_options(self) -> Options:
        """What the user gave with ``--opt``."""
        generic = (self.options or {}).get(GENERIC_OPTIONS)
        return generic if isinstance(generic, dict) else {}


class EndpointRequest(NetworkRequest, frozen=True, kw_only=True):
    """DeleteEndpoint, EndpointOperInfo, Leave, and the base of all that concern one endpoint."""

    endpoint_id: str = msgspec.field(name="EndpointID")

    def check(self) -> None:
        super().check()
        validate_name(self.endpoint_id, "EndpointID")


class CreateEndpoint(EndpointRequest, frozen=True, kw_only=True):
    """An attachment is being made, with the addresses that the IPAM driver gave."""

    interface: Interface | None = msgspec.field(name="Interface", default=None)
    options: dict[str, object] | None = msgspec.field(name="Options", default=None)

    @property
    def publishes_ports(self) -> bool:
        """Whether the user published a port with ``-p``."""
        return bool((self.options or {}).get(PORT_MAP_OPTION))

    def check(self) -> None:
        super().check()
        interface = self.interface or Interface()
        for text, version in ((interface.address, 4), (interface.address_ipv6, 6)):
            if text and split_cidr(text)[0] != version:
                raise ValidationError(f"{text!r} is not an IPv{version} CIDR")
        if interface.mac_address:
            canonical_mac(interface.mac_address)


class Join(EndpointRequest, frozen=True, kw_only=True):
    """The endpoint is about to be moved into a sandbox."""

    sandbox_key: str = msgspec.field(name="SandboxKey", default="")
    options: dict[str, object] | None = msgspec.field(name="Options", default=None)


class RequestPool(Request, frozen=True, kw_only=True):
    """A network needs a pool; ``pool`` is the user's ``--subnet``, ``sub_pool`` the ``--ip-range``."""

    address_space: str = msgspec.field(name="AddressSpace", default="")
    pool: str = msgspec.field(name="Pool", default="")
    sub_pool: str = msgspec.field(name="SubPool", default="")
    options: dict[str, str] | None = msgspec.field(name="Options", default=None)
    v6: bool = msgspec.field(name="V6", default=False)

    def check(self) -> None:
        if self.pool:
            split_cidr(self.pool)


class ReleasePool(Request, frozen=True, kw_only=True):
    """A network no longer needs its pool."""

    pool_id: str = msgspec.field(name="PoolID")


class RequestAddress(ReleasePool, frozen=True, kw_only=True):
    """An endpoint (or a gateway) needs an address of a pool: a given one, or any when ``address`` is empty."""

    address: str = msgspec.field(name="Address", default="")
    options: dict[str, str] | None = msgspec.field(name="Options", default=None)

    def check(self) -> None:
        if self.address:
            canonical_address(self.address.partition("/")[0])


class ReleaseAddress(ReleasePool, frozen=True, kw_only=True):
    """An address is no longer used; may be one that was never given out."""

    address: str = msgspec.field(name="Address", default="")

    def check(self) -> None:
        if self.address:
            canonical_address(self.address.partition("/")[0])


def parse_request(kind: type[R], body: bytes) -> R:
    """The body of a call as a value of ``kind``; raises :class:`ValidationError` naming the faulty field.

    An empty body and ``null`` mean "no arguments". Docker may repeat a call with its body lost, so a call that
    needs arguments never takes that for defaults.
    """
    text = body.strip()
    try:
        request = msgspec.json.decode(b"{}" if text in (b"", b"null") else text, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValidationError(f"malformed request: {error}") from None
    request.check()
    return request
