"""Policy in files on a real host: packets follow what a file says, and what nobody confirms is taken back."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.system.site import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.system.site import Site

pytestmark = [pytest.mark.kernel, pytest.mark.docker]

OPEN = """\
kind: profile
network: shop
inbound:
  - allow tcp to ports 8080
  - allow icmp type 8
outbound:
  - allow
---
kind: profile
name: shut
tags: []
---
kind: endpoint
name: db
profiles: [shut]
"""
GONE = "{kind: profile, name: shut}"

# Runs a command at a terminal of its own, with nobody who types; prints its pid, then what it prints.
AT_A_TERMINAL = """
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
print(pid, flush=True)
try:
    while data := os.read(terminal, 4096):
        os.write(1, data)
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
"""


@pytest.fixture
def shop(site: Site) -> Site:
    """A network with three containers that may reach each other, and a file beside them."""
    site.network("shop")
    for name in ("web", "db", "client"):
        site.container(name, "shop")
    wait_until(
        "Docker's names are known", lambda: "client" in site.host.calicoctl("endpoint", "show", "--wide").stdout
    )
    site.host.path("/run/open.yaml").write_text(OPEN)
    return site


@pytest.fixture(autouse=True)
def tidy(site: Site) -> Iterator[None]:
    """Nothing of a file stays behind."""
    yield
    site.start_agent()
    site.host.calicoctl("confirm", "undo", check=False)
    site.host.run("calicoctl", "delete", "--no-check", "-f", "-", stdin=GONE)


def apply(site: Site, *options: str) -> str:
    return site.host.calicoctl("apply", "-f", "/run/open.yaml", *options).stdout


def is_default(site: Site) -> bool:
    """Whether everybody reaches everybody, as before the file was applied."""
    return all(site.fetches("client", site.address(name)) for name in ("web", "db"))


def is_applied(site: Site) -> bool:
    """Whether packets go as the file says."""
    web, db = site.address("web"), site.address("db")
    allowed = site.fetches("client", web, 8080) and site.pings("client", web)
    return allowed and not any(
        (site.fetches("client", web), site.fetches("client", db, 8080), site.pings("client", db))
    )


def test_packets_follow_the_file(shop: Site) -> None:
    assert is_default(shop)
    before = shop.host.calicoctl("get").stdout
    assert shop.host.calicoctl("diff", "-f", "/run/open.yaml", check=False).returncode == 1

    printed = apply(shop)

    assert printed == "profile of network shop changed\nprofile shut created\nendpoint db changed\n"
    assert is_applied(shop)
    assert shop.host.calicoctl("diff", "-f", "/run/open.yaml").stdout == ""

    shop.host.run("calicoctl", "apply", "-f", "-", stdin=before)
    assert is_default(shop)
    shop.host.run("calicoctl", "delete", "-f", "-", stdin=GONE)
    assert shop.host.calicoctl("get").stdout == before


def test_what_nobody_confirms_is_taken_back(shop: Site) -> None:
    before = shop.host.calicoctl("get").stdout

    assert "Taken back in 4 s unless confirmed" in apply(shop, "--confirm=4s")
    assert is_applied(shop)

    wait_until("the change is taken back", lambda: "No change waits" in shop.host.calicoctl("confirm", "show").stdout)
    assert shop.host.calicoctl("get").stdout == before
    assert is_default(shop)


def test_what_is_confirmed_stays(shop: Site) -> None:
    apply(shop, "--confirm=2s")
    shop.host.calicoctl("confirm")
    after = shop.host.calicoctl("get").stdout
    apply(shop, "--dry-run")

    shop.host.run("sleep", "3")

    assert shop.host.calicoctl("get").stdout == after
    assert is_applied(shop)


def at_a_terminal(site: Site, *words: str) -> tuple[subprocess.Popen[str], str]:
    """Run calicoctl at a terminal; the process around it, and its pid inside."""
    process = site.host.popen(sys.executable, "-c", AT_A_TERMINAL, "calicoctl", *words)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_it_is_taken_back_though_the_command_was_killed(shop: Site) -> None:
    process, pid = at_a_terminal(shop, "apply", "-f", "/run/open.yaml", "--confirm=5s")
    wait_until("a person is asked", lambda: "is taken back in" in shop.host.calicoctl("confirm", "show").stdout)
    shop.host.run("kill", "-KILL", pid)
    assert process.wait(timeout=10) != 0
    assert is_applied(shop)

    wait_until("the change is taken back", lambda: "No change waits" in shop.host.calicoctl("confirm", "show").stdout)

    assert is_default(shop)


def test_it_is_taken_back_though_the_agent_was_killed(shop: Site) -> None:
    apply(shop, "--confirm=3s")
    shop.kill_agent()
    assert is_applied(shop)
    shop.host.run("sleep", "3")
    assert is_applied(shop)

    shop.start_agent()

    wait_until("the change is taken back", lambda: "No change waits" in shop.host.calicoctl("confirm", "show").stdout)
    assert is_default(shop)


def test_nobody_answers_at_the_terminal(shop: Site) -> None:
    process, _ = at_a_terminal(shop, "apply", "-f", "/run/open.yaml", "--confirm=2s")

    assert process.wait(timeout=20) == 1
    assert process.stdout is not None
    printed = process.stdout.read()

    assert "Press Enter within 2 s to keep this" in printed
    assert "Not confirmed" in printed  # by calicoctl or by the agent, whoever was faster
    assert "taken back" in printed.lower()
    assert is_default(shop)


def test_without_an_agent_nothing_is_changed(shop: Site) -> None:
    before = shop.host.calicoctl("get").stdout
    shop.kill_agent()

    refused = shop.host.calicoctl("apply", "-f", "/run/open.yaml", "--confirm=60s", check=False)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("no calico-node that uses this datastore runs")
    assert shop.host.calicoctl("get").stdout == before


def test_someone_elses_change_is_left_and_named(shop: Site) -> None:
    apply(shop, "--confirm=60s")
    shop.host.calicoctl("profile", "shut", "rule", "add", "inbound", "allow", "icmp")

    undone = shop.host.calicoctl("confirm", "undo", check=False)

    assert undone.returncode == 1
    assert undone.stderr == "Left because others have changed it since: profile shut\n"
    shown = json.loads(shop.host.calicoctl("get", "profile", "shut", "-o", "json").stdout)
    assert shown[0]["inbound"] == ["allow icmp"]
    assert is_default(shop)
