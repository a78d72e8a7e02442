import threading
from collections.abc import Mapping, Sequence

import pytest

from calico.dataplane.status import EndpointStatus, EndpointStatuses, InterfaceState, Progress
from calico.model.errors import UnavailableError
from calico.model.keys import EndpointKey

KEY = EndpointKey("host", "libnetwork", "libnetwork", "e1")
OTHER = EndpointKey("host", "libnetwork", "libnetwork", "e0")
READY = InterfaceState("cali1", 7)
ROUND = 10.0


class Board:
    """The statuses of a host on which interface ``cali1`` has the number 7."""

    def __init__(self) -> None:
        self.indexes = {"cali1": 7}
        self.statuses = EndpointStatuses(self.indexes.get)

    def publish(
        self,
        states: Mapping[EndpointKey, InterfaceState | None],
        *,
        revision: int = 5,
        in_sync: bool = True,
        policy_fault: str = "",
        host_faults: Sequence[str] = (),
    ) -> None:
        self.statuses.publish(Progress(in_sync, revision, states, policy_fault, host_faults, repairs=3))

    def obstacle(self, revision: int = 5) -> str:
        """Why the endpoint is not up; fails the test when it is."""
        with pytest.raises(UnavailableError) as caught:
            self.statuses.wait_up(KEY, revision, 0.0)
        text = str(caught.value)
        prefix = "endpoint e1 is not up after 0 s: "
        assert text.startswith(prefix)
        return text.removeprefix(prefix)


@pytest.fixture
def board() -> Board:
    return Board()


def test_endpoint_is_up_when_kernel_and_interface_are_ready(board: Board) -> None:
    board.publish({KEY: READY})

    board.statuses.wait_up(KEY, 5, 0.0)
    board.statuses.wait_up(KEY, 3, 0.0)


def test_reason_says_what_is_missing(board: Board) -> None:
    assert "has not read the whole datastore" in board.obstacle()
    board.publish({}, in_sync=False)
    assert "has not read the whole datastore" in board.obstacle()
    board.publish({})
    assert "no valid, active endpoint" in board.obstacle()
    board.publish({KEY: InterfaceState("cali1", None, "interface cali1 does not exist")})
    assert board.obstacle() == "interface cali1 does not exist"
    board.publish({KEY: READY})
    assert board.obstacle(revision=6) == "the kernel has the policy of revision 5, not yet 6"
    board.publish({}, policy_fault="the kernel said no")
    assert board.obstacle(revision=6) == "the kernel said no"
    board.publish({}, host_faults=["Docker drops"])
    assert board.obstacle() == "Docker drops"
    board.publish({})
    board.statuses.wait_up(KEY, 5, 0.0)


def test_fault_of_newer_policy_does_not_concern_an_older_revision(board: Board) -> None:
    board.publish({KEY: READY}, policy_fault="the kernel said no")
    board.statuses.wait_up(KEY, 5, 0.0)


def test_endpoint_that_is_gone_is_not_up(board: Board) -> None:
    board.publish({KEY: READY})
    board.publish({KEY: None, OTHER: None})
    assert "no valid, active endpoint" in board.obstacle()


def test_interface_made_anew_is_not_up_before_it_is_set_up(board: Board) -> None:
    board.publish({KEY: READY})
    board.indexes["cali1"] = 8
    assert board.obstacle() == "interface cali1 was made anew and is not set up yet"
    del board.indexes["cali1"]
    assert "made anew" in board.obstacle()

    board.indexes["cali1"] = 8
    board.publish({KEY: InterfaceState("cali1", 8)})
    board.statuses.wait_up(KEY, 5, 0.0)


def test_waiting_ends_with_the_word_that_makes_it_true(board: Board) -> None:
    done: list[bool] = []

    def wait() -> None:
        board.statuses.wait_up(KEY, 6, ROUND)
        done.append(True)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    board.publish({KEY: READY}, revision=5)
    board.publish({}, revision=6)
    for thread in threads:
        thread.join(ROUND)

    assert done == [True] * 3


def test_snapshot_lists_endpoints_and_what_is_wrong(board: Board) -> None:
    board.publish({KEY: READY, OTHER: InterfaceState("cali0", 3, "interface cali0 is down")}, host_faults=["a", "b"])
    snapshot = board.statuses.snapshot()

    assert snapshot.endpoints == (
        EndpointStatus(OTHER, "cali0", "interface cali0 is down"),
        EndpointStatus(KEY, "cali1", ""),
    )
    assert [status.up for status in snapshot.endpoints] == [False, True]
    assert (snapshot.in_sync, snapshot.revision, snapshot.error, snapshot.repairs) == (True, 5, "a; b", 3)
