"""The plugin's time for one attachment, against the netlink calls that nobody can do without."""

import time
from collections.abc import Iterator

from bench.measure import Result, Samples, Turn, alternate
from bench.plugin import Plugin, attached, network
from calico.dataplane.managers.settings import write_interface
from calico.linux.links import Links
from calico.linux.routes import Route, Routes
from calico.linux.sysctl import Sysctl

_NUMBER = 0xFFFFFF
_SETTLE = 0.05
"""Seconds in which the agent ends what it does after an answer: the next turn shall not pay for it."""
_BARE = "bench0"
_BARE_ROUTE = "198.51.100.1/32"


def measure(quick: bool) -> Iterator[Result]:
    """With no other endpoint on the host, and with many."""
    with network() as profile:
        for others in (0, 20 if quick else 200):
            with attached(profile, range(others)):
                yield from _measure(profile, others, 10 if quick else 80)


def _measure(profile: str, others: int, rounds: int) -> Iterator[Result]:
    with Plugin() as plugin, Links() as links, Routes() as routes:
        samples = alternate([_through_plugin(plugin, profile), _bare(links, routes)], rounds)
    for verb, against in (("attach", "bare veth, settings, route"), ("detach", "bare deletion of the veth")):
        name = f"plugin, {verb}, {others} other endpoints"
        yield Result(name, samples.median(verb), against, samples.median(f"bare {verb}"))


def _through_plugin(plugin: Plugin, profile: str) -> Turn:
    def turn(samples: Samples) -> None:
        time.sleep(_SETTLE)
        with samples.time("attach"):
            attachment = plugin.attach(profile, _NUMBER)
        with samples.time("detach"):
            plugin.detach(attachment)

    return turn


def _bare(links: Links, routes: Routes) -> Turn:
    settings = Sysctl()

    def turn(samples: Samples) -> None:
        time.sleep(_SETTLE)
        with samples.time("bare attach"):
            links.create_veth(_BARE, f"{_BARE}-peer")
            write_interface(settings, _BARE)
            routes.replace(Route(_BARE_ROUTE, _BARE))
        with samples.time("bare detach"):
            links.delete(_BARE)

    return turn
