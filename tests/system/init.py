"""The first process of a test host: it sets the host's namespaces up, then only reaps.

Started by `tests.system.namespace` as process 1 of new network, mount, UTS, IPC and PID namespaces.
When it ends, the kernel ends every process of the host and takes its mounts, links and rules away, so
nothing has to be cleaned up by hand, whatever a test did.

It prints its pid as seen from outside once the host is ready, or one line of what went wrong.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

# Folders of the agent outside /run; each host has its own, empty at first.
_PRIVATE_FOLDERS = ("/var/lib/calico", "/var/log/calico")
_RUN_FOLDERS = ("/run/docker/plugins", "/run/calico", "/run/netns", "/run/lock")


def _set_up(name: str) -> None:
    """Give this process's namespaces their own /proc, /run, folders, host name and loopback."""
    # An own /run also hides the machine's engine, its containerd and its iptables lock.
    for folder in ("/run", *_PRIVATE_FOLDERS):
        Path(folder).mkdir(parents=True, exist_ok=True)
        _call("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    for folder in _RUN_FOLDERS:
        Path(folder).mkdir(parents=True, exist_ok=True)
    _call("mount", "-t", "proc", "proc", "/proc")
    socket.sethostname(name)
    _call("ip", "link", "set", "lo", "up")


def _call(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()}")


def _reap() -> None:
    """Collect the children that others leave behind, for ever, as the first process must."""
    while True:
        signal.sigwait({signal.SIGCHLD})
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass


def main() -> None:
    """Set the host `argv[1]` up, say so on stdout, and reap until killed."""
    # /proc still shows the machine's process ids here.
    pid = Path("/proc/self").readlink()
    try:
        _set_up(sys.argv[1])
    except (OSError, RuntimeError) as error:
        print(f"error {error}", flush=True)
        raise SystemExit(1) from None
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    print(f"ready {pid}", flush=True)
    _reap()


if __name__ == "__main__":
    main()
