"""The real kernel, in network namespaces of the test's own.

netns        a fresh namespace; the test runs inside
make_netns   makes more of them; the test is not inside, see ``Netns.entered`` and ``Netns.run``
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from tests.functional.netns import Netns


@pytest.fixture
def make_netns() -> Iterator[Callable[[], Netns]]:
    # Fail, rather than skip: a run that tested nothing must not look green.
    if os.geteuid() != 0:
        pytest.fail("tests of the real kernel need root: run `sudo make test`", pytrace=False)
    with ExitStack() as made:
        yield lambda: made.enter_context(closing(Netns()))


@pytest.fixture
def netns(make_netns: Callable[[], Netns]) -> Iterator[Netns]:
    made = make_netns()
    with made.entered():
        yield made
