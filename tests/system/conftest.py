"""Hosts with a real Docker engine, for the tests that run the whole system."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.system.engine import Host, Lan, require_engine
from tests.system.namespace import HostError
from tests.system.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator


class MakeHost(Protocol):
    """Makes hosts that last as long as the test."""

    def __call__(self, name: str, *engine_options: str, address: str = "", default_route: bool = False) -> Host:
        """Start host `name`, on the segment `lan` when it has an address."""


def _require_hosts() -> None:
    """Fail, rather than skip: a suite that tested nothing must not look green."""
    try:
        require_engine()
    except HostError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def lan() -> Iterator[Lan]:
    """The segment that hosts may join: 192.0.2.0/24, with .254 as the outside world."""
    _require_hosts()
    with Lan() as segment:
        yield segment


@pytest.fixture(scope="session")
def host(lan: Lan, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One host for the whole run, at 192.0.2.1, with a default route as most machines have."""
    with Host("host", tmp_path_factory.mktemp("host")) as machine:
        lan.join(machine, "192.0.2.1/24", default_route=True)
        yield machine


@pytest.fixture
def make_host(lan: Lan, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeHost]:
    """Make hosts for one test; they end with it."""
    with contextlib.ExitStack() as hosts:

        def make(name: str, *engine_options: str, address: str = "", default_route: bool = False) -> Host:
            machine = Host(name, tmp_path_factory.mktemp(name), engine_options=engine_options)
            hosts.enter_context(machine)
            if address:
                lan.join(machine, address, default_route=default_route)
            return machine

        yield make


@pytest.fixture(scope="session")
def agent(host: Host) -> Site:
    """The host with calico-node running on it."""
    site = Site(host)
    site.start_agent()
    return site


@pytest.fixture
def site(agent: Site) -> Iterator[Site]:
    """A host with calico-node, and nothing on it before and after the test."""
    agent.start_agent()
    yield agent
    agent.start_agent()
    agent.clear()
    assert agent.datastore() == []
