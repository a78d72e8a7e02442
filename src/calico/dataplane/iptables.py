"""The iptables of before nf_tables, which some hosts still use: only its command can change it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from calico.model.errors import UnavailableError

_WAIT = "5"
_TIMEOUT = 10.0


class LegacyIptables:
    """Runs ``iptables-legacy`` and ``ip6tables-legacy`` in the network namespace of the calling thread."""

    def names(self, file: str) -> tuple[str, ...]:
        """The tables that the kernel holds, from a file below ``/proc/net``; empty without legacy iptables."""
        try:
            return tuple(Path("/proc/thread-self/net", file).read_text().split())
        except OSError:
            return ()

    def run(self, arguments: Sequence[str]) -> str | None:
        """The output of an iptables command; ``None`` when it fails. UnavailableError when it takes too long."""
        command, *rest = arguments
        try:
            # -w: another program may hold the lock of the tables.
            done = subprocess.run(
                [command, "-w", _WAIT, *rest], capture_output=True, text=True, timeout=_TIMEOUT, check=False
            )
        except FileNotFoundError:
            return None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnavailableError(f"{command} cannot be run: {error}") from None
        return done.stdout if done.returncode == 0 else None
