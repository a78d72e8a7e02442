"""Hypothesis strategies for values of the model, from small pools so that things meet."""

from hypothesis import strategies as st

from calico.client.documents import Document, EndpointDocument, PeerDocument, PoolDocument, ProfileDocument
from calico.model.net import canonical_cidr
from calico.model.protocols import FAMILY_OF, PORT_PROTOCOLS
from calico.model.values import ProfileRules, Rule
from calico.rules.packet import Packet

TAGS = ("web", "db", "ops", "from")
NETS = ("10.0.0.0/8", "10.65.0.0/24", "10.65.0.3/32", "0.0.0.0/0", "fd80::/16", "fd80::65:3/128", "::/0")
ADDRESSES = {4: ("10.65.0.3", "10.65.0.9", "192.0.2.1"), 6: ("fd80::65:3", "fd80::1", "2001:db8::1")}
PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6", "sctp", "47")

tags = st.sampled_from(TAGS)
nets = st.sampled_from(NETS).map(canonical_cidr)
ports = st.integers(0, 65535)


def port_ranges() -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    """Up to three ports or ranges, overlapping at will."""
    pair = st.tuples(ports, ports).map(lambda ends: (min(ends), max(ends)))
    single = ports.map(lambda port: (port, port))
    return st.lists(st.one_of(single, pair), max_size=3).map(tuple)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """Any rule that may exist, contradictory ones of two IP versions included."""
    protocol = draw(st.one_of(st.none(), st.sampled_from(PROTOCOLS)))
    with_ports = port_ranges() if protocol in PORT_PROTOCOLS else st.just(())
    icmp_type = draw(st.one_of(st.none(), st.integers(0, 255))) if protocol in FAMILY_OF else None
    icmp_code = draw(st.one_of(st.none(), st.integers(0, 255))) if icmp_type is not None else None
    versions = [None, FAMILY_OF[protocol]] if protocol in FAMILY_OF else [None, 4, 6]
    return Rule(
        action=draw(st.sampled_from(("allow", "deny"))),
        protocol=protocol,
        src_tag=draw(st.one_of(st.none(), tags)),
        src_net=draw(st.one_of(st.none(), nets)),
        src_ports=draw(with_ports),
        dst_tag=draw(st.one_of(st.none(), tags)),
        dst_net=draw(st.one_of(st.none(), nets)),
        dst_ports=draw(with_ports),
        icmp_type=icmp_type,
        icmp_code=icmp_code,
        ip_version=draw(st.sampled_from(versions)),
    )


def profile_rules(most: int = 3) -> st.SearchStrategy[ProfileRules]:
    """The rules of a profile, up to ``most`` in each direction."""
    some = st.lists(rules(), max_size=most).map(tuple)
    return st.builds(ProfileRules, inbound=some, outbound=some)


names = st.sampled_from(("web", "db", "no", "1e3", "-", "...", "a.b", "5a21f6", "0", "null"))
as_numbers = st.integers(0, 2**32 - 1)
pool_cidrs = st.sampled_from(("10.0.0.0/16", "10.64.0.0/16", "192.168.0.0/24", "fd80::/64", "fd81::/112"))
addresses = st.sampled_from(("192.0.2.1", "192.0.2.2", "fd80::1", "::1", "2001:db8::"))


def documents() -> st.SearchStrategy[Document]:
    """Any document, of any kind."""
    some_rules = st.lists(rules(), max_size=3).map(tuple)
    some_names = st.lists(names, max_size=3, unique=True).map(tuple)
    flag = st.booleans()
    return st.one_of(
        st.builds(ProfileDocument, names, some_names, some_rules, some_rules),
        st.builds(PoolDocument, pool_cidrs, flag, flag, flag),
        st.builds(PeerDocument, addresses, as_numbers, names | st.just("")),
        st.builds(EndpointDocument, names, some_names, names | st.just(""), names | st.just(""), names | st.just("")),
    )


_packet_ports = st.sampled_from([0, 1, 80, 443, 40000, 65535]) | ports


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    """Any packet between addresses that rules may name."""
    version = draw(st.sampled_from((4, 6)))
    src, dst = draw(st.sampled_from(ADDRESSES[version])), draw(st.sampled_from(ADDRESSES[version]))
    protocol = draw(st.sampled_from((6, 17, 132, 47, 1 if version == 4 else 58)))
    if protocol in (1, 58):
        kind = st.integers(0, 255) | st.sampled_from((8, 128))
        return Packet(version, src, dst, protocol, icmp_type=draw(kind), icmp_code=draw(st.integers(0, 255)))
    if protocol == 47:
        return Packet(version, src, dst, protocol)
    return Packet(version, src, dst, protocol, draw(_packet_ports), draw(_packet_ports))
