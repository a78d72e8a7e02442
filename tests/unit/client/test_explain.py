"""What is said about a packet: every cause, what else is to be known, and what would allow it."""

import pytest

from calico.client.content import Content
from calico.client.ends import Ends
from calico.client.explain import Explanation, Question, explain
from calico.client.judgement import (
    ALLOW,
    ALWAYS,
    DENY,
    FOREIGN_SOURCE,
    HOST_ACTION,
    INACTIVE,
    INTERFACE,
    INVALID,
    ITSELF,
    MISSING_PROFILE,
    NO_CONNECTION,
    NO_MATCH,
    NO_PROFILES,
    OUTSIDE,
    OWN_HOST,
    RULE,
    UNFILTERED,
    UNKNOWN,
    Side,
)
from calico.client.remedy import Command
from calico.model.errors import NotFoundError, ValidationError
from calico.model.keys import (
    BGPConfigKey,
    ConfigKey,
    EndpointKey,
    HostConfigKey,
    Key,
    PoolKey,
    ProfileRulesKey,
    ProfileTagsKey,
    ReadyKey,
)
from calico.model.record import replace
from calico.model.values import Endpoint, IPPool, Profile
from calico.rules.traffic import parse_traffic
from tests.scenarios.worlds import profile

ACTION = "DefaultEndpointToHostAction"
OPEN = profile("open", "open", "allow", "allow")
WEB = profile("web", "web clients", "allow from tag web", "allow")
DB = profile("db", "db", "allow udp; allow tcp from tag nobody to ports 5432; allow from tag db", "allow")


def key(name: str, host: str = "h1") -> EndpointKey:
    return EndpointKey(host, "libnetwork", "libnetwork", name)


class Scene:
    """Values of a datastore, and questions about them. Endpoint number N has the addresses 10.65.0.N and fd65::N."""

    def __init__(self, *profiles: Profile) -> None:
        self.values: dict[Key, object] = {ReadyKey(): True, HostConfigKey("h1", ACTION): "RETURN"}
        self.faults: dict[Key, str] = {}
        for host, number in (("h1", 1), ("h2", 2)):
            self.values[BGPConfigKey(host, "ip_addr_v4")] = f"192.0.2.{number}"
        for one in profiles:
            self.values |= {ProfileTagsKey(one.name): one.tags, ProfileRulesKey(one.name): one.rules}

    def add(self, name: str, number: int, profiles: str, /, host: str = "h1", **changes: object) -> "Scene":
        endpoint = Endpoint(
            "active",
            f"cali{name}",
            None,
            tuple(profiles.split()),
            (f"10.65.0.{number}/32",),
            (f"fd65::{number}/128",),
        )
        self.values[key(name, host)] = replace(endpoint, **changes)
        return self

    def ask(self, source: str, destination: str, traffic: str = "tcp/80", **how: object) -> Explanation:
        ends = Ends(Content(self.values, self.faults), "h1", lambda: ["192.0.2.1", "10.9.9.9"], self._find)
        question = Question(ends.resolve(source), ends.resolve(destination), parse_traffic(traffic))
        return explain(Content(self.values, self.faults), replace(question, **how))

    def _find(self, text: str) -> EndpointKey:
        for found in self.values:
            if isinstance(found, EndpointKey) and found.endpoint == text:
                return found
        raise NotFoundError(f"Endpoint {text} is unknown to Calico.")


def web_and_db() -> Scene:
    return Scene(OPEN, WEB, DB).add("a", 3, "web").add("b", 4, "db", host="h2")


def said(side: Side) -> tuple[str, str, str, int]:
    return side.verdict, side.cause, side.profile, side.number


def test_both_sides_are_judged_and_name_their_rules() -> None:
    judgement = web_and_db().ask("a", "b", "udp/53").judgement

    assert judgement.allowed
    assert said(judgement.sender) == (ALLOW, RULE, "web", 1)
    assert said(judgement.receiver) == (ALLOW, RULE, "db", 1)
    assert judgement.receiver.reason == "rule 1 of profile db matches"


def test_rules_that_came_before_say_why_they_do_not_match() -> None:
    judgement = web_and_db().ask("a", "b", "tcp/5432").judgement

    assert said(judgement.receiver) == (DENY, NO_MATCH, "", 0)
    assert [(tried.number, tried.why) for tried in judgement.receiver.tried] == [
        (1, "protocol is tcp, not udp"),
        (2, "source 10.65.0.3 is not in tag nobody (members: 0)"),
        (3, "source 10.65.0.3 is not in tag db (members: 2)"),
    ]


