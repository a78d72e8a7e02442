"""What people call endpoints, profiles and networks, and which one they mean.

    endpoint   is called by its id, by its container's name or id, by ``project/service`` of Compose, or by one of
               its addresses; ``@NETWORK`` behind any of these leaves only endpoints on that network
    profile    is called by its name, or by the name of the Docker network that it is the only profile of
    beginning  at least four characters of an id or of a profile's name, when nothing else begins with them

What is called so exactly goes before what only begins so, and an endpoint's or a profile's own id before all else.
Nothing is guessed: several that are called the same are an :class:`~calico.model.errors.AmbiguousError` with a line
for each.
"""

from __future__ import annotations

import time

from calico.client.endpoints import SEVERAL, Endpoints
from calico.client.networks import profiles_of
from calico.client.profiles import Profiles
from calico.client.store import Clock, Store, entries
from calico.datastore.api import DEFAULT_TIMEOUT, Datastore
from calico.model.errors import AmbiguousError, NotFoundError, ValidationError
from calico.model.keys import BY_HAND, DOCKER, PROFILES, ContainerNameKey, NetworkKey, NetworkNameKey, ProfileTagsKey
from calico.model.names import is_name, is_network_name
from calico.model.net import address_of, canonical_address
from calico.model.record import record
from calico.model.spelling import nearest
from calico.model.values import ContainerName, DockerNetwork, NetworkName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from calico.client.endpoints import Found
    from calico.datastore.api import KeyValue
    from calico.model.keys import EndpointKey

SHORTEST_BEGINNING = 4
"""Characters. Fewer are a slip of the hand rather than somebody's choice."""

MOST_CANDIDATES = 20
"""Lines that a person still reads."""

_SHORT_ID = 12
_NETWORK_MARK = "@"


@record
class EndpointNames:
    """What is known of an endpoint beside itself; texts are empty where nothing is.

    ``container`` and ``network`` are ids, ``name`` and ``network_name`` what Docker calls these.
    """

    container: str = ""
    name: str = ""
    project: str = ""
    service: str = ""
    network: str = ""
    network_name: str = ""

    @property
    def compose(self) -> str:
        """``project/service``, when Compose made the container."""
        return f"{self.project}/{self.service}" if self.project and self.service else ""


class Directory:
    """All names that Docker's engines gave, on all hosts, as they stood at one moment."""

    def __init__(self, found: Iterable[KeyValue]) -> None:
        found = tuple(found)
        self._networks: dict[str, str] = {}
        self._hosts: dict[str, list[str]] = {}
        for network in entries((item for item in found if "/network/" in item.key), NetworkNameKey, NetworkName):
            self._networks.setdefault(network.key.network, network.value.name)
            self._hosts.setdefault(network.key.network, []).append(network.key.host)
        self._containers: dict[tuple[str, str], ContainerName] = {}
        self._attachments: dict[tuple[str, str], tuple[str, str]] = {}
        self._unread = [item for item in found if "/container/" in item.key]

    def of_endpoint(self, key: EndpointKey) -> EndpointNames:
        """What is known of an endpoint."""
        self._read_containers()
        container, network = self._attachments.get((key.host, key.endpoint), ("", ""))
        if not container and key.orchestrator == BY_HAND:
            container = key.workload
        names = self._containers.get((key.host, container), ContainerName())
        return EndpointNames(container, names.name, names.project, names.service, network, self.network_name(network))

    def calls_of(self, key: EndpointKey) -> Iterable[str]:
        """What somebody may type for an endpoint who has its id or a name of its container."""
        names = self.of_endpoint(key)
        called = [name for name in (names.name, names.compose) if name]
        on = [f"{name}{_NETWORK_MARK}{names.network_name}" for name in called if names.network_name]
        return [key.endpoint, *called, *on]

    def network_name(self, network: str) -> str:
        """What a network is called, by its Id; empty when that is not known."""
        return self._networks.get(network, "")

    def network_hosts(self, network: str) -> Sequence[str]:
        """The hosts that know a network."""
        return self._hosts.get(network, ())

    def networks_called(self, name: str) -> frozenset[str]:
        """The Ids of all networks with this name."""
        return frozenset(network for network, own in self._networks.items() if own == name)

    @property
    def network_names(self) -> frozenset[str]:
        """The names of all networks."""
        return frozenset(self._networks.values())

    def is_idle(self, name: str) -> bool:
        """Whether a container of this name is known and has no endpoint, because it does not run."""
        self._read_containers()
        return any(one.name == name and not one.endpoints for one in self._containers.values())

    def _read_containers(self) -> None:
        """Most commands need no container's name, and there may be thousands."""
        for entry in entries(self._unread, ContainerNameKey, ContainerName):
            self._containers[entry.key.host, entry.key.container] = entry.value
            for endpoint, network in entry.value.endpoints:
                self._attachments[entry.key.host, endpoint] = entry.key.container, network
        self._unread = []


