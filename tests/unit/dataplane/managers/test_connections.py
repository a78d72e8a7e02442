"""Connections are forgotten when addresses change hands, and never when the agent starts."""

from collections.abc import Collection

import pytest

from calico.dataplane.managers.connections import ConnectionManager
from calico.model.errors import ApplyError
from calico.model.keys import EndpointKey
from calico.model.values import Endpoint
from calico.updates import EndpointRemove, EndpointUpdate, Flushed, Update

KEY, OTHER = (EndpointKey("h", "libnetwork", "libnetwork", name) for name in ("one", "two"))


class Tracker:
    """Remembers what was forgotten; ``fault`` is what the next call raises."""

    def __init__(self) -> None:
        self.forgotten: list[set[str]] = []
        self.fault: ApplyError | None = None
        self.tracked: frozenset[str] = frozenset()

    def addresses(self) -> frozenset[str]:
        return self.tracked

    def forget(self, addresses: Collection[str]) -> int:
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        self.forgotten.append(set(addresses))
        return 0


@pytest.fixture
def tracker() -> Tracker:
    return Tracker()


@pytest.fixture
def manager(tracker: Tracker) -> ConnectionManager:
    return ConnectionManager(tracker, retry_delay=float)


def endpoint(key: EndpointKey, *nets: str) -> EndpointUpdate:
    ipv4 = tuple(net for net in nets if ":" not in net)
    ipv6 = tuple(net for net in nets if ":" in net)
    return EndpointUpdate(key, Endpoint("active", "cali1", None, ("web",), ipv4, ipv6))


def tell(manager: ConnectionManager, *updates: Update, now: float = 0.0) -> None:
    for update in updates:
        manager.on_update(update)
    assert manager.complete(now) == []


IN_SYNC = Flushed(1, in_sync=True)


def test_what_the_agent_finds_at_its_start_is_left_alone(manager: ConnectionManager, tracker: Tracker) -> None:
    tell(manager, endpoint(KEY, "10.0.0.1/32"), IN_SYNC)

    assert tracker.forgotten == []


def test_lost_addresses_are_forgotten(manager: ConnectionManager, tracker: Tracker) -> None:
    tell(manager, IN_SYNC)

    tell(manager, endpoint(KEY, "10.0.0.1/32", "fd80::1/128"))
    tell(manager, endpoint(KEY, "10.0.0.1/32", "10.0.0.2/32"))
    tell(manager, EndpointRemove(KEY))

    assert tracker.forgotten == [{"fd80::1"}, {"10.0.0.1", "10.0.0.2"}]


def test_addresses_lost_while_no_agent_ran_are_forgotten_when_they_are_given_again(
    manager: ConnectionManager, tracker: Tracker
) -> None:
    tracker.tracked = frozenset({"10.0.0.1", "10.0.0.2", "8.8.8.8"})
    tell(manager, endpoint(KEY, "10.0.0.1/32"), IN_SYNC)
    assert tracker.forgotten == []

    tell(manager, endpoint(OTHER, "10.0.0.2/32", "10.0.0.3/32"))
    assert tracker.forgotten == [{"10.0.0.2"}]

    tell(manager, endpoint(KEY, "10.0.0.1/32", "10.0.0.4/32"))
    assert tracker.forgotten == [{"10.0.0.2"}]


def test_an_address_that_moves_within_one_batch_is_forgotten(manager: ConnectionManager, tracker: Tracker) -> None:
    tell(manager, endpoint(KEY, "10.0.0.1/32"), IN_SYNC)

    tell(manager, EndpointRemove(KEY), endpoint(OTHER, "10.0.0.1/32"))

    assert tracker.forgotten == [{"10.0.0.1"}]


def test_nothing_is_asked_of_the_kernel_when_no_address_moves(manager: ConnectionManager, tracker: Tracker) -> None:
    tell(manager, endpoint(KEY, "10.0.0.1/32"), IN_SYNC)

    tell(manager, endpoint(KEY, "10.0.0.1/32"), Flushed(2, in_sync=True))

    assert tracker.forgotten == []


def test_a_refusal_is_a_fault_until_it_worked(manager: ConnectionManager, tracker: Tracker) -> None:
    tell(manager, endpoint(KEY, "10.0.0.1/32"), IN_SYNC)
    tracker.fault = ApplyError("refused")

    tell(manager, EndpointRemove(KEY))
    assert (manager.fault, manager.due()) == ("refused", 1.0)
    tell(manager, now=0.5)
    assert tracker.forgotten == []

    tell(manager, now=1.0)
    assert tracker.forgotten == [{"10.0.0.1"}]
    assert (manager.fault, manager.due()) == ("", None)
