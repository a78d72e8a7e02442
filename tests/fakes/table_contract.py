"""What a table must do, whichever library it writes through: run on the fake kernel and on the real one."""

from collections.abc import Callable
from typing import Protocol

import pytest

from calico.dataplane.nft.table import Library, NftTable
from calico.dataplane.nft.values import (
    INTERFACE,
    IPV4,
    IPV6,
    Accept,
    BaseChain,
    Chain,
    Drop,
    Goto,
    InterfaceMatch,
    Jump,
    MapSpec,
    Match,
    NftRule,
    PortMatch,
    ProtocolMatch,
    Return,
    SetMatch,
    SetSpec,
    SourceMatch,
    VerdictMap,
)
from calico.model.errors import ApplyError, NotFoundError


class Kernel(Protocol):
    """A kernel to test against: connections for tables, the hand of a stranger, and what the table looks like."""

    def library(self) -> Library: ...

    def stranger(self, commands: str) -> None: ...

    def listing(self) -> object: ...


def comparable(objects: list[dict[str, object]] | None) -> object:
    """A listing without handles; objects and elements sorted, the rules of a chain in their order."""
    if objects is None:
        return None
    bodies: list[str] = []
    rules: dict[str, list[str]] = {}
    for entry in objects:
        for kind, body in entry.items():
            assert isinstance(body, dict)
            body.pop("handle", None)
            if kind == "rule":
                rules.setdefault(str(body["chain"]), []).append(str(body))
                continue
            if isinstance(body.get("elem"), list):
                body["elem"] = sorted(map(str, body["elem"]))
            bodies.append(f"{kind} {body}")
    return sorted(bodies), rules


FORWARD = BaseChain("filter", "forward", -20)
TAG = SetSpec((IPV4,))
SOURCES = SetSpec((INTERFACE, IPV6))
POOLS = SetSpec((IPV4,), interval=True)
DISPATCH = MapSpec((INTERFACE,))
TCP_80: tuple[Match, ...] = (ProtocolMatch(6), PortMatch("destination", ((80, 80),)))


def rule(*matches: Match, drop: bool = False) -> NftRule:
    return NftRule(matches, Drop() if drop else Accept(), "in 1")


def fill(table: NftTable) -> None:
    """A small table with every kind of object and of reference."""
    table.set_chain(
        "cali-forward",
        Chain(
            (
                NftRule((InterfaceMatch("in", "cali", prefix=True, negated=True),), Accept()),
                NftRule((SourceMatch(6, "cali-src6"),), Accept()),
                NftRule((), VerdictMap("in", "cali-from"), "dispatch"),
                NftRule((SetMatch("source", 4, "cali-pools4", negated=True),), Drop(), "the rest"),
            ),
            FORWARD,
        ),
    )
    table.set_chain("cali-list", Chain((NftRule((), Jump("cali-web")), NftRule((), Drop()))))
    table.set_chain("cali-web", Chain((rule(SetMatch("source", 4, "cali-tag")), rule(*TCP_80))))
    table.set_set("cali-tag", TAG, ["10.0.0.1", "10.0.0.2"])
    table.set_set("cali-src6", SOURCES, [("cali1", "fd00::1")])
    table.set_set("cali-pools4", POOLS, ["10.0.0.0/16"])
    table.set_map("cali-from", DISPATCH, {"cali1": Jump("cali-list"), "cali2": Goto("cali-list"), "cali3": Drop()})


def add_chain(table: NftTable) -> None:
    table.set_chain("cali-more", Chain((rule(),)))
    table.change_map("cali-from", {"cali4": Jump("cali-more")}, [])


def change_rules(table: NftTable) -> None:
    table.set_chain("cali-web", Chain((rule(*TCP_80), rule(drop=True))))


def append_rule(table: NftTable) -> None:
    table.set_chain("cali-web", Chain((rule(SetMatch("source", 4, "cali-tag")), rule(*TCP_80), rule(drop=True))))


def empty_chain(table: NftTable) -> None:
    table.set_chain("cali-web", Chain())


def remove_chain_and_its_users(table: NftTable) -> None:
    table.set_map("cali-from", DISPATCH, {})
    table.remove_chain("cali-list")
    table.remove_chain("cali-web")
    table.remove_set("cali-tag")


def redirect(table: NftTable) -> None:
    table.change_map("cali-from", {"cali1": Drop(), "cali3": Accept(), "cali2": Return()}, [])


def move_elements(table: NftTable) -> None:
    table.change_elements("cali-tag", ["10.0.0.3"], ["10.0.0.1", "10.9.9.9"])
    table.change_elements("cali-src6", [("cali1", "fd00::2"), ("cali9", "fd00::9")], [("cali1", "fd00::1")])
    table.change_map("cali-from", {}, ["cali2", "cali7"])


