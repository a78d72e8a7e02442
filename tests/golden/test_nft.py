"""The nft text of a few policies, byte for byte, in ``nft/``; ``CALICO_UPDATE_GOLDEN=1`` writes the files anew."""

import os
from pathlib import Path

import pytest

from calico.dataplane.nft.table import NftTable
from calico.model.values import IPPool, default_profile
from tests.fakes.nft import FakeNft
from tests.scenarios.table import world
from tests.scenarios.worlds import HostProgram, World, profile

FILES = Path(__file__).parent / "nft"

TUTORIAL = profile(
    "web",
    "web",
    inbound="""
        allow tcp to ports 80,443
        allow icmp type 8
        deny udp from ports 1:1023 cidr 10.0.0.0/8 to ports 53,5353
        allow from tag ops
        allow icmpv6 from tag ops
        allow from cidr 10.0.0.0/8 to cidr fd00::/8
        deny
    """,
    outbound="deny tcp to ports 25; allow",
)

POLICIES = {
    "empty": world(""),
    "default-profile": world("a=net1 b=net1", default_profile("net1")),
    "tutorial": world("a=web", TUTORIAL),
    "ordered-profiles": world("a=web,base b=base,web c=gone d=", TUTORIAL, profile("base")),
    "pools": world(
        "", pools=(IPPool("10.65.0.0/16", masquerade=True), IPPool("192.168.0.0/16"), IPPool("fd65::/64"))
    ),
    "drop-to-host": world("", action="DROP"),
}


@pytest.mark.parametrize("name", POLICIES)
def test_policy(name: str) -> None:
    file = FILES / f"{name}.nft"
    text = transaction(POLICIES[name])
    if "CALICO_UPDATE_GOLDEN" in os.environ:
        file.write_text(text)

    assert text == file.read_text()


def test_every_file_is_of_a_policy() -> None:
    assert {file.stem for file in FILES.iterdir()} == set(POLICIES)


def transaction(where: World) -> str:
    """The first transaction of a host in this world."""
    nft = FakeNft()
    HostProgram(NftTable(nft)).program(where)
    (text,) = nft.transactions
    return text
