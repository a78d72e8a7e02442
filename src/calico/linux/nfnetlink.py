"""What nf_tables holds, asked cheaply: its generation, a chain, the rules of one chain.

    generation   the number nf_tables raises with each committed transaction, of whomever
    comment      text that nft keeps with a rule, by which its owner knows it again

Changes are not made here: they are nft text, for libnftables.
Source: linux/netfilter/nf_tables.h, linux/netfilter/nfnetlink.h; libnftnl for the comment's layout.
"""

import struct
from dataclasses import dataclass

from calico.linux.messages import (
    Message,
    Request,
    pack_text,
    parse_attributes,
    unpack_struct,
    unpack_text,
)
from calico.linux.netlink import NETLINK_NETFILTER, Lost, NetlinkSocket, SocketOwner, open_netlink
from calico.model.errors import ApplyError, NotFoundError, ValidationError

_SUBSYSTEM = 10 << 8
_GETTABLE = _SUBSYSTEM | 1
_NEWCHAIN = _SUBSYSTEM | 3
_GETCHAIN = _SUBSYSTEM | 4
_NEWRULE = _SUBSYSTEM | 6
_GETRULE = _SUBSYSTEM | 7
_NEWGEN = _SUBSYSTEM | 15
_GETGEN = _SUBSYSTEM | 16
_NFNLGRP_NFTABLES = 7

_TABLE_NAME = 1
_CHAIN_TABLE, _CHAIN_NAME, _CHAIN_HOOK, _CHAIN_POLICY = 1, 3, 4, 5
_RULE_TABLE, _RULE_CHAIN, _RULE_HANDLE, _RULE_USERDATA = 1, 2, 3, 7
_GEN_ID, _GEN_PROC_PID, _GEN_PROC_NAME = 1, 2, 3
_USERDATA_COMMENT = 0

_FAMILIES = {"inet": 1, "ip": 2, "arp": 3, "netdev": 5, "bridge": 7, "ip6": 10}
_FAMILY_NAMES = {number: name for name, number in _FAMILIES.items()}
_POLICIES = {0: "drop", 1: "accept"}
_NAME_LENGTH = 255

_NFGENMSG = struct.Struct("=BBH")
"""nfgenmsg: family, version, resource id."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain; ``policy`` is ``accept`` or ``drop`` for one that hangs on a hook, else ``None``."""

    name: str
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class ChainPlace:
    """Where a chain is: nft's word for the family (a number when it has none), table, name."""

    family: str
    table: str
    name: str


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """A rule's place-holder: the kernel's ``handle`` and the ``comment`` its owner gave it, if any."""

    handle: int
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class NewGeneration:
    """A transaction was committed; the ruleset has this generation now.

    ``process`` and ``thread`` tell who did it: the name and id of the thread, as the host's first pid
    namespace counts. ``port`` is the netlink address of its socket.
    """

    generation: int
    port: int
    thread: int | None = None
    process: str | None = None


class NfTables(SocketOwner):
    """Asks nf_tables of the network namespace in which the object was made.

    Families are nft's words: ``inet``, ``ip``, ``ip6``, ``arp``, ``bridge``, ``netdev``.
    """

    def __init__(self, sock: NetlinkSocket | None = None) -> None:
        super().__init__(sock or open_netlink(NETLINK_NETFILTER))

    def generation(self) -> int:
        """The present generation: unchanged means that nobody changed anything."""
        what = "read the nf_tables generation"
        messages = self._socket.call(Request(_GETGEN, _NFGENMSG.pack(0, 0, 0), flags=0), what)
        return parse_generation(_only(messages, what)).generation

    def has_table(self, family: str, table: str) -> bool:
        """Whether the table exists."""
        payload = _header(family) + _text(_TABLE_NAME, table)
        try:
            self._socket.call(Request(_GETTABLE, payload, flags=0), f"find nft table {family} {table}")
        except NotFoundError:
            return False
        return True

    def get_chain(self, family: str, table: str, chain: str) -> Chain:
        """The chain; NotFoundError when it, or its table, does not exist."""
        payload = _header(family) + _text(_CHAIN_TABLE, table) + _text(_CHAIN_NAME, chain)
        what = f"find nft chain {family} {table} {chain}"
        return parse_chain(_only(self._socket.call(Request(_GETCHAIN, payload, flags=0), what), what))

    def list_chains(self) -> tuple[ChainPlace, ...]:
        """All chains of everybody."""
        messages = self._socket.dump(Request(_GETCHAIN, _NFGENMSG.pack(0, 0, 0)), "list the nft chains")
        return tuple(parse_chain_place(message) for message in messages if message.kind == _NEWCHAIN)

    def list_rules(self, family: str, table: str, chain: str) -> tuple[RuleEntry, ...]:
        """The rules of one chain, first to last; NotFoundError when there is no such chain."""
        payload = _header(family) + _text(_RULE_TABLE, table) + _text(_RULE_CHAIN, chain)
        messages = self._socket.dump(
            Request(_GETRULE, payload), f"list the rules of nft chain {family} {table} {chain}"
        )
        rules = tuple(parse_rule(message) for message in messages if message.kind == _NEWRULE)
        if not rules:
            # The kernel answers alike for an empty chain and for none.
            self.get_chain(family, table, chain)
        return rules


