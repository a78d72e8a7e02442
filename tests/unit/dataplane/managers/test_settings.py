from collections.abc import Callable

import pytest

from calico.dataplane.managers.settings import check_interface, has_ipv6, write_interface
from calico.model.errors import NotFoundError
from tests.fakes.router import FakeSettings


@pytest.mark.parametrize("ipv6", [True, False])
def test_what_is_written_passes_the_check(ipv6: bool) -> None:
    settings = FakeSettings(ipv6=ipv6)
    settings.add_interface("cali0.1")
    assert has_ipv6(settings) is ipv6
    assert len(check_interface(settings, "cali0.1")) == (7 if ipv6 else 4)

    write_interface(settings, "cali0.1")

    assert check_interface(settings, "cali0.1") == []


@pytest.mark.parametrize("act", [check_interface, write_interface])
def test_interface_that_has_gone_is_not_found(act: Callable[[FakeSettings, str], object]) -> None:
    with pytest.raises(NotFoundError):
        act(FakeSettings(), "cali0")
