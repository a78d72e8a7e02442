"""Other programs of the host, for what has no better door: run to their end, output as text.

Never on the way of a container's start, where a child process costs more than all the rest.
"""

import subprocess
from collections.abc import Sequence

from calico.model.errors import ApplyError, NotFoundError, UnavailableError

COMMAND_SECONDS = 20.0


def run_command(argv: Sequence[str], timeout: float = COMMAND_SECONDS) -> str:
    """What a program prints on its standard output.

    ``argv`` is taken as it is, without a shell. Raises NotFoundError when there is no such program, ApplyError when
    it fails and UnavailableError when it takes longer than ``timeout`` seconds.
    """
    program = argv[0]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False)
    except FileNotFoundError:
        raise NotFoundError(f"{program} is not installed") from None
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{' '.join(argv)} did not end within {timeout:g} s") from None
    except (OSError, ValueError) as error:
        raise ApplyError(f"cannot run {' '.join(argv)}: {error}") from None
    if done.returncode != 0:
        lines = _text(done.stderr).strip().splitlines()
        reason = lines[-1] if lines else f"exit code {done.returncode}"
        raise ApplyError(f"{' '.join(argv)}: {reason}")
    return _text(done.stdout)


def _text(output: bytes) -> str:
    return output.decode(errors="backslashreplace")
