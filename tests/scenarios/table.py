"""The scenarios: "a may reach b tcp/80, c may not", each with the same expected result for every judge."""

from dataclasses import dataclass

from calico.model.values import IPPool, Profile, default_profile
from tests.scenarios.worlds import World, profile


@dataclass(frozen=True)
class Step:
    """The world as it is now, and probes in it, in order."""

    world: World
    probes: tuple[str, ...]


@dataclass(frozen=True)
class Scenario:
    """Steps one after the other; connections of earlier steps are remembered."""

    name: str
    steps: tuple[Step, ...]


def world(endpoints: str, *profiles: Profile, pools: tuple[IPPool, ...] = (), action: str = "RETURN") -> World:
    """``endpoints`` as text: ``a=web,base b=web c=`` (c is an endpoint without profiles)."""
    pairs = (word.split("=") for word in endpoints.split())
    listed = {name: tuple(filter(None, names.split(","))) for name, names in pairs}
    return World(listed, profiles, pools, action)


def one(name: str, where: World, *probes: str) -> Scenario:
    """A scenario of one step."""
    return Scenario(name, (Step(where, probes),))


NET1, NET2 = default_profile("net1"), default_profile("net2")
OPEN = profile("open", "open", inbound="allow", outbound="allow")
SHUT_IN = profile("shut-in", inbound="deny")
POOL = IPPool("10.65.0.0/16")
POOL6 = IPPool("fd65::/16")


def server(inbound: str, name: str = "server") -> Profile:
    """A profile for the receiver ``b``: only ``inbound`` is of interest."""
    return profile(name, name, inbound=inbound)


def receiver(inbound: str, *others: Profile, more: str = "c=open") -> World:
    """``a`` may send anything, ``b`` receives by ``inbound``."""
    return world(f"a=open b=server {more}", OPEN, server(inbound), *others)


def sender(outbound: str, *others: Profile) -> World:
    """``a`` sends by ``outbound``, ``b`` and ``c`` receive anything."""
    return world("a=client b=open c=open", OPEN, profile("client", "client", "", outbound), *others)


DEFAULT_PROFILES = [
    one(
        "members of a network reach each other",
        world("a=net1 b=net1", NET1),
        "a>b tcp/80 yes",
        "b>a udp/53 yes",
        "a>b icmp/8 yes",
        "a>b tcp/80 v6 yes",
        "b>a icmpv6/128 yes",
        "a>b proto/99 yes",
    ),
    one(
        "two networks do not reach each other",
        world("a=net1 b=net1 c=net2 d=net2", NET1, NET2),
        "a>b tcp/80 yes",
        "c>d tcp/80 yes",
        "a>c tcp/80 no",
        "c>b tcp/80 no",
        "a>c icmp/8 no",
        "d>a tcp/80 v6 no",
        "c>a icmpv6/128 no",
    ),
    one(
        "a member may begin connections to anybody outside",
        world("a=net1", NET1),
        "a>w tcp/443 yes",
        "a>w tcp/443 v6 yes",
        "w>a tcp/80 no",
        "w>a tcp/80 v6 no",
    ),
    one(
        "members on other hosts are members",
        world("a=net1 r=net1 b=net2", NET1, NET2),
        "r>a tcp/80 yes",
        "r>a tcp/80 v6 yes",
        "a>r tcp/80 yes",
        "r>b tcp/80 no",
        "w>a tcp/80 no",
    ),
    one(
        "a profile shared by two endpoints polices both",
        world("a=open b=server c=server", OPEN, server("allow tcp to ports 80")),
        "a>b tcp/80 yes",
        "a>c tcp/80:40001 yes",
        "a>b tcp/81 no",
        "a>c tcp/81:40001 no",
        "b>c tcp/80 yes",
    ),
    one(
        "an endpoint without profiles neither gets nor sends",
        world("a= b=open", OPEN),
        "a>b tcp/80 no",
        "b>a tcp/80 no",
        "a>w tcp/80 no",
        "w>a tcp/80 no",
        "a>b icmpv6/128 no",
    ),
    one(
        "a profile without rules says nothing and the packet drops",
        world("a=empty b=open", OPEN, profile("empty", outbound="")),
        "a>b tcp/80 no",
        "b>a tcp/80 no",
    ),
]

