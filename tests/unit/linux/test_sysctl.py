"""Kernel settings: only files below the root, clear words when they cannot be had."""

from pathlib import Path

import pytest

from calico.linux.sysctl import Key, Sysctl
from calico.model.errors import NotFoundError, ValidationError

PROXY_ARP = ("net", "ipv4", "conf", "eth0.5", "proxy_arp")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    setting = tmp_path.joinpath("sys", *PROXY_ARP)
    setting.parent.mkdir(parents=True)
    setting.write_text("0\n")
    (tmp_path / "secret").write_text("secret")
    return tmp_path / "sys"


def test_settings_of_interfaces_with_dots_are_read_and_written(root: Path) -> None:
    sysctl = Sysctl(root)

    assert sysctl.read(PROXY_ARP) == "0"

    sysctl.write(PROXY_ARP, 1)

    assert sysctl.read(PROXY_ARP) == "1"


def test_whether_a_setting_may_be_written_is_asked_without_writing(root: Path) -> None:
    assert Sysctl(root).is_writable(PROXY_ARP)
    assert not Sysctl(root).is_writable((*PROXY_ARP[:4], "new"))
    assert Sysctl(root).read(PROXY_ARP) == "0"


def test_absent_setting_is_said_to_be_absent_and_not_made(root: Path) -> None:
    absent = ("net", "ipv4", "conf", "eth9", "proxy_arp")

    with pytest.raises(NotFoundError, match="conf/eth9/proxy_arp: there is no such setting or interface"):
        Sysctl(root).write(absent, 1)
    with pytest.raises(NotFoundError):
        Sysctl(root).write((*PROXY_ARP[:4], "new"), 1)
    with pytest.raises(NotFoundError):
        Sysctl(root).read((*PROXY_ARP, "below"))

    assert not root.joinpath(*PROXY_ARP[:4], "new").exists()


@pytest.mark.parametrize(
    "key", [(), ("",), ("..", "secret"), ("net", "..", "..", "secret"), ("../secret",), (".",), ("a\0b",), ("/etc",)]
)
def test_no_key_leads_out_of_the_root(root: Path, key: Key) -> None:
    with pytest.raises(ValidationError):
        Sysctl(root).read(key)
    with pytest.raises(ValidationError):
        Sysctl(root).write(key, "x")
