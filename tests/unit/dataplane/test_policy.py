"""One transaction a batch, retry, blocked profiles, take-over and repair of our table."""

import copy

import pytest

from calico.dataplane.managers.profiles import ProfileManager
from calico.dataplane.nft.values import Accept, Chain, Drop, NftRule
from calico.dataplane.policy import CHECKS_BEFORE_READING, SHARE_OF_TIME, Policy
from calico.dataplane.render.names import profile_chain_name
from calico.model.errors import UnavailableError
from calico.model.values import ProfileRules, Rule
from calico.updates import Flushed, IPSetUpdate, ProfileRemove, ProfileUpdate, Update
from tests.fakes.dataplane import StrictTable
from tests.fakes.host import TableState

OPEN = ProfileRules((Rule("allow"),), ())
POISON = ProfileRules((Rule("deny", protocol="tcp", dst_ports=((1, 1),)), Rule("allow")), ())
IN = profile_chain_name("web", "inbound")


class Scene:
    """A policy of profiles alone, on a table without a kernel."""

    def __init__(self, kernel: TableState | None = None) -> None:
        self.now = 1000.0
        self.reading_takes = 0.0
        self.table = StrictTable(kernel)
        self.profiles = ProfileManager(self.table)
        self.policy = Policy(self.table, (), self.profiles, self.table, self._clock, retry_delay=float)

    def _clock(self) -> float:
        self.now += self.reading_takes
        return self.now

    def run(self, *updates: Update, after: float = 0.0, full: bool = False) -> list[str]:
        """One round as the driver does it."""
        self.now += after
        self.policy.look(self.now, full=full)
        for update in updates:
            self.policy.on_update(update)
        return self.policy.complete(self.now)

    def verdicts(self, chain: str = IN) -> list[object]:
        return [type(rule.verdict) for rule in self.table.kernel.chains[chain].rules]


def refuse_ports(chain: Chain) -> str:
    return "Operation not supported" if any(rule.matches for rule in chain.rules) else ""


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_many_updates_are_one_transaction(scene: Scene) -> None:
    scene.run(*(ProfileUpdate(name, OPEN) for name in ("a", "b", "c")), Flushed(7, in_sync=True))

    assert scene.table.transactions == 1
    assert (scene.policy.revision, scene.policy.fault, scene.policy.due()) == (7, "", None)


def test_same_updates_again_are_none(scene: Scene) -> None:
    updates = ProfileUpdate("web", OPEN), Flushed(7, in_sync=True)
    scene.run(*updates)
    assert scene.run(*updates) == []
    assert scene.run(full=True) == []
    assert scene.table.transactions == 1
    assert scene.table.reads == 1


def test_take_over_changes_what_differs_in_one_transaction(scene: Scene) -> None:
    scene.run(ProfileUpdate("web", OPEN), ProfileUpdate("old", OPEN))
    left = copy.deepcopy(scene.table.kernel)

    heir = Scene(left)
    assert heir.run(ProfileUpdate("web", OPEN), ProfileUpdate("new", OPEN)) == [], "these are no repairs"
    assert heir.table.transactions == 1
    assert heir.table.kernel == heir.table.desired
    assert profile_chain_name("old", "inbound") not in heir.table.kernel.chains

    same = Scene(copy.deepcopy(heir.table.kernel))
    same.run(ProfileUpdate("web", OPEN), ProfileUpdate("new", OPEN))
    assert same.table.transactions == 0, "what is right is not touched"