ORDER = [
    one(
        "deny before allow",
        receiver("deny tcp to ports 80; allow tcp"),
        "a>b tcp/80 no",
        "a>b tcp/81 yes",
    ),
    one(
        "allow before deny",
        receiver("allow tcp to ports 80; deny tcp"),
        "a>b tcp/80 yes",
        "a>b tcp/81 no",
    ),
    one(
        "no rule matches: drop",
        receiver("allow tcp to ports 80"),
        "a>b udp/80 no",
        "a>b icmp/8 no",
        "a>b proto/99 no",
    ),
    one(
        "the second profile decides what the first leaves open",
        world("a=open b=web,base", OPEN, server("allow tcp to ports 80", "web"), server("allow icmp", "base")),
        "a>b tcp/80 yes",
        "a>b icmp/8 yes",
        "a>b tcp/22 no",
    ),
    one(
        "an allow of the first profile is not undone by the second",
        world("a=open b=web,shut-in", OPEN, server("allow tcp to ports 80", "web"), SHUT_IN),
        "a>b tcp/80 yes",
        "a>b tcp/81 no",
    ),
    one(
        "a deny of the first profile is not undone by the second",
        world("a=open b=shut-in,open", OPEN, SHUT_IN),
        "a>b tcp/80 no",
    ),
    one(
        "the same profiles in another order decide otherwise",
        world("a=open b=shut-in,open c=open,shut-in", OPEN, SHUT_IN),
        "a>b tcp/80 no",
        "a>c tcp/80:40001 yes",
    ),
    one(
        "both ends must agree",
        world(
            "a=client b=server",
            profile("client", outbound="allow tcp to ports 80,81"),
            server("allow tcp to ports 80,82"),
        ),
        "a>b tcp/80 yes",
        "a>b tcp/81 no",
        "a>b tcp/82 no",
    ),
]

MISSING = [
    one(
        "a missing profile alone drops both ways",
        world("a=gone b=open", OPEN),
        "a>b tcp/80 no",
        "b>a tcp/80 no",
        "a>b tcp/80 v6 no",
    ),
    one(
        "a missing profile in front drops everything",
        world("a=gone,open b=open", OPEN),
        "a>b tcp/80 no",
        "b>a tcp/80 no",
    ),
    one(
        "a missing profile at the end lets the allows before it work",
        world("a=open b=web,gone", OPEN, server("allow tcp to ports 80", "web")),
        "a>b tcp/80 yes",
        "a>b tcp/81 no",
    ),
]

PORTS = [
    one(
        "a list of ports",
        receiver("allow tcp to ports 80,443"),
        "a>b tcp/80 yes",
        "a>b tcp/443 yes",
        "a>b tcp/81 no",
        "a>b udp/80 no",
        "a>b tcp/443 v6 yes",
    ),
    one(
        "a range of ports with its ends",
        receiver("allow tcp to ports 8000:8080"),
        "a>b tcp/7999 no",
        "a>b tcp/8000 yes",
        "a>b tcp/8080 yes",
        "a>b tcp/8081 no",
    ),
    one(
        "ports that overlap and touch in one rule",
        receiver("allow tcp to ports 80,80,79-81,82,443"),
        "a>b tcp/79 yes",
        "a>b tcp/82 yes",
        "a>b tcp/83 no",
        "a>b tcp/443 yes",
    ),
    one(
        "the lowest and the highest port",
        receiver("allow udp to ports 0-1,65535"),
        "a>b udp/1 yes",
        "a>b udp/2 no",
        "a>b udp/65534 no",
        "a>b udp/65535 yes",
    ),
    one(
        "source ports",
        receiver("allow udp from ports 5000,6000:6001 to ports 53"),
        "a>b udp/53:5000 yes",
        "a>b udp/53:6001 yes",
        "a>b udp/53:6002 no",
        "a>b udp/54:5000 no",
    ),
    one(
        "outbound ports",
        sender("allow tcp to ports 443"),
        "a>b tcp/443 yes",
        "a>b tcp/80 no",
        "a>w tcp/443:40001 yes",
        "a>w udp/443 no",
    ),
]

