"""Routes in the real kernel, as the ip command sees them."""

from dataclasses import replace

import pytest

from calico.linux.links import Links
from calico.linux.namespaces import Namespace
from calico.linux.routes import ROUTE_PROTOCOL, Route, Routes
from calico.model.errors import AlreadyExistsError, ApplyError, NotFoundError
from tests.functional.netns import Netns

pytestmark = pytest.mark.kernel

DEVICE_ROUTES = [Route("10.65.0.2/32", "cali0"), Route("fd00:65::2/128", "cali0")]
ALL_KINDS = [
    *DEVICE_ROUTES,
    Route("10.65.0.0/26", kind="blackhole"),
    Route("fd00:65::/122", kind="blackhole"),
    Route("10.66.0.0/16", "cali0", gateway="10.65.0.2", metric=50, protocol=4),
    Route("fd00:66::/64", "cali0", gateway="fd00:65::2", metric=50, protocol=4),
    Route("10.67.0.0/16", "cali0", source="192.0.2.1"),
    Route("0.0.0.0/0", "cali0", gateway="10.65.0.2"),
    Route("::/0", "cali0", gateway="fd00:65::2"),
    Route("10.68.0.0/16", kind="unreachable"),
    Route("fd00:68::/64", kind="prohibit"),
]


@pytest.fixture
def host(netns: Netns) -> Netns:
    with Links() as links:
        links.create_veth("cali0", "tmp0")
        links.update("tmp0", up=True)
    netns.run("ip", "address", "add", "192.0.2.1/32", "dev", "lo")
    return netns


def ours(routes: Routes) -> set[Route]:
    """What we did not get from the kernel itself (protocol 2)."""
    return {route for version in (4, 6) for route in routes.list(version) if route.protocol != 2}


def test_routes_are_as_the_ip_command_shows_them(host: Netns) -> None:
    with Routes() as routes:
        for route in DEVICE_ROUTES:
            routes.replace(route)

    (four,) = host.ip("-4", "route", "show", "proto", str(ROUTE_PROTOCOL))
    (six,) = host.ip("-6", "route", "show", "proto", str(ROUTE_PROTOCOL))
    assert (four["dst"], four["dev"], four["scope"]) == ("10.65.0.2", "cali0", "link")
    assert (six["dst"], six["dev"], six["metric"]) == ("fd00:65::2", "cali0", 1024)


def test_every_kind_of_route_is_listed_as_it_was_given_and_can_be_deleted(host: Netns) -> None:
    with Routes() as routes:
        for route in ALL_KINDS:
            routes.replace(route)
        assert ours(routes) == set(ALL_KINDS)

        for route in reversed(ALL_KINDS):
            routes.delete(route)
        assert ours(routes) == set()


def test_gateways_are_those_of_all_next_hops(host: Netns) -> None:
    host.run("ip", "address", "add", "10.65.0.1/24", "dev", "cali0")
    host.run("ip", "address", "add", "fd00:65::1/64", "dev", "cali0")
    host.run("ip", "route", "add", "default", "via", "10.65.0.2")
    hops = ("nexthop", "via", "10.65.0.3", "nexthop", "via", "10.65.0.4")
    host.run("ip", "route", "add", "10.66.0.0/16", *hops)
    host.run(
        "ip", "-6", "route", "add", "fd00:66::/64", "nexthop", "via", "fd00:65::3", "nexthop", "via", "fd00:65::4"
    )
    with Routes() as routes:
        assert routes.gateways(4) == {"10.65.0.2", "10.65.0.3", "10.65.0.4"}
        assert routes.gateways(6) == {"fd00:65::3", "fd00:65::4"}


def test_replacing_twice_changes_nothing(host: Netns) -> None:
    with Routes() as routes:
        for _ in range(2):
            assert set(routes.replace_all(ALL_KINDS)) == {None}
            assert ours(routes) == set(ALL_KINDS)


def test_route_moves_to_another_device_in_one_step(host: Netns) -> None:
    host.run("ip", "link", "set", "tmp0", "up")
    moved = [Route(route.destination, "tmp0") for route in DEVICE_ROUTES]
    with Routes() as routes:
        routes.replace_all(DEVICE_ROUTES)

        assert routes.replace_all(moved) == (None, None)
        assert ours(routes) == set(moved)


def test_adding_leaves_what_is_there(host: Netns) -> None:
    host.run("ip", "link", "set", "tmp0", "up")
    others = [Route(route.destination, "tmp0", protocol=4) for route in DEVICE_ROUTES]
    with Routes() as routes:
        assert set(routes.add_all(DEVICE_ROUTES)) == {None}
        assert ours(routes) == set(DEVICE_ROUTES)

        assert {type(outcome) for outcome in routes.add_all(others)} == {AlreadyExistsError}
        assert ours(routes) == set(DEVICE_ROUTES)


def test_lists_are_filtered(host: Netns) -> None:
    with Routes() as routes:
        routes.replace_all(ALL_KINDS)

        by_protocol = {route for version in (4, 6) for route in routes.list(version, protocol=4)}
        by_device = routes.list(4, device_prefix="cal")

        assert by_protocol == {route for route in ALL_KINDS if route.protocol == 4}
        assert set(by_device) == {r for r in ALL_KINDS if r.device and "." in r.destination}
        assert routes.list(4, device_prefix="eth") == ()


def test_deletion_spares_routes_that_are_not_the_same(host: Netns) -> None:
    strangers = Route("10.65.0.2/32", "cali0", protocol=4)
    with Routes() as routes:
        routes.replace(strangers)

        with pytest.raises(NotFoundError, match=r"cannot delete route 10\.65\.0\.2/32: no such process"):
            routes.delete(DEVICE_ROUTES[0])
        assert ours(routes) == {strangers}


