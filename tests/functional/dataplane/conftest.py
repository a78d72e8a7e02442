"""host   a host in a network namespace, without anything of ours yet; see ``tests.functional.dataplane.host``."""

from collections.abc import Callable

import pytest

from tests.functional.dataplane.host import Host
from tests.functional.netns import Netns


@pytest.fixture
def host(make_netns: Callable[[], Netns]) -> Host:
    return Host(make_netns(), make_netns)
