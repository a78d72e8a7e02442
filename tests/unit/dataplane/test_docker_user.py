import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from calico.dataplane.docker_user import DockerUserChain, find_chains
from calico.linux.nfnetlink import RuleEntry
from calico.model.errors import ApplyError, NotFoundError, UnavailableError

IN, OUT = 'iifname "cali*" counter accept', 'oifname "cali*" counter accept'
FOREIGN = "counter return"


@dataclass
class FakeFilter:
    """The tables ``ip filter`` and ``ip6 filter`` with a chain DOCKER-USER each, or without: family → rules.

    Plays both doors: nf_tables, where rules are handles, and libnftables, where they are text.
    """

    chains: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    generations: int = 1
    listings: int = 0
    transactions: list[str] = field(default_factory=list)
    refusal: str = ""
    handles: int = 0

    def make(self, family: str, *texts: str) -> None:
        self.chains[family] = []
        for text in texts:
            self.append(family, text)
        self.generations += 1

    def append(self, family: str, text: str, position: int | None = None) -> None:
        self.handles += 1
        rules = self.chains[family]
        rules.insert(len(rules) if position is None else position, (self.handles, text))
        self.generations += 1

    def rules(self, family: str) -> list[str]:
        return [text for _, text in self.chains[family]]

    def generation(self) -> int:
        return self.generations

    def list_rules(self, family: str, table: str, chain: str) -> tuple[RuleEntry, ...]:
        assert (table, chain) == ("filter", "DOCKER-USER")
        if family not in self.chains:
            raise NotFoundError("no such chain")
        return tuple(RuleEntry(handle) for handle, _ in self.chains[family])

    def run(self, commands: str) -> None:
        if self.refusal:
            raise ApplyError(self.refusal)
        self.transactions.append(commands)
        self.generations += 1
        for line in commands.splitlines():
            if match := re.fullmatch(r"insert rule (\S+) filter DOCKER-USER (.*)", line):
                self.handles += 1
                self.chains[match[1]].insert(0, (self.handles, match[2]))
            else:
                match = re.fullmatch(r"delete rule (\S+) filter DOCKER-USER handle (\d+)", line)
                assert match, line
                self.chains[match[1]] = [rule for rule in self.chains[match[1]] if rule[0] != int(match[2])]

    def list_table(self, family: str, name: str) -> list[dict[str, object]] | None:
        assert name == "filter"
        self.listings += 1
        if family not in self.chains:
            return None
        rules: list[dict[str, object]] = [
            {"rule": {"chain": "DOCKER-USER", "handle": handle, "expr": expression(text)}}
            for handle, text in self.chains[family]
        ]
        other: dict[str, object] = {"rule": {"chain": "FORWARD", "handle": 99, "expr": expression(IN)}}
        chains: list[dict[str, object]] = [{"chain": {"name": name}} for name in ("FORWARD", "DOCKER-USER")]
        return [{"table": {"name": "filter"}}, *chains, other, *rules]


def expression(text: str) -> list[dict[str, object]]:
    """What nft 1.0.6 lists for these rules."""
    parts: list[dict[str, object]] = []
    if match := re.match(r'(\w+) "(.*)" ', text):
        left = {"meta": {"key": match[1]}}
        parts.append({"match": {"op": "==", "left": left, "right": match[2]}})
    return [*parts, {"counter": {"packets": 4, "bytes": 240}}, {text.rpartition(" ")[2]: None}]


class FakeLegacy:
    """The tables of legacy iptables: command → rules of DOCKER-USER; ``refuse`` makes one kind of change fail."""

    def __init__(self) -> None:
        self.chains: dict[str, list[str]] = {}
        self.tables: dict[str, tuple[str, ...]] = {}
        self.commands = 0
        self.refuse = ""

    def names(self, file: str) -> tuple[str, ...]:
        return self.tables.get(file, ())

    def run(self, arguments: Sequence[str]) -> str | None:
        self.commands += 1
        command, verb, chain, *rest = arguments
        assert chain == "DOCKER-USER"
        rules = self.chains.get(command)
        if rules is None or verb == self.refuse:
            return None
        match verb:
            case "-S":
                return "\n".join(["-N DOCKER-USER", *(f"-A DOCKER-USER {rule}" for rule in rules)]) + "\n"
            case "-I":
                rules.insert(0, " ".join(rest))
            case "-D":
                del rules[int(rest[0]) - 1]
        return ""


