"""Customers of the last 30 days who booked at least twice in them."""

from datetime import timedelta

from tables.harness import Marketplace, booking, day, money, rows_of

TABLE = "repeat_customer_rate_daily"


def test_the_window_holds_thirty_days_the_day_itself_included() -> None:
    """1 and 30 January are in one window on the 30th only: the 31st looks back to the 2nd."""
    marketplace = Marketplace(bookings=[booking(booked="2024-01-01T23:59:59"), booking(booked="2024-01-30")])
    rows = rows_of(TABLE, marketplace, as_of="2024-01-31")
    assert [day("2024-01-01") + timedelta(days=number) for number in range(31)] == [row[0] for row in rows]
    assert [
        (day("2024-01-29"), 1, 0, money("0.000000"), False),
        (day("2024-01-30"), 1, 1, money("1.000000"), True),
        (day("2024-01-31"), 1, 0, money("0.000000"), True),
    ] == rows[-3:]


def test_two_bookings_of_one_day_make_a_repeat_customer_and_a_third_does_not_make_two() -> None:
    """User 1 books twice on the 1st and again on the 2nd; users 2 and 3 book once; canceled bookings make no customer."""
    marketplace = Marketplace(
        bookings=[
            booking(user=1, booked="2024-01-01T08:00:00"),
            booking(user=1, booked="2024-01-01T08:00:00", status="completed"),
            booking(user=1, booked="2024-01-02"),
            booking(user=2, booked="2024-01-02"),
            booking(user=2, booked="2024-01-02", status="canceled"),
            booking(user=3, booked="2024-01-02"),
            booking(user=4, booked="2024-01-02", status="pending"),
        ]
    )
    assert [
        (day("2024-01-01"), 1, 1, money("1.000000"), False),
        (day("2024-01-02"), 3, 1, money("0.333333"), False),
    ] == rows_of(TABLE, marketplace, as_of="2024-01-02")


def test_days_without_a_customer_have_a_row_without_a_rate() -> None:
    """A booking counts for 30 days; days run on to as_of, over the leap day."""
    rows = rows_of(TABLE, Marketplace(bookings=[booking(booked="2024-01-31")]), as_of="2024-03-02")
    assert len(rows) == 32
    assert [
        (day("2024-02-29"), 1, 0, money("0.000000"), True),
        (day("2024-03-01"), 0, 0, None, True),
        (day("2024-03-02"), 0, 0, None, True),
    ] == rows[-3:]


def test_bookings_after_as_of_have_no_day_yet() -> None:
    """The first confirmed booking decides where days begin; a canceled one before it does not."""
    bookings = [booking(booked="2024-01-01", status="canceled"), booking(booked="2024-01-05")]
    assert rows_of(TABLE, Marketplace(bookings=bookings), as_of="2024-01-04") == []
    assert [day("2024-01-05")] == [row[0] for row in rows_of(TABLE, Marketplace(bookings=bookings), as_of="2024-01-05")]


def test_no_booking_gives_no_row() -> None:
    """Without a first day there is no range."""
    assert rows_of(TABLE, Marketplace(), as_of="2024-01-31") == []
