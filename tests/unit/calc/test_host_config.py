"""Which settings hold on this host."""

import pytest

from calico.calc.host_config import HostConfig
from calico.updates import HostConfigUpdate

NAME = "DefaultEndpointToHostAction"


@pytest.mark.parametrize(
    ("own", "fallback", "expected"),
    [
        (None, None, "DROP"),
        ("RETURN", None, "RETURN"),
        (None, "ACCEPT", "ACCEPT"),
        ("RETURN", "ACCEPT", "RETURN"),
        ("return", None, "RETURN"),
        ("OPEN", "ACCEPT", "DROP"),
        ("", "ACCEPT", "DROP"),
        (None, "OPEN", "DROP"),
    ],
)
def test_own_value_then_the_global_one_then_drop(own: str | None, fallback: str | None, expected: str) -> None:
    said: list[HostConfigUpdate] = []
    config = HostConfig(said.append)
    config.on_global(NAME, fallback)
    config.on_own(NAME, own)

    assert said[0] == HostConfigUpdate("DROP")
    assert said[-1] == HostConfigUpdate(expected)


def test_value_that_goes_uncovers_the_one_below() -> None:
    said: list[HostConfigUpdate] = []
    config = HostConfig(said.append)
    config.on_own(NAME, "RETURN")
    config.on_global(NAME, "ACCEPT")
    config.on_own(NAME, None)
    config.on_global(NAME, None)

    assert [update.endpoint_to_host_action for update in said] == ["DROP", "RETURN", "RETURN", "ACCEPT", "DROP"]


def test_other_settings_are_not_read() -> None:
    said: list[HostConfigUpdate] = []
    config = HostConfig(said.append)
    config.on_own("InterfacePrefix", "ACCEPT")
    config.on_global("LogFilePath", "ACCEPT")

    assert said == [HostConfigUpdate("DROP")]
