"""What can be told of a process from outside.

Source: proc(5), cgroups(7).
"""

from pathlib import Path


def mentions(pid: int, container: str, root: Path = Path("/proc")) -> bool:
    """Whether a process belongs to the container with this id, as far as its control groups or mounts tell.

    Engines put the id into the name of the container's control group and into the paths of the files that they
    mount there. ``False`` when there is no such process.
    """
    return any(container in _read(root / str(pid) / name) for name in ("cgroup", "mountinfo"))


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""  # it has ended