ICMP = [
    one(
        "echo requests only",
        receiver("allow icmp type 8"),
        "a>b icmp/8 yes",
        "a>b icmp/13 no",
        "a>b icmpv6/128 no",
        "a>b tcp/80 no",
    ),
    one(
        "type and code",
        receiver("allow icmp type 8 code 1"),
        "a>b icmp/8.1 yes",
        "a>b icmp/8.0 no",
    ),
    one(
        "ICMP of any type is IPv4 only",
        receiver("allow icmp"),
        "a>b icmp/8 yes",
        "a>b icmp/13 yes",
        "a>b icmpv6/128 no",
        "a>b proto/1 v6 no",
    ),
    one(
        "ICMPv6 is IPv6 only",
        receiver("allow icmpv6 type 128"),
        "a>b icmpv6/128 yes",
        "a>b icmp/8 no",
        "a>b tcp/80 v6 no",
    ),
    one(
        "type 255 is a type like others and does not shut the rules after it",
        receiver("allow icmp type 255; allow tcp to ports 80"),
        "a>b tcp/80 yes",
        "a>b icmp/8 no",
    ),
    one(
        "denying type 255 denies nothing else",
        receiver("deny icmp type 255 code 255; allow"),
        "a>b icmp/8 yes",
        "a>b tcp/80 yes",
    ),
]

CIDRS = [
    one(
        "from a network",
        receiver("allow from cidr 198.51.100.0/24"),
        "w>b tcp/80 yes",
        "a>b tcp/80 no",
        "w>b tcp/80 v6 no",
    ),
    one(
        "a network with host bits is masked",
        receiver("allow from cidr 198.51.100.99/24"),
        "w>b tcp/80 yes",
        "w>b tcp/80 as 198.51.101.7 no",
    ),
    one(
        "a single address",
        receiver("allow from cidr 10.65.0.1/32"),
        "a>b tcp/80 yes",
        "c>b tcp/80 no",
    ),
    one(
        "an IPv4 network does not open IPv6, not even all of it",
        receiver("allow from cidr 0.0.0.0/0"),
        "a>b tcp/80 yes",
        "a>b tcp/80 v6 no",
        "w>b tcp/80 v6 no",
    ),
    one(
        "an IPv6 network does not open IPv4",
        receiver("allow from cidr fd65::/16; allow tcp to ports 9 cidr ::/0"),
        "a>b tcp/80 v6 yes",
        "a>b tcp/80 no",
        "a>b tcp/9 no",
        "w>b tcp/9 v6 yes",
    ),
    one(
        "to a network",
        sender("deny to cidr 10.65.0.2/32; deny to cidr fd65::2/128; allow"),
        "a>b tcp/80 no",
        "a>c tcp/80 yes",
        "a>b tcp/80 v6 no",
        "a>c tcp/80 v6 yes",
    ),
    one(
        "networks of two versions in one rule never match and deny nothing",
        receiver("deny from cidr 10.0.0.0/8 to cidr fd00::/8; deny icmpv6 from cidr 10.0.0.0/8; allow"),
        "a>b tcp/80 yes",
        "a>b tcp/80 v6 yes",
        "a>b icmpv6/128 yes",
    ),
    one(
        "networks of two versions in one rule never match and allow nothing",
        receiver("allow from cidr 10.0.0.0/8 to cidr fd00::/8; allow icmp from cidr fd00::/8"),
        "a>b tcp/80 no",
        "a>b tcp/80 v6 no",
        "a>b icmp/8 no",
    ),
    one(
        "a rule for one IP version",
        receiver("allow ipv6 tcp to ports 80"),
        "a>b tcp/80 v6 yes",
        "a>b tcp/80 no",
    ),
]

