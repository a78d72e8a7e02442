"""``calicoctl pool``: every message, exit code and effect."""

import json

import pytest

from tests.fakes.terminal import Run, Terminal

POOL = "/calico/v1/ipam/v4/pool/10.0.1.0-24"
NO_TUNNELS = (
    "WARNING: calico-node makes no IP-in-IP tunnels between hosts yet: the option is kept, and has no effect.\n"
)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def pools(terminal: Terminal) -> list[str]:
    return [key.rpartition("/")[2].replace("-", "/") for key in terminal.tree() if "/pool/" in key]


def refused(text: str) -> Run:
    """Failure with one line on standard error."""
    return Run(1, "", f"{text}\n")


def test_pools_are_added_shown_and_removed(terminal: Terminal) -> None:
    assert terminal("pool add 192.168.0.0/16") == Run(0, "", "")
    assert terminal("pool add 172.25.0.0/16 --ipip --nat-outgoing") == Run(0, "", NO_TUNNELS)
    assert terminal("pool add fed0:8001::/64") == Run(0, "", "")

    assert terminal("pool show") == Run(
        0,
        "+----------------+-------------------+\n"
        "|   IPv4 CIDR    |      Options      |\n"
        "+----------------+-------------------+\n"
        "| 172.25.0.0/16  | ipip,nat-outgoing |\n"
        "| 192.168.0.0/16 |                   |\n"
        "+----------------+-------------------+\n"
        "+----------------+---------+\n"
        "|   IPv6 CIDR    | Options |\n"
        "+----------------+---------+\n"
        "| fed0:8001::/64 |         |\n"
        "+----------------+---------+\n",
        "",
    )
    assert terminal("pool remove 192.168.0.0/16 172.25.0.0/16 fed0:8001::/64") == Run(0, "", "")
    assert pools(terminal) == []


@pytest.mark.parametrize(
    ("command", "pool"), [("add 10.9.0.0/16", "10.9.0.0/16"), ("range add 10.9.8.0 10.9.8.127", "10.9.8.0/25")]
)
def test_a_pool_in_a_network_of_this_host_is_doubted(terminal: Terminal, command: str, pool: str) -> None:
    assert terminal(f"pool {command}") == Run(
        0,
        "",
        f"WARNING: pool {pool} overlaps a network of this host (10.9.8.0/24 on eth0): containers here may get "
        "addresses of other machines; unless it is for other hosts only, remove it and add another one.\n",
    )
    assert pools(terminal) == [pool]


def test_one_ip_version_can_be_shown_alone(terminal: Terminal) -> None:
    assert terminal("pool show --ipv4").out.splitlines()[1] == "| IPv4 CIDR | Options |"
    assert terminal("pool show --ipv6").out.splitlines()[1] == "| IPv6 CIDR | Options |"
    assert terminal("pool show --ipv4 --ipv6").code == 1


def test_host_bits_are_masked_away(terminal: Terminal) -> None:
    terminal("pool add 10.0.1.5/24")

    assert json.loads(terminal.get(POOL) or "") == {"cidr": "10.0.1.0/24"}


def test_adding_a_pool_again_gives_it_the_new_options(terminal: Terminal) -> None:
    terminal("pool add 10.0.1.0/24 --ipip")

    assert terminal("pool add 10.0.1.0/24 --nat-outgoing") == Run(0, "", "")
    assert json.loads(terminal.get(POOL) or "") == {"cidr": "10.0.1.0/24", "masquerade": True}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("add 127.a.0.1", "Invalid CIDR specified 127.a.0.1"),
        ("add 10.0.0.0/24 aa:bb::zz", "Invalid CIDR specified aa:bb::zz"),
        ("add 10/8", "Invalid CIDR specified 10/8"),
        ("add 10.0.0.0/33", "Invalid CIDR specified 10.0.0.0/33"),
        ("add ''", "Invalid CIDR specified "),
        ("add $(id)", "Invalid CIDR specified $(id)"),
        ("remove 10.0.0.0/24 bogus", "Invalid CIDR specified bogus"),
        ("add 10.0.0.0/24 fd80::/64", "All CIDRs of one command must be of the same IP version"),
        ("add fd80::/64 --ipip", "IP in IP not supported for IPv6 pools"),
        ("range add 10.0.0.a 10.0.0.9",
         "Invalid START_IP specified. '10.0.0.a' is not an IP address"),
        ("range add 10.0.0.1 10.0.0.0/24",
         "Invalid END_IP specified. '10.0.0.0/24' is not an IP address"),
        ("range add 10.0.0.0 fd80::", "START_IP and END_IP must be the same ip version"),
        ("range add 10.0.0.5 10.0.0.5", "START_IP must be a smaller ip address than END_IP"),
        ("range add 10.0.0.6 10.0.0.5", "START_IP must be a smaller ip address than END_IP"),
    ],
)  # fmt: skip
def test_what_is_refused_changes_nothing(terminal: Terminal, command: str, message: str) -> None:
    terminal("pool add 10.0.0.0/16")
    before = terminal.tree()

    assert terminal(f"pool {command}") == refused(message)
    assert terminal.tree() == before


