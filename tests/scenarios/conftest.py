"""The mark of the tests that need root and a kernel."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "kernel: runs in network namespaces of the real kernel; needs root")
