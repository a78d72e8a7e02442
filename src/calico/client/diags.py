"""What somebody needs to find a fault from afar, collected into one file on this host; nothing is sent anywhere.

    collector   fills one file; what it cannot get it notes, and the others go on
    note        a line for the person who waits
    archive     the files, without the secrets that can be recognized, as ``.tar.gz``

What a host has to tell is listed in :mod:`calico.client.diags_sources`.
"""

from __future__ import annotations

import tarfile

from calico.client.masking import mask_text
from calico.model.errors import ApplyError, CalicoError, NotFoundError
from calico.model.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    Note = Callable[[str], None]

FOLDER = "diagnostics"
_LOG_BYTES = 10 << 20
_SKIPPED_LOGS = ("lock",)


@record
class Collector:
    """``gather`` gives the text of the file ``name``; ``progress`` is said before, empty for what is quick.

    A collector of secrets masks them itself when ``masked``.
    """

    name: str
    progress: str
    gather: Callable[[Note], str]
    masked: bool = False


def collect(folder: Path, collectors: Iterable[Collector], log_dir: Path, now: datetime, note: Note) -> Path:
    """Collect everything below ``folder``, which exists, and give the archive that was made there.

    Raises :class:`ApplyError` when there is no room for it.
    """
    target = folder / FOLDER
    try:
        target.mkdir(mode=0o700)
        _write(target / "date", f"DATE={now:%Y-%m-%d_%H-%M-%S}\n")
        for collector in collectors:
            if collector.progress:
                note(collector.progress)
            text = _gather(collector, note)
            _write(target / collector.name, text if collector.masked else mask_text(text))
        _copy_logs(log_dir, target / "logs", note)
        return _pack(target, folder / f"diags-{now:%d%m%y_%H%M%S}.tar.gz")
    except OSError as error:
        raise ApplyError(f"cannot write below {folder}: {error.strerror}; set TMPDIR to a folder with room") from None


def run_all(run: Callable[[Sequence[str]], str], commands: Iterable[Sequence[str]], note: Note) -> str:
    """The output of several commands, each under its own line; what fails is noted and said in its place."""
    parts = []
    for argv in commands:
        parts.append(f"# {' '.join(argv)}\n")
        try:
            parts.append(run(argv))
        except NotFoundError as error:
            note(f"  - Missing command: {argv[0]}")
            parts.append(f"{error}\n")
        except CalicoError as error:
            note(f"  - Error running {argv[0]}: {error}")
            parts.append(f"{error}\n")
    return "\n".join(parts)


def _gather(collector: Collector, note: Note) -> str:
    """The collector's text, or why there is none: whatever happens in one, the next one has its turn."""
    try:
        return collector.gather(note)
    except Exception as error:
        reason = str(error) if isinstance(error, CalicoError) else f"{type(error).__name__}: {error}"
        note(f"  - Error gathering diagnostics: {reason}")
        return f"{reason}\n"


def _copy_logs(source: Path, target: Path, note: Note) -> None:
    """The end of every log file, without following links out of the folder."""
    files = [path for path in sorted(source.rglob("*")) if _is_log(path)] if source.is_dir() else []
    if not files:
        note(f"No logs found in {source}; skipping log copying")
        return
    note("Copying Calico logs")
    for path in files:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with open(path, "rb") as file:
                file.seek(max(0, path.stat().st_size - _LOG_BYTES))
                text = file.read(_LOG_BYTES).decode(errors="backslashreplace")
        except OSError as error:
            note(f"  - Error gathering diagnostics: {path}: {error.strerror}")
            continue
        _write(copy, mask_text(text))


def _is_log(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.name not in _SKIPPED_LOGS


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def _pack(target: Path, archive: Path) -> Path:
    with tarfile.open(archive, "x:gz") as file:
        file.add(target, archive.name.partition(".")[0])
    archive.chmod(0o600)
    return archive
