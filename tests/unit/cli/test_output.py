"""Tables, paragraphs and lines, to the byte; and what a stranger's text may do to a terminal."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calico.cli.output import Output, escape, render_table
from calico.model.errors import UnavailableError


def lines(*texts: str) -> str:
    return "".join(text + "\n" for text in texts)


def test_cells_are_centred_and_an_odd_blank_stands_by_the_parity_of_the_text() -> None:
    rows = [("192.168.0.0/16", ""), ("172.25.0.0/16", "ipip,nat-outgoing")]

    table = render_table(["IPv4 CIDR", "Options"], rows, sort_by="IPv4 CIDR")

    assert table == lines(
        "+----------------+-------------------+",
        "|   IPv4 CIDR    |      Options      |",
        "+----------------+-------------------+",
        "| 172.25.0.0/16  | ipip,nat-outgoing |",
        "| 192.168.0.0/16 |                   |",
        "+----------------+-------------------+",
    )


def test_even_text_has_the_odd_blank_on_its_left() -> None:
    assert render_table(["abcde"], [("ab",), ("a",)]) == lines(
        "+-------+",
        "| abcde |",
        "+-------+",
        "|   ab  |",
        "|   a   |",
        "+-------+",
    )


def test_a_table_without_rows_has_four_lines() -> None:
    assert render_table(["Name"], []) == lines("+------+", "| Name |", "+------+", "+------+")


def test_rows_are_sorted_by_a_column_and_then_as_a_whole() -> None:
    rows = [("b", "x", "2"), ("a", "y", "1"), ("a", "x", "3"), ("c", "x", "1")]

    table = render_table(["1", "2", "3"], rows, sort_by="2")

    body = [line.replace("|", "").split() for line in table.splitlines()[3:-1]]
    assert body == [["a", "x", "3"], ["b", "x", "2"], ["c", "x", "1"], ["a", "y", "1"]]


def test_without_a_column_to_sort_by_rows_stay_in_their_order() -> None:
    assert render_table(["N"], [("b",), ("a",)]).splitlines()[3:5] == ["| b |", "| a |"]


def test_a_cell_of_several_lines_makes_its_row_higher() -> None:
    assert render_table(["Host", "Addresses"], [("h1", ("10.0.0.1/32", "fd80::1/128")), ("h2", ())]) == lines(
        "+------+-------------+",
        "| Host |  Addresses  |",
        "+------+-------------+",
        "|  h1  | 10.0.0.1/32 |",
        "|      | fd80::1/128 |",
        "|  h2  |             |",
        "+------+-------------+",
    )


def test_a_table_may_stand_at_the_left() -> None:
    assert render_table(["Peer", "AS"], [("10.0.0.1", "5")], left=True).splitlines()[1:4:2] == [
        "| Peer     | AS |",
        "| 10.0.0.1 | 5  |",
    ]


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_whatever_stands_in_cells_the_lines_of_a_table_are_equally_long(rows: list[tuple[str, str]]) -> None:
    table = render_table(["One", "Two"], rows, sort_by="Two").splitlines()

    assert len(table) == len(rows) + 4
    assert len({len(line) for line in table}) == 1
    assert all(line.isprintable() for line in table)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("two\nlines\r\t", "two\\nlines\\r\\t"),
        ("\u202eright to left", "\\u202eright to left"),
        ("\udcff", "\\udcff"),
        ("grün", "grün"),
    ],
)
def test_unprintable_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_a_paragraph_is_wrapped_at_80_columns_and_followed_by_an_empty_line() -> None:
    out = io.StringIO()
    text = "More than 1 endpoint matches the provided criteria.  Please provide additional parameters to refine it."

    Output(out, io.StringIO()).paragraph(text)

    assert out.getvalue() == lines(
        "More than 1 endpoint matches the provided criteria.  Please provide additional",
        "parameters to refine it.",
        "",
    )


class FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    flush = write  # type: ignore[assignment]


def test_output_that_cannot_be_written_is_said_in_one_line() -> None:
    with pytest.raises(UnavailableError, match=r"^cannot write the output: No space left on device$"):
        Output(FullDisk(), io.StringIO()).line("text")


def test_an_error_that_nobody_can_read_is_let_go() -> None:
    Output(io.StringIO(), FullDisk()).error("text")


class TerminalStream(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_only_a_person_at_a_terminal_gets_details() -> None:
    for stream, shown in ((io.StringIO(), ""), (TerminalStream(), "  allow frm\n        ^^^\n")):
        Output(io.StringIO(), stream).details(("allow frm", "      ^^^"))

        assert stream.getvalue() == shown
