"""Facts about the real kernel, in a namespace of the test's own."""

import pytest

from calico.client.facts import kernel_facts
from calico.linux.sysctl import Sysctl
from tests.functional.netns import Netns

pytestmark = pytest.mark.kernel


def test_a_fresh_kernel_has_everything_and_nobodys_rules(netns: Netns) -> None:
    found = kernel_facts()

    assert (found.nft_fault, found.link_fault, found.chains_fault) == ("", "", "")
    assert found.nft_version
    assert found.settings_writable
    assert set(found.forwarding or {}) == {4, 6}
    assert found.rp_filter in ("0", "1", "2")
    assert found.chains == ()


def test_the_settings_are_those_of_the_namespace(netns: Netns) -> None:
    Sysctl().write(("net", "ipv4", "ip_forward"), 1)
    Sysctl().write(("net", "ipv4", "conf", "all", "rp_filter"), 2)

    found = kernel_facts()

    assert (found.forwarding or {})[4] == "1"
    assert found.rp_filter == "2"


@pytest.mark.parametrize(
    ("command", "place"), [("iptables", "ip filter"), ("iptables-legacy", "filter of iptables-legacy")]
)
def test_chains_of_others_are_seen_whoever_made_them(netns: Netns, command: str, place: str) -> None:
    netns.run(command, "-N", "felix-FORWARD")
    netns.run("nft", "add table inet calico; add chain inet calico cali-forward-from")

    assert (place, "felix-FORWARD") in kernel_facts().chains
    assert not any(chain == "cali-forward-from" for _, chain in kernel_facts().chains)