class NfTablesMonitor(SocketOwner):
    """Hears of each new generation in the network namespace in which the object was made.

    The kernel throws all other nf_tables events away before they reach the socket, so a large transaction
    cannot overrun it.
    """

    def __init__(self) -> None:
        super().__init__(open_netlink(NETLINK_NETFILTER, groups=[_NFNLGRP_NFTABLES], only_kind=_NEWGEN))

    def fileno(self) -> int:
        """For a selector; readable when ``read`` has something."""
        return self._socket.fileno()

    def read(self, timeout: float = 0.0) -> tuple[NewGeneration | Lost, ...]:
        """The generations made since the last call, waiting up to ``timeout`` seconds for the first."""
        received = self._socket.receive(timeout)
        if isinstance(received, Lost):
            return (received,)
        try:
            return tuple(parse_generation(message) for message in received if message.kind == _NEWGEN)
        except ValidationError:
            return (Lost(),)


def parse_generation(message: Message) -> NewGeneration:
    """The generation that an NFT_MSG_NEWGEN message tells."""
    attributes = _attributes(message)
    thread, process = attributes.get(_GEN_PROC_PID), attributes.get(_GEN_PROC_NAME)
    return NewGeneration(
        _number(attributes.get(_GEN_ID, b"")),
        message.port,
        None if thread is None else _number(thread),
        None if process is None else unpack_text(process),
    )


def parse_chain(message: Message) -> Chain:
    """The chain that an NFT_MSG_NEWCHAIN message tells."""
    attributes = _attributes(message)
    policy = None
    if _CHAIN_HOOK in attributes and _CHAIN_POLICY in attributes:
        policy = _POLICIES.get(_number(attributes[_CHAIN_POLICY]))
    return Chain(unpack_text(attributes.get(_CHAIN_NAME, b"")), policy)


def parse_chain_place(message: Message) -> ChainPlace:
    """Where the chain is that an NFT_MSG_NEWCHAIN message tells."""
    family, _, _ = unpack_struct(_NFGENMSG, message.payload)
    attributes = _attributes(message)
    table, name = (unpack_text(attributes.get(kind, b"")) for kind in (_CHAIN_TABLE, _CHAIN_NAME))
    return ChainPlace(_FAMILY_NAMES.get(family, str(family)), table, name)


def parse_rule(message: Message) -> RuleEntry:
    """The handle and the comment that an NFT_MSG_NEWRULE message tells."""
    attributes = _attributes(message)
    handle = _number(attributes.get(_RULE_HANDLE, b""), 8)
    return RuleEntry(handle, _comment(attributes.get(_RULE_USERDATA, b"")))


def _comment(userdata: bytes) -> str | None:
    """The comment among a rule's user data: entries of kind, length (a byte each) and value.

    User data is other programs' own: what does not read as entries holds no comment.
    """
    offset = 0
    while offset + 2 <= len(userdata):
        kind, length = userdata[offset], userdata[offset + 1]
        value = userdata[offset + 2 : offset + 2 + length]
        if kind == _USERDATA_COMMENT and len(value) == length:
            return unpack_text(value)
        offset += 2 + length
    return None


def _attributes(message: Message) -> dict[int, bytes]:
    unpack_struct(_NFGENMSG, message.payload)
    return parse_attributes(message.payload, _NFGENMSG.size)


def _number(value: bytes, size: int = 4) -> int:
    if len(value) != size:
        raise ValidationError(f"nf_tables number of {len(value)} bytes, {size} expected")
    return int.from_bytes(value, "big")


def _header(family: str) -> bytes:
    if family not in _FAMILIES:
        raise ValidationError(f"{family!r} is not an nft family: use {', '.join(_FAMILIES)}")
    return _NFGENMSG.pack(_FAMILIES[family], 0, 0)


def _text(kind: int, name: str) -> bytes:
    if not name or "\0" in name or len(name.encode()) > _NAME_LENGTH:
        raise ValidationError(f"{name!r} is not an nft name")
    return pack_text(kind, name)


def _only(messages: tuple[Message, ...], what: str) -> Message:
    if not messages:
        raise ApplyError(f"cannot {what}: the kernel sent an empty answer")
    return messages[0]