@dataclass
class Scene:
    filter: FakeFilter = field(default_factory=FakeFilter)
    legacy: FakeLegacy = field(default_factory=FakeLegacy)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.chain = DockerUserChain(self.filter, self.filter, self.legacy, retry_delay=float)

    def run(self, *, full: bool = False) -> list[str]:
        self.chain.look(self.now, full=full)
        return self.chain.complete(self.now)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_without_docker_there_is_nothing_to_do(scene: Scene) -> None:
    assert scene.run(full=True) == []
    assert (scene.filter.transactions, scene.filter.listings, scene.legacy.commands) == ([], 0, 0)
    assert scene.chain.fault == ""


@pytest.mark.parametrize("families", [("ip",), ("ip6",), ("ip", "ip6")])
def test_rules_are_put_on_top_of_what_is_there(scene: Scene, families: tuple[str, ...]) -> None:
    for family in families:
        scene.filter.make(family, FOREIGN)

    assert scene.run() == [
        f"DOCKER-USER of {family} filter did not begin with our rules, does now" for family in families
    ]
    assert {family: scene.filter.rules(family) for family in families} == {
        key: [IN, OUT, FOREIGN] for key in families
    }


def test_unchanged_generation_costs_no_listing(scene: Scene) -> None:
    scene.filter.make("ip", FOREIGN)
    scene.run()
    listings = scene.filter.listings

    scene.run()
    scene.filter.generations += 1
    scene.filter.append("ip", FOREIGN)
    assert scene.run(full=True) == []

    assert scene.filter.listings == listings
    assert len(scene.filter.transactions) == 1


def test_rules_of_an_earlier_agent_are_taken_as_they_are(scene: Scene) -> None:
    scene.filter.make("ip", IN, OUT, FOREIGN)

    assert scene.run() == []
    assert scene.filter.transactions == []


def test_cleared_chain_gets_them_back(scene: Scene) -> None:
    scene.filter.make("ip")
    scene.run()
    scene.filter.make("ip")

    assert len(scene.run()) == 1
    assert scene.filter.rules("ip") == [IN, OUT]


def test_chain_made_later_gets_them(scene: Scene) -> None:
    scene.run()
    scene.filter.make("ip", FOREIGN)
    scene.run()

    assert scene.filter.rules("ip") == [IN, OUT, FOREIGN]


def test_chain_that_went_and_came_gets_them(scene: Scene) -> None:
    scene.filter.make("ip", FOREIGN)
    scene.run()
    del scene.filter.chains["ip"]
    scene.filter.generations += 1
    assert scene.run() == []

    scene.filter.make("ip")
    scene.run()
    assert scene.filter.rules("ip") == [IN, OUT]


@pytest.mark.parametrize("before", [[FOREIGN, IN, OUT], [IN, FOREIGN, OUT], [OUT, IN], [IN, IN, OUT, FOREIGN], [IN]])
def test_misplaced_rules_move_to_the_top_and_are_not_doubled(scene: Scene, before: list[str]) -> None:
    scene.filter.make("ip", *before)
    scene.run()

    assert scene.filter.rules("ip") == [IN, OUT, *(text for text in before if text == FOREIGN)]
    assert len(scene.filter.transactions) == 1


def test_rule_put_before_ours_is_noticed(scene: Scene) -> None:
    scene.filter.make("ip", FOREIGN)
    scene.run()
    scene.filter.append("ip", FOREIGN, position=0)
    scene.run()

    assert scene.filter.rules("ip") == [IN, OUT, FOREIGN, FOREIGN]