class Names:
    """Finds what is meant, in the datastore as it is now. Whatever is found may be gone a moment later."""

    def __init__(
        self, datastore: Datastore, timeout: float = DEFAULT_TIMEOUT, *, clock: Clock = time.monotonic
    ) -> None:
        self._store = Store(datastore, timeout, clock=clock)
        self._endpoints = Endpoints(datastore, timeout, clock=clock)
        self._profiles = Profiles(datastore, timeout, clock=clock)

    def directory(self) -> Directory:
        """All names, to print beside ids."""
        return Directory(self._store.raw(DOCKER))

    def find_endpoints(
        self, text: str, *, host: str = "", orchestrator: str = "", workload: str = ""
    ) -> tuple[Found, ...]:
        """Every endpoint that is called ``text``, in the order of their keys.

        The filters match exactly, an empty one everything. Raises :class:`ValidationError` when nothing could ever
        be called so.
        """
        check_endpoint_text(text)
        if is_name(text):
            found = self._endpoints.list(host=host, orchestrator=orchestrator, workload=workload, endpoint=text)
            if found:
                return found
        endpoints = self._endpoints.list(host=host, orchestrator=orchestrator, workload=workload)
        return match_endpoints(text, endpoints, self.directory())

    def find_endpoint(self, text: str, *, host: str = "", orchestrator: str = "", workload: str = "") -> Found:
        """The one endpoint that is called ``text``.

        Raises :class:`NotFoundError` when none is and :class:`AmbiguousError` when several are.
        """
        found = self.find_endpoints(text, host=host, orchestrator=orchestrator, workload=workload)
        if not found:
            raise NotFoundError(f"Endpoint {text} is unknown to Calico.{self.endpoint_hint(text)}")
        if len(found) > 1:
            raise AmbiguousError(SEVERAL, _candidates(found, self.directory()))
        return found[0]

    def resolve_endpoint(
        self, text: str, *, host: str = "", orchestrator: str = "", workload: str = ""
    ) -> EndpointKey:
        """The key of the one endpoint that is called ``text``; raises what ``find_endpoint`` raises."""
        return self.find_endpoint(text, host=host, orchestrator=orchestrator, workload=workload)[0]

    def endpoint_hint(self, text: str) -> str:
        """What may help somebody whose ``text`` calls no endpoint: a sentence after a blank, or nothing."""
        directory = self.directory()
        if directory.is_idle(text):
            return f" Container {text} has no endpoint while it does not run."
        known: set[str] = set()
        for key, _ in self._endpoints.list():
            names = directory.of_endpoint(key)
            known |= {key.endpoint, names.name, names.compose}
        return _did_you_mean(text, known)

    def resolve_profile(self, text: str, *, known: Collection[str] = (), beginnings: bool = True) -> str:
        """The name of the one profile that is called ``text``.

        ``known`` are names that count as profiles though these may not exist: what an endpoint lists, say.
        Without ``beginnings`` only whole names are taken, as becomes what cannot be undone.
        Raises :class:`NotFoundError` when none is called so and :class:`AmbiguousError` when several are.
        """
        if text in known or (is_name(text) and self._profiles.exists(text)):
            return text
        directory = self.directory()
        profiles = {*self._profiles.names(), *known}
        called = {name for network in directory.networks_called(text) for name in self._profiles_of(network)}
        found = match_profiles(text, profiles, called, beginnings=beginnings)
        if not found:
            raise NotFoundError(f"Profile {text} not found.{self.profile_hint(text)}")
        if len(found) > 1:
            lines = [_profile_line(name, directory) for name in found]
            raise AmbiguousError(f"Profile {text} is ambiguous: give the name of one.", _limited(lines))
        return found[0]

    def profile_hint(self, text: str) -> str:
        """What may help somebody whose ``text`` calls no profile: a sentence after a blank, or nothing."""
        return _did_you_mean(text, {*self._profiles.names(), *self.directory().network_names})

    def resolve_tag(self, text: str) -> str:
        """The tag that ``text`` means in a rule: itself, unless only a Docker network is called so.

        A tag need not be carried by anything, so whatever no network is called is taken as it is. Raises
        :class:`AmbiguousError` when several networks are called so, and :class:`ValidationError` when the network
        has no tag of its own, because it was made with a list of profiles.
        """
        if not is_network_name(text) or (is_name(text) and self._profiles.exists(text)):
            return text
        directory = self.directory()
        networks = sorted(directory.networks_called(text))
        if not networks or self._is_carried(text):
            return text
        if len(networks) > 1:
            lines = [_profile_line(name, directory) for name in networks]
            raise AmbiguousError(f"Tag {text} is ambiguous: give the Id of the network.", _limited(lines))
        profiles = self._profiles_of(networks[0])
        if networks[0] not in profiles:
            raise ValidationError(
                f"Network {text} has no tag of its own: use one of its profiles, {', '.join(profiles)}."
            )
        return networks[0]

    def tag_names(self, tags: Iterable[str]) -> dict[str, str]:
        """What ``resolve_tag`` understands in place of tags: names of networks, for those that have one."""
        directory = self.directory()
        found = {tag: directory.network_name(tag) for tag in tags}
        return {tag: name for tag, name in found.items() if is_name(name) and self._means(name, tag, directory)}

    def _means(self, name: str, tag: str, directory: Directory) -> bool:
        """Whether ``name`` in a rule means the tag of the one network that is called so."""
        if directory.networks_called(name) != {tag} or tag not in self._profiles_of(tag):
            return False
        return not self._profiles.exists(name) and not self._is_carried(name)

    def _profiles_of(self, network: str) -> tuple[str, ...]:
        """The profiles that the endpoints of a network get."""
        try:
            found = self._store.get(NetworkKey(network), DockerNetwork)
        except ValidationError:
            found = None
        return (network,) if found is None else profiles_of(found, network)

    def _is_carried(self, tag: str) -> bool:
        return any(tag in entry.value for entry in self._store.list(PROFILES, ProfileTagsKey, tuple))


