"""Packed columns: small, exact, and safe inside a page."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rental_etl.report.encoding import Field, Kind, embedded, pack


def unpacked(column: dict[str, Any]) -> list[Any]:
    """What `page/data.js` makes of a packed column."""
    if "words" in column:
        return [column["words"][at] for at in unpacked(column["at"])]
    if "values" in column:
        return [int(value) if isinstance(value, str) else value for value in column["values"]]
    if "steps" in column:
        total, values = 0, []
        for step in column["steps"]:
            total += step
            values.append(total)
        return values
    runs = column["runs"]
    return [value for value, times in zip(runs[::2], runs[1::2], strict=True) for _ in range(times)]


def packed(kind: Kind, values: list[Any]) -> dict[str, Any]:
    """One column."""
    columns = pack([Field("column", kind)], [(value,) for value in values])["columns"]
    return dict(columns["column"])


@given(st.lists(st.one_of(st.none(), st.integers(-(10**25), 10**25))))
def test_whole_numbers_come_back_exactly(values: list[int | None]) -> None:
    """Also those no double holds: they travel as text."""
    column = json.loads(embedded(packed("count", values)))
    assert unpacked(column) == values


@given(st.lists(st.one_of(st.none(), st.text())))
def test_text_comes_back_as_it_was(values: list[str | None]) -> None:
    """Whatever is in it, through JSON and the HTML around it."""
    text = embedded(packed("text", values))
    assert not set(text) & set("<>&")
    assert unpacked(json.loads(text)) == values


def test_half_a_surrogate_pair_does_not_stop_the_page() -> None:
    """UTF-8 cannot write it; a source in UTF-16 can hold it."""
    embedded(packed("text", ["a\ud800b"])).encode()


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("month", date(2024, 3, 1), 2024 * 12 + 2),
        ("day", date(1970, 1, 2), 1),
        ("day", date(2024, 3, 4), 19_786),
        ("money", Decimal("1234.50"), 123_450),
        ("money", Decimal("99999999999999999999.99"), 9_999_999_999_999_999_999_999),
        ("flag", True, 1),
        ("count", Decimal(7), 7),
    ],
)
def test_values_are_whole_numbers(kind: Kind, value: Any, expected: int) -> None:
    """Money is cents, a month a number, a day days since 1970: nothing is a fraction in the browser."""
    assert unpacked(packed(kind, [value])) == [expected]


def test_the_shortest_form_is_taken() -> None:
    """Equal values as a run, rising ones as steps, others as they are."""
    assert packed("count", [5] * 100) == {"runs": [5, 100]}
    assert list(packed("count", list(range(10_000, 10_100)))) == ["steps"]
    assert packed("count", [7, 1, 9]) == {"values": [7, 1, 9]}
