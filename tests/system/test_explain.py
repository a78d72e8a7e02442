"""`calicoctl explain` at a real host: it says what happens, and what it tells to type makes the packet pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.system.site import wait_until

if TYPE_CHECKING:
    from tests.system.site import Site

pytestmark = [pytest.mark.kernel, pytest.mark.docker]

ALLOWED, DENIED, CANNOT_SAY = 0, 3, 1


def ask(site: Site, *words: str) -> tuple[int, str]:
    """The exit code and the page."""
    done = site.host.calicoctl("explain", *words, check=False)
    return done.returncode, done.stdout


def test_it_says_what_happens_and_how_to_change_it(site: Site) -> None:
    site.network("testnet1")
    site.network("testnet2")
    for name, network in (("one", "testnet1"), ("two", "testnet1"), ("other", "testnet2")):
        site.container(name, network)
        # The agent learns names from the engine's events.
        wait_until(f"{name} is known by name", lambda name=name: ask(site, name, "host")[0] != CANNOT_SAY)
    two = site.address("two")

    assert site.fetches("one", two)
    assert ask(site, "one", "two", "tcp/80")[0] == ALLOWED
    assert not site.fetches("other", two)
    code, page = ask(site, "other", "two", "tcp/80")
    assert code == DENIED
    assert "    1  allow from tag testnet1  " in page

    command = page.splitlines()[-1].split()
    assert command[0] == "calicoctl"
    site.host.calicoctl(*command[1:])
    assert site.fetches("other", two)
    assert not site.fetches("other", two, 8080)
    assert ask(site, "other", two, "tcp/80")[0] == ALLOWED
    assert ask(site, "other", two, "tcp/8080")[0] == DENIED

    assert ask(site, "host", "two", "tcp/8080")[0] == ALLOWED
    assert ask(site, "192.0.2.99", "two", "tcp/8080")[0] == DENIED
