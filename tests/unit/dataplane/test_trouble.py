"""Work that fails: complained about once, tried again later, and the fault told meanwhile."""

import logging

import pytest

from calico.dataplane.trouble import Trouble
from calico.model.errors import ApplyError


def test_a_failure_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble("things may go wrong", float)
    faults = [ApplyError("no"), ApplyError("no"), ApplyError("never"), None]

    def work() -> None:
        fault = faults.pop(0)
        if fault is not None:
            raise fault

    with caplog.at_level(logging.WARNING):
        trouble.attempt(work, 10.0)
        assert (trouble.fault, trouble.due) == ("no", 11.0)
        assert trouble.waits(10.5)
        assert not trouble.is_due(10.5)
        assert trouble.is_due(11.0)

        trouble.attempt(work, 11.0)
        trouble.attempt(work, 13.0)
        assert (trouble.fault, trouble.due) == ("never", 16.0)

        trouble.attempt(work, 16.0)

    assert (trouble.fault, trouble.due) == ("", None)
    assert not trouble.waits(0.0)
    assert not trouble.is_due(99.0)
    assert [record.getMessage() for record in caplog.records] == [
        "things may go wrong, trying again: no",
        "things may go wrong, trying again: never",
    ]
