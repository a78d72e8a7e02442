"""What a command costs before it does anything: counted in modules, because time depends on the machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from calico import __version__

# The program as it is installed, told to say which modules it has loaded when it ends.
PROGRAM = """
import sys
from calico.cli.main import main
sys.argv[0] = "calicoctl"
code = main()
print(*sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""
HEAVY = {
    "argparse", "asyncio", "dataclasses", "inspect", "json", "logging", "re", "socket", "sqlite3", "subprocess",
    "textwrap", "threading", "traceback", "typing",
}  # fmt: skip
SPARED = {
    "ast", "asyncio", "contextvars", "copy", "ctypes", "dataclasses", "dis", "enum", "inspect", "ipaddress", "json",
    "logging", "pathlib", "re", "selectors", "signal", "socket", "struct", "subprocess", "textwrap", "tokenize",
    "traceback", "typing",
}  # fmt: skip
"""What the datastore and its values do without: most of these take longer to load than all of ours together."""
NEVER = {"aiohttp", "argparse", "asyncio", "ipaddress", "logging", "msgspec", "subprocess", "urllib.parse"}


def modules(*arguments: str, **environ: str) -> set[str]:
    """The modules that a command loads on top of those of a bare interpreter."""
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(result.stderr.split()) - set(bare.stdout.split())


@pytest.mark.parametrize("arguments", [[], ["--help"], ["version"], ["version", "--help"]])
def test_help_and_version_load_next_to_nothing(arguments: list[str]) -> None:
    loaded = modules(*arguments)

    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("calico.")} <= {
        "calico.cli",
        "calico.cli.grammar",
        "calico.cli.main",
        "calico.cli.output",
        "calico.cli.session",
        "calico.cli.version",
        "calico.model",
        "calico.model.errors",
    }


def test_a_command_loads_neither_the_others_nor_the_agents_libraries(tmp_path: object) -> None:
    loaded = modules("profile", "show", CALICO_DATASTORE=f"sqlite://{tmp_path}/calico.db")

    assert not loaded & NEVER
    assert {name for name in loaded if name.startswith("calico.cli.")} == {
        "calico.cli.arguments",
        "calico.cli.grammar",
        "calico.cli.lookup",
        "calico.cli.main",
        "calico.cli.output",
        "calico.cli.profile",
        "calico.cli.session",
    }
    assert not {name for name in loaded if name.startswith(("calico.linux", "calico.agent", "calico.dataplane"))}


@pytest.mark.parametrize(
    "command",
    [
        "profile WEB rule show",
        "profile WEB rule add inbound allow tcp from cidr 10.0.0.0/8 to ports 80",
        "profile WEB tag show",
        "profile show",
        "endpoint show",
        "pool show",
        "pool remove 10.65.0.0/16",
        "ipam info 10.65.0.1",
        "bgp node-mesh",
        "bgp peer show",
        "config felix loglevel",
    ],
)
def test_a_datastore_command_loads_little_of_the_standard_library(tmp_path: object, command: str) -> None:
    datastore = f"sqlite://{tmp_path}/calico.db"
    modules("profile", "add", "WEB", CALICO_DATASTORE=datastore)

    assert not modules(*command.split(), CALICO_DATASTORE=datastore) & SPARED


def test_yaml_is_read_only_when_there_is_some(tmp_path: Path) -> None:
    datastore = f"sqlite://{tmp_path}/calico.db"
    for command in ("get", "get -o json", "profile show -o yaml", "pool show -o json"):
        assert "yaml" not in modules(*command.split(), CALICO_DATASTORE=datastore)

    (tmp_path / "file").write_text("[]")
    assert "yaml" in modules("apply", "-f", f"{tmp_path}/file", CALICO_DATASTORE=datastore)


def program(*arguments: str, **streams: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", "import sys; from calico.cli.main import main; sys.exit(main())", *arguments],
        check=False,
        **streams,  # type: ignore[call-overload]
    )


def test_the_entry_point_gives_the_exit_code() -> None:
    for argument, code, out in (("version", 0, f"{__version__}\n".encode()), ("bogus", 1, b"")):
        result = program(argument, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

        assert (result.returncode, result.stdout, bool(result.stderr)) == (code, out, bool(code))


def test_a_reader_who_left_gets_no_complaint() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        result = program("--help", stdout=pipe, stderr=subprocess.PIPE)

    assert (result.returncode, result.stderr) == (141, b"")


def test_a_full_disk_is_said() -> None:
    with open("/dev/full", "wb") as full:
        result = program("--help", stdout=full, stderr=subprocess.PIPE)

    assert (result.returncode, result.stderr) == (1, b"cannot write the output: No space left on device\n")


@pytest.mark.parametrize(("arguments", "code"), [("version", 0), ("bogus", 1)])
def test_closed_standard_streams_do_not_matter(arguments: str, code: int) -> None:
    closed = program(arguments, preexec_fn=lambda: [os.close(number) for number in (0, 1, 2)])

    assert closed.returncode == code


def test_arguments_that_are_no_text_are_echoed_harmlessly() -> None:
    result = program(b"\xff\x1b[2J", stderr=subprocess.PIPE, env={"PATH": os.environ["PATH"], "LC_ALL": "C"})

    assert result.returncode == 1
    assert result.stderr.startswith(rb"unknown command '\udcff\x1b[2J'")