def replace_elements(table: NftTable) -> None:
    table.set_set("cali-tag", TAG, ["10.0.0.2", "10.0.0.7"])
    table.set_set("cali-src6", SOURCES, [])


def widen_pools(table: NftTable) -> None:
    table.change_elements("cali-pools4", ["10.0.0.0/8", "10.1.0.0/16", "192.168.0.0/17", "192.168.128.0/17"], [])


def empty_pools(table: NftTable) -> None:
    table.change_elements("cali-pools4", [], ["10.0.0.0/16"])


def remove_map(table: NftTable) -> None:
    table.set_chain("cali-forward", Chain((), FORWARD))
    table.remove_map("cali-from")
    table.remove_set("cali-pools4")


def remove_and_set_again(table: NftTable) -> None:
    table.remove_set("cali-tag")
    table.remove_chain("cali-web")
    table.set_chain("cali-web", Chain((rule(SetMatch("source", 4, "cali-tag")), rule(*TCP_80))))
    table.set_set("cali-tag", TAG, ["10.0.0.2", "10.0.0.8"])


def change_hook(table: NftTable) -> None:
    table.set_chain(
        "cali-forward", Chain((NftRule((), VerdictMap("in", "cali-from")),), BaseChain("filter", "input", 5))
    )


def change_kind_of_set(table: NftTable) -> None:
    table.set_set("cali-tag", SetSpec((IPV4,), interval=True), ["10.0.0.0/24"])


CHANGES: list[Callable[[NftTable], None]] = [
    add_chain,
    change_rules,
    append_rule,
    empty_chain,
    remove_chain_and_its_users,
    redirect,
    move_elements,
    replace_elements,
    widen_pools,
    empty_pools,
    remove_map,
    remove_and_set_again,
    change_hook,
    change_kind_of_set,
]

DORMANT = "add table inet calico { flags dormant; }"
FOREIGN_MAP = """\
add map inet calico cali-foreign { type ifname : verdict; }
add chain inet calico cali-x
add element inet calico cali-foreign { "cali6" : jump cali-x }"""
OTHER_HOOK = """\
delete table inet calico
add table inet calico
add chain inet calico cali-forward { type filter hook input priority 7; policy accept; }"""

# What a stranger did, and a word of the line that must report it.
EDITS = [
    ("flush chain inet calico cali-web", "chain cali-web"),
    ("insert rule inet calico cali-web accept", "chain cali-web"),
    ('add rule inet calico cali-list accept comment "mine"', "chain cali-list"),
    ("add rule inet calico cali-forward drop", "chain cali-forward"),
    ("delete element inet calico cali-tag { 10.0.0.1 }", "set cali-tag"),
    ("add element inet calico cali-tag { 10.6.6.6 }", "set cali-tag"),
    ("flush set inet calico cali-src6", "set cali-src6"),
    ('add element inet calico cali-src6 { "cali6" . fd00::6 }', "set cali-src6"),
    ('delete element inet calico cali-from { "cali1" }', "set cali-from"),
    (
        'delete element inet calico cali-from { "cali1" }\nadd element inet calico cali-from { "cali1" : accept }',
        "astray",
    ),
    ('add element inet calico cali-from { "cali6" : goto cali-web }', "set cali-from"),
    ("add element inet calico cali-pools4 { 192.168.0.0/16 }", "set cali-pools4"),
    ("flush set inet calico cali-pools4", "set cali-pools4"),
    ("add chain inet calico cali-foreign\nadd rule inet calico cali-foreign jump cali-web", "leftover"),
    ("add set inet calico cali-foreign { type ipv6_addr; }", "leftover"),
    ("add map inet calico cali-foreign { type ifname : verdict; }", "leftover"),
    (FOREIGN_MAP, "leftover"),
    ("add set inet calico foreign { type inet_service; }", "leftover"),
    ("add chain inet calico cali-foreign { type filter hook output priority 3; policy accept; }", "leftover"),
    ("add chain inet calico cali-forward { type filter hook forward priority -20; policy drop; }", "made anew"),
    (DORMANT, "made anew"),
    ("delete table inet calico", "does not exist"),
    ("delete table inet calico\nadd table inet calico", "missing"),
    (OTHER_HOOK, "made anew"),
    (
        "delete table inet calico\nadd table inet calico\nadd set inet calico cali-tag { type ipv6_addr; }",
        "made anew",
    ),
]