def check_endpoint_text(text: str) -> None:
    """Raise :class:`ValidationError`, which says what to give, when no endpoint could ever be called ``text``."""
    who, mark, network = text.partition(_NETWORK_MARK)
    parts = who.split("/")
    if not (all(map(is_name, parts)) and len(parts) <= 2) and not _address(who):
        raise ValidationError(
            f"endpoint {text!r} is not a valid name: give its id, its container's name or id, PROJECT/SERVICE "
            f"or an IP address"
        )
    if mark and not is_network_name(network):
        raise ValidationError(f"endpoint {text!r} is not a valid name: a network's name or Id goes behind '@'")


def match_endpoints(text: str, endpoints: Iterable[Found], directory: Directory) -> tuple[Found, ...]:
    """Those of ``endpoints`` that are called ``text``; see the module for what goes before what."""
    endpoints = tuple(endpoints)
    own = tuple(found for found in endpoints if found[0].endpoint == text)
    if own:
        return own
    who, _, network = text.partition(_NETWORK_MARK)
    if not who:
        return ()
    named = [(found, directory.of_endpoint(found[0])) for found in endpoints]
    if network:
        wanted = _match_networks(network, {names.network for _, names in named}, directory)
        named = [(found, names) for found, names in named if names.network in wanted]
    address = _address(who)
    exact = tuple(found for found, names in named if _is_called(who, address, found, names))
    if exact or len(who) < SHORTEST_BEGINNING:
        return exact
    return tuple(
        found for found, names in named if found[0].endpoint.startswith(who) or names.container.startswith(who)
    )


