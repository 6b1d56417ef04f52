"""Bookings of each user by the week they were made in."""

from tables.harness import Marketplace, booking, day, rows_of

TABLE = "bookings_per_user_weekly"
BOOKINGS = [
    booking(user=1, booked="2023-12-31T23:59:59"),
    booking(user=1, booked="2024-01-07T23:59:59"),
    booking(user=1, booked="2024-01-08T00:00:00", status="canceled"),
    booking(user=1, booked="2024-01-08T00:00:00", status="pending"),
    booking(user=2, booked="2024-01-14T12:00:00", status="completed"),
]


def test_weeks_run_from_monday_to_sunday() -> None:
    """The last second of Sunday belongs to its week; the last Sunday of 2023 to the week of Christmas."""
    assert [
        (day("2023-12-25"), 1, 1, 1, 0, True),
        (day("2024-01-01"), 1, 1, 1, 0, True),
        (day("2024-01-08"), 1, 2, 0, 1, False),
        (day("2024-01-08"), 2, 1, 1, 0, False),
    ] == rows_of(TABLE, Marketplace(bookings=BOOKINGS), as_of="2024-01-13")


def test_which_statuses_count_as_confirmed_and_canceled_are_settings() -> None:
    """A setting without a word counts nothing."""
    rows = rows_of(
        TABLE,
        Marketplace(bookings=BOOKINGS[2:]),
        as_of="2024-01-14",
        confirmed_statuses=("pending",),
        canceled_statuses=(),
    )
    assert [(day("2024-01-08"), 1, 2, 1, 0, True), (day("2024-01-08"), 2, 1, 0, 0, True)] == rows


def test_no_booking_gives_no_row() -> None:
    """An empty table is not an error."""
    assert rows_of(TABLE, Marketplace(), as_of="2024-01-13") == []
