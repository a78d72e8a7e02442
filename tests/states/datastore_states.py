"""Named contents of the datastore, each with what the host named ``here`` must know, written by hand.

A state is derived from another one by changes; its expectations are its own and complete.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from calico.model.keys import (
    AffinityKey,
    BGPPeerKey,
    ConfigKey,
    EndpointKey,
    HostConfigKey,
    HostIPKey,
    Key,
    NetworkKey,
    PoolKey,
    ProfileRulesKey,
    ProfileTagsKey,
    ReadyKey,
)
from calico.model.values import BGPPeer, DockerNetwork, Endpoint, IPPool, ProfileRules, Rule
from tests.fakes.host_state import HostState

HERE, THERE = "here", "there"


@dataclass(frozen=True)
class State:
    """A content of the datastore and the host state that belongs to it.

    ``ip_sets`` maps tags to addresses joined by blanks; ``profiles`` are the active ones; ``endpoints`` are the
    programmed ones and ``pools`` the known ones, all with the values that the datastore holds for them.
    """

    name: str
    values: Mapping[Key, object] = field(repr=False)
    ip_sets: Mapping[str, str] = field(default_factory=dict, repr=False)
    profiles: tuple[str, ...] = ()
    endpoints: tuple[EndpointKey, ...] = ()
    pools: tuple[str, ...] = ()
    action: str = "DROP"

    @property
    def expected(self) -> HostState:
        """What the host must know in this state."""
        return HostState(
            ip_sets={tag: frozenset(members.split()) for tag, members in self.ip_sets.items()},
            profiles={name: self.values.get(ProfileRulesKey(name)) for name in self.profiles},
            endpoints={key: self.values[key] for key in self.endpoints},
            pools={cidr: self.values[PoolKey(cidr)] for cidr in self.pools},
            endpoint_to_host_action=self.action,
        )


def derived(
    name: str,
    origin: State,
    changes: Mapping[Key, object | None],
    *,
    ip_sets: Mapping[str, str] | None = None,
    profiles: tuple[str, ...] = (),
    endpoints: tuple[EndpointKey, ...] = (),
    pools: tuple[str, ...] = (),
    action: str = "DROP",
) -> State:
    """``origin`` after ``changes`` (``None`` takes a key away), with expectations of its own."""
    values = {key: value for key, value in {**origin.values, **changes}.items() if value is not None}
    return State(name, values, ip_sets or {}, profiles, endpoints, pools, action)


def endpoint(interface: str, profiles: str, nets: str, state: str = "active") -> Endpoint:
    """An endpoint; ``profiles`` and ``nets`` are words."""
    v4 = tuple(net for net in nets.split() if ":" not in net)
    v6 = tuple(net for net in nets.split() if ":" in net)
    return Endpoint(state, interface, "ee:ee:ee:ee:ee:ee", tuple(profiles.split()), v4, v6)


def from_tags(*tags: str) -> ProfileRules:
    """Rules that let the tags in and everything out."""
    return ProfileRules(tuple(Rule("allow", src_tag=tag) for tag in tags), (Rule("allow"),))


L1 = EndpointKey(HERE, "docker", "w1", "e1")
L2 = EndpointKey(HERE, "docker", "w2", "e2")
L3 = EndpointKey(HERE, "docker", "w3", "e3")
R1 = EndpointKey(THERE, "docker", "w1", "e1")
R2 = EndpointKey(THERE, "docker", "w2", "e2")
WEB_RULES, WEB_TAGS = ProfileRulesKey("WEB"), ProfileTagsKey("WEB")
DB_RULES, DB_TAGS = ProfileRulesKey("DB"), ProfileTagsKey("DB")
OWN_ACTION = HostConfigKey(HERE, "DefaultEndpointToHostAction")
GLOBAL_ACTION = ConfigKey("DefaultEndpointToHostAction")

EMPTY = State("empty", {ReadyKey(): True})

# Things that nobody here refers to

KEYS_OF_OTHERS = derived(
    "keys of no concern",
    EMPTY,
    {
        HostIPKey(THERE): "10.9.8.7",
        BGPPeerKey("", "10.9.8.1"): BGPPeer("10.9.8.1", 64511),
        AffinityKey(HERE, "10.0.0.0/26"): "",
        NetworkKey("n1"): DockerNetwork({}),
        ConfigKey("LogFilePath"): "none",
        HostConfigKey(THERE, "DefaultEndpointToHostAction"): "ACCEPT",
    },
)
UNUSED_RULES = derived("rules that nobody lists", EMPTY, {WEB_RULES: from_tags("web")})
UNUSED_TAGS = derived("tags that nobody lists", EMPTY, {WEB_TAGS: ("web",)})
UNUSED_PROFILE = derived("profile that nobody lists", UNUSED_RULES, {WEB_TAGS: ("web",)})
ONLY_REMOTE = derived("only remote endpoint", UNUSED_PROFILE, {R1: endpoint("cali1", "WEB", "10.0.1.1/32")})
ONLY_INACTIVE = derived(
    "only inactive endpoint", UNUSED_PROFILE, {L1: endpoint("cali1", "WEB", "10.0.0.1/32", "inactive")}
)

# Pools and settings

POOL = derived("pool", EMPTY, {PoolKey("10.0.0.0/16"): IPPool("10.0.0.0/16")}, pools=("10.0.0.0/16",))
POOL_MASQUERADE = derived(
    "pool with masquerade",
    POOL,
    {PoolKey("10.0.0.0/16"): IPPool("10.0.0.0/16", masquerade=True)},
    pools=("10.0.0.0/16",),
)
TWO_POOLS = derived(
    "two pools", POOL, {PoolKey("fd00::/64"): IPPool("fd00::/64")}, pools=("10.0.0.0/16", "fd00::/64")
)
OTHER_POOL = derived("the other pool", TWO_POOLS, {PoolKey("10.0.0.0/16"): None}, pools=("fd00::/64",))
ACTION_OWN = derived("action of the host", EMPTY, {OWN_ACTION: "RETURN"}, action="RETURN")
ACTION_GLOBAL = derived("global action", EMPTY, {GLOBAL_ACTION: "ACCEPT"}, action="ACCEPT")
ACTION_BOTH = derived("both actions", ACTION_GLOBAL, {OWN_ACTION: "RETURN"}, action="RETURN")
ACTION_INVALID = derived("invalid action over a valid one", ACTION_GLOBAL, {OWN_ACTION: "OPEN"})
ACTION_LOWER_CASE = derived("action in lower case", EMPTY, {OWN_ACTION: "return"}, action="RETURN")

# One local endpoint

NO_PROFILE = derived("endpoint without profiles", EMPTY, {L1: endpoint("cali1", "", "10.0.0.1/32")}, endpoints=(L1,))
MISSING_PROFILE = derived(
    "endpoint with missing profile",
    EMPTY,
    {L1: endpoint("cali1", "WEB", "10.0.0.1/32")},
    profiles=("WEB",),
    endpoints=(L1,),
)
TAGS_WITHOUT_RULES = derived(
    "endpoint whose profile has tags only", MISSING_PROFILE, {WEB_TAGS: ("web",)}, profiles=("WEB",), endpoints=(L1,)
)
RULES_WITHOUT_TAGS = derived(
    "endpoint whose profile has rules only",
    MISSING_PROFILE,
    {WEB_RULES: from_tags("web")},
    ip_sets={"web": ""},
    profiles=("WEB",),
    endpoints=(L1,),
)
LOCAL = derived(
    "local endpoint with the default rules",
    RULES_WITHOUT_TAGS,
    {WEB_TAGS: ("web",)},
    ip_sets={"web": "10.0.0.1"},
    profiles=("WEB",),
    endpoints=(L1,),
)
RULES_NAME_NO_TAG = derived(
    "rules that name no tag",
    LOCAL,
    {WEB_RULES: ProfileRules((Rule("allow"),), (Rule("allow"),))},
    profiles=("WEB",),
    endpoints=(L1,),
)
RULES_EMPTY = derived("no rules", LOCAL, {WEB_RULES: ProfileRules()}, profiles=("WEB",), endpoints=(L1,))
RULES_NAME_OTHER_TAG = derived(
    "rules that name another tag",
    LOCAL,
    {WEB_RULES: from_tags("db")},
    ip_sets={"db": ""},
    profiles=("WEB",),
    endpoints=(L1,),
)
RULES_NAME_BOTH_SIDES = derived(
    "rules that name tags on both sides and in both directions",
    LOCAL,
    {
        WEB_RULES: ProfileRules(
            (Rule("deny", src_tag="web", dst_tag="db"),), (Rule("allow", src_tag="ops"), Rule("deny", dst_tag="web"))
        ),
        WEB_TAGS: ("web", "ops"),
    },
    ip_sets={"web": "10.0.0.1", "db": "", "ops": "10.0.0.1"},
    profiles=("WEB",),
    endpoints=(L1,),
)
SEVERAL_ADDRESSES = derived(
    "addresses of both families, one twice, one with a short prefix",
    LOCAL,
    {L1: endpoint("cali1", "WEB", "10.0.0.1/32 10.0.0.1/24 10.0.5.1/24 fd00::1/128")},
    ip_sets={"web": "10.0.0.1 10.0.5.1 fd00::1"},
    profiles=("WEB",),
    endpoints=(L1,),
)
NO_ADDRESS = derived(
    "endpoint without addresses",
    LOCAL,
    {L1: endpoint("cali1", "WEB", "")},
    ip_sets={"web": ""},
    profiles=("WEB",),
    endpoints=(L1,),
)
OTHER_ADDRESS = derived(
    "endpoint with another address",
    LOCAL,
    {L1: endpoint("cali1", "WEB", "10.0.0.9/32")},
    ip_sets={"web": "10.0.0.9"},
    profiles=("WEB",),
    endpoints=(L1,),
)
RENAMED_INTERFACE = derived(
    "endpoint on another interface",
    LOCAL,
    {L1: endpoint("cali9", "WEB", "10.0.0.1/32")},
    ip_sets={"web": "10.0.0.1"},
    profiles=("WEB",),
    endpoints=(L1,),
)
FOREIGN_INTERFACE = derived(
    "endpoint on an interface that is not ours", LOCAL, {L1: endpoint("eth0", "WEB", "10.0.0.1/32")}
)

# Two profiles

TWO_PROFILES = derived(
    "endpoint with two profiles",
    LOCAL,
    {L1: endpoint("cali1", "WEB DB", "10.0.0.1/32"), DB_RULES: from_tags("db"), DB_TAGS: ("db",)},
    ip_sets={"web": "10.0.0.1", "db": "10.0.0.1"},
    profiles=("WEB", "DB"),
    endpoints=(L1,),
)
TWO_PROFILES_TURNED = derived(
    "endpoint with two profiles in the other order, one twice",
    TWO_PROFILES,
    {L1: endpoint("cali1", "DB WEB DB", "10.0.0.1/32")},
    ip_sets={"web": "10.0.0.1", "db": "10.0.0.1"},
    profiles=("WEB", "DB"),
    endpoints=(L1,),
)
SAME_TAG_TWICE = derived(
    "two profiles that carry one tag",
    TWO_PROFILES,
    {DB_TAGS: ("web",)},
    ip_sets={"web": "10.0.0.1", "db": ""},
    profiles=("WEB", "DB"),
    endpoints=(L1,),
)
SAME_TAG_ONCE_LESS = derived(
    "of two profiles that carried one tag, one does",
    SAME_TAG_TWICE,
    {WEB_TAGS: None},
    ip_sets={"web": "10.0.0.1", "db": ""},
    profiles=("WEB", "DB"),
    endpoints=(L1,),
)
OTHER_PROFILE = derived(
    "endpoint moved to the other profile",
    TWO_PROFILES,
    {L1: endpoint("cali1", "DB", "10.0.0.1/32")},
    ip_sets={"db": "10.0.0.1"},
    profiles=("DB",),
    endpoints=(L1,),
)
ONE_OF_TWO_MISSING = derived(
    "one of two profiles deleted",
    TWO_PROFILES,
    {WEB_RULES: None, WEB_TAGS: None},
    ip_sets={"db": "10.0.0.1"},
    profiles=("WEB", "DB"),
    endpoints=(L1,),
)

# Several endpoints

TWO_LOCAL = derived(
    "two local endpoints",
    LOCAL,
    {L2: endpoint("cali2", "WEB", "10.0.0.2/32")},
    ip_sets={"web": "10.0.0.1 10.0.0.2"},
    profiles=("WEB",),
    endpoints=(L1, L2),
)
TWO_LOCAL_TWO_PROFILES = derived(
    "two local endpoints that may reach each other by tag",
    TWO_LOCAL,
    {L2: endpoint("cali2", "DB", "10.0.0.2/32"), DB_RULES: from_tags("web"), DB_TAGS: ("db",)},
    ip_sets={"web": "10.0.0.1"},
    profiles=("WEB", "DB"),
    endpoints=(L1, L2),
)
WITH_REMOTE = derived(
    "local and remote endpoint",
    LOCAL,
    {R1: endpoint("cali1", "WEB", "10.0.1.1/32")},
    ip_sets={"web": "10.0.0.1 10.0.1.1"},
    profiles=("WEB",),
    endpoints=(L1,),
)
WITH_REMOTE_FOREIGN_INTERFACE = derived(
    "remote endpoint on any interface, inactive",
    LOCAL,
    {R1: endpoint("tap1", "WEB", "10.0.1.1/32", "inactive")},
    ip_sets={"web": "10.0.0.1 10.0.1.1"},
    profiles=("WEB",),
    endpoints=(L1,),
)
ONLY_REMOTE_CARRIES = derived(
    "tag that only a remote endpoint carries",
    LOCAL,
    {WEB_RULES: from_tags("db"), DB_TAGS: ("db",), R1: endpoint("cali1", "DB", "10.0.1.1/32")},
    ip_sets={"db": "10.0.1.1"},
    profiles=("WEB",),
    endpoints=(L1,),
)
INACTIVE_COUNTS = derived(
    "inactive local endpoint counts in its tags",
    TWO_LOCAL,
    {L2: endpoint("cali2", "WEB", "10.0.0.2/32", "inactive")},
    ip_sets={"web": "10.0.0.1 10.0.0.2"},
    profiles=("WEB",),
    endpoints=(L1,),
)
FOREIGN_COUNTS = derived(
    "local endpoint on a foreign interface counts in its tags",
    TWO_LOCAL,
    {L2: endpoint("eth0", "WEB", "10.0.0.2/32")},
    ip_sets={"web": "10.0.0.1 10.0.0.2"},
    profiles=("WEB",),
    endpoints=(L1,),
)
SHARED_ADDRESS = derived(
    "address that three endpoints own",
    WITH_REMOTE,
    {R1: endpoint("cali1", "WEB", "10.0.0.1/32"), R2: endpoint("cali2", "WEB", "10.0.0.1/24")},
    ip_sets={"web": "10.0.0.1"},
    profiles=("WEB",),
    endpoints=(L1,),
)
SHARED_ADDRESS_LEFT = derived(
    "address whose other owners are gone or changed",
    SHARED_ADDRESS,
    {R1: None, L1: endpoint("cali1", "WEB", "10.0.0.7/32")},
    ip_sets={"web": "10.0.0.1 10.0.0.7"},
    profiles=("WEB",),
    endpoints=(L1,),
)
ADDRESS_HANDED_OVER = derived(
    "address that went from a local to a remote endpoint",
    WITH_REMOTE,
    {L1: endpoint("cali1", "WEB", "10.0.1.1/32"), R1: endpoint("cali1", "WEB", "10.0.0.1/32")},
    ip_sets={"web": "10.0.0.1 10.0.1.1"},
    profiles=("WEB",),
    endpoints=(L1,),
)

# Two endpoints that claim one interface

CONFLICT = derived(
    "two endpoints on one interface",
    TWO_LOCAL_TWO_PROFILES,
    {L2: endpoint("cali1", "DB", "10.0.0.2/32"), DB_RULES: from_tags("db"), WEB_RULES: from_tags("web")},
    ip_sets={"web": "10.0.0.1"},
    profiles=("WEB",),
    endpoints=(L1,),
)
CONFLICT_WINNER_GONE = derived(
    "winner of the interface gone",
    CONFLICT,
    {L1: None},
    ip_sets={"db": "10.0.0.2"},
    profiles=("DB",),
    endpoints=(L2,),
)
CONFLICT_WINNER_INACTIVE = derived(
    "winner of the interface inactive",
    CONFLICT,
    {L1: endpoint("cali1", "WEB DB", "10.0.0.1/32", "inactive")},
    ip_sets={"db": "10.0.0.1 10.0.0.2"},
    profiles=("DB",),
    endpoints=(L2,),
)
CONFLICT_OF_THREE = derived(
    "three endpoints on one interface",
    CONFLICT,
    {L3: endpoint("cali1", "DB", "10.0.0.3/32")},
    ip_sets={"web": "10.0.0.1"},
    profiles=("WEB",),
    endpoints=(L1,),
)
INTERFACES_SWAPPED = derived(
    "two endpoints with swapped interfaces",
    TWO_LOCAL,
    {L1: endpoint("cali2", "WEB", "10.0.0.1/32"), L2: endpoint("cali1", "WEB", "10.0.0.2/32")},
    ip_sets={"web": "10.0.0.1 10.0.0.2"},
    profiles=("WEB",),
    endpoints=(L1, L2),
)
SAME_INTERFACE_ELSEWHERE = derived(
    "the same interface on two hosts",
    LOCAL,
    {R2: endpoint("cali1", "DB", "10.0.1.2/32")},
    ip_sets={"web": "10.0.0.1"},
    profiles=("WEB",),
    endpoints=(L1,),
)

ALL_STATES = tuple(value for value in dict(globals()).values() if isinstance(value, State))
