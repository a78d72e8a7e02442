"""How long to wait before the next try."""

FIRST = 0.1
LONGEST = 10.0


def retry_delay(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubles each time, to a limit."""
    return float(min(FIRST * 2 ** min(failures - 1, 16), LONGEST))
