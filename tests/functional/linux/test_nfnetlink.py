"""What nf_tables of the real kernel says."""

from collections.abc import Callable

import pytest

from calico.linux.netlink import Lost
from calico.linux.nfnetlink import Chain, ChainPlace, NewGeneration, NfTables, NfTablesMonitor
from calico.model.errors import NotFoundError
from tests.functional.netns import Netns

pytestmark = pytest.mark.kernel

DOCKER = """
table ip filter {
    chain FORWARD { type filter hook forward priority 0; policy drop; jump DOCKER-USER; }
    chain DOCKER-USER { counter return; }
    chain EMPTY { }
}
"""
OURS = 'insert rule ip filter DOCKER-USER iifname "cali*" counter accept comment "calico: from endpoints"\n'


def test_generation_goes_up_with_each_transaction_and_only_then(netns: Netns) -> None:
    with NfTables() as tables:
        first = tables.generation()
        netns.run("nft", "list", "ruleset")
        assert tables.generation() == first

        netns.nft(DOCKER)
        assert tables.generation() == first + 1


def test_tables_and_chains_are_found(netns: Netns) -> None:
    netns.nft(DOCKER)

    with NfTables() as tables:
        assert tables.has_table("ip", "filter")
        assert not tables.has_table("ip6", "filter")
        assert tables.get_chain("ip", "filter", "FORWARD") == Chain("FORWARD", "drop")
        assert tables.get_chain("ip", "filter", "DOCKER-USER") == Chain("DOCKER-USER")
        for absent in (("ip", "filter", "NONE"), ("ip", "none", "FORWARD"), ("inet", "filter", "FORWARD")):
            with pytest.raises(NotFoundError, match="cannot find nft chain"):
                tables.get_chain(*absent)


def test_the_chains_of_everybody_are_listed(netns: Netns) -> None:
    netns.nft(DOCKER)
    netns.run("nft", "add table inet calico; add chain inet calico cali-forward-from")
    netns.run("nft", "add table netdev x; add chain netdev x y")

    with NfTables() as tables:
        assert set(tables.list_chains()) == {
            ChainPlace("ip", "filter", "FORWARD"),
            ChainPlace("ip", "filter", "DOCKER-USER"),
            ChainPlace("ip", "filter", "EMPTY"),
            ChainPlace("inet", "calico", "cali-forward-from"),
            ChainPlace("netdev", "x", "y"),
        }


def test_without_tables_there_are_no_chains(netns: Netns) -> None:
    with NfTables() as tables:
        assert tables.list_chains() == ()


def test_our_rule_is_found_by_its_comment_and_place(netns: Netns) -> None:
    netns.nft(DOCKER)
    with NfTables() as tables:
        (theirs,) = tables.list_rules("ip", "filter", "DOCKER-USER")
        netns.nft(OURS)

        first, second = tables.list_rules("ip", "filter", "DOCKER-USER")

        assert first.comment == "calico: from endpoints"
        assert second == theirs

        netns.nft("flush chain ip filter DOCKER-USER")
        assert tables.list_rules("ip", "filter", "DOCKER-USER") == ()
        assert len(tables.list_rules("ip", "filter", "FORWARD")) == 1
        assert tables.list_rules("ip", "filter", "EMPTY") == ()
        with pytest.raises(NotFoundError):
            tables.list_rules("ip", "filter", "NONE")


def test_handle_deletes_the_rule_it_belongs_to(netns: Netns) -> None:
    netns.nft(DOCKER + OURS)
    with NfTables() as tables:
        ours, theirs = tables.list_rules("ip", "filter", "DOCKER-USER")
        netns.nft(f"delete rule ip filter DOCKER-USER handle {ours.handle}")

        assert tables.list_rules("ip", "filter", "DOCKER-USER") == (theirs,)


def test_rules_of_iptables_are_read_too(netns: Netns) -> None:
    netns.run("iptables-nft", "-N", "DOCKER-USER")
    netns.run("iptables-nft", "-A", "DOCKER-USER", "-m", "comment", "--comment", "theirs", "-j", "RETURN")
    netns.nft(OURS)

    with NfTables() as tables:
        comments = [rule.comment for rule in tables.list_rules("ip", "filter", "DOCKER-USER")]

    assert comments == ["calico: from endpoints", None]


def test_long_chain_is_read_whole(netns: Netns) -> None:
    netns.nft(DOCKER + "".join(f'add rule ip filter EMPTY counter comment "number {n}"\n' for n in range(2000)))

    with NfTables() as tables:
        comments = [rule.comment for rule in tables.list_rules("ip", "filter", "EMPTY")]

    assert comments == [f"number {n}" for n in range(2000)]


def test_monitor_tells_each_generation_and_who_made_it(netns: Netns, make_netns: Callable[[], Netns]) -> None:
    with NfTables() as tables, NfTablesMonitor() as monitor:
        assert monitor.read() == ()
        netns.nft(DOCKER)
        netns.nft(OURS)
        make_netns().nft(DOCKER)

        first, second = monitor.read()

        assert isinstance(first, NewGeneration)
        assert isinstance(second, NewGeneration)
        assert second.generation == first.generation + 1 == tables.generation()
        assert first.process == "nft"
        assert first.thread not in (None, second.thread)


def test_large_transaction_does_not_overrun_the_monitor(netns: Netns) -> None:
    elements = ",".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(20_000))
    with NfTablesMonitor() as monitor:
        netns.nft(f"table ip t {{ set s {{ type ipv4_addr; elements = {{ {elements} }}; }}; }}")

        (event,) = monitor.read()

    assert not isinstance(event, Lost)
