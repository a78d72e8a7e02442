"""Policy as documents that people write: profiles, pools, BGP peers, and the profiles of endpoints.

    document   one thing as it is to be; in a file, a mapping with the field ``kind``
    file       YAML documents parted by ``---``, or lists of documents; JSON is YAML too
    status     what a document tells besides: it is printed, and passed over when it is read

``render_documents`` and :func:`calico.client.document_parser.parse_documents` are each other's inverse.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from calico.client.place import Place
from calico.model.values import Rule
from calico.rules.text import render_rule

KINDS = ("profile", "pool", "bgp-peer", "endpoint")
"""The kinds of documents, in the order in which they are printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One thing as it is to be. ``marks`` are the places of its fields in the file, under ``""`` its own."""

    marks: Mapping[str, Place] = field(default_factory=dict, compare=False, repr=False)

    @property
    def kind(self) -> str:
        """The word that stands for this sort of thing."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """What messages call the thing: ``profile web``."""
        raise NotImplementedError

    def data(self) -> dict[str, object]:
        """The document as plain data: fields in the order in which they are printed."""
        raise NotImplementedError

    def place(self, name: str = "") -> Place:
        """Where a field stands, or the document; ``name`` may have an index: ``profiles[1]``."""
        return self.marks.get(name) or self.marks.get("") or Place("the datastore", 0, 0)


@dataclass(frozen=True, slots=True)
class ProfileDocument(Document):
    """A profile: its tags, and its rules in evaluation order."""

    name: str
    tags: tuple[str, ...]
    inbound: tuple[Rule, ...] = ()
    outbound: tuple[Rule, ...] = ()

    @property
    def kind(self) -> str:
        return "profile"

    @property
    def label(self) -> str:
        return f"profile {self.name}"

    def data(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "name": self.name,
            "tags": list(self.tags),
            "inbound": [render_rule(rule) for rule in self.inbound],
            "outbound": [render_rule(rule) for rule in self.outbound],
        }


@dataclass(frozen=True, slots=True)
class PoolDocument(Document):
    """An address pool; ``cidr`` is masked and canonical."""

    cidr: str
    ipip: bool = False
    masquerade: bool = False
    ipam: bool = True

    @property
    def kind(self) -> str:
        return "pool"

    @property
    def label(self) -> str:
        return f"pool {self.cidr}"

    def data(self) -> dict[str, object]:
        flags = {"ipip": self.ipip, "nat-outgoing": self.masquerade, "ipam": self.ipam}
        return {"kind": self.kind, "cidr": self.cidr, **flags}


@dataclass(frozen=True, slots=True)
class PeerDocument(Document):
    """A router to exchange routes with: every host does, or only ``host``."""

    address: str
    as_number: int
    host: str = ""

    @property
    def kind(self) -> str:
        return "bgp-peer"

    @property
    def label(self) -> str:
        return f"bgp-peer {self.address} of host {self.host}" if self.host else f"bgp-peer {self.address}"

    def data(self) -> dict[str, object]:
        scope = {"host": self.host} if self.host else {}
        return {"kind": self.kind, **scope, "address": self.address, "as": self.as_number}


@dataclass(frozen=True, slots=True)
class EndpointDocument(Document):
    """The ordered profiles of an endpoint that exists. An owner that is empty may be any."""

    name: str
    profiles: tuple[str, ...]
    host: str = ""
    orchestrator: str = ""
    workload: str = ""
    status: Mapping[str, object] = field(default_factory=dict, compare=False)

    @property
    def kind(self) -> str:
        return "endpoint"

    @property
    def label(self) -> str:
        return f"endpoint {self.name}"

    def data(self) -> dict[str, object]:
        owners = {"host": self.host, "orchestrator": self.orchestrator, "workload": self.workload}
        given = {name: text for name, text in owners.items() if text}
        status = {"status": dict(self.status)} if self.status else {}
        return {"kind": self.kind, **given, "name": self.name, "profiles": list(self.profiles), **status}


def render_documents(documents: Iterable[Document], form: str) -> str:
    """Documents as text: ``form`` is ``yaml``, or ``json`` for one array."""
    return render_data([document.data() for document in documents], form)


def render_data(data: Sequence[object], form: str) -> str:
    """Plain data as text, in the two forms of documents."""
    if form == "json":
        return json.dumps(data, indent=2) + "\n"
    from calico.client.emitter import render_yaml

    return render_yaml(data, inline=("tags", "profiles", "addresses"))