def test_route_needs_a_device_that_is_there_and_up(host: Netns) -> None:
    with Routes() as routes:
        with pytest.raises(NotFoundError, match="cannot find interface cali9"):
            routes.replace(Route("10.65.0.3/32", "cali9"))

        host.run("ip", "link", "set", "cali0", "down")
        with pytest.raises(ApplyError, match="network is down"):
            routes.replace(DEVICE_ROUTES[0])


def test_other_tables_are_left_alone(host: Netns) -> None:
    host.run("ip", "route", "add", "10.77.0.0/16", "dev", "cali0", "table", "100")

    with Routes() as routes:
        assert ours(routes) == set()


def test_lookup_says_whether_there_is_a_way(host: Netns) -> None:
    with Routes() as routes:
        assert routes.get("10.65.0.2") is None
        assert routes.get("fd00:65::2") is None

        routes.replace_all([route for route in ALL_KINDS if not route.destination.endswith("/0")])

        there = routes.get("10.65.0.2")
        beyond = routes.get("10.66.3.4")
        local = routes.get("127.0.0.1")
        assert there is not None
        assert (there.device, there.gateway) == ("cali0", None)
        assert beyond is not None
        assert beyond.gateway == "10.65.0.2"
        assert local is not None
        assert (local.kind, local.device) == ("local", "lo")
        assert routes.get("fd00:65::2") is not None
        for dropped in ("10.65.0.9", "fd00:65::9", "10.68.0.1", "fd00:68::1", "203.0.113.1"):
            assert routes.get(dropped) is None


def test_thousands_of_routes_come_and_go_with_an_outcome_each(host: Netns) -> None:
    many = [Route(f"10.70.{n // 256}.{n % 256}/32", "cali0") for n in range(2000)]
    absent = Route("10.71.0.1/32", "cali0")
    with Routes() as routes:
        assert set(routes.replace_all(many)) == {None}
        assert set(routes.list(4, protocol=ROUTE_PROTOCOL)) == set(many)

        outcomes = routes.delete_all([*many[:1000], absent, *many[1000:]])

        assert isinstance(outcomes[1000], NotFoundError)
        assert set(outcomes[:1000] + outcomes[1001:]) == {None}
        assert ours(routes) == set()


def test_thousands_of_refusals_are_all_heard(host: Netns) -> None:
    unreachable = [Route(f"10.70.{n // 256}.{n % 256}/32", gateway="203.0.113.1") for n in range(2000)]
    with Routes() as routes:
        outcomes = routes.replace_all(unreachable)

        assert {type(outcome) for outcome in outcomes} == {ApplyError}
        assert "Nexthop has invalid gateway" in str(outcomes[-1])


def test_a_namespace_that_never_had_a_route_has_none(netns: Netns) -> None:
    with Namespace.new() as namespace, namespace.entered(), Routes() as routes:
        assert (routes.list(4), routes.list(6)) == ((), ())


def test_a_route_gets_another_metric_and_keeps_all_else(host: Netns) -> None:
    host.run("ip", "address", "add", "10.1.0.2/24", "dev", "cali0")
    host.run(
        "ip",
        "route",
        "add",
        "default",
        "via",
        "10.9.9.9",
        "dev",
        "cali0",
        "onlink",
        "src",
        "192.0.2.1",
        "mtu",
        "1400",
    )
    (before,) = host.ip("-4", "route", "show", "default")

    with Routes() as routes:
        (default,) = (route for route in routes.list(4) if route.destination == "0.0.0.0/0")
        routes.set_metric(default, 7)

    (after,) = host.ip("-4", "route", "show", "default")
    assert "onlink" in before["flags"]
    assert after == {**before, "metric": 7}


@pytest.mark.parametrize(("version", "subnet"), [("-4", "10.1.0.{}"), ("-6", "fd00:1::{}")])
def test_a_route_over_several_next_hops_keeps_them(host: Netns, version: str, subnet: str) -> None:
    hops = {subnet.format(8), subnet.format(9)}
    host.run("ip", "address", "add", subnet.format(2) + ("/24" if version == "-4" else "/64"), "dev", "cali0")
    words = [word for hop in hops for word in ("nexthop", "via", hop, "dev", "cali0")]
    host.run("ip", version, "route", "add", "default", "metric", "3", *words)

    with Routes() as routes:
        (default,) = (route for route in routes.list(int(version[1])) if route.destination.endswith("/0"))
        routes.set_metric(default, 1030)

    (after,) = host.ip(version, "route", "show", "default")
    assert after["metric"] == 1030
    assert {hop["gateway"] for hop in after["nexthops"]} == hops


@pytest.mark.parametrize(("destination", "low", "high"), [("0.0.0.0/0", 0, 5), ("::/0", 512, 0)])
def test_only_the_route_meant_gets_another_metric(host: Netns, destination: str, low: int, high: int) -> None:
    """A metric of 0 stands for the family's default: 0 in IPv4, 1024 in IPv6."""
    first, second = (Route(destination, "cali0", metric=metric) for metric in (low, high))
    with Routes() as routes:
        for route in (first, second):
            routes.replace(route)

        with pytest.raises(AlreadyExistsError):
            routes.set_metric(first, high or 1024)
        routes.set_metric(second, 2000)
        routes.set_metric(first, high or 1024)

        assert ours(routes) == {replace(first, metric=high), replace(second, metric=2000)}


def test_a_route_that_is_not_there_gets_no_metric(host: Netns) -> None:
    with Routes() as routes, pytest.raises(NotFoundError, match="cannot set the metric of route ::/0 to 9: there is"):
        routes.set_metric(Route("::/0", "cali0"), 9)
