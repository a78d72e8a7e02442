"""A change that waits: announced, answered, made, then kept or taken back, whoever is faster."""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.client.addresses import Addresses
from calico.client.affinities import Affinities
from calico.client.confirmations import ANNOUNCED_SECONDS, Confirmations, Undone
from calico.client.document_parser import parse_documents
from calico.client.keeper import GRACE_SECONDS, Keeper
from calico.client.pending import PENDING, Outcome, Pending
from calico.client.policy import Policy
from calico.client.pools import Pools
from calico.client.profiles import Profiles
from calico.datastore.api import Compare, Delete, Put
from calico.datastore.memory import MemoryDatastore
from calico.model.errors import (
    AlreadyExistsError,
    CalicoError,
    InUseError,
    NotFoundError,
    UnavailableError,
    ValidationError,
)
from calico.model.values import Rule
from tests.fakes.datastore import FaultyDatastore
from tests.fakes.interleaving import CrashError, InterleavedDatastore, crash

PROFILE = "/calico/v1/policy/profile"
ENDPOINT = "/calico/v1/host/h1/workload/libnetwork/libnetwork/endpoint/e1"
POOL = "/calico/v1/ipam/v4/pool/10.0.0.0-8"
FILE = """\
- {kind: profile, name: web, inbound: [allow tcp to ports 80]}
- {kind: profile, name: base, inbound: [deny]}
- {kind: pool, cidr: 10.1.0.0/16, ipip: true}
- {kind: endpoint, name: e1, profiles: [web, base]}
"""
THINGS = ("profile web", "profile base", "pool 10.1.0.0/16", "setting IpInIpEnabled", "endpoint e1 of host h1")


