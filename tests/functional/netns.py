"""Network namespaces for tests: a kernel network stack of one's own, gone with the test, even a killed one."""

import ctypes
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from calico.linux.namespaces import Namespace

_CLONE_NEWNET = 0x40000000


class Netns:
    """A new namespace without a name: the kernel removes it when nothing uses it any more.

    Loopback is up. Commands run inside; code runs inside with ``entered``.
    """

    def __init__(self) -> None:
        with Namespace.current() as home, home.entered():
            if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "unshare")
            self.namespace = Namespace.current()
        self.run("ip", "link", "set", "lo", "up")

    def close(self) -> None:
        self.namespace.close()

    @property
    def path(self) -> str:
        """For ``nsenter --net=`` and the like; good for children of this process too."""
        return f"/proc/{os.getpid()}/fd/{self.namespace.fileno()}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        with self.namespace.entered():
            yield

    def run(self, *command: str, stdin: str = "") -> str:
        """Run a command inside and give its output; a command that fails fails the test."""
        with self.entered():
            done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
        return done.stdout

    def ip(self, *arguments: str) -> list[dict[str, Any]]:
        """What ``ip -j`` says inside, without the empty objects it prints for what its filters drop."""
        answer = json.loads(self.run("ip", "-d", "-j", *arguments) or "[]")
        return [item for item in answer if item]

    def nft(self, text: str) -> None:
        """Apply nft text inside."""
        self.run("nft", "-f", "-", stdin=text)
