"""The connection tracker of the real kernel forgets what it is told to, and nothing else."""

import socket

import pytest

from calico.linux.conntrack import ConnectionTracker
from tests.functional.netns import Netns

pytestmark = pytest.mark.kernel

TRACKING = """
table inet t {
    chain out { type filter hook output priority 0; ct state new counter; }
    chain in { type filter hook input priority 0; ct state established counter; }
}
"""


@pytest.fixture
def tracked(netns: Netns) -> Netns:
    """A namespace that tracks, with some addresses of its own."""
    netns.nft(TRACKING)
    netns.run("ip", "link", "set", "lo", "up")
    for address in ("10.9.0.1/32", "10.9.0.2/32", "10.9.0.3/32", "fd09::1/128", "fd09::2/128"):
        netns.run("ip", "address", "add", address, "dev", "lo", *(["nodad"] if ":" in address else []))
    return netns


def connect(source: str, destination: str) -> None:
    """One datagram there and one back."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as server, socket.socket(family, socket.SOCK_DGRAM) as client:
        for end in (server, client):
            end.settimeout(2)
        server.bind((destination, 0))
        client.bind((source, 0))
        client.sendto(b"there", server.getsockname())
        _, peer = server.recvfrom(100)
        server.sendto(b"back", peer)
        client.recv(100)


@pytest.mark.parametrize(
    ("source", "destination", "forgotten", "count"),
    [
        ("10.9.0.1", "10.9.0.2", ["10.9.0.1"], 1),
        ("10.9.0.1", "10.9.0.2", ["10.9.0.2"], 1),
        ("10.9.0.1", "10.9.0.2", ["10.9.0.1", "10.9.0.2"], 1),
        ("10.9.0.1", "10.9.0.2", ["10.9.0.3"], 0),
        ("fd09::1", "fd09::2", ["fd09::2"], 1),
        ("fd09::1", "fd09::2", ["10.9.0.1"], 0),
        ("10.9.0.1", "10.9.0.2", [], 0),
    ],
)
@pytest.mark.usefixtures("tracked")
def test_connections_of_an_address_are_forgotten(
    source: str, destination: str, forgotten: list[str], count: int
) -> None:
    with ConnectionTracker() as tracker:
        connect(source, destination)
        assert tracker.addresses() == {source, destination}

        assert tracker.forget(forgotten) == count
        assert tracker.forget(forgotten) == 0
        assert tracker.forget([source]) == 1 - count


@pytest.mark.usefixtures("tracked")
def test_many_connections_are_forgotten_at_once() -> None:
    with ConnectionTracker() as tracker:
        for _ in range(200):
            connect("10.9.0.1", "10.9.0.2")
        connect("10.9.0.3", "10.9.0.2")

        assert tracker.forget(["10.9.0.1"]) == 200
        assert tracker.forget(["10.9.0.3"]) == 1


def test_translated_connections_are_found_by_their_true_address(tracked: Netns) -> None:
    tracked.nft(
        "table ip n {\nchain o {\ntype nat hook output priority -100;\nip daddr 10.9.0.3 dnat to 10.9.0.2\n}\n"
        "chain i {\ntype nat hook input priority 100;\n}\n}\n"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("10.9.0.1", 0))
        client.sendto(b"there", ("10.9.0.3", 9))

    with ConnectionTracker() as tracker:
        assert tracker.forget(["10.9.0.2"]) == 1
