"""The whole dataplane on a host without a kernel: order of arrival, in-sync, failure, restart, repair, stop."""

import copy
import itertools
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from calico.dataplane.driver import CHECK_INTERVAL
from calico.dataplane.render.names import tag_set_names
from calico.linux.routes import Route
from calico.model.errors import ApplyError, UnavailableError
from calico.model.values import IPPool, default_profile
from calico.updates import (
    EndpointRemove,
    Flushed,
    HostConfigUpdate,
    IPSetRemove,
    IPSetUpdate,
    PoolUpdate,
    ProfileRemove,
    ProfileUpdate,
    Update,
)
from tests.fakes.dataplane import FakeDataplane, endpoint, endpoint_key
from tests.fakes.host import TableState
from tests.fakes.router import FakeRouter

PATIENCE = 10.0
WEB = (IPSetUpdate("web", frozenset({"10.0.0.1"})), ProfileUpdate("web", default_profile("web").rules))
FIRST = (HostConfigUpdate("RETURN"), *WEB, endpoint("1", "10.0.0.1", "web"))


@pytest.fixture
def plane() -> Iterator[FakeDataplane]:
    plane = FakeDataplane()
    yield plane
    plane.close()
    plane.router.close()


def has_written(plane: FakeDataplane) -> bool:
    """Whether anything at all was written to the host."""
    router = plane.router
    return bool(
        plane.table.attempts
        or plane.table.reads
        or router.settings.writes
        or router.routes.changes
        or router.addresses.all
    )


def test_nothing_is_written_before_in_sync(plane: FakeDataplane) -> None:
    plane.router.routes.all.add(Route("10.0.0.99/32", "cali99"))
    plane.router.add_link("cali1")
    for update in FIRST:
        plane.run([update], in_sync=False)
    plane.table.flush_by_stranger()
    plane.step(after=10 * CHECK_INTERVAL)
    assert not has_written(plane)
    assert plane.part.looks == []
    assert not plane.is_up("1")

    assert plane.run([]) == 1
    assert plane.is_up("1")
    assert plane.router.routes.ours == {"10.0.0.1/32": "cali1"}


def test_snapshot_is_one_transaction_and_twice_is_none(plane: FakeDataplane) -> None:
    plane.router.add_link("cali1")
    assert plane.run(FIRST) == 1
    changes = plane.router.routes.changes, len(plane.router.settings.writes)

    assert plane.run(FIRST, revision=2) == 0
    plane.step()

    assert (plane.router.routes.changes, len(plane.router.settings.writes)) == changes
    assert plane.is_up("1", revision=2)


def test_all_that_is_queued_is_one_transaction(plane: FakeDataplane) -> None:
    plane.run(FIRST)
    before = plane.table.transactions
    for number in (2, 3, 4):
        update = endpoint(str(number), f"10.0.0.{number}", "web")
        plane.driver.submit((update, Flushed(number, in_sync=True)), PATIENCE)

    plane.driver.step()

    assert plane.table.transactions == before + 1
    assert plane.statuses.snapshot().revision == 4


def test_full_queue_makes_the_sender_wait(plane: FakeDataplane) -> None:
    for _ in range(4):
        plane.driver.submit((), 0.0)
    with pytest.raises(UnavailableError, match="took no updates for 0 s"):
        plane.driver.submit((), 0.0)

    plane.driver.step()
    plane.driver.submit((), 0.0)


STEPS = ("link", "profile", "endpoint")


@pytest.mark.parametrize("order", list(itertools.permutations(STEPS)))
def test_link_profile_and_endpoint_in_any_order(plane: FakeDataplane, order: Sequence[str]) -> None:
    plane.run([HostConfigUpdate("RETURN"), WEB[0], ProfileUpdate("web", None)])
    for revision, step in enumerate(order, start=2):
        match step:
            case "link":
                plane.router.add_link("cali1")
                plane.step()
            case "profile":
                plane.run([WEB[1]], revision)
            case "endpoint":
                plane.run([FIRST[-1]], revision)
        assert plane.is_up("1", plane.policy.revision) == {"link", "endpoint"}.issubset(order[: revision - 1])

    direct = FakeDataplane()
    direct.router.add_link("cali1")
    direct.run(FIRST)
    assert plane.table.kernel == direct.table.kernel
    assert plane.router.routes.all == direct.router.routes.all
    assert plane.router.settings.values == direct.router.settings.values
    direct.close()
    direct.router.close()


def test_everything_reverted_leaves_a_bare_host(plane: FakeDataplane) -> None:
    plane.run([HostConfigUpdate("RETURN")])
    bare = copy.deepcopy(plane.table.kernel)
    plane.router.add_link("cali1")
    plane.run(FIRST, revision=2)

    plane.run([EndpointRemove(endpoint_key("1")), ProfileRemove("web"), IPSetRemove("web")], revision=3)

    assert plane.table.kernel == bare
    assert plane.router.routes.ours == {}
    assert plane.statuses.snapshot().endpoints == ()


