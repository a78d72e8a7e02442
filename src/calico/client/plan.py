"""From documents and what the datastore holds to the writes that make them agree. Nothing is read or written here.

change   what is to happen to one thing: created, changed, deleted, or nothing because it is so already
reads    the keys on which a change was decided; a commit that depends on them cannot undo what somebody else did
"""

from __future__ import annotations

from calico.client.documents import (
    EndpointDocument,
    PeerDocument,
    PoolDocument,
    ProfileDocument,
)
from calico.client.inventory import endpoint_document, profile_keys
from calico.client.meaning import resolve
from calico.client.place import fault
from calico.client.pools import TUNNEL
from calico.datastore.api import Delete, Put
from calico.datastore.request import MAX_BYTES, MAX_OPERATIONS
from calico.ipam.pools import check_overlap, check_size
from calico.model.codec import encode
from calico.model.errors import CalicoError, ValidationError
from calico.model.keys import PROFILES, BGPPeerKey, ConfigKey, EndpointKey, PoolKey
from calico.model.net import parse_network
from calico.model.record import record, replace
from calico.model.values import NO_EXTRA, BGPPeer, Endpoint, IPPool, ProfileRules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeVar

    from calico.client.documents import Document
    from calico.client.inventory import Inventory
    from calico.model.keys import Key

    K = TypeVar("K", bound=Key)

CREATED = "created"
CHANGED = "changed"
UNCHANGED = "unchanged"
DELETED = "deleted"
ABSENT = "absent"

_TUNNELS = ConfigKey("IpInIpEnabled")


@record
class Change:
    """What is to happen to the thing that ``document`` is about; ``label`` is what the file calls it.

    ``before`` and ``after`` are the thing as a document, ``None`` where it does not exist; ``before`` is ``None`` too
    when what is stored cannot be understood.
    """

    document: Document
    action: str
    before: Document | None
    after: Document | None
    writes: tuple[Put | Delete, ...] = ()
    reads: tuple[str, ...] = ()
    label: str = ""


@record
class Plan:
    """The changes for a whole file, in its order, for one transaction."""

    changes: tuple[Change, ...]

    @property
    def effective(self) -> tuple[Change, ...]:
        """The changes that write something."""
        return tuple(change for change in self.changes if change.writes)

    @property
    def writes(self) -> tuple[Put | Delete, ...]:
        """All writes, each key once."""
        return tuple({write.key: write for change in self.effective for write in change.writes}.values())

    def guards(self) -> tuple[str, ...]:
        """The keys that the commit is to depend on: those of effective changes, then others while there is room."""
        needed = [path for change in self.effective for path in change.reads]
        others = [path for change in self.changes for path in change.reads]
        needed_once = tuple(dict.fromkeys(needed))
        everything = tuple(dict.fromkeys(needed + others))
        return everything[: max(MAX_OPERATIONS - 2, len(needed_once))]

    def check_limits(self, *, reserved: int = 0, recorded: bool = False) -> None:
        """Raise :class:`ValidationError` that says where to split the file when one transaction cannot take it all.

        ``reserved`` operations are used for other purposes; ``recorded`` changes keep what was there before.
        """
        keys: set[str] = set()
        size = 0
        for change in self.effective:
            keys.update(change.reads)
            size += sum(len(write.key) + _length(write) for write in change.writes) * (2 if recorded else 1)
            if len(keys) > MAX_OPERATIONS - reserved or size > MAX_BYTES:
                place = change.document.place()
                raise ValidationError(
                    f"{place}: one transaction takes {MAX_OPERATIONS - reserved} keys and {MAX_BYTES} bytes, and the "
                    f"changes up to here need more: split the file before line {place.line}, and apply the first "
                    "part first"
                )


def plan_apply(documents: Sequence[Document], inventory: Inventory) -> Plan:
    """How to make everything as the documents say; what they do not mention stays.

    Raises :class:`ValidationError` with a place when a document cannot be so: an endpoint or a profile that does
    not exist, a pool that overlaps with another one.
    """
    return _plan(documents, _Apply(resolve(documents, inventory), inventory).changes())


def plan_delete(documents: Sequence[Document], inventory: Inventory, *, unused: bool = True) -> Plan:
    """How to remove the profiles, pools and peers that the documents name, and to take their profiles off endpoints.

    Raises :class:`ValidationError` for a profile that other endpoints use, unless ``unused`` is false.
    """
    return _plan(documents, _Removal(resolve(documents, inventory), inventory, unused=unused).changes())


def _plan(documents: Sequence[Document], changes: Iterable[Change]) -> Plan:
    """The changes, one for each document, under the names that the file has for things."""
    return Plan(
        tuple(replace(change, label=document.label) for document, change in zip(documents, changes, strict=True))
    )


