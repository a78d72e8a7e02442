"""Endpoints: finding them by what is known of their owners, and the ordered list of profiles of each."""

from __future__ import annotations

import time

from calico.client.profiles import profile_exists
from calico.client.store import Clock, Store, Transaction, entries
from calico.datastore.api import DEFAULT_TIMEOUT, Datastore
from calico.model.errors import AlreadyExistsError, NotFoundError, ValidationError
from calico.model.keys import EndpointKey, endpoints_path
from calico.model.record import replace
from calico.model.values import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Found = tuple[EndpointKey, Endpoint]

SEVERAL = (
    "More than 1 endpoint matches the provided criteria.  Please provide additional parameters to refine the search."
)


class Endpoints:
    """All endpoints of the datastore, of all hosts.

    Filters match exactly; an empty one matches everything. As little is read as the filters allow: one host's
    endpoints when the host is given, and so on down the path.
    """

    def __init__(
        self, datastore: Datastore, timeout: float = DEFAULT_TIMEOUT, *, clock: Clock = time.monotonic
    ) -> None:
        self._store = Store(datastore, timeout, clock=clock)

    def list(
        self, *, host: str = "", orchestrator: str = "", workload: str = "", endpoint: str = ""
    ) -> tuple[Found, ...]:
        """The endpoints that match all filters, in the order of their keys; invalid ones are left out."""
        wanted = EndpointKey(host, orchestrator, workload, endpoint)
        return self._store.run(lambda transaction: _matching(transaction, wanted))

    def find(self, *, host: str = "", orchestrator: str = "", workload: str = "", endpoint: str = "") -> Found:
        """The one endpoint that matches all filters.

        Raises :class:`NotFoundError` when none does and :class:`ValidationError` when several do.
        """
        found = self.list(host=host, orchestrator=orchestrator, workload=workload, endpoint=endpoint)
        if not found:
            raise _unknown(endpoint)
        if len(found) > 1:
            raise ValidationError(SEVERAL)
        return found[0]

    def get(self, key: EndpointKey) -> Endpoint:
        """The endpoint at ``key``; :class:`NotFoundError` when there is none."""
        return self._store.run(lambda transaction: _require(transaction, key))

    def create(self, key: EndpointKey, endpoint: Endpoint) -> None:
        """Write a new endpoint; :class:`AlreadyExistsError`, and no change, when there is one."""

        def write(transaction: Transaction) -> None:
            if transaction.exists(key):
                raise AlreadyExistsError(f"Endpoint {key.endpoint} already exists.")
            transaction.put(key, endpoint)

        self._store.run(write)

    def update(self, key: EndpointKey, change: Callable[[Endpoint], Endpoint]) -> Endpoint:
        """Replace an endpoint by what ``change`` makes of it, and give that.

        ``change`` may be called more than once. Raises :class:`NotFoundError` when there is no endpoint.
        """

        def write(transaction: Transaction) -> Endpoint:
            before = _require(transaction, key)
            after = change(before)
            if after != before:
                transaction.put(key, after)
            return after

        return self._store.run(write)

    def delete(self, key: EndpointKey) -> bool:
        """Remove an endpoint, whatever its text; whether there was one."""

        def write(transaction: Transaction) -> bool:
            if not transaction.exists(key):
                return False
            transaction.delete(key)
            return True

        return self._store.run(write)

    def append_profiles(self, key: EndpointKey, names: Sequence[str]) -> bool:
        """Put profiles at the end of the list, in the order given; ``False`` when all are in it already.

        Raises :class:`NotFoundError` for a profile that does not exist and :class:`ValidationError` for one
        that is named twice, or in the list when others are not; then nothing has changed.
        """

        def write(transaction: Transaction) -> bool:
            _check_profiles(transaction, names)
            endpoint = _require(transaction, key)
            present = [name for name in endpoint.profiles if name in names]
            if present and len(present) == len(names):
                return False
            if present:
                raise ValidationError(f"Profile {present[0]} is already in endpoint profile list")
            transaction.put(key, replace(endpoint, profiles=endpoint.profiles + tuple(names)))
            return True

        return self._store.run(write)

    def remove_profiles(self, key: EndpointKey, names: Sequence[str]) -> bool:
        """Take profiles out of the list; ``False`` when none of them is in it.

        A listed profile can be removed after it was deleted. Raises :class:`NotFoundError` for a profile that
        neither exists nor is listed and :class:`ValidationError` for one that is named twice, or not in the
        list when others are; then nothing has changed.
        """

        def write(transaction: Transaction) -> bool:
            endpoint = _require(transaction, key)
            _check_profiles(transaction, names, known=endpoint.profiles)
            absent = [name for name in names if name not in endpoint.profiles]
            if len(absent) == len(names):
                return False
            if absent:
                raise ValidationError(f"Profile {absent[0]} is not in endpoint profile list.")
            rest = tuple(name for name in endpoint.profiles if name not in names)
            transaction.put(key, replace(endpoint, profiles=rest))
            return True

        return self._store.run(write)

    def set_profiles(self, key: EndpointKey, names: Sequence[str]) -> None:
        """Make the list exactly ``names``; an endpoint without profiles sends and receives nothing.

        Raises :class:`NotFoundError` for a profile that does not exist and :class:`ValidationError` for one
        that is named twice; then nothing has changed.
        """

        def write(transaction: Transaction) -> None:
            _check_profiles(transaction, names)
            endpoint = _require(transaction, key)
            transaction.put(key, replace(endpoint, profiles=tuple(names)))

        self._store.run(write)


def _unknown(endpoint: str) -> NotFoundError:
    return NotFoundError(f"Endpoint {endpoint} is unknown to Calico.")


def _require(transaction: Transaction, key: EndpointKey) -> Endpoint:
    endpoint = transaction.get(key, Endpoint)
    if endpoint is None:
        raise _unknown(key.endpoint)
    return endpoint


def _matching(transaction: Transaction, wanted: EndpointKey) -> tuple[Found, ...]:
    filters = (wanted.host, wanted.orchestrator, wanted.workload, wanted.endpoint)
    if not all("/" not in text and text.isprintable() for text in filters):
        return ()  # no key can have it as a part
    if all(filters):
        single = transaction.peek(wanted, Endpoint)
        return () if single is None else ((wanted, single.value),)
    directory = endpoints_path(wanted.host, wanted.orchestrator, wanted.workload)
    last = f"/{wanted.endpoint}" if wanted.endpoint else ""
    # Only what may match is worth the time that decoding takes.
    found = entries((item for item in transaction.raw(directory) if item.key.endswith(last)), EndpointKey, Endpoint)
    return tuple((entry.key, entry.value) for entry in found if _matches(entry.key, wanted))


def _matches(key: EndpointKey, wanted: EndpointKey) -> bool:
    return (
        wanted.host in ("", key.host)
        and wanted.orchestrator in ("", key.orchestrator)
        and wanted.workload in ("", key.workload)
        and wanted.endpoint in ("", key.endpoint)
    )


def _check_profiles(transaction: Transaction, names: Sequence[str], known: Sequence[str] = ()) -> None:
    """Each name must be that of a profile, or be ``known`` anyway, and appear once."""
    for index, name in enumerate(names):
        if name not in known and not profile_exists(transaction, name):
            raise NotFoundError(f"Profile with name {name} was not found.")
        if name in names[:index]:
            raise ValidationError(f"Profile with name {name} was specified more than once.")
