"""ACCEPTANCE.md speaks of tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TABLE = (TESTS / "ACCEPTANCE.md").read_text()
REFERENCE = re.compile(r"([\w/]+\.py)((?:::\w+)*)")


@cache
def names(path: Path) -> set[str]:
    """``::test_x`` and ``::TestX::test_x`` of a file."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(f"::{node.name}")
        elif isinstance(node, ast.ClassDef):
            inner = (part.name for part in node.body if isinstance(part, ast.FunctionDef))
            found |= {f"::{node.name}::{name}" for name in inner}
    return found


@pytest.mark.parametrize("line", [line for line in TABLE.splitlines() if line.startswith("| ") and ".py" in line])
def test_every_test_that_is_named_exists(line: str) -> None:
    ours = line.split(" | ", 1)[1]
    for file, name in REFERENCE.findall(ours):
        if name:
            assert name in names(TESTS / file), f"{file}{name}"


def test_the_table_is_large_and_a_line_says_one_of_four_things() -> None:
    lines = [line for line in TABLE.splitlines() if line.startswith("| ") and "| reference |" not in line]
    rows = [
        line.split(" | ", 1)[1] for line in lines[lines.index(next(x for x in lines if "test_checksystem" in x)) :]
    ]
    words = (".py::", "superseded", "not yet", "skipped there", "not found", "empty there", "unwritten there")

    assert len(rows) > 150
    assert [row for row in rows if not any(word in row for word in (*words, "pending there", "below"))] == []