class _Apply:
    """Plans documents one by one; knows the whole file, because documents may refer to each other."""

    def __init__(self, documents: Sequence[Document], inventory: Inventory) -> None:
        self._documents = documents
        self._inventory = inventory
        self._profiles = {document.name for document in documents if isinstance(document, ProfileDocument)}
        self._pools = [key.cidr for key in inventory.keys(PoolKey) if inventory.readable(key, IPPool)]
        self._pools += [document.cidr for document in documents if isinstance(document, PoolDocument)]
        self._endpoints = _Endpoints(inventory)

    def changes(self) -> Iterator[Change]:
        for document in self._documents:
            if isinstance(document, ProfileDocument):
                yield self._profile(document)
            elif isinstance(document, PoolDocument):
                yield self._pool(document)
            elif isinstance(document, PeerDocument):
                yield self._peer(document)
            elif isinstance(document, EndpointDocument):
                yield self._endpoint(document)

    def _profile(self, document: ProfileDocument) -> Change:
        tags_key, rules_key = profile_keys(document.name)
        tags = self._inventory.readable(tags_key, tuple)
        rules = self._inventory.readable(rules_key, ProfileRules)
        exists = self._inventory.has_profile(document.name)
        writes = []
        no_tags_wanted = exists and not document.tags and not self._inventory.revision(tags_key.path)
        if tags != document.tags and not no_tags_wanted:
            writes.append(_put(tags_key, document.tags))
        if rules is None or (rules.inbound, rules.outbound) != (document.inbound, document.outbound):
            extra = rules.extra if rules else NO_EXTRA
            writes.append(_put(rules_key, ProfileRules(document.inbound, document.outbound, extra)))
        before = _understood(lambda: self._inventory.profile(document.name))
        return _change(document, before, writes, [tags_key.path, rules_key.path], exists=exists)

    def _pool(self, document: PoolDocument) -> Change:
        key = PoolKey(document.cidr)
        present = self._inventory.readable(key, IPPool)
        before = _understood(lambda: self._inventory.pool(key))
        exists = bool(self._inventory.revision(key.path))
        if before == document:
            return _change(document, before, [], [key.path], exists=exists)
        self._check_pool(document)
        device = ((present.ipip if present else None) or TUNNEL) if document.ipip else None
        extra = present.extra if present else NO_EXTRA
        writes = [_put(key, IPPool(key.cidr, device, document.masquerade, document.ipam, extra))]
        reads = [key.path]
        if document.ipip and self._inventory.readable(_TUNNELS, str) != "true":
            writes.append(_put(_TUNNELS, "true"))
            reads.append(_TUNNELS.path)
        return _change(document, before, writes, reads, exists=exists)

    def _check_pool(self, document: PoolDocument) -> None:
        network = parse_network(document.cidr)
        try:
            if document.ipip and network.version == 6:
                raise ValidationError("IP in IP not supported for IPv6 pools")
            if document.ipam:
                check_size(network)
            check_overlap(network, map(parse_network, self._pools))
        except CalicoError as error:
            fault(document.place("cidr"), str(error))

    def _peer(self, document: PeerDocument) -> Change:
        key = BGPPeerKey(document.host, document.address)
        present = self._inventory.readable(key, BGPPeer)
        before = _understood(lambda: self._inventory.peer(key))
        extra = present.extra if present else NO_EXTRA
        writes = [] if before == document else [_put(key, BGPPeer(key.address, document.as_number, extra))]
        return _change(document, before, writes, [key.path], exists=bool(self._inventory.revision(key.path)))

    def _endpoint(self, document: EndpointDocument) -> Change:
        key, endpoint = self._endpoints.require(document)
        before = endpoint_document(key, endpoint)
        after = replace(before, profiles=document.profiles, marks=document.marks)
        reads = [key.path]
        writes = []
        if after != before:
            reads += self._references(document)
            writes.append(_put(key, replace(endpoint, profiles=document.profiles)))
        return _change(after, before, writes, reads, exists=True)

    def _references(self, document: EndpointDocument) -> list[str]:
        """The keys that say that the listed profiles exist; those that the file itself has need none."""
        paths = []
        for index, name in enumerate(document.profiles):
            if name in self._profiles:
                continue
            present = [key.path for key in profile_keys(name) if self._inventory.revision(key.path)]
            if not present:
                fault(document.place(f"profiles[{index}]"), f"Profile with name {name} was not found.")
            paths.append(present[-1])
        return paths