class TableContract:
    """The suite; a subclass gives the fixture ``kernel``."""

    @pytest.fixture
    def table(self, kernel: Kernel) -> NftTable:
        table = NftTable(kernel.library())
        fill(table)
        table.apply()
        return table

    def test_writes_all_of_it_once(self, kernel: Kernel) -> None:
        table = NftTable(kernel.library())
        fill(table)

        assert table.apply() is True
        assert table.apply() is False
        assert table.resync() == []
        assert table.apply() is False

    def test_same_again_is_nothing(self, table: NftTable) -> None:
        fill(table)

        assert table.apply() is False

    @pytest.mark.parametrize("change", CHANGES)
    def test_change_reaches_the_kernel_and_reverts(
        self, kernel: Kernel, table: NftTable, change: Callable[[NftTable], None]
    ) -> None:
        before = kernel.listing()

        change(table)
        assert table.apply() is True
        assert kernel.listing() != before
        assert table.resync() == []

        fill(table)
        if change is add_chain:
            table.remove_chain("cali-more")
        assert table.apply() is True
        assert kernel.listing() == before
        assert table.resync() == []

    @pytest.mark.parametrize("change", CHANGES)
    def test_change_and_revert_before_apply_is_nothing(
        self, table: NftTable, change: Callable[[NftTable], None]
    ) -> None:
        change(table)
        fill(table)
        table.remove_chain("cali-more")

        assert table.apply() is False

    def test_every_change_in_one_transaction(self, kernel: Kernel, table: NftTable) -> None:
        for change in (append_rule, move_elements, redirect, widen_pools, add_chain):
            change(table)

        assert table.apply() is True
        assert table.resync() == []

    @pytest.mark.parametrize(("edit", "word"), EDITS)
    def test_edit_of_a_stranger_is_found_and_repaired(
        self, kernel: Kernel, table: NftTable, edit: str, word: str
    ) -> None:
        before = kernel.listing()
        kernel.stranger(edit)

        found = table.resync()
        assert any(word in line for line in found), found
        assert table.apply() is True
        assert kernel.listing() == before
        assert table.resync() == []

    @pytest.mark.parametrize(("edit", "word"), EDITS)
    def test_next_agent_takes_over_what_a_stranger_left(
        self, kernel: Kernel, table: NftTable, edit: str, word: str
    ) -> None:
        before = kernel.listing()
        kernel.stranger(edit)

        heir = NftTable(kernel.library())
        fill(heir)
        assert heir.apply() is True
        assert kernel.listing() == before

    def test_next_agent_writes_nothing_when_all_is_as_desired(self, kernel: Kernel, table: NftTable) -> None:
        heir = NftTable(kernel.library())
        fill(heir)

        assert heir.resync() == []
        assert heir.apply() is False

    @pytest.mark.parametrize("change", CHANGES)
    def test_next_agent_may_want_something_else(
        self, kernel: Kernel, table: NftTable, change: Callable[[NftTable], None]
    ) -> None:
        heir = NftTable(kernel.library())
        fill(heir)
        change(heir)

        assert heir.resync() != []
        assert heir.apply() is True
        assert heir.resync() == []

    def test_refused_transaction_changes_nothing_and_is_tried_again(self, kernel: Kernel, table: NftTable) -> None:
        before = kernel.listing()
        move_elements(table)
        table.set_chain("cali-web", Chain((NftRule((), Jump("cali-nowhere")),)))

        with pytest.raises(ApplyError, match="No such file or directory"):
            table.apply()
        assert kernel.listing() == before

        table.set_chain("cali-nowhere", Chain((rule(),)))
        assert table.apply() is True
        assert table.resync() == []

    def test_chain_in_use_cannot_go(self, kernel: Kernel, table: NftTable) -> None:
        before = kernel.listing()
        table.remove_chain("cali-list")

        with pytest.raises(ApplyError):
            table.apply()
        assert kernel.listing() == before

    def test_recovers_by_itself_when_a_stranger_took_what_it_wants_to_change(
        self, kernel: Kernel, table: NftTable
    ) -> None:
        kernel.stranger("delete element inet calico cali-tag { 10.0.0.1 }")
        move_elements(table)

        with pytest.raises(ApplyError):
            table.apply()
        assert table.apply() is True
        assert table.resync() == []

    def test_elements_of_a_set_that_was_never_set(self, table: NftTable) -> None:
        with pytest.raises(NotFoundError, match="cali-none"):
            table.change_elements("cali-none", ["10.0.0.1"], [])
        with pytest.raises(NotFoundError, match="cali-none"):
            table.change_map("cali-none", {"cali1": Drop()}, [])

    def test_removing_what_never_was(self, table: NftTable) -> None:
        table.remove_chain("cali-none")
        table.remove_set("cali-none")
        table.remove_map("cali-none")

        assert table.apply() is False
