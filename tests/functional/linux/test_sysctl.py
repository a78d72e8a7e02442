"""Settings of the real kernel."""

import sys
from collections.abc import Callable

import pytest

from calico.linux.links import Links
from calico.linux.sysctl import Sysctl
from calico.model.errors import ApplyError, NotFoundError
from tests.functional.netns import Netns

pytestmark = pytest.mark.kernel

READ_ONLY = """
import sys
from calico.linux.sysctl import Sysctl
from calico.model.errors import ApplyError
try:
    Sysctl().write(("net", "ipv4", "conf", "lo", "proxy_arp"), 1)
except ApplyError as error:
    print(error)
"""


def test_settings_of_an_interface_with_a_dot(netns: Netns) -> None:
    with Links() as links:
        links.create_veth("cali0.5", "tmp0")
    key = ("net", "ipv4", "conf", "cali0.5", "proxy_arp")

    Sysctl().write(key, 1)

    assert Sysctl().read(key) == "1"
    assert netns.run("cat", "/proc/sys/" + "/".join(key)) == "1\n"


def test_settings_are_those_of_the_thread_s_namespace(netns: Netns, make_netns: Callable[[], Netns]) -> None:
    key = ("net", "ipv4", "conf", "lo", "proxy_arp")

    with make_netns().entered():
        Sysctl().write(key, 1)
        assert Sysctl().read(key) == "1"

    assert Sysctl().read(key) == "0"


def test_interface_that_is_gone_is_not_found(netns: Netns) -> None:
    with pytest.raises(NotFoundError, match="conf/cali9/rp_filter: there is no such setting or interface"):
        Sysctl().write(("net", "ipv4", "conf", "cali9", "rp_filter"), 1)


def test_value_the_kernel_does_not_take_is_refused(netns: Netns) -> None:
    with pytest.raises(ApplyError, match=r"cannot write 'many' to kernel setting net/.*: invalid argument"):
        Sysctl().write(("net", "ipv4", "conf", "lo", "proxy_arp"), "many")


def test_read_only_settings_are_said_to_be_so(netns: Netns) -> None:
    mount = "mount --make-rprivate / && mount -o bind,ro /proc/sys /proc/sys && exec "
    script = f'{mount} "$0" -c "$1"'

    said = netns.run("unshare", "--mount", "sh", "-c", script, sys.executable, READ_ONLY)

    assert said.startswith("cannot write 1 to kernel setting net/ipv4/conf/lo/proxy_arp: /proc/sys is read-only here")
    assert said.count("\n") == 1