def match_profiles(
    text: str, profiles: Collection[str], called: Collection[str], *, beginnings: bool = True
) -> tuple[str, ...]:
    """Those of ``profiles`` that are called ``text``, sorted; see the module for what goes before what.

    ``called`` are the profiles of the networks of this name, whether these profiles exist or not.
    """
    if text in profiles:
        return (text,)
    found = {name for name in called if name in profiles}
    if not found and beginnings and len(text) >= SHORTEST_BEGINNING:
        found = {name for name in profiles if name.startswith(text)}
    return tuple(sorted(found))


def _match_networks(text: str, networks: Collection[str], directory: Directory) -> Collection[str]:
    """The Ids of those of ``networks`` that are called ``text``."""
    if text in networks:
        return (text,)
    found = directory.networks_called(text)
    if not found and len(text) >= SHORTEST_BEGINNING:
        return [network for network in networks if network.startswith(text)]
    return found


def _is_called(who: str, address: str, found: Found, names: EndpointNames) -> bool:
    key, endpoint = found
    if who in (key.endpoint, names.container, names.name, names.compose):
        return True
    return bool(address) and address in map(address_of, endpoint.nets)


def _address(text: str) -> str:
    """The canonical form of an IP address; empty for any other text."""
    try:
        return canonical_address(text)
    except ValidationError:
        return ""


def _candidates(found: Sequence[Found], directory: Directory) -> tuple[str, ...]:
    ids = [key.endpoint for key, _ in found]
    return _limited([_endpoint_line(key, endpoint.nets, directory.of_endpoint(key), ids) for key, endpoint in found])


def _endpoint_line(key: EndpointKey, nets: Iterable[str], names: EndpointNames, ids: Sequence[str]) -> str:
    """An endpoint by what tells it apart from others, its id first: cut, unless another of ``ids`` begins so."""
    short = key.endpoint[:_SHORT_ID]
    unique = sum(other.startswith(short) for other in set(ids)) == 1
    container = names.name or names.container[:_SHORT_ID]
    parts = [
        short if unique else key.endpoint,
        f"container {container}" if container else f"{key.orchestrator}/{key.workload}",
        f"service {names.compose}" if names.compose else "",
        f"network {names.network_name or names.network[:_SHORT_ID]}" if names.network else "",
        f"host {key.host}",
        *map(address_of, nets),
    ]
    return ", ".join(filter(None, parts))


def _profile_line(name: str, directory: Directory) -> str:
    network = directory.network_name(name)
    hosts = " ".join(sorted(directory.network_hosts(name)))
    return f"{name}, network {network} on {hosts}" if network else name


def _limited(lines: Sequence[str]) -> tuple[str, ...]:
    left = len(lines) - MOST_CANDIDATES
    return tuple(lines) if left <= 0 else (*lines[:MOST_CANDIDATES], f"and {left} more")


def _did_you_mean(text: str, known: Iterable[str]) -> str:
    found = nearest(text, known)
    return f" Did you mean {found}?" if found else ""
