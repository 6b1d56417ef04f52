"""Days from booking to arrival, by the month of booking."""

from tables.harness import Marketplace, booking, day, money, rows_of

TABLE = "booking_lead_time_monthly"


def test_lead_time_counts_days_from_the_booking_day_to_the_check_in() -> None:
    """31 January to 1 March is 30 days in a leap year; an hour before midnight is still the same day; who arrives before booking is left out."""
    marketplace = Marketplace(
        bookings=[
            booking(booked="2024-01-31T23:00:00", stay="2024-01-31/2024-02-03"),
            booking(booked="2024-01-31T01:00:00", stay="2024-03-01/2024-03-02", status="completed"),
            booking(booked="2024-02-10", stay="2024-02-09/2024-02-12"),
            booking(booked="2024-02-11", stay="2024-02-20/2024-02-21", status="pending"),
            booking(booked="2024-02-29", stay="2024-03-01/2024-03-02"),
        ]
    )
    assert [
        (day("2024-01-01"), 2, 30, money("15.00"), True),
        (day("2024-02-01"), 1, 1, money("1.00"), False),
    ] == rows_of(TABLE, marketplace, as_of="2024-02-28")


def test_averages_round_half_away_from_zero() -> None:
    """One day in eight bookings is 0.125; one in three 0.33."""
    same_day = booking(booked="2024-01-05", stay="2024-01-05/2024-01-06")
    next_day = booking(booked="2024-01-05", stay="2024-01-06/2024-01-07")
    eight, three = Marketplace(bookings=[same_day] * 7 + [next_day]), Marketplace(bookings=[same_day] * 2 + [next_day])
    assert [money("0.13")] == [row[3] for row in rows_of(TABLE, eight, as_of="2024-01-31")]
    assert [money("0.33")] == [row[3] for row in rows_of(TABLE, three, as_of="2024-01-31")]


def test_no_booking_gives_no_row() -> None:
    """A month whose only guest came before booking has nothing to count either."""
    early = booking(booked="2024-01-05", stay="2024-01-04/2024-01-06")
    assert rows_of(TABLE, Marketplace(), as_of="2024-01-31") == []
    assert rows_of(TABLE, Marketplace(bookings=[early]), as_of="2024-01-31") == []
