from calico.dataplane.backoff import LONGEST, retry_delay


def test_delay_doubles_to_a_limit() -> None:
    delays = [retry_delay(failures) for failures in range(1, 10)]

    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays == sorted(delays)
    assert retry_delay(10_000) == LONGEST
