"""What stays true when parts die: policy holds, permitted traffic flows, everything converges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.system.engine import Host, Lan
from tests.system.site import Site, wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.kernel, pytest.mark.docker]


@pytest.fixture
def pair(site: Site) -> Site:
    """Two members of a network, and a stranger."""
    site.network("testnet1")
    site.network("testnet2")
    for name, network in (("one", "testnet1"), ("two", "testnet1"), ("other", "testnet2")):
        site.container(name, network)
    return site


def policy_holds(site: Site) -> None:
    """New connections are judged as before."""
    two = site.address("two")
    assert site.fetches("one", two)
    assert not site.fetches("other", two)


def test_killed_agent_changes_nothing_for_traffic(pair: Site) -> None:
    two = pair.address("two")
    stream = pair.host.popen("docker", "exec", "one", "ping", "-i", "0.05", "-c", "100", two)
    pair.kill_agent()
    policy_holds(pair)

    pair.start_agent()
    policy_holds(pair)

    output, _ = stream.communicate(timeout=30)
    assert "100 packets transmitted, 100 packets received" in output


def test_stopped_agent_leaves_policy_and_attaching_fails_cleanly(pair: Site) -> None:
    pair.host.calicoctl("node", "stop", "--force")
    policy_holds(pair)

    refused = pair.host.docker("run", "--rm", "--network", "testnet1", "busybox", "true", check=False)
    assert refused.returncode != 0

    pair.start_agent()
    assert pair.execute("one", "true")
    policy_holds(pair)


def test_changes_made_while_the_agent_was_dead_take_effect(pair: Site) -> None:
    network = pair.host.docker("network", "inspect", "--format", "{{.Id}}", "testnet1").stdout.strip()
    pair.kill_agent()
    pair.rules(network, "remove", "inbound", "--at=1")

    pair.start_agent()

    assert not pair.fetches("one", pair.address("two"))


def test_a_second_agent_is_refused(pair: Site) -> None:
    refused = pair.host.run("calico-node", check=False)

    assert refused.returncode == 1
    assert "calico-node already runs with pid" in refused.stderr
    policy_holds(pair)


def test_flushed_rules_come_back(pair: Site) -> None:
    for command in ("flush table inet calico", "delete table inet calico", "flush chain ip filter DOCKER-USER"):
        pair.host.run("nft", command)
        wait_until("policy is back", lambda: pair.fetches("one", pair.address("two")))
        wait_until("strangers are out", lambda: not pair.fetches("other", pair.address("two")))
    assert "repaired 0 times" not in pair.status()


def test_restarted_engine_finds_everything_as_it_was(site: Site) -> None:
    site.network("testnet1")
    site.container("one", "testnet1", "--restart", "always")
    site.container("two", "testnet1", "--restart", "always")

    site.host.restart_engine()

    wait_until("the containers are back", lambda: site.fetches("one", "two"), 30)
    assert "-A DOCKER-USER -i cali+ -j ACCEPT" in site.host.run("iptables", "-S", "DOCKER-USER").stdout


def test_a_corrupt_value_shuts_that_object_alone(pair: Site) -> None:
    network = pair.host.docker("network", "inspect", "--format", "{{.Id}}", "testnet1").stdout.strip()
    pair.container("stranger2", "testnet2")
    key = f"/calico/v1/policy/profile/{network}/rules"
    write = (
        "import sys; from calico.datastore.open import open_datastore; from calico.datastore.api import Put;"
        "open_datastore('sqlite:///var/lib/calico/calico.db').transact([], [Put(sys.argv[1], sys.argv[2])])"
    )
    good = pair.host.calicoctl("profile", network, "rule", "json").stdout

    pair.host.run("python", "-c", write, key, '{"inbound_rules": "?"}')
    wait_until("the profile drops", lambda: not pair.fetches("one", pair.address("two")))
    assert pair.fetches("other", pair.address("stranger2"))
    assert (
        f"{key} is ignored until it is mended: inbound_rules: must be a list"
        in pair.host.run("cat", "/var/log/calico/calico-node.log").stdout
    )

    pair.host.run("python", "-c", write, key, good)
    wait_until("the profile allows again", lambda: pair.fetches("one", pair.address("two")))


def test_join_fails_whole_when_the_kernel_cannot_be_programmed(site: Site) -> None:
    """With the agent's kernel work held up, Docker gets an error and nothing of the attachment stays."""
    site.network("testnet1")
    # Not ready: the agent keeps what it has and programs nothing new.
    set_ready = (
        "import sys; from calico.datastore.open import open_datastore; from calico.datastore.api import Put;"
        "open_datastore('sqlite:///var/lib/calico/calico.db').transact([], [Put('/calico/v1/Ready', sys.argv[1])])"
    )
    site.host.run("python", "-c", set_ready, "false")

    refused = site.host.docker("run", "--rm", "--network", "testnet1", "busybox", "true", check=False)

    site.host.run("python", "-c", set_ready, "true")
    assert refused.returncode != 0
    assert "is not up after" in refused.stderr
    assert "cali" not in site.host.run("ip", "-oneline", "link").stdout
    wait_until("the endpoint is gone", lambda: "libnetwork" not in site.host.calicoctl("endpoint", "show").stdout)
    assert site.host.docker("run", "--rm", "--network", "testnet1", "busybox", "true").returncode == 0


