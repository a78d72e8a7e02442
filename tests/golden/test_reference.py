"""The reference pages in ``docs/reference``: exactly what help says, one page a command.

``CALICO_UPDATE_GOLDEN=1`` writes them anew (``make reference``).
"""

import importlib
import os
from pathlib import Path

import pytest

from calico.cli.grammar import PROGRAM
from calico.cli.main import COMMANDS

PAGES = Path(__file__).parents[2] / "docs" / "reference"


def render_page(command: str) -> str:
    """A command's page: what it does, its usage lines, and the rest of its help."""
    module = importlib.import_module(f"calico.cli.{command}")
    usages = "".join(f"    {PROGRAM} {line}\n" for line in module.USAGES)
    notes = "".join(f"    {line}".rstrip() + "\n" for line in module.NOTES.splitlines())
    return f"# {PROGRAM} {command}\n\n{COMMANDS[command]}\n\n## Usage\n\n{usages}\n## Notes\n\n{notes}"


def render_index() -> str:
    """The list of all commands."""
    rows = "".join(f"| [`{name}`]({name}.md) | {summary} |\n" for name, summary in COMMANDS.items())
    return (
        f"# {PROGRAM}\n\nThese pages are generated from the program's own help.\n\n| command | |\n|---|---|\n{rows}"
    )


def expected_pages() -> dict[str, str]:
    return {"README.md": render_index(), **{f"{name}.md": render_page(name) for name in COMMANDS}}


@pytest.fixture(autouse=True, scope="module")
def _update() -> None:
    if "CALICO_UPDATE_GOLDEN" in os.environ:
        PAGES.mkdir(exist_ok=True)
        for name, text in expected_pages().items():
            (PAGES / name).write_text(text)


def test_every_command_has_its_page_and_nothing_else_has() -> None:
    assert {path.name for path in PAGES.iterdir()} == set(expected_pages())


@pytest.mark.parametrize("name", ["README.md", *(f"{name}.md" for name in COMMANDS)])
def test_pages_say_what_help_says(name: str) -> None:
    assert (PAGES / name).read_text() == expected_pages()[name]
