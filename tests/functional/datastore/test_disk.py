"""A disk that is really full, and one that really is read-only."""

import subprocess
import sys
from pathlib import Path

import pytest

from calico.datastore.api import Put
from calico.datastore.sqlite import SqliteDatastore

pytestmark = pytest.mark.kernel

ROOT = Path(__file__).parents[3]
MOUNT = "mount -t tmpfs -o size=600k tmpfs"


def in_own_namespace(script: str, *arguments: str) -> list[str]:
    """The output of a shell script whose mounts nobody else sees."""
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh", *arguments],
        cwd=ROOT,
        env={
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHON": sys.executable,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_full_disk_refuses_whole_transactions_and_recovers(tmp_path: Path) -> None:
    lines = in_own_namespace(
        f'{MOUNT} "$1"; exec "$PYTHON" -m tests.functional.datastore.full_disk "$1"', str(tmp_path)
    )

    full, whole, kept, new, recovered = lines
    assert full == f"no space is left for {tmp_path}/calico.db: free some and try again; nothing was written"
    assert whole == "True True"
    assert kept == "True"
    assert str(tmp_path / "second.db") in new
    assert new.startswith("no space is left") or "check the disk and the space left on it" in new
    assert recovered == "True"


def test_a_read_only_disk_is_named(tmp_path: Path) -> None:
    store = SqliteDatastore(str(tmp_path / "calico.db"))
    store.transact([], [Put("/a", "x")])
    store.close()
    program = (
        "from calico.datastore.api import Put; from calico.datastore.sqlite import SqliteDatastore\n"
        "from calico.model.errors import UnavailableError\n"
        "import sys\n"
        "for name in ('calico.db', 'absent.db'):\n"
        "    for call in (lambda s: s.list('/'), lambda s: s.transact([], [Put('/a', 'x')])):\n"
        "        try: print(len(call(SqliteDatastore(sys.argv[1] + '/' + name)).entries))\n"
        "        except UnavailableError as error: print(error)\n"
    )

    lines = in_own_namespace(
        'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; exec "$PYTHON" -c "$2" "$1"', str(tmp_path), program
    )

    assert len(lines) == 4
    for line in lines[:2]:
        assert f"{tmp_path}/calico.db cannot be" in line
        assert "is its directory writable" in line
    assert lines[2] == "0"  # a file that is absent reads as empty
    assert lines[3].startswith(f"cannot use {tmp_path}/absent.db (Read-only file system)")
