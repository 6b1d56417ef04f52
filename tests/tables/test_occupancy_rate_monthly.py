"""Booked among available nights, by month."""

from tables.harness import Marketplace, booking, day, money, rows_of, version

TABLE = "occupancy_rate_monthly"
JAN, FEB, MAR, APR = (day(f"2024-0{month}-01") for month in range(1, 5))


def test_a_double_booked_night_is_one_and_an_unknown_listing_is_available_where_it_is_booked() -> None:
    """Listing 1 is live from 30 January; its stays share two nights. February has 29 of its days and two nights of listing 9."""
    marketplace = Marketplace(
        versions=[version(listing=1, created="2024-01-30")],
        bookings=[
            booking(booked="2024-01-01", listing=1, stay="2024-01-30/2024-02-02"),
            booking(booked="2024-01-01", listing=1, stay="2024-01-31/2024-02-03"),
            booking(booked="2024-01-01", listing=9, stay="2024-02-28/2024-03-02"),
            booking(booked="2024-01-01", listing=9, stay="2024-01-01/2024-04-02", status="canceled"),
        ],
    )
    assert [
        (JAN, 2, 2, money("1.000000"), True),
        (FEB, 31, 4, money("0.129032"), False),
        (MAR, 32, 1, money("0.031250"), False),
    ] == rows_of(TABLE, marketplace, as_of="2024-02-10")


def test_a_night_that_three_stays_cover_is_one() -> None:
    """The middle stay ends before the first: the third still meets the first."""
    stays = ["2024-01-01/2024-01-11", "2024-01-02/2024-01-04", "2024-01-03/2024-01-13"]
    marketplace = Marketplace(bookings=[booking(booked="2024-01-01", stay=stay) for stay in stays])
    assert [(JAN, 12, 12, money("1.000000"), True)] == rows_of(TABLE, marketplace, as_of="2024-01-31")


def test_a_listing_is_available_while_live_or_booked() -> None:
    """Live on 1 to 10 and 21 to 31 January and, until it is deleted on the 3rd, in February; two nights are booked while it is not live."""
    marketplace = Marketplace(
        versions=[
            version(),
            version(modified="2024-01-11", active=False),
            version(modified="2024-01-21", price="60.00"),
        ],
        bookings=[booking(booked="2024-01-01", stay="2024-01-15/2024-01-17")],
        deleted={1: "2024-02-03"},
    )
    assert [
        (JAN, 23, 2, money("0.086957"), True),
        (FEB, 2, 0, money("0.000000"), True),
    ] == rows_of(TABLE, marketplace, as_of="2024-02-29")


def test_months_run_without_a_gap_to_the_last_booked_night() -> None:
    """Months between two stays of an unknown listing have no denominator."""
    stays = ["2024-01-31/2024-02-01", "2024-04-01/2024-04-02"]
    marketplace = Marketplace(bookings=[booking(booked="2024-01-01", stay=stay) for stay in stays])
    assert [
        (JAN, 1, 1, money("1.000000"), True),
        (FEB, 0, 0, None, False),
        (MAR, 0, 0, None, False),
        (APR, 1, 1, money("1.000000"), False),
    ] == rows_of(TABLE, marketplace, as_of="2024-01-31")


def test_months_run_on_to_as_of() -> None:
    """The whole of as_of's month is available, also the days after as_of."""
    marketplace = Marketplace(versions=[version(created="2024-02-20")])
    assert [
        (FEB, 10, 0, money("0.000000"), True),
        (MAR, 31, 0, money("0.000000"), False),
    ] == rows_of(TABLE, marketplace, as_of="2024-03-01")


def test_nothing_available_up_to_as_of_gives_no_row() -> None:
    """A listing of next month, without a booking, is not in the range yet."""
    assert rows_of(TABLE, Marketplace(), as_of="2024-01-31") == []
    assert rows_of(TABLE, Marketplace(versions=[version(created="2024-02-01")]), as_of="2024-01-31") == []
