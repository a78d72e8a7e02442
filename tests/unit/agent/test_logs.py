"""How much the agent writes to its log, as the datastore asks."""

import logging

import pytest

from calico.agent.logs import FORMAT, LONGEST_LINE, LogLevel, OneLineFormatter
from calico.model.changes import Change, InSync
from calico.model.keys import ConfigKey, HostConfigKey

GLOBAL, OWN = ConfigKey("LogSeverityScreen"), HostConfigKey("h1", "LogSeverityScreen")


@pytest.fixture
def levels() -> list[int]:
    return []


@pytest.fixture
def level(levels: list[int]) -> LogLevel:
    return LogLevel("h1", levels.append)


def test_the_level_follows_the_setting(level: LogLevel, levels: list[int]) -> None:
    for text in ("debug", "info", "warning", "error", "critical", "none"):
        level.on_message(Change(GLOBAL, text))

    assert levels == [10, 20, 30, 40, 50, 51]


def test_the_nodes_own_setting_counts_more(level: LogLevel, levels: list[int]) -> None:
    level.on_message(Change(OWN, "error"))
    level.on_message(Change(GLOBAL, "debug"))
    level.on_message(Change(OWN, None))

    assert levels == [logging.ERROR, logging.ERROR, logging.DEBUG]


@pytest.mark.parametrize("value", [None, "loud", "", "DEBUG", 7])
def test_what_is_not_understood_counts_as_absent(level: LogLevel, levels: list[int], value: object) -> None:
    level.on_message(Change(OWN, value))
    level.on_message(Change(GLOBAL, value))

    assert levels == [logging.INFO, logging.INFO]


def test_everything_else_is_of_no_interest(level: LogLevel, levels: list[int]) -> None:
    for message in (
        InSync(1),
        Change(HostConfigKey("h2", "LogSeverityScreen"), "debug"),
        Change(ConfigKey("LogSeverityFile"), "debug"),
    ):
        level.on_message(message)

    assert levels == []


def test_text_from_outside_cannot_forge_or_flood_lines() -> None:
    record = logging.LogRecord("calico", logging.WARNING, "", 0, "%s", (f"a\nb{'x' * 500_000}",), None)

    line = OneLineFormatter(FORMAT).format(record)

    assert r"WARNING calico: a\x0abxxx" in line
    assert "\n" not in line
    assert line.endswith("characters more)")
    assert len(line) < LONGEST_LINE + 100
