"""The table against the kernel, in a network namespace of its own."""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from calico.dataplane.nft.library import NftLibrary
from calico.dataplane.nft.table import NftTable
from calico.dataplane.nft.values import Accept, Chain, NftRule
from calico.linux.namespaces import Namespace
from calico.model.errors import ApplyError, UnavailableError
from tests.fakes.table_contract import TableContract, append_rule, comparable, fill, move_elements, rule

NAMESPACE = f"cali-test-nft-{os.getpid()}"


class RealKernel:
    """Libraries whose sockets belong to the test's namespace; a stranger is another connection to it."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._stack = ExitStack()
        self._stranger = self.library()

    def library(self) -> NftLibrary:
        with self._namespace.entered():
            library = NftLibrary()
        self._stack.callback(library.close)
        return library

    def stranger(self, commands: str) -> None:
        self._stranger.run(commands)

    def objects(self) -> list[dict[str, object]]:
        return self._stranger.list_table("inet", "calico") or []

    def listing(self) -> object:
        return comparable(self._stranger.list_table("inet", "calico"))

    def close(self) -> None:
        self._stranger.run("add table inet calico\ndelete table inet calico\n")
        self._stack.close()


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    try:
        with Namespace(f"/run/netns/{NAMESPACE}") as namespace:
            yield namespace
    finally:
        subprocess.run(["ip", "netns", "del", NAMESPACE], check=True)


@pytest.fixture
def kernel(namespace: Namespace) -> Iterator[RealKernel]:
    kernel = RealKernel(namespace)
    yield kernel
    kernel.close()


class TestTableInKernel(TableContract):
    """The contract."""


@pytest.fixture
def table(kernel: RealKernel) -> NftTable:
    table = NftTable(kernel.library())
    fill(table)
    table.apply()
    return table


def test_a_deleted_rule_is_put_back(kernel: RealKernel, table: NftTable) -> None:
    before = kernel.listing()
    rules = [entry["rule"] for entry in kernel.objects() if "rule" in entry]
    first = next(body for body in rules if isinstance(body, dict) and body["chain"] == "cali-web")
    kernel.stranger(f"delete rule inet calico cali-web handle {first['handle']}")

    assert table.resync() == ["chain cali-web does not hold our rules"]
    assert table.apply() is True
    assert kernel.listing() == before


@pytest.mark.parametrize(
    "edit",
    [
        'add element inet calico cali-tag { 10.0.0.77 comment "mine" }',
        "add element inet calico cali-pools4 { 172.16.0.1-172.16.0.9 }",
        "add counter inet calico mine",
        "add set inet calico mine { type ipv4_addr; flags timeout; }",
        "add map inet calico mine { type ipv4_addr : ipv4_addr; }",
        "add chain inet calico MINE",
    ],
)
def test_what_we_never_write_is_removed(kernel: RealKernel, table: NftTable, edit: str) -> None:
    before = kernel.listing()
    kernel.stranger(edit)

    assert len(table.resync()) == 1
    assert table.apply() is True
    assert kernel.listing() == before


def test_the_table_of_another_namespace_is_not_ours(kernel: RealKernel, table: NftTable) -> None:
    library = NftLibrary()
    try:
        assert library.list_table("inet", "calico-of-nobody") is None
    finally:
        library.close()
    assert kernel.listing() is not None


def test_refusals_are_one_line_that_names_the_command(kernel: RealKernel) -> None:
    library = kernel.library()

    with pytest.raises(ApplyError) as refusal:
        library.run("add table inet calico\nadd chain inet calico x\nflush chain inet calico nowhere\n")
    assert "No such file or directory" in str(refusal.value)
    assert "flush chain inet calico nowhere" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    with pytest.raises(ApplyError, match="syntax error"):
        library.run("add nonsense\n")
    assert kernel.listing() is None


def test_a_closed_library_says_so(kernel: RealKernel) -> None:
    library = kernel.library()
    library.close()
    library.close()

    with pytest.raises(UnavailableError, match="closed"):
        library.run("add table inet calico\n")


def test_threads_may_use_a_library_each(kernel: RealKernel, table: NftTable) -> None:
    libraries = [kernel.library() for _ in range(2)]

    def write_and_list(number: int) -> int:
        library = libraries[number]
        for _ in range(100):
            library.run(f"add set inet calico x{number} {{ type ipv4_addr; }}\ndelete set inet calico x{number}\n")
            assert library.list_table("inet", "calico")
        return number

    with ThreadPoolExecutor() as threads:
        assert list(threads.map(write_and_list, range(2))) == [0, 1]


def test_a_large_table_is_read_back_without_a_difference(kernel: RealKernel, table: NftTable) -> None:
    for number in range(300):
        table.set_chain(f"cali-c{number}", Chain(tuple(rule(drop=index % 2 == 0) for index in range(10))))
    table.set_chain("cali-c0", Chain(tuple(NftRule((), Accept(), f"in {index}") for index in range(1000))))
    append_rule(table)
    move_elements(table)

    assert table.apply() is True
    assert table.resync() == []
