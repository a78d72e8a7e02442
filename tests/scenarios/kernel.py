"""The surroundings of the scenarios in real namespaces: a host, its links, and sockets at every place.

The places behind the links have no IP stack of their own: packets are written to and read from the wire, so that
nothing is on the wire but probes, and any packet, spoofed ones too, can be sent. The host is a real stack; what
reaches it is read from raw sockets, which see packets after the input hook.
"""

import os
import selectors
import socket
import struct
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from calico.linux.namespaces import Namespace
from calico.model.record import replace
from tests.scenarios.places import HOST, PLACES, UPLINK
from tests.scenarios.probes import Probe
from tests.scenarios.wire import ICMP, ICMPV6, TCP, UDP, packet_bytes, source_of

ARRIVAL_TIMEOUT = 3.0
"""Seconds to wait for a packet that must arrive; a loaded machine needs some."""
DROP_TIMEOUT = 0.08
"""Seconds to wait for packets that must not arrive, after all others have: on a quiet veth they take microseconds."""

_ETH_P_ALL, _ETH_P_IP, _ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
_PACKET_OUTGOING = 4
_NETLINK_NETFILTER = 12
_INTERFACES = tuple(dict.fromkeys(place.interface for place in PLACES.values() if place.interface))
_SETTINGS = {
    "ipv4/ip_forward": "1",
    "ipv6/conf/all/forwarding": "1",
    # The table alone must stop spoofed packets.
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
}


@contextmanager
def open_surroundings() -> Iterator["Surroundings"]:
    """Make the namespaces and links, and remove them at the end."""
    prefix = f"cali-{os.getpid()}"
    names = [prefix + "-" + name for name in (HOST, *_INTERFACES)]
    with ExitStack() as stack:
        for name in names:
            _run("ip", "netns", "add", name)
            stack.callback(_run, "ip", "netns", "del", name)
        namespaces = [stack.enter_context(Namespace(f"/run/netns/{name}")) for name in names]
        host, behind = namespaces[0], dict(zip(_INTERFACES, namespaces[1:], strict=True))
        with host.entered():
            for setting, value in _SETTINGS.items():
                Path("/proc/sys/net", setting).write_text(value)
        _run("ip", "-batch", "-", given="\n".join(_link_commands(prefix)))
        for namespace in behind.values():
            with namespace.entered():
                Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
        _run("ip", "-n", names[0], "-batch", "-", given="\n".join(_host_commands()))
        for name in names[1:]:
            _run("ip", "-n", name, "link", "set", "eth0", "up")
        surroundings = Surroundings(host, behind)
        stack.callback(surroundings.close)
        yield surroundings


