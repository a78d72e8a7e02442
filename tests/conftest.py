"""Hypothesis profiles, chosen by ``CALICO_HYPOTHESIS_PROFILE``.

gate    the default: the same examples every time, so that a failure is about the change at hand
hunt    many random examples, run apart; a find becomes a plain unit test
"""

import os

import pytest
from hypothesis import HealthCheck, settings

PROFILE_VARIABLE = "CALICO_HYPOTHESIS_PROFILE"
PROFILES = ("gate", "hunt")

# Speed depends on who else uses the machine; it is never a reason to fail.
settings.register_profile(
    "gate",
    derandomize=True,
    database=None,
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "hunt",
    max_examples=10_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def pytest_configure() -> None:
    profile = os.environ.get(PROFILE_VARIABLE, "gate")
    if profile not in PROFILES:
        raise pytest.UsageError(f"{PROFILE_VARIABLE} is {profile!r}; use one of {', '.join(PROFILES)}")
    settings.load_profile(profile)
