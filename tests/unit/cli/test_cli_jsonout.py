"""What machines read keeps every digit."""

import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from rental_etl.cli.jsonout import encoded, write_array, write_object


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (9007199254740993, "9007199254740993"),
        (Decimal("0.10"), "0.10"),
        (Decimal("12345678901234567890.12"), "12345678901234567890.12"),
        (Decimal("1E+3"), "1000"),
        (Decimal("NaN"), "null"),
        (float("inf"), "null"),
        (0.1, "0.1"),
        (date(2024, 2, 29), '"2024-02-29"'),
        (datetime(2024, 2, 29, 13, 5), '"2024-02-29 13:05:00"'),
        (datetime(2024, 2, 29, tzinfo=UTC), '"2024-02-29 00:00:00+00:00"'),
        (timedelta(hours=1), '"1:00:00"'),
        ('Zürich "am See"\n', '"Zürich \\"am See\\"\\n"'),
        (b"\x00\xff", '"00ff"'),
        ([Decimal("1.50"), None], "[1.50, null]"),
        ({"a": (1, "b")}, '{"a": [1, "b"]}'),
    ],
)
def test_values_are_written_exactly(value: Any, text: str) -> None:
    """A decimal that went through a float would end in other digits."""
    assert encoded(value) == text


def test_rows_stream_into_one_array() -> None:
    """The first row is written before the second is asked for."""
    out = io.StringIO()
    seen = []

    def rows() -> Any:
        for number in (1, 2):
            seen.append(out.getvalue())
            yield {"n": number}

    write_array(rows(), out)
    assert json.loads(out.getvalue()) == [{"n": 1}, {"n": 2}]
    assert seen == ["", '[\n{"n": 1}']


def test_no_rows_are_an_empty_array() -> None:
    """Not nothing: an empty document is not JSON."""
    out = io.StringIO()
    write_array([], out)
    assert json.loads(out.getvalue()) == []


def test_an_object_has_one_key_a_line() -> None:
    """So that a difference between two of them can be read."""
    out = io.StringIO()
    write_object({"a": 1, "b": [Decimal("2.0")]}, out)
    assert out.getvalue() == '{\n  "a": 1,\n  "b": [2.0]\n}\n'
