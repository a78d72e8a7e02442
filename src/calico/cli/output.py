"""What a person reads: lines, paragraphs, tables on standard output, one-line errors on standard error.

    table        ``+---+`` borders, cells centred, rows sorted by a column and then as a whole
    paragraph    text wrapped at 80 columns, then an empty line

Values of the datastore are a stranger's text: control characters and other unprintable ones are shown as escapes.
Only a terminal gets bold and colours, and what is shown while it waits.
"""

from __future__ import annotations

from calico.model.errors import UnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TextIO

    from calico.cli.progress import Progress

    Cell = str | tuple[str, ...]
    """One line of text, or several from top to bottom."""

PARAGRAPH_WIDTH = 80
BOLD, RED, GREEN, CYAN = "1", "31", "32", "36"
"""Styles of the standard terminal (ECMA-48, SGR)."""


class Output:
    """Prints what commands have to say, on two streams.

    ``styled`` says that standard output is a terminal that shows bold and colours; ``progress`` is the line that a
    waiting person sees, when standard error is a terminal.
    """

    def __init__(
        self, stdout: TextIO, stderr: TextIO, *, styled: bool = False, progress: Progress | None = None
    ) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self._styled = styled
        self.progress = progress

    def doing(self, what: str) -> None:
        """Tell a person at a terminal what takes so long, from the next second on."""
        if self.progress is not None:
            self.progress.doing = what

    def line(self, text: str = "", style: str = "") -> None:
        """One line as it is; on a terminal in a style."""
        self._write(self._in_style(escape(text), style) + "\n")

    def text(self, text: str) -> None:
        """Several lines of our own, such as help or JSON."""
        self._write(text)

    def paragraph(self, text: str) -> None:
        """Text wrapped at 80 columns, and an empty line."""
        from textwrap import wrap  # most commands print none

        self._write("\n".join([*wrap(escape(text), PARAGRAPH_WIDTH), "", ""]))

    def table(
        self, headers: Sequence[str], rows: Iterable[Sequence[Cell]], *, sort_by: str = "", left: bool = False
    ) -> None:
        """A table; ``sort_by`` names a column, empty keeps the order given."""
        table = render_table(headers, rows, sort_by=sort_by, left=left)
        if self._styled:
            rule, head, body = table.split("\n", 2)
            head = "|".join(self._in_style(cell, BOLD if cell else "") for cell in head.split("|"))
            table = f"{rule}\n{head}\n{body}"
        self._write(table)

    def error(self, text: str) -> None:
        """One line on standard error that says what is wrong and what to do."""
        self._hide_progress()
        try:
            self._stderr.write(escape(text) + "\n")
        except OSError:
            return  # nobody is there to be told; the exit code still says it

    def details(self, lines: Iterable[str]) -> None:
        """What helps a person who reads the error before; a program that reads it gets one line."""
        if self._stderr.isatty():
            for line in lines:
                self.error(f"  {line}")

    def end_progress(self) -> None:
        """Show no more what is waited for."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None

    def prompt(self, text: str) -> None:
        """Put ``text`` in place of the last prompt on standard error, a terminal; empty takes it away."""
        self.end_progress()
        try:
            self._stderr.write(f"\r\x1b[K{escape(text)}")
            self._stderr.flush()
        except OSError:
            return  # as for errors

    def flush(self) -> None:
        """Give everything to the reader, so that a full disk or a closed pipe is noticed here."""
        try:
            self._stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UnavailableError(f"cannot write the output: {error.strerror}") from None

    def _in_style(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._styled and style else text

    def _hide_progress(self) -> None:
        if self.progress is not None:
            self.progress.hide()

    def _write(self, text: str) -> None:
        self._hide_progress()
        try:
            self._stdout.write(text)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UnavailableError(f"cannot write the output: {error.strerror}") from None


def escape(text: str) -> str:
    """``text`` with every unprintable character as its Python escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape_character(char) for char in text)


def render_table(
    headers: Sequence[str], rows: Iterable[Sequence[Cell]], *, sort_by: str = "", left: bool = False
) -> str:
    """A table as text, every line ended; cells are centred, or at the left edge.

    Rows come sorted by the column ``sort_by`` and among equals by the whole row; without it in the order given.
    """
    body = [[_lines(cell) for cell in row] for row in rows]
    if sort_by:
        column = headers.index(sort_by)
        body.sort(key=lambda row: (row[column], row))
    head = [[header] for header in headers]
    widths = [max(len(line) for row in [head, *body] for line in row[column]) for column in range(len(headers))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+\n"
    place = str.ljust if left else _centre
    lines = [line for row in body for line in _row(row, widths, place)]
    return "".join([rule, *_row(head, widths, place), rule, *lines, rule])


def _lines(cell: Cell) -> list[str]:
    if isinstance(cell, str):
        return [escape(cell)]
    return [escape(line) for line in cell] or [""]


def _row(cells: Sequence[Sequence[str]], widths: Sequence[int], place: Callable[[str, int], str]) -> Iterable[str]:
    """The lines of a row; cells of fewer lines are filled up downwards."""
    for index in range(max(len(cell) for cell in cells)):
        texts = (cell[index] if index < len(cell) else "" for cell in cells)
        yield "|" + "|".join(f" {place(text, width)} " for text, width in zip(texts, widths, strict=True)) + "|\n"


def _centre(text: str, width: int) -> str:
    """Centred; an odd blank goes to the right of text of odd length and to the left of text of even length."""
    slack = width - len(text)
    before = (slack + 1) // 2 if len(text) % 2 == 0 else slack // 2
    return " " * before + text + " " * (slack - before)


def _escape_character(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