@pytest.mark.parametrize(
    ("traffic", "action", "sender", "receiver"),
    [
        ("tcp/22", "RETURN", (ALLOW, RULE), (ALLOW, HOST_ACTION)),
        ("tcp/22", "ACCEPT", (ALLOW, RULE), (ALLOW, HOST_ACTION)),
        ("tcp/22", "DROP", (ALLOW, RULE), (DENY, HOST_ACTION)),
        ("udp/53", "DROP", (ALLOW, ALWAYS), (ALLOW, ALWAYS)),
    ],
)
@pytest.mark.parametrize("host", ["host", "192.0.2.1", "10.9.9.9"])
def test_to_the_own_host(
    host: str, traffic: str, action: str, sender: tuple[str, str], receiver: tuple[str, str]
) -> None:
    scene = web_and_db()
    scene.values[HostConfigKey("h1", ACTION)] = action

    judgement = scene.ask("a", host, traffic).judgement

    assert said(judgement.sender)[:2] == sender
    assert said(judgement.receiver)[:2] == receiver


def test_the_own_host_of_an_endpoint_elsewhere_is_that_one() -> None:
    scene = web_and_db()
    scene.values[ConfigKey(ACTION)] = "DROP"

    assert said(scene.ask("b", "192.0.2.2").judgement.receiver)[:2] == (DENY, HOST_ACTION)
    assert said(scene.ask("b", "host").judgement.receiver)[:2] == (UNFILTERED, OUTSIDE)


def test_from_a_host_to_its_own_endpoints_nothing_is_filtered() -> None:
    scene = web_and_db()

    assert said(scene.ask("host", "a").judgement.receiver)[:2] == (UNFILTERED, OWN_HOST)
    assert said(scene.ask("192.0.2.2", "b").judgement.receiver)[:2] == (UNFILTERED, OWN_HOST)
    assert said(scene.ask("host", "b").judgement.receiver)[:2] == (DENY, NO_MATCH)


def test_outside_addresses_have_no_policy() -> None:
    scene = web_and_db()

    assert said(scene.ask("a", "8.8.8.8").judgement.receiver)[:2] == (UNFILTERED, OUTSIDE)
    assert said(scene.ask("8.8.8.8", "a").judgement.sender)[:2] == (UNFILTERED, OUTSIDE)
    assert scene.ask("8.8.8.8", "1.1.1.1").judgement.allowed


def test_an_endpoint_reaches_itself() -> None:
    judgement = Scene().add("a", 3, "").ask("a", "a").judgement

    assert judgement.allowed
    assert judgement.sender.cause == judgement.receiver.cause == ITSELF


@pytest.mark.parametrize(
    ("profiles", "cause", "reason"),
    [
        ("", NO_PROFILES, "it has no profiles, so nothing gets through"),
        ("gone open", MISSING_PROFILE, "profile gone does not exist, so it drops"),
        ("tagged open", MISSING_PROFILE, "profile tagged has tags but no rules at all, so it drops"),
        ("bad open", MISSING_PROFILE, "the rules of profile bad are not valid, so it drops: not JSON"),
    ],
)
def test_lists_that_drop(profiles: str, cause: str, reason: str) -> None:
    scene = Scene(OPEN).add("a", 3, "open").add("b", 4, profiles)
    scene.values[ProfileTagsKey("tagged")] = ("x",)
    scene.faults[ProfileRulesKey("bad")] = "not JSON"

    side = scene.ask("a", "b").judgement.receiver

    assert (side.verdict, side.cause, side.reason) == (DENY, cause, reason)
    assert side.profile == ("" if cause == NO_PROFILES else profiles.split()[0])