class _Removal:
    """Plans the end of what documents name."""

    def __init__(self, documents: Sequence[Document], inventory: Inventory, *, unused: bool) -> None:
        self._documents = documents
        self._inventory = inventory
        self._unused = unused
        self._endpoints = _Endpoints(inventory)
        self._lists: dict[EndpointKey, tuple[str, ...]] = {}

    def changes(self) -> Iterator[Change]:
        # Endpoints come first: a profile that they are about to lose is not in use by them.
        changes = {
            index: self._endpoint(document)
            for index, document in enumerate(self._documents)
            if isinstance(document, EndpointDocument)
        }
        for index, document in enumerate(self._documents):
            if isinstance(document, ProfileDocument):
                changes[index] = self._profile(document)
            elif isinstance(document, PoolDocument):
                changes[index] = self._single(document, PoolKey(document.cidr), self._inventory.pool)
            elif isinstance(document, PeerDocument):
                changes[index] = self._single(
                    document, BGPPeerKey(document.host, document.address), self._inventory.peer
                )
        return (changes[index] for index in sorted(changes))

    def _endpoint(self, document: EndpointDocument) -> Change:
        found = self._endpoints.find(document)
        if found is None:
            return Change(document, ABSENT, None, None)
        key, endpoint = found
        before = endpoint_document(key, endpoint)
        after = replace(before, profiles=tuple(name for name in before.profiles if name not in document.profiles))
        after = replace(after, marks=document.marks)
        self._lists[key] = after.profiles
        writes = [] if after == before else [_put(key, replace(endpoint, profiles=after.profiles))]
        return _change(after, before, writes, [key.path], exists=True)

    def _profile(self, document: ProfileDocument) -> Change:
        if not self._inventory.has_profile(document.name):
            return Change(document, ABSENT, None, None, reads=tuple(key.path for key in profile_keys(document.name)))
        user = self._user(document.name) if self._unused else None
        if user is not None:
            fault(
                document.place(),
                f"profile {document.name} is in use by endpoint {user.endpoint} of host {user.host}; take it off "
                "its endpoints first, or use --no-check",
            )
        paths = self._inventory.below(f"{PROFILES}/{document.name}")
        before = _understood(lambda: self._inventory.profile(document.name))
        return Change(document, DELETED, before, None, tuple(map(Delete, paths)), paths)

    def _user(self, profile: str) -> EndpointKey | None:
        """An endpoint that will still list the profile."""
        for key in sorted(self._inventory.keys(EndpointKey)):
            endpoint = self._inventory.readable(key, Endpoint)
            if endpoint is not None and profile in self._lists.get(key, endpoint.profiles):
                return key
        return None

    def _single(self, document: Document, key: K, read: Callable[[K], Document | None]) -> Change:
        if not self._inventory.revision(key.path):
            return Change(document, ABSENT, None, None, reads=(key.path,))
        return Change(document, DELETED, _understood(lambda: read(key)), None, (Delete(key.path),), (key.path,))


class _Endpoints:
    """Finds the endpoints that documents mean, each at most once."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._seen: dict[EndpointKey, Document] = {}

    def require(self, document: EndpointDocument) -> tuple[EndpointKey, Endpoint]:
        """The endpoint that the document means, which must exist and be valid."""
        found = self.find(document)
        if found is None:
            fault(document.place("name"), f"Endpoint {document.name} is unknown to Calico.")
        return found

    def find(self, document: EndpointDocument) -> tuple[EndpointKey, Endpoint] | None:
        """The endpoint that the document means, which has all its owners by now; ``None`` when there is none."""
        key = EndpointKey(document.host, document.orchestrator, document.workload, document.name)
        if not self._inventory.revision(key.path):
            return None
        first = self._seen.setdefault(key, document)
        if first is not document:
            line = first.place().line
            fault(document.place(), f"{document.label} stands here a second time; first in line {line}")
        try:
            endpoint = self._inventory.value(key, Endpoint)
        except ValidationError as error:
            fault(document.place(), f"the endpoint cannot be understood: {error}")
        return None if endpoint is None else (key, endpoint)


def _change(
    document: Document,
    before: Document | None,
    writes: Sequence[Put],
    reads: Iterable[str],
    *,
    exists: bool,
) -> Change:
    action = UNCHANGED if not writes else CHANGED if exists else CREATED
    return Change(document, action, before, document, tuple(writes), tuple(reads))


def _put(key: Key, value: object) -> Put:
    return Put(key.path, encode(key, value))


def _length(write: Put | Delete) -> int:
    return len(write.value.encode()) if isinstance(write, Put) else 0


def _understood(read: Callable[[], Document | None]) -> Document | None:
    """What is stored, as a document; ``None`` when it cannot be understood, for then it is only to be replaced."""
    try:
        return read()
    except ValidationError:
        return None
