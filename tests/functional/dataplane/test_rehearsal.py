"""The rehearsal on the real kernel, and on one that lacks something."""

import subprocess
import sys

import pytest

from calico.dataplane import rehearsal
from calico.dataplane.rehearsal import rehearse
from calico.linux.namespaces import Namespace
from tests.functional.netns import Netns

pytestmark = pytest.mark.kernel


def test_a_kernel_that_has_everything_has_no_fault(netns: Netns) -> None:
    result = rehearse()

    assert (result.nft_fault, result.link_fault) == ("", "")
    assert result.nft_version[0].isdigit()


def test_nothing_of_it_reaches_the_host(netns: Netns) -> None:
    with Namespace.current() as home:
        rehearse()
        with Namespace.current() as after:
            assert after == home

    assert netns.run("nft", "list", "ruleset") == ""
    assert [link["ifname"] for link in netns.ip("link")] == ["lo"]


def test_without_the_library_only_that_is_at_fault(netns: Netns, monkeypatch: pytest.MonkeyPatch) -> None:
    load = rehearsal.NftLibrary
    monkeypatch.setattr(rehearsal, "NftLibrary", lambda: load("libnone.so.1"))

    result = rehearse()

    assert result.nft_fault == "libnone.so.1 is not installed: apt-get install libnftables1"
    assert (result.nft_version, result.link_fault) == ("", "")


def test_without_the_right_to_do_it_that_is_the_fault(netns: Netns) -> None:
    script = "from calico.dataplane.rehearsal import rehearse; print(rehearse().nft_fault)"
    without = ("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin")

    said = subprocess.run([*without, sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert said.stdout.startswith("cannot make a network namespace: operation not permitted")
