"""The share of each month's bookings that was canceled."""

from tables.harness import Marketplace, booking, day, money, rows_of

TABLE = "cancellation_rate_monthly"


def test_every_status_counts_as_a_booking_and_only_canceled_ones_as_canceled() -> None:
    """By the day of booking, to the last second of a month, leap day included."""
    marketplace = Marketplace(
        bookings=[
            booking(booked="2024-01-01"),
            booking(booked="2024-01-31T23:59:59", status="canceled"),
            booking(booked="2024-01-10", status="rejected"),
            booking(booked="2024-02-29T23:00:00", status="canceled"),
            booking(booked="2024-03-01", status="canceled"),
            booking(booked="2024-03-02", status="canceled"),
            booking(booked="2024-03-03", status="no_show"),
        ]
    )
    assert [
        (day("2024-01-01"), 3, 1, money("0.333333"), True),
        (day("2024-02-01"), 1, 1, money("1.000000"), True),
        (day("2024-03-01"), 3, 2, money("0.666667"), False),
    ] == rows_of(TABLE, marketplace, as_of="2024-03-30")


def test_a_month_without_a_cancellation_has_the_rate_zero() -> None:
    """Zero is a rate; only a missing denominator would be null."""
    marketplace = Marketplace(bookings=[booking(booked="2024-01-01")])
    assert [(day("2024-01-01"), 1, 0, money("0.000000"), True)] == rows_of(TABLE, marketplace, as_of="2024-01-31")


def test_no_booking_gives_no_row() -> None:
    """An empty table is not an error."""
    assert rows_of(TABLE, Marketplace(), as_of="2024-01-31") == []