def test_refusal_is_told_and_tried_again(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.filter.make("ip", FOREIGN)
    scene.filter.refusal = "the kernel said no"
    scene.run()
    scene.now = 0.5
    scene.run()
    assert (scene.chain.fault, scene.chain.due()) == ("the kernel said no", 1.0)
    scene.now = 1.0
    scene.run()
    assert scene.chain.due() == 3.0
    assert len(caplog.records) == 1

    scene.filter.refusal = ""
    scene.now = 3.0
    scene.run()

    assert (scene.chain.fault, scene.chain.due()) == ("", None)
    assert scene.filter.rules("ip") == [IN, OUT, FOREIGN]


LEGACY_IN, LEGACY_OUT = "-i cali+ -j ACCEPT", "-o cali+ -j ACCEPT"


@pytest.mark.parametrize(
    "before", [["-j RETURN"], [LEGACY_IN, "-j RETURN"], ["-j RETURN", LEGACY_OUT, LEGACY_IN], [LEGACY_IN, LEGACY_OUT]]
)
def test_legacy_iptables_gets_the_same_rules(scene: Scene, before: list[str]) -> None:
    scene.legacy.tables = {"ip_tables_names": ("nat", "filter"), "ip6_tables_names": ("filter",)}
    scene.legacy.chains = {"iptables-legacy": list(before), "ip6tables-legacy": list(before)}
    scene.run(full=True)

    wanted = [LEGACY_IN, LEGACY_OUT, *(rule for rule in before if rule == "-j RETURN")]
    assert scene.legacy.chains == {"iptables-legacy": wanted, "ip6tables-legacy": wanted}


def test_legacy_iptables_is_looked_at_by_full_checks_only(scene: Scene) -> None:
    scene.legacy.tables = {"ip_tables_names": ("filter",)}
    scene.legacy.chains = {"iptables-legacy": []}
    scene.run()
    commands = scene.legacy.commands
    scene.filter.generations += 1
    assert scene.run() == []
    assert scene.legacy.commands == commands

    scene.legacy.chains = {"iptables-legacy": []}
    assert scene.run(full=True) == ["DOCKER-USER of iptables-legacy did not begin with our rules, does now"]


def test_legacy_table_without_the_chain_is_left_alone(scene: Scene) -> None:
    scene.legacy.tables = {"ip_tables_names": ("filter",)}
    assert scene.run(full=True) == []
    assert scene.chain.fault == ""


def test_legacy_refusal_is_a_fault(scene: Scene) -> None:
    scene.legacy.tables = {"ip_tables_names": ("filter",)}
    scene.legacy.chains = {"iptables-legacy": []}
    scene.legacy.refuse = "-I"
    scene.run(full=True)
    assert scene.chain.fault == "iptables-legacy -I DOCKER-USER -o cali+ -j ACCEPT failed"

    scene.legacy.refuse = ""
    scene.now = 1.0
    scene.run()
    assert scene.legacy.chains["iptables-legacy"] == [LEGACY_IN, LEGACY_OUT]


def test_unreadable_generation_is_a_fault() -> None:
    class Silent(FakeFilter):
        def generation(self) -> int:
            raise UnavailableError("the kernel does not answer")

    silent = Silent()
    chain = DockerUserChain(silent, silent, FakeLegacy())
    chain.complete(0.0)
    assert chain.fault == "the kernel does not answer"


def test_chains_are_found_with_whether_ours_come_first() -> None:
    nft, legacy = FakeFilter(), FakeLegacy()
    assert find_chains(nft, legacy) == {}

    nft.make("ip", IN, OUT, FOREIGN)
    nft.make("ip6")
    legacy.tables = {"ip_tables_names": ("nat", "filter"), "ip6_tables_names": ("filter",)}
    legacy.chains = {"iptables-legacy": ["-i cali+ -j ACCEPT", "-o cali+ -j ACCEPT", "-j RETURN"]}

    assert find_chains(nft, legacy) == {
        "ip filter DOCKER-USER": True,
        "ip6 filter DOCKER-USER": False,
        "DOCKER-USER of iptables-legacy": True,
    }
    assert nft.transactions == []


@pytest.mark.parametrize("texts", [(OUT, IN), (FOREIGN, IN, OUT), (IN,)])
def test_rules_in_another_place_are_not_first(texts: tuple[str, ...]) -> None:
    nft = FakeFilter()
    nft.make("ip", *texts)

    assert find_chains(nft, FakeLegacy()) == {"ip filter DOCKER-USER": False}