def test_refused_transaction_is_tried_again_ever_slower(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.run(ProfileUpdate("a", OPEN), Flushed(1, in_sync=True))
    scene.table.poison = lambda _: "the kernel said no"
    scene.run(ProfileUpdate("web", OPEN), Flushed(2, in_sync=True))
    delays = []
    for _ in range(3):
        due = scene.policy.due()
        assert due is not None
        delays.append(due - scene.now)
        attempts = scene.table.attempts
        scene.run(after=delays[-1] / 2)
        assert scene.table.attempts == attempts, "not before it is due"
        scene.run(after=due - scene.now)
        assert scene.table.attempts > attempts

    assert delays == [1.0, 2.0, 3.0]
    assert (scene.policy.revision, IN in scene.table.kernel.chains) == (1, False)
    assert scene.policy.fault.startswith("the kernel said no")
    assert len(caplog.records) == 1

    scene.table.poison = lambda _: ""
    scene.run(after=10.0)
    assert (scene.policy.revision, scene.policy.fault, scene.policy.due()) == (2, "", None)
    assert IN in scene.table.kernel.chains


def test_new_updates_do_not_wait_for_the_next_try(scene: Scene) -> None:
    scene.table.refuse_next()
    scene.run(ProfileUpdate("web", OPEN))
    scene.run(ProfileUpdate("db", OPEN), Flushed(2, in_sync=True))

    assert (scene.policy.fault, scene.policy.revision) == ("", 2)
    assert IN in scene.table.kernel.chains


def test_profile_that_the_kernel_refuses_is_blocked_alone(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.table.poison = refuse_ports
    scene.run(ProfileUpdate("web", POISON), ProfileUpdate("db", OPEN), Flushed(3, in_sync=True))
    assert (scene.policy.revision, scene.policy.blocked) == (0, ()), "it may be but a moment"
    scene.run(after=1.0)

    assert scene.verdicts(IN) == [Drop]
    assert scene.verdicts(profile_chain_name("db", "inbound")) == [Accept]
    assert (scene.policy.revision, scene.policy.fault, scene.policy.blocked) == (3, "", ("web",))
    assert sum("profile web drops everything until its rules change" in r.message for r in caplog.records) == 1

    scene.run(ProfileUpdate("web", OPEN))
    assert scene.verdicts(IN) == [Accept]
    assert scene.policy.blocked == ()
    assert scene.run() == []


def test_several_refused_profiles_are_blocked_together(scene: Scene) -> None:
    scene.table.poison = refuse_ports
    names = ("web", "db", "cache")
    scene.run(*(ProfileUpdate(name, POISON) for name in names), ProfileUpdate("good", OPEN))
    scene.run(after=1.0)

    assert scene.policy.blocked == tuple(sorted(names))
    assert scene.policy.fault == ""
    assert scene.verdicts(profile_chain_name("good", "inbound")) == [Accept]

    scene.run(*(ProfileRemove(name) for name in names))
    assert scene.policy.blocked == ()
    assert IN not in scene.table.kernel.chains


def test_one_blocked_profile_does_not_save_the_next(scene: Scene) -> None:
    scene.table.poison = refuse_ports
    for name in ("web", "db"):
        scene.run(ProfileUpdate(name, POISON))
        scene.run(after=1.0)

    assert scene.policy.blocked == ("db", "web")


def test_profiles_are_not_blamed_for_what_is_not_theirs(scene: Scene) -> None:
    scene.run(ProfileUpdate("web", OPEN))
    scene.table.poison = lambda chain: "out of memory"
    scene.run(ProfileUpdate("web", None), ProfileUpdate("db", OPEN))
    for _ in range(5):
        scene.run(after=10.0)
    assert (scene.policy.blocked, scene.verdicts(IN)) == ((), [Accept])
    assert "out of memory" in scene.policy.fault

    scene.table.poison = lambda _: ""
    scene.run(after=10.0)
    assert scene.table.kernel == scene.table.desired
    assert scene.verdicts(profile_chain_name("db", "inbound")) == [Accept]


def test_blocked_profile_gets_another_chance_after_many_checks(scene: Scene) -> None:
    scene.table.poison = refuse_ports
    scene.run(ProfileUpdate("web", POISON))
    scene.run(after=1.0)
    assert scene.policy.blocked == ("web",)

    scene.table.poison = lambda _: ""
    for _ in range(CHECKS_BEFORE_READING):
        scene.run(after=10.0, full=True)

    assert scene.policy.blocked == ()
    assert scene.verdicts(IN) == [Drop, Accept]


def test_stranger_that_flushes_our_table_is_noticed_at_once(scene: Scene) -> None:
    scene.run(ProfileUpdate("web", OPEN))
    scene.table.flush_by_stranger()

    repairs = scene.run()

    assert repairs == [f"chain {name} differs" for name in sorted(scene.table.desired.chains)]
    assert scene.table.kernel == scene.table.desired
    assert scene.run() == []
    assert scene.table.reads == 2


def test_stranger_that_writes_elsewhere_costs_one_reading(scene: Scene) -> None:
    scene.run(ProfileUpdate("web", OPEN))
    scene.table.strangers += 1

    assert scene.run() == []
    assert scene.run() == []
    assert scene.table.reads == 2
    assert scene.table.transactions == 1


def test_stranger_between_our_look_and_our_transaction_is_noticed(scene: Scene) -> None:
    scene.run(ProfileUpdate("web", OPEN))
    scene.policy.look(scene.now, full=False)
    scene.policy.on_update(ProfileUpdate("db", OPEN))
    scene.table.kernel.chains[IN] = Chain((NftRule((), Accept(), "stranger"),))
    scene.table.strangers += 1
    scene.policy.complete(scene.now)

    scene.run()

    assert scene.table.reads == 2


def test_own_changes_are_never_told_as_repairs(scene: Scene) -> None:
    scene.run(ProfileUpdate("web", OPEN))
    scene.table.strangers += 1
    assert scene.run(ProfileUpdate("db", OPEN), IPSetUpdate("t", frozenset())) == []

    scene.table.refuse_next()
    scene.run(ProfileUpdate("cache", OPEN))
    scene.table.strangers += 1
    assert scene.run(after=5.0) == []
    assert scene.policy.fault == ""


def test_reading_does_not_take_all_the_time_when_strangers_write_all_the_time(scene: Scene) -> None:
    scene.run(ProfileUpdate("web", OPEN))
    scene.reading_takes = 1.0
    busy = 0
    for _ in range(400):
        scene.table.strangers += 1
        before = scene.table.reads
        scene.run(after=0.5)
        busy += scene.table.reads - before

    assert 0 < busy <= 200 * SHARE_OF_TIME + 1
    due = scene.policy.due()
    assert due is not None, "what is put off is not forgotten"
    scene.table.kernel = TableState()
    assert scene.run(after=due - scene.now) != []


def test_some_checks_read_the_table_though_nobody_wrote(scene: Scene) -> None:
    scene.run(ProfileUpdate("web", OPEN))
    scene.table.kernel = TableState()  # no transaction counted: a fault of ours

    repaired = [bool(scene.run(after=10.0, full=True)) for _ in range(CHECKS_BEFORE_READING)]

    assert sum(repaired) == 1
    assert scene.table.kernel == scene.table.desired


def test_kernel_that_cannot_be_read_is_asked_again(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.run(ProfileUpdate("web", OPEN))
    scene.table.flush_by_stranger()
    scene.table.fault = UnavailableError("the kernel does not answer")
    scene.run()
    assert "cannot be checked" in caplog.text
    assert scene.policy.due() == scene.now + 1.0

    scene.table.fault = None
    assert scene.run(after=1.0)
    assert scene.table.kernel == scene.table.desired
