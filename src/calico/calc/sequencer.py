"""In which order the host is told."""

from collections.abc import Callable
from operator import attrgetter

from calico.calc.pending import Pending, PendingIPSets
from calico.model.keys import EndpointKey
from calico.updates import (
    EndpointRemove,
    EndpointUpdate,
    Flushed,
    HostConfigUpdate,
    PoolRemove,
    PoolUpdate,
    ProfileRemove,
    ProfileUpdate,
    Update,
)


class Sequencer:
    """Gathers what the nodes say and gives it out as :mod:`calico.updates` promises.

    Every object is told at most once per flush, only when it differs from what was told last, and in an order in
    which nothing ever refers to a thing that is not there. Leaves it to the :class:`~calico.calc.gate.Gate` when
    to flush at all. Costs what changed since the flush before.
    """

    def __init__(self, members_of: Callable[[str], frozenset[str]]) -> None:
        """``members_of`` gives the addresses of a tag as they are when it is asked."""
        self.ip_sets = PendingIPSets(members_of)
        self._config = Pending[None, HostConfigUpdate](_stays)
        self._pools = Pending[str, PoolUpdate](PoolRemove)
        self._profiles = Pending[str, ProfileUpdate](ProfileRemove)
        self._endpoints = Pending[EndpointKey, EndpointUpdate](EndpointRemove, slot=attrgetter("endpoint.name"))
        self._revision: int | None = None

    def on_config(self, update: HostConfigUpdate) -> None:
        """The host's settings should be these."""
        self._config.put(None, update)

    def on_pool(self, update: PoolUpdate | PoolRemove) -> None:
        """A pool should be there like this, or should not be there."""
        if isinstance(update, PoolUpdate):
            self._pools.put(update.pool.cidr, update)
        else:
            self._pools.drop(update.cidr)

    def on_profile(self, update: ProfileUpdate | ProfileRemove) -> None:
        """A profile should be there like this, or should not be there."""
        if isinstance(update, ProfileUpdate):
            self._profiles.put(update.name, update)
        else:
            self._profiles.drop(update.name)

    def on_endpoint(self, update: EndpointUpdate | EndpointRemove) -> None:
        """An endpoint should be there like this, or should not be there."""
        if isinstance(update, EndpointUpdate):
            self._endpoints.put(update.key, update)
        else:
            self._endpoints.drop(update.key)

    def flush(self, revision: int) -> list[Update]:
        """What differs since the last flush, ended by ``Flushed``; empty when nothing has moved."""
        kinds = (self._config, self._pools, self.ip_sets, self._profiles, self._endpoints)
        config, pools, ip_sets, profiles, endpoints = (kind.take() for kind in kinds)
        updates = [
            *config.updates,
            *pools.updates,
            *ip_sets.updates,
            *profiles.updates,
            # An endpoint refers to others and nobody refers to it: it may go first, and gives its interface up.
            *endpoints.removals,
            *endpoints.updates,
            *profiles.removals,
            *ip_sets.removals,
            *pools.removals,
        ]
        if updates or revision != self._revision:
            self._revision = revision
            updates.append(Flushed(revision, in_sync=True))
        return updates


def _stays(_identity: None) -> Update:
    raise AssertionError("the settings of the host are never removed")
