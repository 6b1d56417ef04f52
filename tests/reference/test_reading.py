"""The reference's reading of single values, on cases worked by hand from SPEC's "Reading values"."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from reference.reading import UnreadableError, read_row, read_value
from reference.rows import apartment, booking

DAY = date(2024, 6, 30)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        (" x ", "text", "x"),
        ("NaN", "text", None),
        ("nAn", "text", "nAn"),
        ("usd", "upper", "USD"),
        ("Cancelled", "status", "canceled"),
        ("Y", "bool", True),
        ("0", "bool", False),
        ("5000000000", "int", 5_000_000_000),
        ("12.0", "int", 12),
        ("2.675", "decimal2", Decimal("2.68")),
        ("-0.005", "decimal2", Decimal("-0.01")),
        ("2024-02-29 10:00:00", "date", date(2024, 2, 29)),
        ("2024-01-31 23:30:00-05:00", "timestamp", datetime(2024, 2, 1, 4, 30)),
        ("2024-02-29T10:00:00.5Z", "timestamp", datetime(2024, 2, 29, 10, 0, 0, 500_000)),
        ("2024-02-29", "timestamp", datetime(2024, 2, 29)),
    ],
)
def test_text_is_read_as_its_column_says(text: str, kind: str, expected: Any) -> None:
    assert expected == read_value(text, kind=kind, day=DAY)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("maybe", "bool"),
        ("12.5", "int"),
        ("9223372036854775808", "int"),
        ("1e3", "decimal2"),
        ("$5", "decimal2"),
        ("10000000000000000", "decimal2"),
        ("2023-02-29", "date"),
        ("1999-12-31", "date"),
        ("2027-07-01", "timestamp"),
        ("soon", "timestamp"),
    ],
)
def test_text_of_another_kind_is_unreadable(text: str, kind: str) -> None:
    with pytest.raises(UnreadableError):
        read_value(text, kind=kind, day=DAY)


def test_only_a_key_or_a_required_column_puts_a_row_in_quarantine() -> None:
    assert read_row("bookings", booking("1", num_guests="two"), day=DAY).valid
    assert not read_row("bookings", booking("1", total_price="much"), day=DAY).valid
    assert read_row("bookings", booking("1", total_price="much"), day=DAY).key == (1,)
    assert read_row("bookings", booking("one"), day=DAY).key is None


def test_rules_on_a_row() -> None:
    assert read_row("apartments", apartment("1", price="0.004", currency="US"), day=DAY).errors == (
        "price <= 0",
        "currency not three letters",
    )
    assert read_row("bookings", booking("1", booking_date="2024-01-13", booking_status="maybe"), day=DAY).warnings == (
        "checkin_date before the booking day",
        "status not in the vocabulary",
    )
