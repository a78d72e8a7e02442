"""Whether the kernel has, or could load, a module: read from files alone."""

from pathlib import Path

import pytest

from calico.linux.modules import has_module

RELEASE = "6.1.0-test"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "sys/module/ip_set").mkdir(parents=True)
    folder = tmp_path / "lib/modules" / RELEASE
    folder.mkdir(parents=True)
    (folder / "modules.dep").write_bytes(
        b"kernel/net/ipv4/ipip.ko.xz: kernel/net/ipv4/ip_tunnel.ko.xz\nkernel/drivers/net/\xff.ko:\n"
        b"kernel/net/netfilter/nf-conntrack.ko:\n"
    )
    (folder / "modules.builtin").write_text("kernel/drivers/net/veth.ko\n")
    return tmp_path


@pytest.mark.parametrize("name", ["ip_set", "ip-set", "ipip", "veth", "nf_conntrack"])
def test_what_is_loaded_installed_or_built_in_is_there(root: Path, name: str) -> None:
    assert has_module(name, root, RELEASE)


@pytest.mark.parametrize("name", ["ip_tunnel", "ipi", "kernel", "vxlan"])
def test_what_is_only_part_of_a_line_is_not(root: Path, name: str) -> None:
    assert not has_module(name, root, RELEASE)


def test_the_lists_of_another_kernel_do_not_count(root: Path) -> None:
    assert not has_module("ipip", root, "5.0")
    assert has_module("ip_set", root, "5.0")


def test_without_any_list_nothing_is_there(tmp_path: Path) -> None:
    assert not has_module("ipip", tmp_path)
