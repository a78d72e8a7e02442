"""Policy as documents that people write: profiles, pools, BGP peers, and the profiles of endpoints.

    document   one thing as it is to be; in a file, a mapping with the field ``kind``
    file       YAML documents parted by ``---``, or lists of documents; JSON is YAML too
    status     what a document tells besides: it is printed, and passed over when it is read

``render_documents`` and :func:`calico.client.document_parser.parse_documents` are each other's inverse.
"""

from __future__ import annotations

from types import MappingProxyType

from calico.client.place import Place
from calico.model.record import field, record
from calico.rules.text import render_rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from calico.model.values import Rule

KINDS = ("profile", "pool", "bgp-peer", "endpoint")
"""The kinds of documents, in the order in which they are printed."""


NO_MARKS: Mapping[str, Place] = MappingProxyType({})
NO_STATUS: Mapping[str, object] = MappingProxyType({})


class Document:
    """One thing as it is to be. ``marks`` are the places of its fields in the file, under ``""`` its own."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def marks(self) -> Mapping[str, Place]: ...

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


@record
class ProfileDocument(Document):
    """A profile: its tags, and its rules in evaluation order.

    In place of the ``name`` a file may give the ``network`` that it is the only profile of, by its name.
    """

    name: str
    tags: tuple[str, ...]
    inbound: tuple[Rule, ...] = ()
    outbound: tuple[Rule, ...] = ()
    network: str = ""
    marks: Mapping[str, Place] = field(default=NO_MARKS, compare=False)

    @property
    def kind(self) -> str:
        return "profile"

    @property
    def label(self) -> str:
        return f"profile {self.name}" if self.name else f"profile of network {self.network}"

    def data(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            **({"name": self.name} if self.name else {"network": self.network}),
            "tags": list(self.tags),
            "inbound": [render_rule(rule) for rule in self.inbound],
            "outbound": [render_rule(rule) for rule in self.outbound],
        }


@record
class PoolDocument(Document):
    """An address pool; ``cidr`` is masked and canonical."""

    cidr: str
    ipip: bool = False
    masquerade: bool = False
    ipam: bool = True
    marks: Mapping[str, Place] = field(default=NO_MARKS, compare=False)

    @property
    def kind(self) -> str:
        return "pool"

    @property
    def label(self) -> str:
        return f"pool {self.cidr}"

    def data(self) -> dict[str, object]:
        flags = {"ipip": self.ipip, "nat-outgoing": self.masquerade, "ipam": self.ipam}
        return {"kind": self.kind, "cidr": self.cidr, **flags}


@record
class PeerDocument(Document):
    """A router to exchange routes with: every host does, or only ``host``."""

    address: str
    as_number: int
    host: str = ""
    marks: Mapping[str, Place] = field(default=NO_MARKS, compare=False)

    @property
    def kind(self) -> str:
        return "bgp-peer"

    @property
    def label(self) -> str:
        return f"bgp-peer {self.address} of host {self.host}" if self.host else f"bgp-peer {self.address}"

    def data(self) -> dict[str, object]:
        scope = {"host": self.host} if self.host else {}
        return {"kind": self.kind, **scope, "address": self.address, "as": self.as_number}


@record
class EndpointDocument(Document):
    """The ordered profiles of an endpoint that exists. An owner that is empty may be any.

    In a file ``name`` and ``profiles`` may be what people call them, as on the command line.
    """

    name: str
    profiles: tuple[str, ...]
    host: str = ""
    orchestrator: str = ""
    workload: str = ""
    status: Mapping[str, object] = field(default=NO_STATUS, compare=False)
    marks: Mapping[str, Place] = field(default=NO_MARKS, compare=False)

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
    """Plain data as text: in YAML a document for each part, in JSON one array."""
    if form == "json":
        return render_json(data)
    from calico.client.emitter import render_yaml

    return render_yaml(data, inline=("tags", "profiles", "addresses"))


def render_json(data: object) -> str:
    """Plain data as JSON for people: indented."""
    import json

    return json.dumps(data, indent=2) + "\n"
