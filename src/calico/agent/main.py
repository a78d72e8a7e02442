"""The program ``calico-node``: one process per host, in the foreground, until SIGTERM or SIGINT."""

import os
import sys

import calico
from calico.agent.logs import DEFAULT_LEVEL, start_logging
from calico.agent.settings import Settings, read_settings
from calico.linux.locks import RunLock
from calico.model.errors import CalicoError

USAGE = """\
Usage: calico-node [--clean | --version | --help]

Serves Docker's network and IPAM drivers named calico and keeps this host's policy in the kernel, in the
foreground, until it is told to end. `calicoctl node` registers the host and starts it in the background.

  --clean     Remove all that calico-node put into this host's kernel. Only while it does not run:
              containers of calico networks lose their policy and their network.
  --version   Print the version.

Settings come from the environment; docs/settings.md describes them.
"""


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 ended as told, 1 something failed, 2 not root."""
    words = sys.argv[1:] if arguments is None else arguments
    if words in (["--help"], ["-h"]):
        sys.stdout.write(USAGE)
        return 0
    if words == ["--version"]:
        sys.stdout.write(f"{calico.__version__}\n")
        return 0
    if words not in ([], ["--clean"]):
        return _fail(f"unknown argument: {words[0]}; see calico-node --help")
    if os.geteuid() != 0:
        _fail("this program must be run as root")
        return 2
    try:
        settings = read_settings(os.environ)
        start_logging(settings.log_level or DEFAULT_LEVEL)
        return _run(settings, clean=bool(words))
    except CalicoError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return 0


def _run(settings: Settings, *, clean: bool) -> int:
    # Imported only here: --help should not wait for the whole program.
    from calico.agent.assembly import Agent, clean_host

    try:
        settings.run_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        return _fail(f"cannot make {settings.run_dir}: {error.strerror}; set CALICO_RUN_DIR to another folder")
    with RunLock(settings.lock, "calico-node"):
        if clean:
            clean_host()
            for path in (settings.plugin_socket, settings.control_socket):
                path.unlink(missing_ok=True)
            return 0
        return Agent(settings).run()


def _fail(message: str) -> int:
    sys.stderr.write(f"calico-node: {message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