def test_endpoint_removed_and_made_again(plane: FakeDataplane) -> None:
    plane.router.add_link("cali1")
    plane.run(FIRST)
    plane.router.remove_link("cali1")
    plane.run([EndpointRemove(endpoint_key("1"))], revision=2)
    assert not plane.is_up("1", revision=2)

    plane.run([FIRST[-1]], revision=3)
    assert not plane.is_up("1", revision=3)
    plane.router.add_link("cali1")
    plane.step()

    assert plane.is_up("1", revision=3)
    assert plane.router.routes.ours == {"10.0.0.1/32": "cali1"}


def test_interface_made_anew_counts_as_up_only_when_set_up(plane: FakeDataplane) -> None:
    plane.router.add_link("cali1")
    plane.run(FIRST)
    plane.router.add_link("cali1")
    assert not plane.is_up("1")

    plane.step()
    assert plane.is_up("1")


def test_refused_transaction_keeps_what_was_and_converges(plane: FakeDataplane) -> None:
    plane.router.add_link("cali1")
    plane.run(FIRST)
    kernel = copy.deepcopy(plane.table.kernel)
    plane.table.refuse_next("the kernel said no")
    plane.run([endpoint("2", "10.0.0.2", "web")], revision=2)
    assert plane.table.kernel == kernel
    assert plane.is_up("1")
    assert not plane.is_up("2", revision=2)
    assert plane.statuses.snapshot().error == "the kernel said no"

    plane.router.add_link("cali1")
    plane.step()
    assert plane.is_up("1"), "interfaces are looked after meanwhile"

    plane.router.add_link("cali2")
    plane.step(after=1.0)
    assert plane.is_up("2", revision=2)
    assert plane.statuses.snapshot().error == ""


def test_poisoned_profile_does_not_hold_up_later_endpoints(plane: FakeDataplane) -> None:
    plane.router.add_link("cali1")
    plane.router.add_link("cali2")
    plane.run(FIRST)
    bad = default_profile("bad").rules
    plane.table.poison = lambda chain: "no" if tag_set_names("bad")[0] in repr(chain) else ""
    plane.run([IPSetUpdate("bad", frozenset()), ProfileUpdate("bad", bad)], revision=2)
    plane.run([endpoint("2", "10.0.0.2", "bad", "web")], revision=3)
    plane.step()

    assert plane.statuses.snapshot().blocked_profiles == ("bad",)
    assert plane.is_up("1", revision=3)
    assert plane.is_up("2", revision=3)


def test_fault_of_the_host_keeps_every_endpoint_from_being_up(plane: FakeDataplane) -> None:
    plane.router.add_link("cali1")
    plane.part.fault = "Docker drops"
    plane.run(FIRST)
    with pytest.raises(UnavailableError, match="Docker drops"):
        plane.statuses.wait_up(endpoint_key("1"), 1, 0.0)

    plane.part.fault = ""
    plane.step()
    assert plane.is_up("1")


def test_restart_takes_over_without_touching_what_is_right(plane: FakeDataplane) -> None:
    plane.router.add_link("cali1")
    plane.router.add_link("cali2")
    plane.run((*FIRST, endpoint("2", "10.0.0.2", "web")))
    plane.driver.close()

    heir = FakeDataplane(copy.deepcopy(plane.table.kernel), plane.router)
    changes = plane.router.routes.changes
    heir.run(FIRST, in_sync=False)
    assert heir.table.kernel == plane.table.kernel
    assert heir.run([]) == 1

    assert heir.router.routes.ours == {"10.0.0.1/32": "cali1"}
    assert heir.router.routes.changes == changes + 1, "the one of the endpoint that is gone"
    assert heir.is_up("1")
    assert heir.statuses.snapshot().repairs == 0

    again = FakeDataplane(copy.deepcopy(heir.table.kernel), heir.router)
    assert again.run(FIRST) == 0
    heir.close()
    again.close()


def test_check_repairs_and_counts(plane: FakeDataplane, caplog: pytest.LogCaptureFixture) -> None:
    plane.router.add_link("cali1")
    plane.run(FIRST)
    plane.router.routes.all.discard(Route("10.0.0.1/32", "cali1"))
    plane.router.settings.values["net", "ipv4", "ip_forward"] = "0"
    plane.step(after=CHECK_INTERVAL / 2)
    assert plane.router.routes.ours == {}

    plane.part.repairs = ["DOCKER-USER was wrong"]
    plane.step(after=CHECK_INTERVAL / 2)

    assert plane.router.routes.ours == {"10.0.0.1/32": "cali1"}
    assert plane.router.settings.values["net", "ipv4", "ip_forward"] == "1"
    repairs = [record.message for record in caplog.records if record.message.startswith("repaired: ")]
    assert repairs == [
        "repaired: route 10.0.0.1/32 by cali1 was gone, is back",
        "repaired: IPv4 forwarding was off, is on",
        "repaired: DOCKER-USER was wrong",
    ]
    assert plane.statuses.snapshot().repairs == 3