class Surroundings:
    """Sends probes and says which arrived, with which source address."""

    def __init__(self, host: Namespace, behind: dict[str, Namespace]) -> None:
        self.host = host
        self._stack = ExitStack()
        self._selector = self._stack.enter_context(selectors.DefaultSelector())
        self._wires = {interface: self._open_wire(interface, namespace) for interface, namespace in behind.items()}
        with host.entered():
            self._host_senders = {4: self._open_sender(socket.AF_INET), 6: self._open_sender(socket.AF_INET6)}
            for family, protocols in ((socket.AF_INET, (ICMP, TCP, UDP)), (socket.AF_INET6, (ICMPV6, TCP, UDP))):
                for protocol in protocols:
                    self._listen(socket.socket(family, socket.SOCK_RAW, protocol), HOST)
        self._tokens = 0

    def close(self) -> None:
        self._stack.close()

    def forget_connections(self) -> None:
        """Empty the host's connection tracker: IPCTNL_MSG_CT_DELETE without a tuple."""
        with self.host.entered(), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as link:
            conntrack_delete, request_and_ack = 1 << 8 | 2, 1 | 4
            link.send(struct.pack("=IHHII", 20, conntrack_delete, request_and_ack, 1, 0) + bytes(4))
            assert struct.unpack_from("=i", link.recv(4096), 16) == (0,)

    def send(self, probes: Iterable[tuple[Probe, str]]) -> list[str]:
        """Send all at once, each to the given address; the source address of each arrival, empty where none was."""
        tokens: dict[bytes, tuple[int, str]] = {}
        waiting = set()
        sources: list[str] = []
        for number, (probe, destination) in enumerate(probes):
            self._tokens += 1
            token = b"probe%09d" % self._tokens
            tokens[token] = (number, PLACES[probe.receiver].interface or HOST)
            sources.append("")
            if probe.arrives:
                waiting.add(number)
            self._send(probe, destination, token)
        self._collect(tokens, waiting, sources)
        return sources

    def _send(self, probe: Probe, destination: str, token: bytes) -> None:
        packet = replace(probe.packet, dst=destination)
        data = packet_bytes(packet, probe.kind, token)
        interface = PLACES[probe.sender].interface
        if not interface:
            self._host_senders[packet.version].sendto(data, (packet.dst, 0))
            return
        ethertype = _ETH_P_IP if packet.version == 4 else _ETH_P_IPV6
        header = _mac(interface, "host") + _mac(interface, "place") + struct.pack("!H", ethertype)
        self._wires[interface].send(header + data)

    def _collect(self, tokens: dict[bytes, tuple[int, str]], waiting: set[int], sources: list[str]) -> None:
        deadline = time.monotonic() + (ARRIVAL_TIMEOUT if waiting else DROP_TIMEOUT)
        while (left := deadline - time.monotonic()) > 0:
            for key, _events in self._selector.select(left):
                for data, source in _received(key.fileobj):
                    token = next((token for token in tokens if token in data), b"")
                    number, where = tokens.get(token, (-1, ""))
                    if where != key.data:
                        continue
                    sources[number] = source
                    if number in waiting:
                        waiting.discard(number)
                        if not waiting:
                            deadline = time.monotonic() + DROP_TIMEOUT

    def _open_wire(self, interface: str, namespace: Namespace) -> socket.socket:
        with namespace.entered():
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        wire.bind(("eth0", 0))
        self._listen(wire, interface)
        return wire

    def _open_sender(self, family: int) -> socket.socket:
        return self._stack.enter_context(socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW))

    def _listen(self, source: socket.socket, where: str) -> None:
        self._stack.enter_context(source)
        source.setblocking(False)
        self._selector.register(source, selectors.EVENT_READ, where)


def _received(source: object) -> Iterator[tuple[bytes, str]]:
    """All packets that wait, with the source address of each."""
    assert isinstance(source, socket.socket)
    while True:
        try:
            data, address = source.recvfrom(4096)
        except BlockingIOError:
            return
        if source.family == socket.AF_PACKET:
            if address[2] != _PACKET_OUTGOING and data[12:14] in (b"\x08\x00", b"\x86\xdd"):
                yield data[14:], source_of(data[14:])
        else:
            yield data, address[0]


def _mac(interface: str, end: str) -> bytes:
    return bytes([2, 0, 0, 0, {"host": 1, "place": 2}[end], _INTERFACES.index(interface) + 1])


def _link_commands(prefix: str) -> Iterator[str]:
    for interface in _INTERFACES:
        near, far = (_mac(interface, end).hex(":") for end in ("host", "place"))
        yield (
            f"link add {interface} netns {prefix}-{HOST} address {near} type veth"
            f" peer name eth0 netns {prefix}-{interface} address {far}"
        )


def _host_commands() -> Iterator[str]:
    for interface in _INTERFACES:
        yield f"link set {interface} up"
    yield "link set lo up"
    yield f"address add {PLACES[HOST].addresses[4]}/24 dev {UPLINK}"
    yield f"address add {PLACES[HOST].addresses[6]}/64 dev {UPLINK} nodad"
    for place in PLACES.values():
        if place.interface:
            far = _mac(place.interface, "place").hex(":")
            for address in place.addresses.values():
                yield f"route add {address}/{128 if ':' in address else 32} dev {place.interface}"
                yield f"neighbour add {address} lladdr {far} dev {place.interface} nud permanent"


def _run(*command: str, given: str = "") -> None:
    subprocess.run(command, input=given, text=True, check=True)