class Time:
    """Two clocks that tests move."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.of_day = 1_700_000_000.0

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds
        self.of_day += seconds

    def clock(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return self.of_day


class World:
    """A datastore with a profile and an endpoint, agents on hosts, and the time."""

    def __init__(self) -> None:
        self.time = Time()
        self.inner = MemoryDatastore()
        self.datastore = FaultyDatastore(self.inner)
        self.logs: list[str] = []
        Profiles(self.inner).create("base")
        self.put(ENDPOINT, {"state": "active", "mac": "ee:ee:ee:ee:ee:ee", "profile_ids": ["base"]})
        self.before = self.tree()

    def keeper(self, host: str = "h1", time: Time | None = None) -> Keeper:
        time = time or self.time
        return Keeper(self.datastore, host, log=self.logs.append, clock=time.clock, wall=time.wall)

    def policy(self, datastore: object = None) -> Policy:
        return Policy(datastore or self.datastore, clock=self.time.clock, wall=self.time.wall)  # type: ignore[arg-type]

    @property
    def confirmations(self) -> Confirmations:
        return Confirmations(self.datastore, clock=self.time.clock, wall=self.time.wall)

    def put(self, path: str, value: object) -> None:
        self.inner.transact((), [Put(path, value if isinstance(value, str) else json.dumps(value))])

    def tree(self) -> dict[str, str]:
        found = {entry.key: entry.value for entry in self.inner.list("/").entries}
        return {key: value for key, value in found.items() if not key.startswith("/calico/apply")}

    def apply(self, keeper: Keeper, file: str = FILE, seconds: float = 60) -> Pending | None:
        """Apply while ``keeper`` answers at once, as an agent does in its own process."""
        watched = Answered(self.datastore, lambda: keeper.step(0))
        _, pending = self.policy(watched).apply_for(parse_documents(file, "f"), seconds, "h1")
        return pending


class Answered:
    """A datastore after whose every write an agent has its turn."""

    def __init__(self, inner: FaultyDatastore, turn: Callable[[], None]) -> None:
        self._inner = inner
        self._turn = turn

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def transact(self, compares: Iterable[Compare], writes: Sequence[Put | Delete], **options: float) -> int:
        revision = self._inner.transact(compares, writes, **options)
        self._turn()
        return revision


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def keeper(world: World) -> Iterator[Keeper]:
    keeper = world.keeper()
    keeper.step(0)
    yield keeper
    keeper.close()


class TestApply:
    def test_waits_for_confirmation(self, world: World, keeper: Keeper) -> None:
        pending = world.apply(keeper)

        assert pending is not None
        assert (pending.host, pending.keeper, pending.seconds, pending.armed) == ("h1", "h1", 60, True)
        assert pending.deadline == world.time.of_day + 60
        assert pending.things == THINGS
        assert Profiles(world.inner).rules("base").inbound == (Rule("deny"),)

    def test_change_and_record_are_written_together(self, world: World, keeper: Keeper) -> None:
        pending = world.apply(keeper)

        assert pending is not None
        changed = [entry for entry in world.inner.list("/").entries if entry.revision == pending.revision]
        assert {entry.key for entry in changed} == {PENDING.path, *pending.previous}

    def test_without_an_agent_nothing_is_changed(self, world: World) -> None:
        policy = Policy(world.datastore, patience=0.01)

        with pytest.raises(UnavailableError, match="no calico-node that uses this datastore runs"):
            policy.apply_for(parse_documents(FILE, "f"), 60, "h1")

        assert world.tree() == world.before
        assert world.confirmations.current() is None

    def test_that_changes_nothing_waits_for_nobody(self, world: World, keeper: Keeper) -> None:
        assert (
            world.apply(keeper, "{kind: profile, name: base, inbound: [allow from tag base], outbound: [allow]}")
            is None
        )
        assert world.confirmations.current() is None

    def test_is_refused_while_another_change_waits(self, world: World, keeper: Keeper) -> None:
        world.apply(keeper)
        after = world.tree()

        with pytest.raises(InUseError, match="a change made from h1 waits for confirmation; keep it with 'calicoctl"):
            world.apply(keeper, "{kind: profile, name: other}")
        assert world.tree() == after

    def test_is_refused_while_another_change_is_announced(self, world: World) -> None:
        world.put(PENDING.path, announcement(world.time.of_day + 3))

        with pytest.raises(InUseError, match="another change is just being made from h9"):
            world.policy().apply_for(parse_documents(FILE, "f"), 60, "h1")

    @pytest.mark.parametrize("text", ["{", "[]", '{"armed": 1}'])
    def test_is_not_hindered_by_what_nobody_understands(self, world: World, keeper: Keeper, text: str) -> None:
        world.put(PENDING.path, text)
        assert world.apply(keeper) is not None

    def test_is_not_hindered_by_an_announcement_left_behind(self, world: World, keeper: Keeper) -> None:
        world.put(PENDING.path, announcement(world.time.of_day - 1))
        assert world.apply(keeper) is not None

    @pytest.mark.parametrize("seconds", [0, 0.5, 86401])
    def test_takes_a_sensible_time(self, world: World, keeper: Keeper, seconds: float) -> None:
        with pytest.raises(ValidationError, match="the time to confirm must be 1 s to 86400 s"):
            world.apply(keeper, seconds=seconds)

    def test_a_plan_that_fails_after_the_announcement_withdraws_it(self, world: World, keeper: Keeper) -> None:
        calls = 0

        def check(_plan: object) -> None:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise ValidationError("no")

        watched = Answered(world.datastore, lambda: keeper.step(0))
        with pytest.raises(ValidationError, match="no"):
            world.policy(watched).apply_for(parse_documents(FILE, "f"), 60, "h1", check)

        assert world.confirmations.current() is None
        assert world.tree() == world.before

    def test_a_pool_that_must_yield_takes_the_record_with_it(self, world: World, keeper: Keeper) -> None:
        class Rivalled(Answered):
            def transact(self, compares: Iterable[Compare], writes: Sequence[Put | Delete], **options: float) -> int:
                if any(isinstance(write, Put) and write.key.endswith("10.1.0.0-16") for write in writes):
                    Pools(world.inner).add(["10.1.5.0/24"])
                return super().transact(compares, writes, **options)

        with pytest.raises(AlreadyExistsError):
            world.policy(Rivalled(world.datastore, lambda: keeper.step(0))).apply_for(
                parse_documents(FILE, "f"), 60, "h1"
            )

        assert world.confirmations.current() is None
        assert world.tree() == {**world.before, "/calico/v1/ipam/v4/pool/10.1.5.0-24": '{"cidr": "10.1.5.0/24"}'}

    def test_a_death_at_any_moment_leaves_no_change_without_its_record(self, world: World) -> None:
        number = 1
        while True:
            place = World()
            keeper = place.keeper()
            keeper.step(0)
            watched = InterleavedDatastore(Answered(place.datastore, lambda keeper=keeper: keeper.step(0)))  # type: ignore[misc, arg-type]
            watched.arm(before={number: crash})
            try:
                place.policy(watched).apply_for(parse_documents(FILE, "f"), 60, "h1")
            except CrashError:
                changed = place.tree() != place.before
                record = place.confirmations.current()
                assert not changed or (record is not None and record.armed)
                place.time.pass_by(ANNOUNCED_SECONDS + 60)
                keeper.step(0)
                assert place.tree() == place.before
                assert place.confirmations.current() is None
                number += 1
            else:
                break
        assert number > 5


class TestConfirm:
    def test_keeps_the_change_for_good(self, world: World, keeper: Keeper) -> None:
        world.apply(keeper)
        after = world.tree()

        world.confirmations.confirm()
        world.time.pass_by(1000)
        keeper.step(0)

        assert world.tree() == after
        assert world.logs == []
        assert world.confirmations.outcome() == Outcome("confirmed", world.time.of_day - 1000)

    def test_needs_a_change_that_waits(self, world: World) -> None:
        world.put(PENDING.path, announcement(world.time.of_day + 3))
        for operation in (world.confirmations.confirm, world.confirmations.undo):
            with pytest.raises(NotFoundError, match="No change waits"):
                operation()

    def test_says_what_is_wrong_with_the_record(self, world: World) -> None:
        world.put(PENDING.path, "{}")
        with pytest.raises(ValidationError, match=f"{PENDING.path}: host: must be str"):
            world.confirmations.confirm()


class TestUndo:
    def test_makes_everything_as_before(self, world: World, keeper: Keeper) -> None:
        world.apply(keeper)

        undone = world.confirmations.undo()

        assert undone == Undone(THINGS, ())
        assert world.tree() == world.before
        assert world.confirmations.outcome() == Outcome("taken back", world.time.of_day)

    def test_leaves_what_others_have_changed_and_says_what(self, world: World, keeper: Keeper) -> None:
        world.apply(keeper)
        Profiles(world.inner).add_rule("web", "inbound", Rule("allow", src_tag="base"))
        web = {key: value for key, value in world.tree().items() if "/profile/web/" in key}

        undone = world.confirmations.undo()

        assert undone == Undone(THINGS[1:], ("profile web",))
        assert world.tree() == {**world.before, **web}
        assert world.confirmations.outcome() == Outcome("taken back", world.time.of_day, ("profile web",))

    def test_of_what_others_have_taken_back_already(self, world: World, keeper: Keeper) -> None:
        world.apply(keeper)
        Profiles(world.inner).delete("web")
        world.put(ENDPOINT, world.before[ENDPOINT])

        assert world.confirmations.undo() == Undone(THINGS, ())
        assert world.tree() == world.before

    def test_of_an_endpoint_that_has_gone_does_not_bring_it_back(self, world: World, keeper: Keeper) -> None:
        world.apply(keeper)
        world.inner.transact((), [Delete(ENDPOINT)])

        assert world.confirmations.undo().left == ("endpoint e1 of host h1",)
        assert ENDPOINT not in world.tree()

    def test_is_one_transaction_that_looks_again(self, world: World, keeper: Keeper) -> None:
        world.apply(keeper)
        watched = InterleavedDatastore(world.inner)
        watched.arm(before={8: lambda: Profiles(world.inner).add_tag("web", "new")})

        undone = Confirmations(watched, wall=world.time.wall).undo()

        assert undone.left == ("profile web",)
        assert watched.calls[7] == "transact"
        assert watched.calls.count("transact") == 2

    def test_ends_the_claims_on_a_pool_that_is_gone_again(self, world: World, keeper: Keeper) -> None:
        world.apply(keeper)
        Addresses(world.inner, "h1").assign("10.1.0.7")
        assert Affinities(world.inner).list()

        world.confirmations.undo()

        assert Affinities(world.inner).list() == ()

    def test_of_an_older_change_is_not_that_of_a_newer_one(self, world: World, keeper: Keeper) -> None:
        first = world.apply(keeper)
        assert first is not None
        world.confirmations.confirm()
        world.apply(keeper, "{kind: profile, name: other}")

        with pytest.raises(NotFoundError):
            world.confirmations.undo(first.revision)
        assert Profiles(world.inner).exists("other")


class TestKeeper:
    def test_takes_back_at_the_deadline_and_not_before(self, world: World, keeper: Keeper) -> None:
        world.apply(keeper)
        after = world.tree()
        world.time.pass_by(59.9)
        keeper.step(0)
        assert world.tree() == after

        world.time.pass_by(0.2)
        keeper.step(0)

        assert world.tree() == world.before
        assert world.logs == [
            "the change made from h1 was not confirmed within 60 s and is taken back: " + ", ".join(THINGS)
        ]

    def test_names_what_it_left(self, world: World, keeper: Keeper) -> None:
        world.apply(keeper)
        Profiles(world.inner).add_tag("web", "new")
        world.time.pass_by(61)
        keeper.step(0)

        assert world.logs[0].endswith("; left because others have changed it: profile web")

    def test_that_is_started_anew_finds_the_change(self, world: World, keeper: Keeper) -> None:
        world.apply(keeper)
        keeper.close()
        world.time.pass_by(30)
        successor = world.keeper()
        successor.step(0)
        assert world.tree() != world.before

        world.time.pass_by(31)
        successor.step(0)

        assert world.tree() == world.before

    def test_that_was_away_longer_acts_at_once(self, world: World, keeper: Keeper) -> None:
        world.apply(keeper)
        keeper.close()
        world.time.pass_by(3600)

        world.keeper().step(0)

        assert world.tree() == world.before

    def test_another_hosts_agent_acts_when_the_keeper_is_gone(self, world: World, keeper: Keeper) -> None:
        other = world.keeper("h2")
        other.step(0)
        world.apply(keeper)
        other.step(0)
        world.time.pass_by(60 + GRACE_SECONDS - 1)
        other.step(0)
        assert world.tree() != world.before

        world.time.pass_by(2)
        other.step(0)

        assert world.tree() == world.before

    def test_a_wrong_clock_does_not_shorten_the_time(self, world: World) -> None:
        ahead = Time()
        ahead.of_day += GRACE_SECONDS - 1
        keeper = world.keeper("h2", ahead)
        keeper.step(0)
        world.apply(keeper)
        ahead.pass_by(59)
        keeper.step(0)
        assert world.tree() != world.before

        ahead.pass_by(2)
        keeper.step(0)

        assert world.tree() == world.before

    def test_news_that_come_late_do_not_lengthen_it_for_long(self, world: World, keeper: Keeper) -> None:
        other = world.keeper("h1")
        other.step(0)
        world.apply(keeper)
        world.time.pass_by(600)

        other.step(0)

        assert world.tree() == world.before

    def test_that_is_started_after_the_announcement_answers_at_once(self, world: World) -> None:
        world.put(PENDING.path, announcement(world.time.of_day + 15))
        world.keeper().step(1000)

        found = world.confirmations.current()
        assert found is not None
        assert found.keeper == "h1"

    def test_of_two_only_one_answers(self, world: World) -> None:
        keepers = [world.keeper("h1"), world.keeper("h2")]
        for keeper in keepers:
            keeper.step(0)
        world.put(PENDING.path, announcement(world.time.of_day + 15))
        for keeper in keepers:
            keeper.step(0)

        found = world.confirmations.current()
        assert found is not None
        assert found.keeper == "h1"

    def test_removes_an_announcement_that_was_left_behind(self, world: World, keeper: Keeper) -> None:
        world.put(PENDING.path, announcement(world.time.of_day + ANNOUNCED_SECONDS))
        keeper.step(0)
        keeper.step(0)
        world.time.pass_by(ANNOUNCED_SECONDS + GRACE_SECONDS)
        keeper.step(0)

        assert world.confirmations.current() is None
        assert world.logs == []

    def test_survives_a_record_that_nobody_understands(self, world: World, keeper: Keeper) -> None:
        world.put(PENDING.path, '{"previous": {"/etc/passwd": ""}}')
        keeper.step(0)
        keeper.step(0)

        (line,) = world.logs
        assert line.startswith(
            f"{PENDING.path} is ignored until it is mended: previous: '/etc/passwd' is not a key of"
        )

    def test_an_outage_delays_it_only(self, world: World, keeper: Keeper) -> None:
        world.apply(keeper)
        world.time.pass_by(61)
        world.datastore.go_down()
        for _ in range(3):
            with pytest.raises(UnavailableError):
                keeper.step(0)
        world.datastore.come_up()

        keeper.step(0)

        assert world.tree() == world.before

    def test_compacted_history_is_read_anew(self, world: World, keeper: Keeper) -> None:
        world.apply(keeper)
        world.put("/calico/v1/Ready", "true")
        world.inner.compact(world.inner.list("/").revision)
        world.time.pass_by(61)
        keeper.step(0)
        keeper.step(0)

        assert world.tree() == {**world.before, "/calico/v1/Ready": "true"}

    def test_is_not_disturbed_by_a_confirmation_at_the_last_moment(self, world: World, keeper: Keeper) -> None:
        world.apply(keeper)
        world.confirmations.confirm()
        after = world.tree()
        world.time.pass_by(61)
        keeper.step(0)

        assert world.tree() == after


def announcement(deadline: float) -> str:
    return json.dumps({"host": "h9", "seconds": 60, "deadline": deadline, "keeper": "", "armed": False})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.fixed_dictionaries(
    {
        "host": st.just("h1") | JSON,
        "seconds": st.integers(0, 100) | JSON,
        "deadline": st.floats(0, 2e9) | JSON,
        "keeper": st.sampled_from(["", "h1", "h2"]) | JSON,
        "armed": st.booleans() | JSON,
        "previous": st.dictionaries(
            st.sampled_from([f"{PROFILE}/web/tags", ENDPOINT, "/calico/v1/Ready", POOL, "x"]),
            st.none() | st.text(max_size=5),
        )
        | JSON,
    }
)  # fmt: skip


@given(RECORDS.map(json.dumps) | JSON.map(json.dumps) | st.text(max_size=20))
def test_a_record_written_by_hand_disturbs_nobody(text: str) -> None:
    world = World()
    world.put(PENDING.path, text)
    keeper = world.keeper()
    for _ in range(3):
        keeper.step(0)
        world.time.pass_by(GRACE_SECONDS + 100)
    changed = {key for key in world.before | world.tree() if world.tree().get(key) != world.before.get(key)}

    # What stands in the record as previous text may be put back, and nothing else is touched.
    assert changed <= {f"{PROFILE}/web/tags", ENDPOINT, POOL}
    for operation in (world.confirmations.confirm, world.confirmations.undo):
        with contextlib.suppress(CalicoError):
            operation()
