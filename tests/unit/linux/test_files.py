"""Files are whole or not there."""

import os
import threading
from pathlib import Path

import pytest

from calico.linux.files import write_file
from calico.model.errors import ApplyError, NotFoundError


def test_content_and_mode_are_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("old, and longer than the new")

    write_file(path, "new", mode=0o600)

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    write_file(tmp_path / "x", b"\xff\n\r")

    assert (tmp_path / "x").read_bytes() == b"\xff\n\r"


def test_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    with pytest.raises(ApplyError, match=r"cannot write .*folder: is a directory"):
        write_file(folder, "x")
    with pytest.raises(NotFoundError, match=r"cannot write .*none/x: no such file or directory"):
        write_file(tmp_path / "none" / "x", "x")

    assert list(tmp_path.iterdir()) == [folder]


def test_leftover_of_a_killed_writer_is_overwritten(tmp_path: Path) -> None:
    leftover = tmp_path / f".config.{os.getpid()}.{threading.get_ident()}"
    leftover.write_text("half of something much longer")

    write_file(tmp_path / "config", "new")

    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("config", "new")]


def test_link_laid_in_the_way_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("kept")
    (tmp_path / f".config.{os.getpid()}.{threading.get_ident()}").symlink_to(target)

    with pytest.raises(ApplyError):
        write_file(tmp_path / "config", "new")

    assert target.read_text() == "kept"
    write_file(tmp_path / "config", "new")
    assert (tmp_path / "config").read_text() == "new"