def test_flushed_table_is_repaired_at_the_kernels_event(plane: FakeDataplane) -> None:
    plane.router.add_link("cali1")
    plane.run(FIRST)
    kernel = copy.deepcopy(plane.table.kernel)
    plane.table.flush_by_stranger()
    plane.nft_events.add()

    plane.driver.step()

    assert plane.table.kernel == kernel
    assert plane.statuses.snapshot().repairs > 10
    plane.step(after=CHECK_INTERVAL)
    assert plane.table.kernel == kernel


def test_many_repairs_are_not_many_lines(plane: FakeDataplane, caplog: pytest.LogCaptureFixture) -> None:
    plane.run(FIRST)
    plane.part.repairs = [f"thing {number}" for number in range(500)]
    plane.step()

    assert len([record for record in caplog.records if "repaired" in record.message]) == 11
    assert plane.statuses.snapshot().repairs == 500


def test_links_found_at_the_start_were_there_before_the_monitor(plane: FakeDataplane) -> None:
    plane.router.add_link("cali1", told=False)
    plane.run(FIRST)
    assert plane.is_up("1")


def test_every_part_hears_every_update(plane: FakeDataplane) -> None:
    updates = (*FIRST, PoolUpdate(IPPool("10.0.0.0/8")))
    plane.run(updates)
    assert plane.part.updates == [*updates, Flushed(1, in_sync=True)]
    assert plane.part.looks == [True]
    plane.step()
    plane.step(after=CHECK_INTERVAL)
    assert plane.part.looks == [True, False, True]


def run_in_thread(plane: FakeDataplane, stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=plane.driver.run, args=(stop,))
    thread.start()
    return thread


def test_thread_works_and_stops_within_a_second_and_leaves_all(plane: FakeDataplane) -> None:
    stop = threading.Event()
    thread = run_in_thread(plane, stop)
    plane.driver.submit((*FIRST, Flushed(1, in_sync=True)), PATIENCE)
    plane.router.add_link("cali1")
    plane.statuses.wait_up(endpoint_key("1"), 1, PATIENCE)
    kernel = copy.deepcopy(plane.table.kernel)

    started = time.monotonic()
    stop.set()
    plane.driver.wake()
    thread.join(PATIENCE)

    assert time.monotonic() - started < 1.0
    assert not thread.is_alive()
    assert plane.table.kernel == kernel
    assert plane.router.routes.ours == {"10.0.0.1/32": "cali1"}


def test_thread_that_is_stopped_before_in_sync_has_written_nothing(plane: FakeDataplane) -> None:
    stop = threading.Event()
    thread = run_in_thread(plane, stop)
    stop.set()
    plane.driver.submit((*FIRST, Flushed(1, in_sync=True)), PATIENCE)
    thread.join(PATIENCE)

    assert not thread.is_alive()
    assert not has_written(plane)


def test_fault_in_our_own_code_ends_the_thread_and_is_told(plane: FakeDataplane) -> None:
    class BrokenError(Exception):
        pass

    def broken(_: object) -> str:
        raise BrokenError("a fault of ours")

    plane.router.add_link("cali1")
    plane.run(FIRST)
    plane.table.poison = broken
    plane.driver.submit((endpoint("2", "10.0.0.2", "web"), Flushed(2, in_sync=True)), PATIENCE)
    with pytest.raises(BrokenError):
        plane.driver.run(threading.Event())

    assert plane.statuses.snapshot().error == "the dataplane has stopped: a fault of ours"
    assert not plane.is_up("1"), "nobody looks after it any more"


def test_unreadable_link_events_are_made_up_for(plane: FakeDataplane) -> None:
    plane.run(FIRST)
    plane.router.add_link("cali1", told=False)
    plane.router.events.fail_next(ApplyError("a message that makes no sense"))

    plane.driver.step()

    assert plane.is_up("1")


def test_any_history_ends_where_its_last_state_would_begin(plane: FakeDataplane) -> None:
    states: list[list[Update]] = [
        [*WEB, endpoint("1", "10.0.0.1", "web")],
        [endpoint("2", "10.0.0.2", "web"), endpoint("3", "10.0.0.3", "web")],
        [EndpointRemove(endpoint_key("2"))],
        [endpoint("1", "10.0.0.7", "web")],
        [EndpointRemove(endpoint_key("3")), endpoint("2", "10.0.0.3", "web")],
    ]
    for number in (1, 2, 3):
        plane.router.add_link(f"cali{number}")
    plane.run([HostConfigUpdate("RETURN")])
    for revision, batch in enumerate(states, start=2):
        plane.run(batch, revision)
        assert plane.run(batch, revision) == 0
        if revision % 2:
            plane.router.add_link("cali1")
            plane.step()

    router = FakeRouter()
    for number in (1, 2, 3):
        router.add_link(f"cali{number}")
    direct = FakeDataplane(TableState(), router)
    direct.run([HostConfigUpdate("RETURN"), *WEB, endpoint("1", "10.0.0.7", "web"), endpoint("2", "10.0.0.3", "web")])
    assert plane.table.kernel == direct.table.kernel
    assert plane.router.routes.ours == direct.router.routes.ours
    direct.close()
    router.close()
