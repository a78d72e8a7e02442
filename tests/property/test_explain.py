"""``explain`` says what the evaluator says about the policy that the oracle finds; its remedies work when typed."""

import shlex
from collections.abc import Iterable
from itertools import product
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from calico.client.content import parse_content
from calico.client.ends import Ends
from calico.client.explain import Explanation, Question, explain
from calico.client.judgement import (
    ALLOW,
    DENY,
    MISSING_PROFILE,
    NO_MATCH,
    NO_PROFILES,
    RULE,
    Side,
)
from calico.datastore.api import KeyValue
from calico.rules.evaluate import Decision, evaluate
from calico.rules.packet import Packet
from calico.rules.traffic import Traffic
from tests.fakes.oracle import Values, expected_state
from tests.fakes.terminal import Terminal
from tests.scenarios.places import HOST, LOCAL, PLACES
from tests.scenarios.questions import HERE, endpoint_key, random_world, world_texts, world_values

CAUSES = {"rule": RULE, "no match": NO_MATCH, "missing profile": MISSING_PROFILE}
TRAFFICS = (Traffic("tcp", 80), Traffic("tcp", 5432), Traffic("udp", 53), Traffic("icmp"), Traffic("99"))
seeds = st.integers(0, 2**32)


def decision(values: Values, direction: str, place: str, packet: Packet) -> Decision:
    """What the evaluator says, from what the oracle says that the endpoint's host must hold."""
    state = expected_state(values, endpoint_key(place).host)
    endpoint = state.endpoints[endpoint_key(place)]
    profiles = [(name, state.profiles[name]) for name in endpoint.profiles]
    return evaluate(direction, profiles, packet, lambda tag: state.ip_sets[tag])


def assert_says(side: Side, expected: Decision) -> None:
    assert side.verdict == (ALLOW if expected.allowed else DENY)
    assert side.cause == (CAUSES[expected.reason] if side.profiles else NO_PROFILES)
    assert (side.profile, side.number) == (expected.profile or "", expected.rule or 0)
    assert [tried.mismatch for tried in side.tried].count("") == (expected.reason == "rule")


def ask(texts: dict[str, str], source: str, destination: str, traffic: Traffic, version: int) -> Explanation:
    """The question as the command asks it, with places for names."""
    content = parse_content(tuple(KeyValue(path, text, 1) for path, text in sorted(texts.items())))
    ends = Ends(content, HERE, PLACES[HOST].addresses.values, endpoint_key)
    return explain(content, Question(ends.resolve(source), ends.resolve(destination), traffic, version))


def random_question(random: Random) -> tuple[str, str, Traffic, int]:
    source, destination = random.sample((*LOCAL, "r"), 2)
    return source, destination, random.choice(TRAFFICS), random.choice((4, 6))


@given(seeds)
def test_both_sides_are_the_evaluators(seed: int) -> None:
    random = Random(seed)
    world = random_world(random)
    values = world_values(world)
    source, destination, traffic, version = random_question(random)

    judgement = ask(world_texts(world), source, destination, traffic, version).judgement

    assert judgement.packet is not None
    assert judgement.packet.src == PLACES[source].addresses[version]
    assert judgement.packet.dst == PLACES[destination].addresses[version]
    assert_says(judgement.sender, decision(values, "outbound", source, judgement.packet))
    assert_says(judgement.receiver, decision(values, "inbound", destination, judgement.packet))


@given(seeds)
def test_the_commands_allow_it_when_typed_and_let_nobody_else_past_a_deny_rule(seed: int) -> None:
    random = Random(seed)
    texts = world_texts(random_world(random))
    question = source, destination, traffic, _ = random_question(random)
    explanation = ask(texts, *question)
    sides = explanation.judgement.sender, explanation.judgement.receiver
    if explanation.judgement.allowed:
        assert explanation.commands == explanation.advice == ()
        return
    if all(side.cause in (RULE, NO_MATCH, MISSING_PROFILE) for side in sides if side.denies):
        assert explanation.commands
    if not explanation.commands:
        return

    after = typed(texts, explanation.commands)

    assert ask(after, *question).judgement.allowed
    if all(" rule " in command for command in explanation.commands):
        for other, version in product((*LOCAL, "r"), (4, 6)):
            if other not in (source, destination):
                assert_still_denied(texts, after, (other, destination, traffic, version), inbound=True)
                assert_still_denied(texts, after, (source, other, traffic, version), inbound=False)


def typed(texts: dict[str, str], commands: Iterable[str]) -> dict[str, str]:
    """What the datastore holds after these commands."""
    terminal = Terminal()
    for path, text in texts.items():
        terminal.put(path, text)
    for command in commands:
        program, *arguments = shlex.split(command)
        result = terminal(arguments)
        assert (program, result.code, result.err) == ("calicoctl", 0, ""), f"{command}: {result}"
    return terminal.tree()


def assert_still_denied(
    before: dict[str, str], after: dict[str, str], question: tuple[str, str, Traffic, int], *, inbound: bool
) -> None:
    """What a deny rule decided on this side before is denied after."""
    was, now = (ask(texts, *question).judgement for texts in (before, after))
    old, new = (was.receiver, now.receiver) if inbound else (was.sender, now.sender)
    assert new.denies or not (old.denies and old.cause == RULE), f"{old} became {new}"