TAGGED = profile("tagged", "tagged extra", outbound="allow")
TAGS = [
    one(
        "from a tag, both IP versions",
        world("a=tagged b=server c=open", OPEN, TAGGED, server("allow tcp from tag tagged to ports 80")),
        "a>b tcp/80 yes",
        "a>b tcp/80 v6 yes",
        "a>b tcp/81 no",
        "c>b tcp/80 no",
        "c>b tcp/80 v6 no",
    ),
    one(
        "to a tag",
        world("a=client b=tagged,open c=open", OPEN, TAGGED, profile("client", outbound="allow to tag tagged")),
        "a>b tcp/80 yes",
        "a>b tcp/80 v6 yes",
        "a>c tcp/80 no",
        "a>w tcp/80 no",
    ),
    one(
        "an address in two tags is in both",
        world(
            "a=tagged b=server c=server2",
            TAGGED,
            server("allow from tag tagged"),
            server("allow from tag extra", "server2"),
        ),
        "a>b tcp/80 yes",
        "a>c tcp/80 yes",
        "b>c tcp/80 no",
    ),
    one(
        "a tag that nobody carries matches nothing",
        receiver("allow from tag nobody; allow tcp to ports 80 tag nobody"),
        "a>b tcp/80 no",
        "a>b tcp/80 v6 no",
    ),
    one(
        "denying a tag that nobody carries denies nothing",
        receiver("deny from tag nobody; allow"),
        "a>b tcp/80 yes",
        "a>b tcp/80 v6 yes",
    ),
    one(
        "a tag and a network at the same side must both match",
        world("a=tagged b=server c=tagged", TAGGED, server("allow from tag tagged cidr 10.65.0.1/32")),
        "a>b tcp/80 yes",
        "c>b tcp/80 no",
        "a>b tcp/80 v6 no",
    ),
    one(
        "tags at both sides",
        world("a=tagged b=server c=open", OPEN, TAGGED, server("allow from tag tagged to tag server")),
        "a>b tcp/80 yes",
        "a>b tcp/80 v6 yes",
        "c>b tcp/80 no",
    ),
    Scenario(
        "a tag that is taken away shuts",
        (
            Step(world("a=tagged b=server", TAGGED, server("allow from tag tagged")), ("a>b tcp/80 yes",)),
            Step(
                world("a=tagged b=server", profile("tagged"), server("allow from tag tagged")),
                ("a>b tcp/80:40001 no", "a>b tcp/80:40002 v6 no"),
            ),
            Step(world("a=tagged b=server", TAGGED, server("allow from tag tagged")), ("a>b tcp/80:40003 yes",)),
        ),
    ),
    Scenario(
        "an endpoint that joins opens and one that leaves shuts",
        (
            Step(world("a=net1 b=net1 c=net2", NET1, NET2), ("a>b tcp/80 yes", "c>b tcp/80 no")),
            Step(world("a=net2 b=net1 c=net1", NET1, NET2), ("a>b tcp/80:40001 no", "c>b tcp/80:40001 yes")),
        ),
    ),
]

