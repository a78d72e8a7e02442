"""Default routes that step back for another one, and forward again when that cannot be set."""

from collections.abc import Sequence

import pytest

from calico.client.ways_out import WaysOut, stepped_back
from calico.linux.routes import DEFAULT_METRIC, Route
from calico.model.errors import AlreadyExistsError, NotFoundError, UnavailableError

GATEWAYS = {4: "169.254.1.1", 6: "fe80::ecee:eeff:fe00:1"}
DESTINATION = {4: "0.0.0.0/0", 6: "::/0"}


class FakeRoutes:
    """A table in memory; the change whose number, from 1, is ``fail_at`` fails."""

    def __init__(self, routes: Sequence[Route] = ()) -> None:
        self.routes = list(routes)
        self.changes = 0
        self.fail_at: int | None = None

    def list(self, version: int) -> tuple[Route, ...]:
        return tuple(route for route in self.routes if (":" in route.destination) == (version == 6))

    def replace(self, route: Route) -> None:
        self._change()
        self.routes = [one for one in self.routes if self._place(one) != self._place(route)] + [route]

    def delete(self, route: Route) -> None:
        if route not in self.routes:
            raise NotFoundError("no such route")
        self._change()
        self.routes.remove(route)

    def set_metric(self, route: Route, metric: int) -> None:
        if route not in self.routes:
            raise NotFoundError("no such route")
        default = DEFAULT_METRIC[6 if ":" in route.destination else 4]
        moved = Route(route.destination, route.device, route.gateway, metric=0 if metric == default else metric)
        if self._place(moved) in map(self._place, self.routes):
            raise AlreadyExistsError(f"metric {metric} is taken")
        self._change()
        self.routes[self.routes.index(route)] = moved

    def _change(self) -> None:
        self.changes += 1
        if self.changes == self.fail_at:
            raise UnavailableError("the kernel is busy")

    def _place(self, route: Route) -> tuple[str, int]:
        return route.destination, route.metric


def defaults(version: int, *metrics: int) -> list[Route]:
    return [Route(DESTINATION[version], "eth0", "10.0.0.1", metric=metric) for metric in metrics]


@pytest.mark.parametrize(
    ("version", "metrics", "moves"),
    [
        (4, [], []),
        (4, [0], [(0, 1)]),
        (4, [5], []),
        (4, [2, 0, 1], [(2, 3), (1, 2), (0, 1)]),
        (4, [2, 0], [(0, 1)]),
        (4, [2**32 - 1, 0], [(0, 1)]),
        (6, [0], [(0, 1025)]),
        (6, [3000, 0, 10], [(0, 1026), (10, 1025)]),
        (6, [1025, 1], [(1025, 1026), (1, 1025)]),
    ],
)
def test_no_more_steps_back_than_must(version: int, metrics: list[int], moves: list[tuple[int, int]]) -> None:
    found = stepped_back(defaults(version, *metrics), version)

    assert [(route.metric, metric) for route, metric in found] == moves


@pytest.mark.parametrize("version", [4, 6])
def test_the_way_out_is_taken_and_given_back(version: int) -> None:
    routes = FakeRoutes(defaults(version, 0, 7))
    ways = WaysOut(routes)
    assert ways.connected(version) is None

    for _ in range(2):
        ways.prefer("eth1", version)

        assert ways.connected(version) == "eth1"
        found = {(route.metric, route.device) for route in routes.routes if route.destination.endswith("/0")}
        assert found == {(0, "eth1"), (1 if version == 4 else 1025, "eth0"), (7 if version == 4 else 1026, "eth0")}
    for _ in range(2):
        ways.withdraw("eth1", version)
    assert {route.device for route in routes.routes} == {"eth0"}


@pytest.mark.parametrize("version", [4, 6])
def test_a_failure_leaves_all_as_it_was(version: int) -> None:
    before = defaults(version, 0, 1 if version == 4 else 1025, 4000)
    whole = FakeRoutes(before)
    WaysOut(whole).prefer("eth1", version)
    assert whole.changes == 4

    for fail_at in range(1, whole.changes + 1):
        routes = FakeRoutes(before)
        routes.fail_at = fail_at

        with pytest.raises(UnavailableError, match="the kernel is busy"):
            WaysOut(routes).prefer("eth1", version)

        assert sorted(route.metric for route in routes.routes) == sorted(route.metric for route in before)
        assert {route.device for route in routes.routes} == {"eth0"}
