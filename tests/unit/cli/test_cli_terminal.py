"""Tables for people: every value readable, nothing cut where a program reads, nothing wider than the terminal where a person does."""

import csv
import io
import json
import sys
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from rental_etl.cli.answers import show
from rental_etl.cli.terminal import answer, cell, listing

ROWS: list[tuple[Any, ...]] = [
    (1, Decimal("10.50"), 'Loft, "Mitte"\nand more', True, None),
    (22, None, "", False, date(2024, 2, 29)),
]
COLUMNS = ("id", "price", "title", "is_active", "day")


class Screen(io.StringIO):
    """A terminal of 80 columns without colours."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A stream that says it is a terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("NO_COLOR", "1")
    return Screen()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "∅"),
        ("", ""),
        (True, "true"),
        (Decimal("1.10"), "1.10"),
        (datetime(2024, 2, 29, 1, 2, 3), "2024-02-29 01:02:03"),
        ("a\n\tb\x1b[31m", "a\\n\\tb\\x1b[31m"),
    ],
)
def test_a_value_is_shown_on_one_line_and_without_control_characters(value: Any, text: str) -> None:
    """A title from a CSV file must not be able to recolour or clear a terminal."""
    assert cell(value) == text


def test_an_answer_is_a_table_with_numbers_to_the_right() -> None:
    """Null is told apart from empty text."""
    out = io.StringIO()
    assert answer(COLUMNS, ROWS, out, limit=10) is False
    assert [line.rstrip() for line in out.getvalue().splitlines()] == [
        "id   price   title                     is_active   day",
        "─────────────────────────────────────────────────────────────",
        ' 1   10.50   Loft, "Mitte"\\nand more   true        ∅',
        "22       ∅                             false       2024-02-29",
    ]


def test_an_answer_of_no_rows_shows_its_columns() -> None:
    """So that one sees what was asked."""
    out = io.StringIO()
    assert answer(("a", "b"), [], out, limit=10) is False
    assert out.getvalue().split() == ["a", "b", "─────"]


def test_an_answer_says_that_there_is_more() -> None:
    """And does not read it."""
    out = io.StringIO()
    rows = iter([(number,) for number in range(5)])
    assert answer(("n",), rows, out, limit=3) is True
    assert list(rows) == [(4,)]
    assert out.getvalue().split()[2:] == ["0", "1", "2"]


def test_nothing_is_cut_where_no_terminal_is() -> None:
    """A program or a file gets whole values."""
    out = io.StringIO()
    answer(("a", "b"), [("x" * 300, "y" * 300)], out, limit=10)
    assert "x" * 300 in out.getvalue()
    assert "y" * 300 in out.getvalue()


def test_a_long_text_is_cut_on_a_terminal(screen: Screen) -> None:
    """With a sign that it was."""
    answer(("id", "title"), [(1, "x" * 300)], screen, limit=10)
    assert f"{'x' * 39}…" in screen.getvalue()
    assert max(len(line.rstrip()) for line in screen.getvalue().splitlines()) <= 80


def test_an_answer_wider_than_the_terminal_is_turned_upright(screen: Screen) -> None:
    """Every value whole, one a line, instead of columns that are cut to nothing."""
    columns = [f"column_{number}" for number in range(12)]
    answer(columns, [[number * 1_000_000 for number in range(12)]], screen, limit=10)
    lines = screen.getvalue().splitlines()
    assert lines[:2] == ["row 1", "  column_0   0"]
    assert lines[-1] == "  column_11  11000000"


def test_a_listing_fits_the_terminal_by_its_last_column(screen: Screen) -> None:
    """The columns before say what it is about."""
    listing(("table", "why"), [("apartments", "x" * 300)], screen)
    lines = [line.rstrip() for line in screen.getvalue().splitlines()]
    assert lines[0] == "  table       why"
    assert len(lines[1]) == 80
    assert lines[1].endswith("x…")


def test_csv_is_what_export_writes(capsys: pytest.CaptureFixture[str]) -> None:
    """Null is nothing, booleans are lower case, decimals keep their digits."""
    show(COLUMNS, [(*row[:4], [Decimal("1.50")] if row[4] else None) for row in ROWS], format="csv", limit=1)
    text = capsys.readouterr().out
    assert text == ('id,price,title,is_active,day\n1,10.50,"Loft, ""Mitte""\nand more",true,\n22,,,false,[1.50]\n')
    assert len(list(csv.reader(io.StringIO(text)))) == 3


def test_json_keeps_columns_of_one_name_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """A key can only be once in an object."""
    show(("n", "n", "n_2"), [(1, 2, 3)], format="json", limit=1)
    assert json.loads(capsys.readouterr().out) == [{"n": 1, "n_2": 2, "n_2_2": 3}]


@pytest.mark.parametrize(
    ("limit", "said"), [(1, "the first 1 rows; --format csv or json gives all of them\n"), (2, "2 rows\n")]
)
def test_a_table_says_how_much_it_shows(capsys: pytest.CaptureFixture[str], limit: int, said: str) -> None:
    """On stderr: stdout is for data."""
    show(COLUMNS, ROWS, format="table", limit=limit)
    assert capsys.readouterr().err == said


def test_output_needs_no_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the line characters cannot be written, plain ones are."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii", errors="backslashreplace")
    monkeypatch.setattr(sys, "stdout", out)
    show(("n",), [(None,)], format="table", limit=5)
    out.flush()
    assert raw.getvalue().decode("ascii").split() == ["n", "-", "\\u2205"]