CONNECTIONS = [
    one(
        "the answer passes where a new connection does not",
        world("a=client b=server", profile("client", outbound="allow"), profile("server", "", "allow", "deny")),
        "a>b tcp/80 yes",
        "a>b udp/53 yes",
        "a>b icmp/8 yes",
        "a>b tcp/80 v6 yes",
        "b>a tcp/80 no",
        "b>a udp/53:53 no",
        "a>b tcp/80 answered yes",
        "a>b udp/53 answered yes",
        "a>b icmp/8 answered yes",
        "a>b tcp/80 v6 answered yes",
    ),
    one(
        "an ICMP error about a connection passes, one about nothing does not",
        world("a=client b=server", profile("client", outbound="allow"), profile("server", "", "allow", "deny")),
        "a>b udp/53 yes",
        "b>a icmp/3.3 no",
        "a>b udp/53 refused yes",
    ),
    one(
        "what cannot begin a connection drops even where all is allowed",
        world("a=open b=open", OPEN),
        "a>b icmp/3.3 no",
        "a>b icmp/0 no",
        "a>b icmp/255 no",
        "a>b icmpv6/129 no",
        "w>b icmp/255 no",
        "a>w icmp/255 no",
    ),
    Scenario(
        "an established connection outlives a deny, a new one does not",
        (
            Step(receiver("allow"), ("a>b tcp/80 yes", "a>b tcp/80 answered yes")),
            Step(receiver("deny"), ("a>b tcp/80 continued yes", "a>b tcp/80:40001 no", "a>b tcp/80:40002 v6 no")),
        ),
    ),
    Scenario(
        "an unanswered connection does not outlive a deny",
        (
            Step(receiver("allow"), ("a>b udp/53 yes",)),
            Step(receiver("deny"), ("a>b udp/53 no",)),
        ),
    ),
    Scenario(
        "a refused connection is no connection",
        (
            Step(receiver("deny"), ("a>b udp/53 no",)),
            Step(receiver("deny"), ("b>a udp/40000:53 yes",)),
        ),
    ),
]


def to_host(action: str, outbound: str = "allow") -> World:
    """``a`` talks to the host."""
    return world("a=client", profile("client", outbound=outbound), action=action)


ALWAYS = ("a>host udp/53 yes", "a>host udp/53 v6 yes", "a>host udp/67:68 yes", "a>host udp/547:546 v6 yes")
TO_HOST = [
    one(
        "DROP: nothing but what always passes reaches the host",
        to_host("DROP"),
        "a>host tcp/22 no",
        "a>host tcp/22 v6 no",
        "a>host icmp/8 no",
        "a>host tcp/53 no",
        *ALWAYS,
    ),
    one(
        "RETURN: the endpoint's outbound policy decides",
        to_host("RETURN", "allow tcp to ports 22"),
        "a>host tcp/22 yes",
        "a>host tcp/22 v6 yes",
        "a>host tcp/23 no",
        "a>host icmp/8 no",
        *ALWAYS,
    ),
    one(
        "ACCEPT: the endpoint's outbound policy decides",
        to_host("ACCEPT", "deny tcp to ports 22; allow"),
        "a>host tcp/22 no",
        "a>host tcp/23 yes",
        "a>host icmp/8 yes",
        "a>host icmpv6/128 yes",
    ),
    one(
        "the host reaches its workloads whatever their policy says",
        world("a=shut-in b=", SHUT_IN, action="DROP"),
        "host>a tcp/80 yes",
        "host>a icmpv6/128 yes",
        "host>b tcp/80 yes",
        "host>a tcp/80 answered yes",
    ),
    one(
        "who is no endpoint reaches the host as before",
        to_host("DROP", "deny"),
        "w>host tcp/22 yes",
        "w>host icmpv6/128 yes",
        "host>w udp/53 yes",
    ),
    one(
        "traffic that is not ours passes",
        world("a=", action="DROP"),
        "w>r tcp/80 yes",
        "r>w tcp/80 v6 yes",
    ),
]

