"""Features of the kernel that may be modules: whether they are there, or could be loaded.

Source: modules.dep(5), kbuild's modules.builtin, sysfs(5).
"""

import os
from pathlib import Path

_LISTS = ("modules.dep", "modules.builtin")


def has_module(name: str, root: Path = Path("/"), release: str = "") -> bool:
    """Whether the module ``name`` is loaded, built in, or among those installed for the running kernel.

    ``release`` is the kernel's (default: of the running one). Nothing is loaded. A feature that is built in and has
    no parameters is known only by the lists of the kernel's package; without these it counts as absent.
    """
    if (root / "sys/module" / name.replace("-", "_")).exists():
        return True
    folder = root / "lib/modules" / (release or os.uname().release)
    return any(_lists(folder / file, name) for file in _LISTS)


def _lists(path: Path, name: str) -> bool:
    """Whether one of the lines begins with the module's file, such as ``kernel/net/ipv4/ipip.ko.xz:``."""
    wanted = name.replace("-", "_")
    try:
        with open(path, errors="replace") as file:
            for line in file:
                found = line.partition(":")[0].strip().rpartition("/")[2].partition(".ko")[0]
                if found.replace("-", "_") == wanted:
                    return True
    except OSError:
        return False
    return False
