"""Recording what Docker calls things, so that commands on any host can use these names.

    description   what an engine's API says about a container, a network or an event: JSON, a stranger's text
    container     the part of a description that matters here (:class:`Container`)
    record        what the datastore keeps of it: :class:`~calico.model.values.ContainerName` or
                  :class:`~calico.model.values.NetworkName`, below the host whose engine said so

Recorded are the networks of our driver, and the containers that are attached to one of them or have an endpoint
that ``calicoctl container add`` made. Reading and deciding are pure; :class:`Naming` writes the difference.
"""

from __future__ import annotations

from functools import partial

from calico.client.store import WRITES
from calico.model.codec import decode
from calico.model.errors import ValidationError
from calico.model.keys import (
    BY_HAND,
    ContainerNameKey,
    EndpointKey,
    Key,
    NetworkNameKey,
    container_names_path,
    endpoints_path,
    network_names_path,
)
from calico.model.names import is_name, is_network_name, validate_name
from calico.model.record import record, replace
from calico.model.values import ContainerName, Endpoint, NetworkName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from calico.client.store import Store, Transaction

    Json = object
    Record = ContainerName | NetworkName

DRIVER = "calico"
PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"


@record
class Container:
    """A container as its engine describes it.

    ``attachments`` pairs the Id of each network with the endpoint id there, which is empty while the container
    does not run. ``name``, ``project`` and ``service`` are empty when there is none that could be typed again.
    """

    identity: str
    name: str
    project: str
    service: str
    attachments: tuple[tuple[str, str], ...]


@record
class Touched:
    """What an event is about; empty texts mean "none".

    A ``container`` must be looked at again; the ``network`` is now called ``network_name``, or ``gone``.
    """

    container: str = ""
    network: str = ""
    network_name: str = ""
    gone: bool = False


def read_container(description: Json) -> Container:
    """Read one entry of ``GET /containers/json`` or the answer to ``GET /containers/<id>/json``.

    Raises :class:`ValidationError` when it has no id; other strange parts of it count as absent.
    """
    fields = _fields(description)
    labels = _fields(_fields(fields.get("Config")).get("Labels") or fields.get("Labels"))
    networks = _fields(_fields(fields.get("NetworkSettings")).get("Networks"))
    attachments = [_attachment(attached) for attached in networks.values()]
    return Container(
        identity=validate_name(fields.get("Id"), "container"),
        name=_own_name(fields),
        project=_plain(labels.get(PROJECT_LABEL)),
        service=_plain(labels.get(SERVICE_LABEL)),
        attachments=tuple(sorted(pair for pair in attachments if pair[0])),
    )


def read_containers(descriptions: Json) -> tuple[Container, ...]:
    """Read the answer to ``GET /containers/json``; entries that cannot be understood are left out."""
    found = []
    for description in descriptions if isinstance(descriptions, list) else ():
        try:
            found.append(read_container(description))
        except ValidationError:
            continue  # nothing could be recorded without an id
    return tuple(found)


def read_networks(descriptions: Json) -> dict[str, str]:
    """Read the answer to ``GET /networks``: the networks of our driver, their names by Id."""
    found = {}
    for description in descriptions if isinstance(descriptions, list) else ():
        fields = _fields(description)
        identity, name = _plain(fields.get("Id")), fields.get("Name")
        if identity and fields.get("Driver") == DRIVER:
            found[identity] = name if isinstance(name, str) else ""
    return found


def read_event(description: Json) -> Touched:
    """Read one line of ``GET /events``."""
    fields = _fields(description)
    actor = _fields(fields.get("Actor"))
    identity, attributes = _plain(actor.get("ID")), _fields(actor.get("Attributes"))
    if fields.get("Type") == "container":
        return Touched(container=identity)
    if fields.get("Type") != "network" or attributes.get("type") != DRIVER:
        return Touched()
    name = attributes.get("name")
    return Touched(
        container=_plain(attributes.get("container")),
        network=identity,
        network_name=name if isinstance(name, str) else "",
        gone=fields.get("Action") == "destroy",
    )


def container_record(container: Container, networks: Collection[str], *, by_hand: bool) -> ContainerName | None:
    """What to keep of a container, ``None`` when it does not concern us.

    ``networks`` are the Ids of our driver's networks; ``by_hand`` says that ``container add`` gave it an endpoint.
    """
    ours = [(endpoint, network) for network, endpoint in container.attachments if network in networks]
    if not ours and not by_hand:
        return None
    endpoints = tuple(sorted(pair for pair in ours if pair[0]))
    return ContainerName(container.name, container.project, container.service, endpoints)


