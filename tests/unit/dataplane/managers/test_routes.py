"""Claims and links in any order: the routes follow from where both stand, however they came there."""

import random

import pytest

from calico.dataplane.managers.routes import EndpointRoutes
from calico.linux.routes import Route
from calico.model.errors import ApplyError
from tests.fakes.router import FakeRouter

NAMES = ("cali0", "cali1", "cali2")
DESTINATIONS = tuple(f"10.0.0.{number}/32" for number in range(4))


@pytest.mark.parametrize("seed", range(20))
def test_any_history_ends_with_the_routes_of_its_last_state(seed: int) -> None:
    chance = random.Random(seed)
    router = FakeRouter()
    routes = EndpointRoutes(router.routes)
    claims: dict[str, dict[str, None]] = {destination: {} for destination in DESTINATIONS}
    for _ in range(60):
        name = chance.choice(NAMES)
        match chance.choice(("claim", "link", "settle", "look")):
            case "claim":
                wanted = frozenset(chance.sample(DESTINATIONS, k=chance.randint(0, 2)))
                routes.claim(name, wanted)
                for destination, claimants in claims.items():
                    if destination not in wanted:
                        claimants.pop(name, None)
                    else:
                        claimants.setdefault(name)
            case "link" if name in router.links.all:
                router.remove_link(name)
                routes.on_link(name, up=False)
            case "link":
                router.add_link(name)
                routes.on_link(name, up=True)
            case "settle":
                assert not any(routes.settle().values())
            case "look":
                assert not any(routes.settle().values())
                assert routes.look((4, 6)) == []
    routes.settle()

    expected = {
        destination: up[-1]
        for destination, claimants in claims.items()
        if (up := [name for name in claimants if name in router.links.all])
    }
    assert router.routes.ours == expected
    for name in NAMES:
        elsewhere = [d for d, claimants in claims.items() if name in claimants and expected.get(d, name) != name]
        assert bool(routes.obstacle(name)) == bool(elsewhere)
    router.close()


def test_route_that_cannot_be_deleted_is_found_by_the_next_look(caplog: pytest.LogCaptureFixture) -> None:
    router = FakeRouter()
    routes = EndpointRoutes(router.routes)
    router.add_link("cali0")
    routes.on_link("cali0", up=True)
    routes.claim("cali0", frozenset(DESTINATIONS[:1]))
    routes.settle()

    router.routes.faults[DESTINATIONS[0]] = ApplyError("the kernel said no")
    routes.claim("cali0", frozenset())
    routes.settle()
    assert "the kernel said no" in caplog.text
    assert Route(DESTINATIONS[0], "cali0") in router.routes.all

    router.routes.faults.clear()
    assert routes.look((4,)) == [f"route {DESTINATIONS[0]} by cali0 was stale, is gone"]
    assert router.routes.all == set()
    router.close()


def test_route_of_somebody_else_stays_and_is_named() -> None:
    router = FakeRouter()
    routes = EndpointRoutes(router.routes)
    router.add_link("eth0")
    router.add_link("cali0")
    stranger = Route(DESTINATIONS[0], "eth0", protocol=4)
    router.routes.all.add(stranger)
    routes.on_link("cali0", up=True)
    routes.claim("cali0", frozenset(DESTINATIONS[:2]))

    fault = routes.settle()["cali0"]

    assert f"the host has another route to {DESTINATIONS[0]}: give the container another address" in str(fault)
    assert router.routes.all == {stranger, Route(DESTINATIONS[1], "cali0")}

    router.routes.all.discard(stranger)
    assert routes.settle() == {"cali0": None}
    assert router.routes.ours == dict.fromkeys(DESTINATIONS[:2], "cali0")
    router.close()


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        (Route("10.0.0.0/32", "eth0", kind="local", protocol=2), "10.0.0.0/32 is an address of this host itself"),
        (Route("0.0.0.0/0", "eth0", gateway="10.0.0.0", protocol=16), "10.0.0.0/32 is a gateway of this host"),
        (Route("10.9.0.0/16", "eth0", gateway="10.0.0.0", metric=100), "10.0.0.0/32 is a gateway of this host"),
    ],
)
@pytest.mark.parametrize("link", [Route("10.0.0.0/24", "eth0", protocol=2)])
def test_address_that_the_host_needs_is_not_routed_away(route: Route, reason: str, link: Route) -> None:
    router = FakeRouter()
    routes = EndpointRoutes(router.routes)
    router.add_link("eth0")
    router.add_link("cali0")
    router.routes.all |= {link, route}
    routes.on_link("cali0", up=True)
    routes.claim("cali0", frozenset(DESTINATIONS[:2]))

    fault = routes.settle()["cali0"]

    assert str(fault) == (
        f"{reason}: give the container another address, of a pool that overlaps no network of this host"
    )
    assert router.routes.all == {link, route, Route(DESTINATIONS[1], "cali0")}

    router.routes.all.discard(route)
    assert routes.settle() == {"cali0": None}
    assert router.routes.ours == dict.fromkeys(DESTINATIONS[:2], "cali0")
    router.close()


def test_route_that_the_kernel_kept_is_taken_over() -> None:
    router = FakeRouter()
    routes = EndpointRoutes(router.routes)
    router.add_link("cali0")
    router.add_link("cali1")
    routes.on_link("cali0", up=True)
    router.routes.all.add(Route(DESTINATIONS[0], "cali1"))
    routes.claim("cali0", frozenset(DESTINATIONS[:1]))

    assert routes.settle() == {"cali0": None}

    assert router.routes.ours == {DESTINATIONS[0]: "cali0"}
    router.close()
