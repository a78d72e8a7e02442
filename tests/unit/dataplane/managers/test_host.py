from calico.dataplane.render.static import static_chains
from calico.updates import (
    HostConfigUpdate,
)
from tests.fakes.managers import Managers, expected


def test_base_chains_and_empty_sets_are_there_from_the_start(managers: Managers) -> None:
    assert managers.kernel == expected([], {})


def test_host_setting_changes_the_base_chains(managers: Managers) -> None:
    assert managers.run(HostConfigUpdate("RETURN")) == 1
    assert managers.kernel.chains == static_chains(HostConfigUpdate("RETURN"))
    assert managers.run(HostConfigUpdate("RETURN")) == 0