def test_a_host_in_the_preferred_pool_keeps_its_gateway(tmp_path: Path) -> None:
    """On a LAN that many homes have: the default pool is another one, and who insists cannot harm the host."""
    with Lan("home", "192.168.0.1/24") as home, Host("homehost", tmp_path) as host:
        home.join(host, "192.168.0.10/24", default_route=True)
        site = Site(host)

        said = host.calicoctl("node").stdout
        assert "192.168.0.0/16 overlaps a network of this host (192.168.0.0/24 on eth0); the default pool is" in said
        site.network("testnet1")
        site.container("one", "testnet1")
        assert site.address("one").startswith("10.65.")

        assert "192.168.0.0/24 on eth0" in host.calicoctl("pool", "add", "192.168.0.0/24").stderr
        site.network("testnet2", "--subnet", "192.168.0.0/24")
        refused = host.docker(
            "run", "--rm", "--network", "testnet2", "--ip", "192.168.0.1", "busybox", "true", check=False
        )
        assert refused.returncode != 0
        assert "192.168.0.1/32 is a gateway of this host" in refused.stderr
        assert "dev eth0" in host.run("ip", "route", "get", "192.168.0.1").stdout
        host.calicoctl("node", "stop", "--force")


def test_a_datastore_that_is_not_ready_is_told_and_healed(site: Site) -> None:
    """As when somebody put an empty datastore in the place of the old one."""
    forget = (
        "from calico.datastore.open import open_datastore; from calico.datastore.api import Delete;"
        "open_datastore('sqlite:///var/lib/calico/calico.db').transact([], [Delete('/calico/v1/Ready')])"
    )
    site.host.run("python", "-c", forget)

    wait_until("the agent tells", lambda: "(not ready, revision" in site.status())
    assert "Kernel: not in sync" in site.status()
    assert "Last error: the datastore's Ready flag is not true: run 'calicoctl node' on this host" in site.status()

    site.start_agent()
    assert "(in-sync, revision" in site.status()
    assert "Kernel: in sync" in site.status()
    assert "Last error" not in site.status()


def test_a_used_address_does_not_bring_its_connections_along(site: Site) -> None:
    """Whoever talked with the former holder of an address has no way to the next one."""
    site.network("testnet1", "--subnet", "192.168.0.0/16")
    site.network("testnet2", "--subnet", "192.168.0.0/16")
    site.container("one", "testnet1")
    server = (
        "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 6000)); s.settimeout(2);"
        "print('ready', flush=True); data, peer = s.recvfrom(9); s.sendto(data, peer); print(data)"
    )
    client = (
        "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 5000));"
        "s.sendto(b'hello', ('192.168.7.2', 6000)); s.settimeout(1); s.recv(9)"
    )

    def hears(container: str) -> bool:
        """Whether a datagram from one:5000 to this container's port 6000 arrives."""
        listener = site.host.popen("nsenter", f"--net={site.namespace(container)}", "python3", "-c", server)
        assert listener.stdout is not None
        assert listener.stdout.readline() == "ready\n"
        site.host.run("nsenter", f"--net={site.namespace('one')}", "python3", "-c", client, check=False)
        return "hello" in listener.communicate(timeout=10)[0]

    site.container("two", "testnet1", "--ip", "192.168.7.2")
    assert hears("two")

    site.host.docker("rm", "--force", "two")
    site.container("other", "testnet2", "--ip", "192.168.7.2")

    assert not hears("other")
