"""Links: network interfaces, and the veth pairs that join a container to the host.

Source: rtnetlink(7), linux/if_link.h.
"""

import struct
from dataclasses import dataclass

from calico.linux.devices import validate_device
from calico.linux.messages import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    Message,
    Request,
    pack_attribute,
    pack_nested,
    pack_text,
    pack_u32,
    parse_attributes,
    unpack_struct,
    unpack_text,
    unpack_uint,
)
from calico.linux.netlink import NETLINK_ROUTE, NetlinkSocket, SocketOwner, open_netlink
from calico.model.errors import ApplyError, ValidationError
from calico.model.names import canonical_mac

RTM_NEWLINK = 16
RTM_DELLINK = 17
_RTM_GETLINK = 18
_RTM_SETLINK = 19

_IFLA_ADDRESS = 1
_IFLA_IFNAME = 3
_IFLA_MTU = 4
_IFLA_LINK = 5
_IFLA_MASTER = 10
_IFLA_LINKINFO = 18
_IFLA_NET_NS_FD = 28
_IFLA_EXT_MASK = 29
_IFLA_INFO_KIND = 1
_IFLA_INFO_DATA = 2
_VETH_INFO_PEER = 1
_RTEXT_FILTER_SKIP_STATS = 8

_IFF_UP = 0x1
_IFF_RUNNING = 0x40

