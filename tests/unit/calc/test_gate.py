"""When anything may go out."""

from calico.calc.gate import Gate


def test_needs_in_sync_and_ready() -> None:
    gate = Gate()
    assert not gate.is_open

    gate.on_ready(True)
    gate.on_progress(3)
    assert not gate.is_open

    gate.on_in_sync(4)
    assert gate.is_open


def test_shuts_whenever_ready_is_not_true_and_opens_again() -> None:
    gate = Gate()
    gate.on_in_sync(1)
    assert not gate.is_open

    for ready, is_open in [(True, True), (False, False), (True, True), (None, False)]:
        gate.on_ready(ready)
        assert gate.is_open is is_open
        assert gate.is_held is not is_open


def test_is_not_held_before_it_knows_the_flag() -> None:
    assert not Gate().is_held


def test_revision_is_the_last_one_told_and_may_go_back() -> None:
    gate = Gate()
    gate.on_in_sync(7)
    gate.on_progress(9)
    assert gate.revision == 9

    gate.on_in_sync(2)
    assert gate.revision == 2
