"""Nights per confirmed stay, by the month it begins in."""

from tables.harness import Marketplace, booking, day, money, rows_of

TABLE = "average_booking_duration_monthly"
STAYS = [
    booking(booked="2024-01-02", stay="2024-01-31/2024-02-03"),
    booking(booked="2024-01-02", stay="2024-02-01/2024-02-02", status="completed"),
    booking(booked="2024-01-02", stay="2024-02-29/2024-03-02"),
    booking(booked="2024-01-02", stay="2024-02-10/2024-02-20", status="canceled"),
]


def test_a_stay_counts_whole_in_the_month_it_begins_in() -> None:
    """January has three nights of one stay though two of them lie in February; the leap day begins one."""
    assert [
        (day("2024-01-01"), 1, 3, money("3.00"), True),
        (day("2024-02-01"), 2, 3, money("1.50"), False),
    ] == rows_of(TABLE, Marketplace(bookings=STAYS), as_of="2024-02-28")


def test_a_month_is_complete_on_its_last_day() -> None:
    """as_of is covered in full."""
    assert [row[-1] for row in rows_of(TABLE, Marketplace(bookings=STAYS), as_of="2024-02-29")] == [True, True]
    assert [row[-1] for row in rows_of(TABLE, Marketplace(bookings=STAYS), as_of="2024-01-30")] == [False, False]


def test_averages_round_half_away_from_zero() -> None:
    """Nine nights in eight stays are 1.125."""
    stays = [booking(booked="2024-01-02", stay="2024-01-05/2024-01-06") for _ in range(7)]
    stays += [booking(booked="2024-01-02", stay="2024-01-05/2024-01-07")]
    assert [(day("2024-01-01"), 8, 9, money("1.13"), True)] == rows_of(
        TABLE, Marketplace(bookings=stays), as_of="2024-01-31"
    )


def test_which_statuses_are_confirmed_is_a_setting() -> None:
    """Status words compare without regard to case."""
    rows = rows_of(TABLE, Marketplace(bookings=STAYS), as_of="2024-03-01", confirmed_statuses=("CANCELED",))
    assert [(day("2024-02-01"), 1, 10, money("10.00"), True)] == rows


def test_no_booking_gives_no_row() -> None:
    """An empty table is not an error."""
    assert rows_of(TABLE, Marketplace(), as_of="2024-02-28") == []
