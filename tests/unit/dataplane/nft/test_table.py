"""The table against a kernel in memory: which transactions it makes."""

import re

import pytest

from calico.dataplane.nft.table import NftTable
from calico.dataplane.nft.values import Chain, Drop, Jump, NftRule
from calico.model.errors import ApplyError, UnavailableError, ValidationError
from tests.fakes.nft import FakeNft
from tests.fakes.table_contract import TableContract, append_rule, comparable, fill, move_elements, rule


class MemoryKernel:
    """The fake kernel as the contract wants it."""

    def __init__(self) -> None:
        self.nft = FakeNft()

    def library(self) -> FakeNft:
        return self.nft

    def stranger(self, commands: str) -> None:
        self.nft.run(commands)

    def listing(self) -> object:
        return comparable(self.nft.list_table("inet", "calico"))


@pytest.fixture
def kernel() -> MemoryKernel:
    return MemoryKernel()


class TestTableInMemory(TableContract):
    """The contract."""


@pytest.fixture
def table(kernel: MemoryKernel) -> NftTable:
    table = NftTable(kernel.nft)
    fill(table)
    table.apply()
    kernel.nft.transactions.clear()
    return table


def test_one_element_is_one_command(kernel: MemoryKernel, table: NftTable) -> None:
    table.change_elements("cali-tag", ["10.0.0.9"], [])
    table.apply()

    assert kernel.nft.transactions == ["add element inet calico cali-tag { 10.0.0.9 }\n"]


def test_a_redirected_interface_is_replaced_in_one_transaction(kernel: MemoryKernel, table: NftTable) -> None:
    table.change_map("cali-from", {"cali1": Drop()}, [])
    table.apply()

    assert kernel.nft.transactions == [
        'delete element inet calico cali-from { "cali1" }\nadd element inet calico cali-from { "cali1" : drop }\n'
    ]


def test_only_the_changed_chain_is_written(kernel: MemoryKernel, table: NftTable) -> None:
    append_rule(table)
    table.apply()

    (transaction,) = kernel.nft.transactions
    assert set(re.findall(r"cali-(?:forward|list|web)", transaction)) == {"cali-web"}


def test_normal_path_never_reads_the_kernel(kernel: MemoryKernel, table: NftTable) -> None:
    listings = kernel.nft.listings
    move_elements(table)
    append_rule(table)
    table.apply()
    table.apply()

    assert kernel.nft.listings == listings


def test_every_change_is_one_transaction(kernel: MemoryKernel, table: NftTable) -> None:
    move_elements(table)
    append_rule(table)
    table.set_chain("cali-web", Chain((rule(),)))
    table.set_chain("cali-web", Chain((rule(), rule())))
    table.apply()

    (transaction,) = kernel.nft.transactions
    assert transaction.count("flush chain inet calico cali-web") == 1
    assert transaction.count("add rule") == 2


def test_same_rules_in_another_order_are_a_change(kernel: MemoryKernel, table: NftTable) -> None:
    table.set_chain("cali-web", Chain((rule(), rule(drop=True))))
    table.apply()
    table.set_chain("cali-web", Chain((rule(drop=True), rule())))

    assert table.apply() is True


def test_nothing_is_committed_when_the_kernel_refuses(kernel: MemoryKernel, table: NftTable) -> None:
    move_elements(table)
    kernel.nft.refuse_next("out of memory")

    with pytest.raises(ApplyError, match="out of memory"):
        table.apply()
    assert table.apply() is True
    first, second = kernel.nft.transactions
    assert sorted(first.splitlines()) == sorted(second.splitlines())


def test_the_first_transaction_may_be_refused(kernel: MemoryKernel) -> None:
    table = NftTable(kernel.nft)
    fill(table)
    kernel.nft.refuse_next("busy")

    with pytest.raises(ApplyError):
        table.apply()
    assert kernel.listing() is None
    assert table.apply() is True
    assert table.resync() == []


def test_a_kernel_that_cannot_be_read_is_not_written(kernel: MemoryKernel) -> None:
    class Unreadable(FakeNft):
        def list_table(self, family: str, name: str) -> list[dict[str, object]] | None:
            raise UnavailableError("no answer")

    nft = Unreadable()
    table = NftTable(nft)
    fill(table)

    with pytest.raises(UnavailableError):
        table.apply()
    assert nft.transactions == []


def test_a_name_that_is_not_ours_never_reaches_the_kernel(kernel: MemoryKernel, table: NftTable) -> None:
    table.set_chain("cali-web", Chain((NftRule((), Jump("x; flush ruleset")),)))

    with pytest.raises(ValidationError):
        table.apply()
    assert kernel.nft.transactions == []


def test_large_sets_are_written_in_lines_of_bounded_length(kernel: MemoryKernel, table: NftTable) -> None:
    table.change_elements("cali-tag", [f"10.1.{i // 250}.{i % 250}" for i in range(2500)], [])
    table.apply()

    (transaction,) = kernel.nft.transactions
    assert transaction.count("add element") == 3
    assert table.resync() == []