_IFINFO = struct.Struct("=BxHiII")
"""ifinfomsg: family, type, index, flags, mask of flags to change."""


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface as the kernel tells it.

    ``up`` is what was asked of it, ``running`` whether it can carry packets (a veth needs both ends up).
    ``kind`` is the driver's word, such as ``veth`` or ``bridge``; ``None`` for hardware and ``lo``.
    ``master`` is the index of the bridge or bond it belongs to, ``peer`` that of a veth's other end,
    which counts in the other end's namespace.
    """

    name: str
    index: int
    mac: str | None
    up: bool
    running: bool
    mtu: int
    kind: str | None = None
    master: int | None = None
    peer: int | None = None


class Links(SocketOwner):
    """Makes, finds, changes and deletes links in the network namespace in which the object was made."""

    def __init__(self, sock: NetlinkSocket | None = None) -> None:
        super().__init__(sock or open_netlink(NETLINK_ROUTE))

    def create_veth(
        self,
        host: str,
        peer: str,
        *,
        host_mac: str | None = None,
        peer_mac: str | None = None,
        mtu: int | None = None,
        up: bool = True,
        peer_namespace: int | None = None,
    ) -> int:
        """Make a veth pair in one step; the index of its ``host`` end.

        ``up`` concerns the host end; the kernel cannot make the peer up at birth (see ``update``).
        ``peer_namespace`` is an open file of the namespace in which the peer shall be born, far cheaper
        than moving it there. MACs are random unless given. Raises AlreadyExistsError for a name in use.
        """
        flags = _IFF_UP if up else 0
        header = _IFINFO.pack(0, 0, 0, flags, flags)
        peer_end = _IFINFO.pack(0, 0, 0, 0, 0) + _attributes(peer, peer_mac, mtu, peer_namespace)
        info = pack_nested(
            _IFLA_LINKINFO,
            pack_attribute(_IFLA_INFO_KIND, b"veth"),
            pack_nested(_IFLA_INFO_DATA, pack_attribute(_VETH_INFO_PEER, peer_end)),
        )
        payload = header + _attributes(host, host_mac, mtu) + info
        self._socket.call(
            Request(RTM_NEWLINK, payload, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL),
            f"create the veth pair {host} and {peer}",
        )
        return self._socket.index_of(host)

    def update(
        self,
        name: str,
        *,
        up: bool | None = None,
        mac: str | None = None,
        mtu: int | None = None,
        rename: str | None = None,
        namespace: int | None = None,
    ) -> None:
        """Change what is given of a link; ``namespace`` (an open file) moves it there.

        One request, but no transaction: when the kernel refuses one part, an earlier one may stay.
        Raises NotFoundError when there is no such link.
        """
        flags = _IFF_UP if up else 0
        mask = 0 if up is None else _IFF_UP
        payload = _IFINFO.pack(0, 0, self._socket.index_of(name), flags, mask)
        payload += _attributes(rename, mac, mtu, namespace)
        self._socket.call(Request(_RTM_SETLINK, payload), f"change interface {name}")

    def delete(self, name: str) -> None:
        """Delete a link, and with a veth its peer; NotFoundError when it is gone already."""
        payload = _IFINFO.pack(0, 0, 0, 0, 0) + pack_text(_IFLA_IFNAME, validate_device(name))
        self._socket.call(Request(RTM_DELLINK, payload), f"delete interface {name}")

    def get(self, name: str) -> Link:
        """The link of this name; NotFoundError when there is none."""
        payload = _IFINFO.pack(0, 0, 0, 0, 0) + _SKIP_STATISTICS
        payload += pack_text(_IFLA_IFNAME, validate_device(name))
        messages = self._socket.call(Request(_RTM_GETLINK, payload, flags=0), f"find interface {name}")
        if not messages:
            raise ApplyError(f"cannot find interface {name}: the kernel sent an empty answer")
        return parse_link(messages[0])

    def list(self, prefix: str = "") -> tuple[Link, ...]:
        """All links whose name begins with ``prefix``."""
        payload = _IFINFO.pack(0, 0, 0, 0, 0) + _SKIP_STATISTICS
        messages = self._socket.dump(Request(_RTM_GETLINK, payload), "list interfaces")
        links = (parse_link(message) for message in messages if message.kind == RTM_NEWLINK)
        return tuple(link for link in links if link.name.startswith(prefix))


def parse_link(message: Message) -> Link:
    """The link that an RTM_NEWLINK or RTM_DELLINK message speaks of."""
    _, _, index, flags, _ = unpack_struct(_IFINFO, message.payload)
    attributes = parse_attributes(message.payload, _IFINFO.size)
    info = parse_attributes(attributes.get(_IFLA_LINKINFO, b""))
    mac = attributes.get(_IFLA_ADDRESS)
    return Link(
        name=unpack_text(attributes.get(_IFLA_IFNAME, b"")),
        index=index,
        mac=mac.hex(":") if mac else None,
        up=bool(flags & _IFF_UP),
        running=bool(flags & _IFF_RUNNING),
        mtu=_number(attributes, _IFLA_MTU) or 0,
        kind=unpack_text(info[_IFLA_INFO_KIND]) if _IFLA_INFO_KIND in info else None,
        master=_number(attributes, _IFLA_MASTER),
        peer=_number(attributes, _IFLA_LINK),
    )


def link_family(message: Message) -> int:
    """The address family a link message is about; a bridge tells of its ports under its own."""
    return unpack_struct(_IFINFO, message.payload)[0]


def _number(attributes: dict[int, bytes], kind: int) -> int | None:
    return unpack_uint(attributes[kind]) if kind in attributes else None


def _attributes(name: str | None, mac: str | None, mtu: int | None, namespace: int | None = None) -> bytes:
    parts = []
    if mac is not None:
        parts.append(pack_attribute(_IFLA_ADDRESS, bytes.fromhex(canonical_mac(mac).replace(":", ""))))
    if mtu is not None:
        if not 0 < mtu < 1 << 31:
            raise ValidationError(f"{mtu} is not an MTU")
        parts.append(pack_u32(_IFLA_MTU, mtu))
    if name is not None:
        parts.append(pack_text(_IFLA_IFNAME, validate_device(name)))
    if namespace is not None:
        parts.append(pack_u32(_IFLA_NET_NS_FD, namespace))
    return b"".join(parts)


_SKIP_STATISTICS = pack_u32(_IFLA_EXT_MASK, _RTEXT_FILTER_SKIP_STATS)
