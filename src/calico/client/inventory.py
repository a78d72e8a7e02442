"""What the datastore holds of the things that documents are about, taken in at once.

Nothing here reads or writes: the texts come in, and keys, revisions and documents are looked up in them.
"""

from __future__ import annotations

from functools import partial

from calico.client.documents import KINDS, EndpointDocument, PeerDocument, PoolDocument, ProfileDocument
from calico.client.names import Directory
from calico.client.networks import profiles_of
from calico.model.codec import decode
from calico.model.errors import ValidationError
from calico.model.keys import (
    BGP,
    CONFIG,
    DOCKER,
    HOSTS,
    NETWORKS,
    POOLS,
    PROFILES,
    BGPPeerKey,
    EndpointKey,
    NetworkKey,
    PoolKey,
    ProfileRulesKey,
    ProfileTagsKey,
    parse_key,
)
from calico.model.net import parse_address, parse_network
from calico.model.values import BGPPeer, DockerNetwork, Endpoint, IPPool, ProfileRules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import TypeVar

    from calico.client.documents import Document
    from calico.datastore.api import KeyValue
    from calico.model.keys import Key

    T = TypeVar("T")
    K = TypeVar("K", bound=Key)

_DIRECTORIES = {
    "profile": (PROFILES, DOCKER, NETWORKS),
    "pool": (POOLS, CONFIG),
    "bgp-peer": (BGP,),
    "endpoint": (HOSTS, PROFILES, DOCKER, NETWORKS),
}


def directories(kinds: Collection[str]) -> tuple[str, ...]:
    """What must be read of the datastore to know all about documents of these kinds."""
    return tuple(dict.fromkeys(path for kind in kinds for path in _DIRECTORIES[kind]))


class Inventory:
    """Keys of the datastore with their texts, as documents; ``names`` are those that Docker gave."""

    def __init__(self, found: Iterable[KeyValue]) -> None:
        self._found: dict[str, KeyValue] = {item.key: item for item in found}
        self.names = Directory(item for path, item in self._found.items() if path.startswith(f"{DOCKER}/"))
        self._keys: dict[type[Key], list[Key]] = {}
        for path in self._found:
            try:
                key = parse_key(path)
            except ValidationError:
                continue  # no document can be about a key with an illegal name in it
            if key is not None:
                self._keys.setdefault(type(key), []).append(key)

    def text(self, path: str) -> str | None:
        """The text at a key, ``None`` when there is none."""
        found = self._found.get(path)
        return None if found is None else found.value

    def revision(self, path: str) -> int:
        """When a key was last written; ``0`` when it does not exist."""
        found = self._found.get(path)
        return 0 if found is None else found.revision

    def below(self, directory: str) -> tuple[str, ...]:
        """All keys below a directory, known to us or not."""
        return tuple(path for path in self._found if path.startswith(directory + "/"))

    def keys(self, kind: type[K]) -> tuple[K, ...]:
        """All keys of one kind, whether their texts are valid or not."""
        return tuple(key for key in self._keys.get(kind, ()) if isinstance(key, kind))

    def value(self, key: Key, kind: type[T]) -> T | None:
        """The value at a key, ``None`` when there is none; :class:`ValidationError`, naming the key, when invalid."""
        text = self.text(key.path)
        if text is None:
            return None
        try:
            value = decode(key, text)
        except ValidationError as error:
            raise ValidationError(f"{key.path}: {error}") from None
        assert isinstance(value, kind)
        return value

    def readable(self, key: Key, kind: type[T]) -> T | None:
        """The value at a key; ``None`` also when it cannot be understood."""
        try:
            return self.value(key, kind)
        except ValidationError:
            return None

    def profile_names(self) -> set[str]:
        """The names of all profiles, valid or not."""
        names = {key.profile for key in self.keys(ProfileTagsKey)}
        return names | {key.profile for key in self.keys(ProfileRulesKey)}

    def network_profiles(self, network: str) -> tuple[str, ...]:
        """The profiles that the endpoints of a network get, by the network's Id."""
        found = self.readable(NetworkKey(network), DockerNetwork)
        return (network,) if found is None else profiles_of(found, network)

    def has_profile(self, name: str) -> bool:
        """Whether there is a profile of this name, valid or not."""
        return any(key.path in self._found for key in profile_keys(name))

    def profile(self, name: str) -> ProfileDocument | None:
        """A profile as a document; :class:`ValidationError` when a part of it is invalid or its rules are missing."""
        tags_key, rules_key = profile_keys(name)
        tags = self.value(tags_key, tuple)
        rules = self.value(rules_key, ProfileRules)
        if rules is None:
            if tags is None:
                return None
            raise ValidationError(f"{rules_key.path}: missing, so the profile drops everything")
        return ProfileDocument(name, tags or (), rules.inbound, rules.outbound)

    def pool(self, key: PoolKey) -> PoolDocument | None:
        """A pool as a document; :class:`ValidationError` when it is invalid."""
        pool = self.value(key, IPPool)
        return None if pool is None else PoolDocument(key.cidr, bool(pool.ipip), pool.masquerade, pool.ipam)

    def peer(self, key: BGPPeerKey) -> PeerDocument | None:
        """A BGP peer as a document; :class:`ValidationError` when it is invalid."""
        peer = self.value(key, BGPPeer)
        return None if peer is None else PeerDocument(key.address, peer.as_number, key.host)

    def endpoint(self, key: EndpointKey) -> EndpointDocument | None:
        """The profiles of an endpoint as a document; :class:`ValidationError` when it is invalid."""
        endpoint = self.value(key, Endpoint)
        return None if endpoint is None else endpoint_document(key, endpoint)

    def documents(self, kinds: Collection[str] = KINDS) -> tuple[tuple[Document, ...], tuple[str, ...]]:
        """Everything of these kinds, sorted, and a line about each thing that is no valid document."""
        documents: list[Document] = []
        faults: list[str] = []
        for read in [read for kind in kinds for read in self._readers(kind)]:
            try:
                document = read()
            except ValidationError as error:
                faults.append(str(error))
            else:
                documents += [document] if document is not None else []
        return tuple(documents), tuple(faults)

    def _readers(self, kind: str) -> Iterator[Callable[[], Document | None]]:
        """For each thing of a kind, in the order of printing, what makes it a document."""
        if kind == "profile":
            yield from (partial(self.profile, name) for name in sorted(self.profile_names()))
        elif kind == "pool":
            pools = sorted(self.keys(PoolKey), key=lambda key: parse_network(key.cidr))
            yield from (partial(self.pool, key) for key in pools)
        elif kind == "bgp-peer":
            peers = sorted(self.keys(BGPPeerKey), key=lambda key: (key.host, parse_address(key.address)))
            yield from (partial(self.peer, key) for key in peers)
        else:
            yield from (partial(self.endpoint, key) for key in sorted(self.keys(EndpointKey)))


def profile_keys(name: str) -> tuple[ProfileTagsKey, ProfileRulesKey]:
    """The two keys that a profile is made of."""
    return ProfileTagsKey(name), ProfileRulesKey(name)


def endpoint_document(key: EndpointKey, endpoint: Endpoint) -> EndpointDocument:
    """The profiles of an endpoint; a name that is listed again changes nothing and is left out."""
    status = {
        "state": endpoint.state,
        "interface": endpoint.name,
        "mac": endpoint.mac,
        "addresses": list(endpoint.nets),
    }
    profiles = tuple(dict.fromkeys(endpoint.profiles))
    return EndpointDocument(key.endpoint, profiles, key.host, key.orchestrator, key.workload, status)