SPOOFING = [
    one(
        "an endpoint cannot speak as another",
        world("a=open b=open c=net1 d=net1", OPEN, NET1),
        "a>b tcp/80 yes",
        "a>b tcp/80:40001 as 10.65.0.3 no",
        "a>c tcp/80 as 10.65.0.4 no",
        "a>b tcp/80 v6 as fd65::3 no",
        "a>w tcp/80 as 203.0.113.9 no",
        "a>w tcp/80 as 192.0.2.1 no",
        "a>host tcp/22 as 10.65.0.2 no",
        "a>host udp/53 as 10.65.0.2 no",
    ),
    one(
        "an IPv6 link-local or unspecified source is for neighbour discovery only",
        world("a=open b=open", OPEN),
        "a>host tcp/22 v6 as fe80::5 no",
        "a>host udp/53 v6 as fe80::5 no",
        "a>b tcp/80 v6 as fe80::5 no",
        "a>host icmpv6/128 as fe80::5 no",
        "a>host icmpv6/134 as fe80::5 no",
        "a>host icmpv6/135 as fe80::5 yes",
        "a>host icmpv6/133 as :: yes",
        "a>host icmpv6/135 as fd65::2 no",
    ),
    one(
        "neighbour discovery reaches the host whatever policy says, router advertisements do not",
        world("a=", action="DROP"),
        "a>host icmpv6/135 as fe80::5 yes",
        "a>host icmpv6/136 yes",
        "a>host icmpv6/134 no",
        "a>host icmpv6/137 no",
    ),
    one(
        "a spoofed packet does not ride on another's connection",
        world("a=open b=open c=open", OPEN),
        "a>b udp/53 yes",
        "a>b udp/53 answered yes",
        "c>b udp/53 as 10.65.0.1 no",
    ),
    one(
        "an unknown interface is shut in all directions",
        world("a=open", OPEN),
        "c>a tcp/80 no",
        "c>w tcp/80 no",
        "c>host tcp/22 no",
        "c>host udp/53 no",
        "c>host udp/67:68 no",
        "a>c tcp/80 no",
        "w>c tcp/80 no",
        "c>a tcp/80 v6 no",
        "w>c tcp/80 v6 no",
        "c>a tcp/80:40001 as 10.65.0.1 no",
    ),
    Scenario(
        "an endpoint that is gone is shut, and its connections with it",
        (
            Step(
                world("a=open b=open", OPEN),
                ("a>b udp/53 yes", "a>b udp/53 answered yes", "b>w tcp/80 yes"),
            ),
            Step(world("a=open", OPEN), ("a>b udp/53:40001 no", "b>a tcp/80 no", "b>w tcp/80 continued no")),
            Step(world("a=open b=open", OPEN), ("a>b tcp/80 yes",)),
        ),
    ),
    one(
        "no endpoints at all",
        world(""),
        "a>b tcp/80 no",
        "b>w tcp/80 v6 no",
        "w>a icmp/8 no",
        "host>a tcp/80 yes",
    ),
]

MASQUERADED = IPPool("10.65.0.0/16", masquerade=True)
NAT = [
    one(
        "what leaves a masqueraded pool takes the host's address",
        world("a=open r=open", OPEN, pools=(MASQUERADED,)),
        "a>w tcp/443 seen 192.0.2.1 yes",
        "a>w udp/53 seen 192.0.2.1 yes",
        "a>r tcp/80 seen 10.65.0.1 yes",
        "r>a tcp/80 seen 10.65.1.1 yes",
        "a>w tcp/443 v6 seen fd65::1 yes",
        "a>w udp/53 answered yes",
    ),
    one(
        "IPv6 pools masquerade too",
        world("a=open r=open", OPEN, pools=(IPPool("fd65::/64", masquerade=True), IPPool("fd65:1::/64"))),
        "a>w tcp/443 v6 seen 2001:db8::1 yes",
        "a>r tcp/80 v6 seen fd65::1 yes",
        "a>w tcp/443 seen 10.65.0.1 yes",
    ),
    one(
        "another pool is no outside",
        world("a=open", OPEN, pools=(IPPool("10.65.0.0/24", masquerade=True), IPPool("198.51.100.0/24"))),
        "a>w tcp/443 seen 10.65.0.1 yes",
    ),
    one(
        "a pool without masquerading keeps its addresses",
        world("a=open", OPEN, pools=(POOL, POOL6)),
        "a>w tcp/443 seen 10.65.0.1 yes",
        "a>w tcp/443 v6 seen fd65::1 yes",
    ),
    one(
        "masquerading does not open what policy shuts",
        world("a=client", profile("client", outbound="allow tcp to ports 443"), pools=(MASQUERADED,)),
        "a>w tcp/80 no",
        "a>w tcp/443 seen 192.0.2.1 yes",
        "w>a tcp/443:80 no",
    ),
]

SCENARIOS = DEFAULT_PROFILES + ORDER + MISSING + PORTS + ICMP + CIDRS + TAGS + CONNECTIONS + TO_HOST + SPOOFING + NAT
