"""managers   all managers of policy, on a table without a kernel that holds what every host has."""

import pytest

from tests.fakes.managers import Managers


@pytest.fixture
def managers() -> Managers:
    made = Managers()
    made.run()
    return made
