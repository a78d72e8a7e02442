"""Rules, chains and sets of nftables as frozen data, free of syntax.

A rule is its matches, all of which must hold, and a verdict. The values carry names that we made and
addresses that were parsed; never text that somebody typed.
"""

from dataclasses import dataclass

Element = str | tuple[str, ...]
"""What a set holds: an address, a CIDR (interval sets), or one text for each field of a concatenation."""

PortRange = tuple[int, int]
"""Lowest and highest port, both included."""

SOURCE = "source"
DESTINATION = "destination"


@dataclass(frozen=True, slots=True)
class InterfaceMatch:
    """The packet came ``in`` or goes ``out`` by an interface: ``name``, or any that begins with it (``prefix``)."""

    direction: str
    name: str
    prefix: bool = False
    negated: bool = False


@dataclass(frozen=True, slots=True)
class FamilyMatch:
    """The packet is of IP ``version`` 4 or 6."""

    version: int


@dataclass(frozen=True, slots=True)
class ProtocolMatch:
    """The packet's transport protocol has this IANA number; IPv6 extension headers are skipped."""

    number: int


@dataclass(frozen=True, slots=True)
class PortMatch:
    """The port at ``side`` lies in one of the ranges, which are sorted and do not touch; needs a ProtocolMatch."""

    side: str
    ranges: tuple[PortRange, ...]


@dataclass(frozen=True, slots=True)
class NetMatch:
    """The address at ``side`` lies in one of the networks (masked CIDR text, one IP version, not overlapping)."""

    side: str
    version: int
    nets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetMatch:
    """The address at ``side`` is (or is not) in the named set; packets of the other IP version never match."""

    side: str
    version: int
    set_name: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class SourceMatch:
    """The pair of incoming interface and source address is in the named set."""

    version: int
    set_name: str


@dataclass(frozen=True, slots=True)
class IcmpMatch:
    """An ICMP (``version`` 4) or ICMPv6 (6) message of one of the types and, when given, this code."""

    version: int
    types: tuple[int, ...]
    code: int | None = None


@dataclass(frozen=True, slots=True)
class ConntrackMatch:
    """The connection tracker says one of ``states``: ``established``, ``related``, ``invalid``, ``new``."""

    states: tuple[str, ...]


Match = (
    InterfaceMatch
    | FamilyMatch
    | ProtocolMatch
    | PortMatch
    | NetMatch
    | SetMatch
    | SourceMatch
    | IcmpMatch
    | ConntrackMatch
)


@dataclass(frozen=True, slots=True)
class Accept:
    """End the base chain; later base chains of the hook still see the packet."""


@dataclass(frozen=True, slots=True)
class Drop:
    """End the packet."""


@dataclass(frozen=True, slots=True)
class Return:
    """Go back to the calling chain."""


@dataclass(frozen=True, slots=True)
class Jump:
    """Evaluate ``chain`` and come back when it decides nothing."""

    chain: str


@dataclass(frozen=True, slots=True)
class Goto:
    """Evaluate ``chain`` and do not come back: what it leaves undecided returns to our caller."""

    chain: str


@dataclass(frozen=True, slots=True)
class VerdictMap:
    """Look the interface (``in`` or ``out``) up in ``map_name`` and do what stands there; go on when absent."""

    direction: str
    map_name: str


@dataclass(frozen=True, slots=True)
class Masquerade:
    """Give the packet the address of the interface it leaves by."""


Verdict = Accept | Drop | Return | Jump | Goto | VerdictMap | Masquerade
MapVerdict = Accept | Drop | Return | Jump | Goto
"""The verdicts that a map may hold."""


@dataclass(frozen=True, slots=True)
class NftRule:
    """When all ``matches`` hold, ``verdict``. ``comment`` is our own ASCII text, at most 100 characters."""

    matches: tuple[Match, ...]
    verdict: Verdict
    comment: str = ""


@dataclass(frozen=True, slots=True)
class BaseChain:
    """Where a chain meets the packets: ``kind`` ``filter`` or ``nat``, hook, priority; undecided packets pass."""

    kind: str
    hook: str
    priority: int


@dataclass(frozen=True, slots=True)
class Chain:
    """Rules in order; without ``base`` a chain is only reached by jumps."""

    rules: tuple[NftRule, ...] = ()
    base: BaseChain | None = None


IPV4 = "ipv4_addr"
IPV6 = "ipv6_addr"
INTERFACE = "ifname"


@dataclass(frozen=True, slots=True)
class SetSpec:
    """The fields of a set's elements; an ``interval`` set holds networks, else single values."""

    fields: tuple[str, ...]
    interval: bool = False


@dataclass(frozen=True, slots=True)
class MapSpec:
    """A map from these fields to a verdict."""

    fields: tuple[str, ...]
