"""Run in a mount namespace of its own: fill a tiny disk, then make room. ``DIRECTORY`` is its mount point."""

import sys
from pathlib import Path

from calico.datastore.api import Put
from calico.datastore.sqlite import SqliteDatastore
from calico.model.errors import UnavailableError

directory = Path(sys.argv[1])
ballast = directory / "ballast"
ballast.write_bytes(b"x" * 200_000)
store = SqliteDatastore(str(directory / "calico.db"))
written = 0
try:
    while True:
        store.transact([], [Put(f"/d/{written}", "x" * 1000), Put("/d/last", str(written))])
        written += 1
except UnavailableError as error:
    print(error)
entries = {entry.key: entry.value for entry in store.list("/").entries}
print(entries["/d/last"] == str(written - 1), len(entries) == written + 1)
ballast.unlink()
store.transact([], [Put("/d/after", "x")])
other = SqliteDatastore(str(directory / "calico.db"))
print(len(other.list("/d").entries) == written + 2)

ballast.write_bytes(b"")
with ballast.open("wb", buffering=0) as file:
    try:
        while file.write(b"x" * 4096):
            pass
    except OSError:
        pass
try:
    SqliteDatastore(str(directory / "second.db")).transact([], [Put("/a", "x")])
except UnavailableError as error:
    print(error)
ballast.unlink()
print(SqliteDatastore(str(directory / "second.db")).transact([], [Put("/a", "x")]) > 0)
