"""Network namespaces as files; entering one needs root, see tests/functional/linux."""

import os
from pathlib import Path

import pytest

from calico.linux.namespaces import Namespace
from calico.model.errors import NotFoundError


def test_current_namespace_is_that_of_this_process() -> None:
    with Namespace.current() as current, Namespace.of_process(os.getpid()) as own:
        assert current == own
        assert current != "a path"


def test_other_files_are_other_namespaces(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with Namespace.current() as current, Namespace(str(tmp_path / "file")) as other:
        assert current != other


def test_closing_twice_is_allowed() -> None:
    namespace = Namespace.current()
    namespace.close()
    namespace.close()

    assert namespace.fileno() == -1


def test_absent_namespace_is_named() -> None:
    with pytest.raises(NotFoundError, match="cannot open network namespace /run/netns/none"):
        Namespace("/run/netns/none")
