"""Other programs: their output, and each way in which they fail."""

from pathlib import Path

import pytest

from calico.linux.command import run_command
from calico.model.errors import ApplyError, NotFoundError, UnavailableError


def test_the_output_is_text() -> None:
    assert run_command(["printf", "a b\\n"]) == "a b\n"


def test_output_that_is_no_text_is_escaped() -> None:
    assert run_command(["printf", "\\377"]) == "\\xff"


def test_arguments_are_not_a_shells() -> None:
    assert run_command(["printf", "%s", "$(id) 'x'"]) == "$(id) 'x'"


def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(NotFoundError, match=r"^no-such-program is not installed$"):
        run_command(["no-such-program", "x"])


@pytest.mark.parametrize(
    ("script", "reason"), [("echo first >&2; echo last >&2; exit 1", "last"), ("exit 3", "exit code 3")]
)
def test_a_program_that_fails_says_why(script: str, reason: str) -> None:
    with pytest.raises(ApplyError, match=f": {reason}$"):
        run_command(["sh", "-c", script])


def test_a_program_that_hangs_is_ended() -> None:
    with pytest.raises(UnavailableError, match=r"^sleep 60 did not end within 0.01 s$"):
        run_command(["sleep", "60"], 0.01)


def test_a_file_that_is_no_program_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ApplyError, match=r"^cannot run "):
        run_command([str(tmp_path)])


def test_a_program_waits_for_no_input() -> None:
    assert run_command(["cat"]) == ""