@pytest.mark.parametrize(
    ("changes", "verdict", "cause", "reason"),
    [
        ({"state": "inactive"}, DENY, INACTIVE, "it is inactive: its host lets nothing through"),
        ({"name": "calia"}, DENY, INTERFACE, "its interface calia belongs to endpoint a"),
        (
            {"name": "eth0"}, UNFILTERED, INTERFACE,
            "its interface eth0 is not policed: the name does not begin with cali",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("inbound", [True, False])
def test_endpoints_that_are_not_policed(
    changes: dict[str, object], verdict: str, cause: str, reason: str, inbound: bool
) -> None:
    scene = Scene(OPEN).add("a", 3, "open").add("b", 4, "open", **changes)

    judgement = scene.ask("a", "b").judgement if inbound else scene.ask("b", "a").judgement

    side = judgement.receiver if inbound else judgement.sender
    assert (side.verdict, side.cause, side.reason) == (verdict, cause, reason)


def test_an_endpoint_that_is_not_policed_reaches_its_host() -> None:
    scene = Scene(OPEN).add("a", 3, "open", name="eth0")
    scene.values[HostConfigKey("h1", ACTION)] = "DROP"

    assert scene.ask("a", "host").judgement.allowed


@pytest.mark.parametrize(("source", "destination"), [("a", "b"), ("b", "a"), ("b", "8.8.8.8")])
def test_nobody_knows_the_address_of_an_invalid_endpoint(source: str, destination: str) -> None:
    scene = web_and_db()
    del scene.values[key("b", "h2")]
    scene.faults[key("b", "h2")] = "state: missing"

    explanation = scene.ask(source, destination)

    sides = explanation.judgement.sender, explanation.judgement.receiver
    assert not explanation.judgement.allowed
    assert explanation.judgement.packet is None
    assert {side.cause for side in sides} == {INVALID}
    assert {side.verdict for side in sides} == {DENY, UNKNOWN}
    assert explanation.commands == ()
    assert explanation.advice == (f"b: repair or remove the value at {key('b', 'h2').path}",)


def test_a_source_that_is_not_the_endpoints_own() -> None:
    scene = Scene(OPEN).add("a", 3, "open").add("b", 4, "open")

    side = scene.ask("a", "b", source_address="10.65.0.9").judgement.sender

    assert said(side)[:2] == (DENY, FOREIGN_SOURCE)
    assert side.reason == "source 10.65.0.9 is none of its addresses (10.65.0.3, fd65::3)"
    assert scene.ask("a", "b", source_address="10.65.0.3").judgement.allowed


def test_what_begins_no_connection() -> None:
    scene = Scene(OPEN).add("a", 3, "open")

    explanation = scene.ask("a", "8.8.8.8", "icmp/3")

    assert said(explanation.judgement.sender)[:2] == (DENY, NO_CONNECTION)
    assert explanation.advice == ("a: nothing needs to be added: answers and errors of an allowed connection pass",)
    assert said(scene.ask("8.8.8.8", "a", "icmp/0").judgement.receiver)[:2] == (DENY, NO_CONNECTION)
    assert scene.ask("8.8.8.8", "1.1.1.1", "icmp/3").judgement.allowed


def test_masquerading_hides_the_sender_from_receivers_on_other_hosts() -> None:
    shut = profile("shut", "", "allow from cidr 192.0.2.1/32", "allow")
    scene = Scene(OPEN, shut).add("a", 3, "open").add("b", 4, "shut", ipv4_nets=("10.9.0.4/32",))
    scene.add("c", 5, "shut", host="h2", ipv4_nets=("10.9.0.5/32",))
    scene.values[PoolKey("10.65.0.0/16")] = IPPool("10.65.0.0/16", masquerade=True)

    assert not scene.ask("a", "b").judgement.allowed
    explanation = scene.ask("a", "c")
    assert explanation.judgement.allowed
    assert explanation.notes == ("it leaves its host with the host's own address 192.0.2.1 (nat-outgoing)",)

    scene.values[PoolKey("10.9.0.0/16")] = IPPool("10.9.0.0/16")
    assert not scene.ask("a", "c").judgement.allowed


def test_the_ip_version() -> None:
    scene = web_and_db()

    assert scene.ask("a", "b", "icmp", version=6).judgement.packet.protocol == 58  # type: ignore[union-attr]
    assert scene.ask("a", "fd65::4", "icmp").judgement.packet.version == 6  # type: ignore[union-attr]
    for traffic, version, message in (
        ("icmp/8", 6, "icmp of this kind exists in IPv4 only"),
        ("icmpv6", 4, "icmpv6 of this kind exists in IPv6 only"),
    ):
        with pytest.raises(ValidationError, match=message):
            scene.ask("a", "b", traffic, version=version)
    with pytest.raises(ValidationError, match=r"10.65.0.3 has no IPv6 address"):
        scene.ask("10.65.0.3", "b", "icmpv6")


def test_a_source_port_where_there_is_none() -> None:
    with pytest.raises(ValidationError, match="protocol icmp has no source port"):
        web_and_db().ask("a", "b", "icmp", source_port=53)


def test_notes() -> None:
    scene = Scene(OPEN, profile("p", "", "allow tcp from ports 53; allow", "allow")).add("a", 3, "open odd")
    scene.add("b", 4, "p", ipv4_nets=("10.65.0.4/32", "10.65.0.5/32"))
    scene.values[ReadyKey()] = False
    scene.values[PoolKey("10.66.0.0/16")] = IPPool("10.66.0.0/16")
    scene.faults[ProfileTagsKey("odd")] = "must be a list"

    assert scene.ask("a", "b").notes == (
        "/calico/v1/Ready is not true: hosts hold the policy that they had when it last was",
        "the tags of profile odd are not valid, so it gives none to a: must be a list",
        "b has 2 IPv4 addresses; this is about 10.65.0.4",
        "source port 40000 is assumed; --from-port names another",
    )
    assert scene.ask("b", "10.66.0.7", source_port=53).notes[1:] == (
        "b has 2 IPv4 addresses; this is about 10.65.0.4",
        "10.66.0.7 lies in pool 10.66.0.0/16 and belongs to no endpoint",
    )


# Remedies


def remedy(scene: Scene, source: str = "a", destination: str = "b", traffic: str = "tcp/80") -> tuple[str, ...]:
    return scene.ask(source, destination, traffic).commands


def receiver(inbound: str, *others: Profile, profiles: str = "server") -> Scene:
    scene = Scene(OPEN, WEB, profile("server", "server", inbound, "allow"), *others)
    return scene.add("a", 3, "web").add("b", 4, profiles)


def test_a_rule_for_the_senders_tag_at_the_end() -> None:
    assert remedy(receiver("allow udp")) == (
        "calicoctl profile server rule add inbound allow tcp from tag web to ports 80",
    )


def test_a_rule_goes_before_the_deny_rule_that_decides() -> None:
    assert remedy(receiver("allow udp; deny tcp; allow")) == (
        "calicoctl profile server rule add inbound --at=2 allow tcp from tag web to ports 80",
    )


def test_no_other_member_of_the_tag_gets_past_a_deny_rule() -> None:
    scene = receiver("deny tcp; allow").add("c", 5, "web")

    assert remedy(scene) == (
        "calicoctl profile server rule add inbound --at=1 allow tcp from cidr 10.65.0.3/32 to ports 80",
    )


def test_nor_a_member_of_the_other_ip_version() -> None:
    scene = receiver("allow ipv6 udp; deny ipv4; deny from cidr fd65::5/128; allow").add("c", 5, "web", ipv4_nets=())

    assert remedy(scene) == (
        "calicoctl profile server rule add inbound --at=2 allow tcp from cidr 10.65.0.3/32 to ports 80",
    )
    assert remedy(scene, traffic="icmp") == (
        "calicoctl profile server rule add inbound --at=2 allow icmp type 8 from tag web",
    )


def test_a_rule_that_comes_too_late_is_moved() -> None:
    assert remedy(receiver("deny udp; deny tcp; allow; allow tcp from tag web to ports 80")) == (
        "calicoctl profile server rule remove inbound --at=4",
        "calicoctl profile server rule add inbound --at=2 allow tcp from tag web to ports 80",
    )


def test_the_tag_with_the_fewest_carriers_is_taken() -> None:
    scene = receiver("", profile("all", "web everybody", "", "allow")).add("c", 5, "all").add("d", 6, "all")

    assert remedy(scene) == ("calicoctl profile server rule add inbound allow tcp from tag clients to ports 80",)


def test_the_profile_with_the_fewest_members_is_changed() -> None:
    scene = receiver("", profile("wide"), profiles="wide server").add("c", 5, "wide")

    assert remedy(scene) == ("calicoctl profile server rule add inbound allow tcp from tag web to ports 80",)


@pytest.mark.parametrize(
    ("source", "traffic", "rule"),
    [
        ("8.8.8.8", "udp/53", "allow udp from cidr 8.8.8.8/32 to ports 53"),
        ("2001:db8::9", "icmpv6", "allow icmpv6 type 128 from cidr 2001:db8::9/128"),
        ("a", "icmp/13/1", "allow icmp type 13 code 1 from tag web"),
        ("a", "47", "allow 47 from tag web"),
        ("192.0.2.2", "icmp", "allow icmp type 8 from cidr 192.0.2.2/32"),
    ],
)
def test_the_rule_allows_this_traffic_alone(source: str, traffic: str, rule: str) -> None:
    assert remedy(receiver("deny"), source, "b", traffic) == (
        f"calicoctl profile server rule add inbound --at=1 {rule}",
    )


def test_both_sides_are_changed_when_both_deny() -> None:
    scene = Scene(profile("client", "client", "", ""), profile("server", "server")).add("a", 3, "client")
    scene.add("b", 4, "server")
    scene.values[ProfileRulesKey("server")] = profile("server", "", "", "").rules

    assert remedy(scene) == (
        "calicoctl profile client rule add outbound allow tcp to ports 80 tag server",
        "calicoctl profile server rule add inbound allow tcp from tag client to ports 80",
    )


def test_a_missing_profile_is_added_and_then_more_if_need_be() -> None:
    assert remedy(receiver("", profiles="gone")) == (
        "calicoctl profile add gone",
        "calicoctl profile gone rule add inbound allow tcp from tag web to ports 80",
    )
    assert remedy(Scene().add("a", 3, "gone").add("b", 4, "gone")) == ("calicoctl profile add gone",)


def test_a_profile_with_tags_alone_gets_a_rule() -> None:
    scene = receiver("", profiles="tagged")
    scene.values[ProfileTagsKey("tagged")] = ("x",)

    assert remedy(scene) == ("calicoctl profile tagged rule add inbound allow tcp from tag web to ports 80",)


def test_an_invalid_profile_is_stepped_around_or_must_be_repaired() -> None:
    scene = receiver("", profiles="server bad")
    scene.faults[ProfileRulesKey("bad")] = "not JSON"
    assert remedy(scene) == ("calicoctl profile server rule add inbound allow tcp from tag web to ports 80",)

    alone = receiver("", profiles="bad")
    alone.faults[ProfileRulesKey("bad")] = "not JSON"
    explanation = alone.ask("a", "b")
    assert explanation.commands == ()
    assert explanation.advice == ("b: replace its rules: calicoctl profile bad rule update < rules.json",)


def test_an_endpoint_without_profiles_gets_one_of_the_other_end_if_that_helps() -> None:
    scene = Scene(WEB).add("a", 3, "web").add("b", 4, "")
    assert remedy(scene) == ("calicoctl endpoint b profile append web",)
    assert remedy(scene, "b", "a") == ("calicoctl endpoint b profile append web",)

    scene.add("b", 9, "web", host="h2")
    assert remedy(scene, "a", "10.65.0.4") == (
        "calicoctl endpoint b profile append --host=h1 --orchestrator=libnetwork --workload=libnetwork web",
    )

    explanation = scene.ask("8.8.8.8", "10.65.0.4")
    assert explanation.commands == ()
    assert explanation.advice == ("10.65.0.4: give it a profile: calicoctl endpoint b profile append <PROFILE>",)


def test_a_host_that_drops() -> None:
    scene = web_and_db()
    scene.values[HostConfigKey("h1", ACTION)] = "DROP"
    explanation = scene.ask("a", "host", "tcp/22")
    assert explanation.commands == ()
    assert explanation.advice == (f"host: set {ACTION} of the host to RETURN",)

    del scene.values[HostConfigKey("h1", ACTION)]
    assert remedy(scene, "a", "host", "tcp/22") == (f"calicoctl config felix {ACTION} RETURN --force",)


def test_no_command_where_one_side_cannot_be_helped() -> None:
    scene = receiver("").add("c", 5, "server", state="inactive")

    explanation = scene.ask("c", "b")

    assert explanation.commands == ()
    assert explanation.advice == ()


def test_a_tag_with_very_many_members_is_not_looked_through() -> None:
    many = tuple(f"10.70.{number >> 8}.{number & 255}/32" for number in range(600))

    assert remedy(receiver("").add("c", 5, "web", ipv4_nets=many)) == (
        "calicoctl profile server rule add inbound allow tcp from tag web to ports 80",
    )
    assert remedy(receiver("deny").add("c", 5, "web", ipv4_nets=many)) == (
        "calicoctl profile server rule add inbound --at=1 allow tcp from cidr 10.65.0.3/32 to ports 80",
    )


def test_names_that_look_like_options_come_behind_two_dashes() -> None:
    command = Command(("profile", "--x", "rule", "add", "inbound"), ("--at=1",), ("allow",))

    assert str(command) == "calicoctl profile --at=1 -- --x rule add inbound allow"
