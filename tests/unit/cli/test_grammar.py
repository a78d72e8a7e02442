"""The grammar: which arguments fit which usage line, and what is said about those that fit none."""

from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.cli import main
from calico.cli.grammar import Match, Usage, UsageError, match, wants_help

LINES = (
    "thing show [--detailed]",
    "thing show all [--ipv4 | --ipv6]",
    "thing <NAME> tag (add|remove) <TAG>",
    "thing <NAME> rule add (inbound|outbound) [--at=<POSITION>] <RULE>...",
    "thing <NAME> rule remove (inbound|outbound) --at=<POSITION>",
    "thing <NAME> rule remove (inbound|outbound) <RULE>...",
    "thing mesh [on|off]",
    "thing default [<NUMBER>]",
    "thing set [--driver [--image=<IMAGE>]] [<NAME>...]",
    "thing peer add <IP> as <ASN>",
)
COMMANDS = {name: import_module(f"calico.cli.{name}") for name in main.COMMANDS}


def fit(text: str) -> tuple[str, Match]:
    return match(LINES, ["thing", *text.split()])


def fault(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        fit(text)
    return str(caught.value)


def test_literals_are_taken_before_placeholders() -> None:
    line, found = fit("show")

    assert line == LINES[0]
    assert not found.flag("--detailed")


def test_a_name_may_be_a_word_of_the_grammar_where_only_a_name_fits() -> None:
    line, found = fit("show tag add add")

    assert line == LINES[2]
    assert (found.value("NAME"), found.choices, found.value("TAG")) == ("show", ("add",), "add")


@pytest.mark.parametrize("text", ["--detailed show", "show --detailed", "show --det"])
def test_options_stand_anywhere_and_may_be_shortened(text: str) -> None:
    line, found = fit(text)

    assert line == LINES[0]
    assert found.flag("--detailed")


@pytest.mark.parametrize("option", ["--at=1", "--at 1", "--a 1"])
@pytest.mark.parametrize("place", range(6))
def test_a_value_stands_behind_an_equals_sign_or_as_the_next_argument(option: str, place: int) -> None:
    words = "N rule add inbound allow tcp".split()

    line, found = fit(" ".join([*words[:place], option, *words[place:]]))

    assert line == LINES[3]
    assert found.option("--at") == "1"
    assert found.values("RULE") == ["allow", "tcp"]


def test_a_value_may_be_a_negative_number_and_may_be_empty() -> None:
    assert fit("N rule remove inbound --at -5")[1].option("--at") == "-5"
    assert fit("N rule remove inbound --at=")[1].option("--at") == ""


def test_a_dash_alone_and_negative_numbers_are_words() -> None:
    assert fit("set - -1")[1].values("NAME") == ["-", "-1"]


def test_after_two_dashes_everything_is_a_word() -> None:
    _, found = fit("N rule add inbound -- --at -h")

    assert found.values("RULE") == ["--at", "-h"]
    assert found.option("--at") is None


def test_optional_words_may_be_absent() -> None:
    assert fit("mesh")[1].choices == ()
    assert fit("mesh off")[1].choices == ("off",)
    assert fit("default")[1].values("NUMBER") == []
    assert fit("default 5")[1].value("NUMBER") == "5"
    assert fit("set")[1].values("NAME") == []
    assert fit("set a b")[1].values("NAME") == ["a", "b"]


def test_a_literal_may_follow_a_placeholder() -> None:
    _, found = fit("peer add 10.0.0.1 as 64511")

    assert (found.value("IP"), found.value("ASN")) == ("10.0.0.1", "64511")


def test_an_option_group_allows_the_inner_option_with_the_outer_one() -> None:
    assert fit("set --driver --image=x")[1].option("--image") == "x"
    assert fault("set --image=x") == "option --image needs --driver"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("N tag", "something is missing after 'calicoctl thing N tag'; expected add or remove"),
        ("N tag add", "something is missing after 'calicoctl thing N tag add'; expected <TAG>"),
        ("N tag add T U", "unexpected 'U' after 'calicoctl thing N tag add T'"),
        ("N tag T", "unexpected 'T' after 'calicoctl thing N tag'; expected add or remove"),
        (
            "N tag ad T",
            "unexpected 'ad' after 'calicoctl thing N tag'; expected add or remove. Did you mean 'add'?",
        ),
        ("shwo", "something is missing after 'calicoctl thing shwo'; expected tag or rule. Did you mean 'show'?"),
        ("show --detialed", "unknown option '--detialed'. Did you mean '--detailed'?"),
        ("peer add 10.0.0.1 AS 5", "unexpected 'AS' after 'calicoctl thing peer add 10.0.0.1'; expected as"),
        ("mesh maybe", "unexpected 'maybe' after 'calicoctl thing mesh'; expected on or off"),
        ("N rule remove inbound",
         "something is missing after 'calicoctl thing N rule remove inbound'; expected --at=<POSITION> or <RULE>"),
        ("N rule remove inbound --at=1 allow",
         "option --at does not go with 'thing <NAME> rule remove (inbound|outbound) <RULE>...'"),
        ("show all --ipv4 --ipv6", "options --ipv4 and --ipv6 exclude one another"),
        ("show --ipv4", "option --ipv4 does not go with 'thing show [--detailed]'"),
        ("show --bogus", "unknown option '--bogus'"),
        ("show -x", "unknown option '-x'"),
        ("show all --ip", "option --ip could be --ipv4 or --ipv6"),
        ("show --detailed=yes", "option --detailed takes no value"),
        ("show --detailed --detailed", "option --detailed is given twice"),
        ("N rule add inbound allow --at", "option --at needs a value: --at=<POSITION>"),
        ("N rule add inbound --at --detailed allow", "option --at needs a value: --at=<POSITION>"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(text: str, message: str) -> None:
    assert fault(text) == message


def test_the_usage_shown_is_that_of_the_sub_command_meant() -> None:
    with pytest.raises(UsageError) as caught:
        fit("N rule remove inbound --at=1 allow")

    assert caught.value.usages == LINES[4:6]


def test_help_is_asked_for_anywhere_but_behind_two_dashes() -> None:
    assert wants_help(["rule", "add", "--help"])
    assert wants_help(["-h"])
    assert not wants_help(["rule", "--", "-h"])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_usage_line_says_what_the_matcher_understands(command: str) -> None:
    """A sample made from the printed line alone fits exactly that line."""
    lines = tuple(COMMANDS[command].USAGES)
    for line in lines:
        usage = Usage(line)
        words = [step.literals[0] if step.literals else "X" for step in usage.steps]
        options = [f"{option.name}=1" if option.value else option.name for option in usage.options.values()]
        required = [text for text, option in zip(options, usage.options.values(), strict=True) if option.required]

        assert match(lines, [*words, *required])[0] == line
        for option in options:
            assert match(lines, [*words, *{*required, option}])[0] == line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained_and_means_the_same_on_every_line(command: str) -> None:
    module = COMMANDS[command]
    values: dict[str, str] = {}
    for line in module.USAGES:
        for option in Usage(line).options.values():
            assert f"\n  {option} " in module.NOTES
            assert values.setdefault(option.name, option.value) == option.value


WORDS = st.sampled_from(
    ["show", "all", "N", "tag", "add", "remove", "rule", "inbound", "--at", "--at=1", "--detailed", "--", "-h", "-1",
     "mesh", "on", "set", "--driver", "--image=x", "--image", "", "peer", "as", "--ipv4", "--ipv6"]
)  # fmt: skip


@given(st.lists(WORDS | st.text(max_size=4), max_size=9))
def test_any_arguments_are_understood_or_refused_and_every_word_has_its_place(words: list[str]) -> None:
    try:
        line, found = match(LINES, ["thing", *words])
    except UsageError as error:
        refusal = error
    else:
        _check_every_word_has_its_place(words, line, found)
        return
    assert "\n" not in str(refusal)
    assert set(refusal.usages) <= set(LINES)


def _check_every_word_has_its_place(words: list[str], line: str, found: Match) -> None:
    usage = Usage(line)
    rebuilt: list[str] = []
    choices = list(found.choices)
    for step in usage.steps:
        if step.name:
            rebuilt += found.values(step.name)
        elif len(step.literals) > 1 or step.optional:
            rebuilt += [choices.pop(0)] if choices else []
        else:
            rebuilt += step.literals
    given_words = _without_options(["thing", *words], usage)
    assert rebuilt == given_words


def _without_options(arguments: list[str], usage: Usage) -> list[str]:
    """The words among the arguments, worked out apart from the matcher."""
    words = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            return words + list(rest)
        if argument.startswith("-") and argument != "-" and not argument[1:].isdigit():
            option = next(option for name, option in usage.options.items() if name.startswith(argument.split("=")[0]))
            if option.value and "=" not in argument:
                next(rest)
        else:
            words.append(argument)
    return words


SHORT = ("ask <SRC> [<DST>] [-4 | -6] [-o <FORMAT>] [--from=<ADDRESS>]",)


@pytest.mark.parametrize("text", ["a b -6 -o json", "-o json a -6 b", "-o=json -6 a b", "-ojson a b -6"])
def test_short_options_stand_anywhere_with_their_value_behind(text: str) -> None:
    _, found = match(SHORT, ["ask", *text.split()])

    assert (found.value("SRC"), found.values("DST")) == ("a", ["b"])
    assert (found.flag("-6"), found.flag("-4"), found.option("-o")) == (True, False, "json")


def test_a_short_option_without_brackets_must_be_given() -> None:
    lines = ("put -f <FILE> [--dry-run]",)

    _, found = match(lines, ["put", "-f", "-", "--dry-run"])
    assert (found.option("-f"), found.flag("--dry-run")) == ("-", True)
    with pytest.raises(UsageError, match="something is missing after 'calicoctl put'; expected -f <FILE>"):
        match(lines, ["put", "--dry-run"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a -o", "option -o needs a value: -o <FORMAT>"),
        ("a -4 -6", "options -4 and -6 exclude one another"),
        ("a -x", "unknown option '-x'"),
        ("a -xo json", "unknown option '-xo'"),
        ("a -4=1", "option -4 takes no value"),
    ],
)
def test_short_options_that_do_not_fit(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        match(SHORT, ["ask", *text.split()])


def test_a_negative_number_is_a_word_where_it_is_no_option() -> None:
    assert match(SHORT, ["ask", "a", "-5"])[1].values("DST") == ["-5"]