@pytest.mark.parametrize("cidr", ["10.0.1.0/27", "10.0.1.1", "fd80::/123", "10.0.0.0/8", "10.0.0.128/26"])
def test_small_and_overlapping_pools_are_refused(terminal: Terminal, cidr: str) -> None:
    terminal("pool add 10.0.0.0/24")
    before = terminal.tree()

    result = terminal(f"pool add {cidr}")

    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert terminal.tree() == before


def test_a_range_is_covered_by_the_fewest_pools(terminal: Terminal) -> None:
    assert terminal("pool range add 172.24.0.0 172.24.25.255 --nat-outgoing") == Run(0, "", "")
    assert sorted(pools(terminal)) == ["172.24.0.0/20", "172.24.16.0/21", "172.24.24.0/23"]


@pytest.mark.parametrize("span", ["10.0.0.0 10.0.255.255", "10.0.0.0 10.0.1.63", "10.0.1.64 10.0.1.127"])
def test_a_range_that_touches_a_pool_is_refused(terminal: Terminal, span: str) -> None:
    terminal("pool add 10.0.1.0/24")

    assert terminal(f"pool range add {span}") == refused("Cannot add range - range conflicts with pool 10.0.1.0/24")
    assert pools(terminal) == ["10.0.1.0/24"]


@pytest.mark.parametrize("command", ["add 10.0.1.0/24", "range add 10.0.1.0 10.0.1.255"])
class TestTunnels:
    def test_ipip_is_refused_where_the_kernel_has_none(self, terminal: Terminal, command: str) -> None:
        terminal.machine.modules.clear()

        result = terminal(f"pool {command} --ipip")

        assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
        assert result.err.startswith("--ipip is not possible: this host's kernel has no IP-in-IP;")
        assert terminal.tree() == {}

    def test_ipip_says_that_it_is_not_in_use_yet(self, terminal: Terminal, command: str) -> None:
        assert terminal(f"pool {command} --ipip") == Run(0, "", NO_TUNNELS)
        assert json.loads(terminal.get(POOL) or "") == {"cidr": "10.0.1.0/24", "ipip": "tunl0"}
        assert terminal.get("/calico/v1/config/IpInIpEnabled") == "true"

    def test_vxlan_is_refused_and_says_what_is_missing(self, terminal: Terminal, command: str) -> None:
        assert terminal(f"pool {command} --vxlan") == refused(
            "--vxlan is not possible: calico-node makes no VXLAN tunnels between hosts yet; add the pool without it"
        )
        assert terminal.tree() == {}

    def test_there_is_one_kind_of_tunnel(self, terminal: Terminal, command: str) -> None:
        result = terminal(f"pool {command} --ipip --vxlan")

        assert result.code == 1
        assert result.err.startswith("options --ipip and --vxlan exclude one another\n")

    def test_a_pool_without_a_tunnel_asks_nothing_of_the_kernel(self, terminal: Terminal, command: str) -> None:
        terminal.machine.modules.clear()

        assert terminal(f"pool {command}") == Run(0, "", "")


def test_removing_an_absent_pool_is_no_failure(terminal: Terminal) -> None:
    terminal("pool add 10.0.1.0/24")

    assert terminal("pool remove 10.0.2.0/24 10.0.1.0/24") == Run(0, "10.0.2.0/24 is not a configured pool.\n", "")
    assert pools(terminal) == []


def test_a_pool_that_cannot_be_understood_is_left_out(terminal: Terminal) -> None:
    terminal.put(POOL, '{"cidr": "\x1b[2J"}')

    assert len(terminal("pool show --ipv4").out.splitlines()) == 4
