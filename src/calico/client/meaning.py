"""Documents as people write them, with the names that Docker gave, to documents that name things by their ids.

    profile    may be called by the Docker network that it is the only profile of: ``network: shop``
    tag        in a rule, may be the name of a Docker network that nothing else is called: the tag of its Id
    endpoint   may be called by its container's name, ``project/service`` of Compose, an address, as on a command line

Nothing is guessed: what several things are called is a fault with its place. What is stored already is meant as it
stands, so that a file that was printed means what it was printed of. Nothing is read or written here.
"""

from __future__ import annotations

from calico.client.documents import EndpointDocument, ProfileDocument
from calico.client.names import match_endpoints, match_profiles
from calico.client.place import fault
from calico.model.keys import EndpointKey, ProfileRulesKey, ProfileTagsKey
from calico.model.record import replace
from calico.model.values import Endpoint, ProfileRules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from calico.client.documents import Document
    from calico.client.inventory import Inventory
    from calico.client.place import Place
    from calico.model.values import Rule

_MOST_CANDIDATES = 5


def resolve(documents: Sequence[Document], inventory: Inventory) -> tuple[Document, ...]:
    """The documents with ids in place of names; an endpoint that is not found keeps its name.

    Raises :class:`ValidationError` with a place for a name that means nothing or several things, and for two
    documents about one profile.
    """
    return _Meaning(documents, inventory).resolve()


class _Meaning:
    def __init__(self, documents: Sequence[Document], inventory: Inventory) -> None:
        self._documents = documents
        self._inventory = inventory
        self._names = inventory.names
        profiles = [document for document in documents if isinstance(document, ProfileDocument)]
        self._profiles = inventory.profile_names() | {document.name for document in profiles if document.name}
        self._carried = {tag for document in profiles if document.name for tag in document.tags}
        for key in inventory.keys(ProfileTagsKey):
            self._carried.update(inventory.readable(key, tuple) or ())

    def resolve(self) -> tuple[Document, ...]:
        seen: dict[str, Document] = {}
        resolved: list[Document] = []
        for document in self._documents:
            if isinstance(document, ProfileDocument):
                document = self._profile(document)
                first = seen.setdefault(document.name, document)
                if first is not document:
                    line = first.place().line
                    fault(document.place(), f"{document.label} stands here a second time; first in line {line}")
            elif isinstance(document, EndpointDocument):
                document = self._endpoint(document)
            resolved.append(document)
        return tuple(resolved)

    def _profile(self, document: ProfileDocument) -> ProfileDocument:
        name, tags = document.name, document.tags
        if document.network:
            name = self._only_profile(document.network, document.place("network"))
            tags = tuple(name if tag == document.network else tag for tag in tags)
        stored = self._inventory.readable(ProfileRulesKey(name), ProfileRules) or ProfileRules()
        known = {tag for rule in (*stored.inbound, *stored.outbound) for tag in (rule.src_tag, rule.dst_tag)}
        return replace(
            document,
            name=name,
            network="",
            tags=tags,
            inbound=self._rules(document, "inbound", known),
            outbound=self._rules(document, "outbound", known),
        )

    def _network(self, name: str, place: Place) -> str:
        """The Id of the one network of this name."""
        found = sorted(self._names.networks_called(name))
        if len(found) > 1:
            fault(place, f"several Docker networks are called {name}: {_candidates(found)}; give the profile's name")
        if not found:
            fault(place, f"no Docker network with driver calico is called {name}")
        return found[0]

    def _only_profile(self, network: str, place: Place) -> str:
        """The name of the one profile of the network of this name."""
        profiles = self._inventory.network_profiles(self._network(network, place))
        if len(profiles) > 1:
            fault(place, f"network {network} has several profiles: {_candidates(profiles)}; give the name of one")
        return profiles[0]

    def _rules(self, document: ProfileDocument, direction: str, known: Collection[str | None]) -> tuple[Rule, ...]:
        rules: tuple[Rule, ...] = getattr(document, direction)
        return tuple(
            replace(
                rule,
                src_tag=self._tag(rule.src_tag, known, document.place(f"{direction}[{index}]")),
                dst_tag=self._tag(rule.dst_tag, known, document.place(f"{direction}[{index}]")),
            )
            for index, rule in enumerate(rules)
        )

    def _tag(self, tag: str | None, known: Collection[str | None], place: Place) -> str | None:
        """The tag that is meant: itself, unless only a Docker network is called so."""
        if tag is None or tag in known or tag in self._profiles or tag in self._carried:
            return tag
        if not self._names.networks_called(tag):
            return tag
        network = self._network(tag, place)
        profiles = self._inventory.network_profiles(network)
        if network not in profiles:
            fault(place, f"network {tag} has no tag of its own: use one of its profiles, {_candidates(profiles)}")
        return network

    def _endpoint(self, document: EndpointDocument) -> EndpointDocument:
        found = self._find(document)
        stored = None if found is None else self._inventory.readable(found, Endpoint)
        known = stored.profiles if stored else ()
        profiles: list[str] = []
        for index, name in enumerate(document.profiles):
            place = document.place(f"profiles[{index}]")
            profile = name if name in known else self._listed(name, place)
            if profile in profiles:
                fault(place, f"profile {profile} stands in the list a second time")
            profiles.append(profile)
        document = replace(document, profiles=tuple(profiles))
        if found is None:
            return document
        owners = {"host": found.host, "orchestrator": found.orchestrator, "workload": found.workload}
        return replace(document, name=found.endpoint, **owners)

    def _listed(self, name: str, place: Place) -> str:
        """The profile that is meant; one that does not exist is for the plan to judge."""
        networks = self._names.networks_called(name)
        called = {profile for network in networks for profile in self._inventory.network_profiles(network)}
        found = match_profiles(name, self._profiles, called, beginnings=False)
        if len(found) > 1:
            fault(place, f"several profiles are called {name}: {_candidates(found)}")
        return found[0] if found else name

    def _find(self, document: EndpointDocument) -> EndpointKey | None:
        """The endpoint that is meant; ``None`` when there is none. One that is not valid is known by its id."""
        keys = [key for key in self._inventory.keys(EndpointKey) if _may_be(document, key)]
        own = [key for key in keys if key.endpoint == document.name]
        if not own:
            endpoints = [(key, self._inventory.readable(key, Endpoint)) for key in keys]
            valid = [(key, endpoint) for key, endpoint in endpoints if endpoint is not None]
            own = [key for key, _ in match_endpoints(document.name, valid, self._names)]
        if len(own) > 1:
            texts = [f"{key.endpoint} of {key.host}/{key.orchestrator}/{key.workload}" for key in sorted(own)]
            fault(
                document.place("name"),
                f"several endpoints are called {document.name}: {_candidates(texts)}; say which by host, "
                "orchestrator and workload, or by id",
            )
        return own[0] if own else None


def _may_be(document: EndpointDocument, key: EndpointKey) -> bool:
    return (
        document.host in ("", key.host)
        and document.orchestrator in ("", key.orchestrator)
        and document.workload in ("", key.workload)
    )


def _candidates(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _MOST_CANDIDATES} more" if len(texts) > _MOST_CANDIDATES else ""
    return ", ".join(texts[:_MOST_CANDIDATES]) + more