def network_record(name: str) -> NetworkName | None:
    """What to keep of a network, ``None`` when its name is not fit to be printed and typed."""
    return NetworkName(name) if is_network_name(name) else None


class Naming:
    """The records of one host, brought in line with what its engine says. Other hosts' records are not touched."""

    def __init__(self, store: Store, host: str) -> None:
        self.host = host
        self._store = store

    def sync(self, containers: Iterable[Container], networks: Mapping[str, str]) -> None:
        """Make the records those of exactly these containers and networks; ``networks`` are names by Id."""
        by_hand = self._workloads()
        wanted: dict[Key, Record] = {}
        for container in containers:
            kept = container_record(container, networks, by_hand=container.identity in by_hand)
            if kept is not None:
                wanted[ContainerNameKey(self.host, container.identity)] = kept
        for identity, name in networks.items():
            network = network_record(name)
            if network is not None:
                wanted[NetworkNameKey(self.host, identity)] = network
        changes = self._changes(wanted)
        for start in range(0, len(changes), WRITES):
            self._store.run(partial(_write_all, changes=changes[start : start + WRITES]))

    def update_container(self, identity: str, container: Container | None, networks: Collection[str]) -> None:
        """Make the record of one container what ``container`` (``None``: it is gone) says now."""
        key = ContainerNameKey(self.host, identity)

        def write(transaction: Transaction) -> None:
            wanted = None
            if container is not None:
                endpoints = transaction.list(endpoints_path(self.host, BY_HAND, identity), EndpointKey, Endpoint)
                wanted = container_record(container, networks, by_hand=any(True for _ in endpoints))
            _settle(transaction, key, wanted)

        self._store.run(write)

    def update_network(self, identity: str, name: str | None) -> None:
        """Make the record of one network what ``name`` (``None``: it is gone) says now."""
        wanted = None if name is None else network_record(name)
        self._store.run(lambda transaction: _settle(transaction, NetworkNameKey(self.host, identity), wanted))

    def _workloads(self) -> frozenset[str]:
        """The ids of containers whose endpoints were made by hand."""
        found = self._store.list(endpoints_path(self.host, BY_HAND), EndpointKey, Endpoint)
        return frozenset(entry.key.workload for entry in found)

    def _changes(self, wanted: Mapping[Key, Record]) -> list[tuple[str, Key | None, Record | None]]:
        """What has to be written where: a record at its key, or nothing any more at a path."""
        present = {
            item.key: item.value
            for directory in (container_names_path(self.host), network_names_path(self.host))
            for item in self._store.raw(directory)
        }
        changes: list[tuple[str, Key | None, Record | None]] = []
        for key, value in wanted.items():
            before = _understood(key, present.pop(key.path, None))
            after = _extended(value, before)
            if after != before:
                changes.append((key.path, key, after))
        return changes + [(path, None, None) for path in present]


def _write_all(transaction: Transaction, changes: Iterable[tuple[str, Key | None, Record | None]]) -> None:
    for path, key, value in changes:
        if key is None:
            transaction.delete_path(path)
        else:
            transaction.put(key, value)


def _settle(transaction: Transaction, key: Key, wanted: Record | None) -> None:
    """Write or delete one record, unless it says so already; the commit depends on what was there."""
    if wanted is None:
        if transaction.exists(key):
            transaction.delete(key)
        return
    try:
        before = transaction.get(key, type(wanted))
    except ValidationError:
        before = None  # what cannot be understood is written anew
    after = _extended(wanted, before)
    if after != before:
        transaction.put(key, after)


def _extended(value: Record, before: Record | None) -> Record:
    """``value`` with the fields that we do not know of the one before."""
    return value if before is None else replace(value, extra=before.extra)


def _understood(key: Key, text: str | None) -> Record | None:
    try:
        value = None if text is None else decode(key, text)
    except ValidationError:
        return None
    assert value is None or isinstance(value, (ContainerName, NetworkName))
    return value


def _own_name(fields: Mapping[str, Json]) -> str:
    """The container's name without Docker's slash; names with another slash are links of other containers."""
    names = fields.get("Names")
    for name in names if isinstance(names, list) else [fields.get("Name")]:
        if isinstance(name, str) and _plain(name.removeprefix("/")):
            return name.removeprefix("/")
    return ""


def _attachment(attached: Json) -> tuple[str, str]:
    fields = _fields(attached)
    return _plain(fields.get("NetworkID")), _plain(fields.get("EndpointID"))


def _fields(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _plain(value: Json) -> str:
    """A name or id; empty when it is anything else."""
    return value if isinstance(value, str) and is_name(value) else ""
