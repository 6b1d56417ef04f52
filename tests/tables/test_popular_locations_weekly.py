"""Cities by confirmed bookings of each week."""

from tables.harness import Marketplace, booking, day, place, rows_of

TABLE = "popular_locations_weekly"
PLACES = [
    place(listing=1, state="NW", city="Bonn"),
    place(listing=2, state="NW", city="Bonn"),
    place(listing=3, state="BY", city="Bonn"),
    place(listing=4, state="NW", city="Ulm"),
]


def test_ties_share_a_rank_and_the_next_is_skipped() -> None:
    """Two Bonns with two bookings each, then two places with one: 1, 1, 3, 3; the fifth city of the week was only canceled."""
    marketplace = Marketplace(
        places=[*PLACES, place(listing=5, state="NW", city="Kleve")],
        bookings=[
            booking(booked="2024-01-08", listing=1, stay="2024-02-01/2024-02-04"),
            booking(booked="2024-01-14T23:59:59", listing=2, stay="2024-05-01/2024-05-02"),
            booking(booked="2024-01-09", listing=3),
            booking(booked="2024-01-09", listing=3),
            booking(booked="2024-01-09", listing=4, status="completed"),
            booking(booked="2024-01-09", listing=99, stay="2024-01-30/2024-02-02"),
            booking(booked="2024-01-09", listing=5, status="canceled"),
        ],
    )
    week = day("2024-01-08")
    assert [
        (week, "BY", "Bonn", 2, 2, 1, True),
        (week, "NW", "Bonn", 2, 4, 1, True),
        (week, "NW", "Ulm", 1, 1, 3, True),
        (week, "unknown", "unknown", 1, 3, 3, True),
    ] == rows_of(TABLE, marketplace, as_of="2024-01-14")


def test_each_week_has_its_own_ranks() -> None:
    """Sunday's last second is last week's; the running week is not complete."""
    marketplace = Marketplace(
        places=PLACES,
        bookings=[booking(booked="2024-01-07T23:59:59", listing=4), booking(booked="2024-01-08", listing=1)],
    )
    assert [
        (day("2024-01-01"), "NW", "Ulm", 1, 1, 1, True),
        (day("2024-01-08"), "NW", "Bonn", 1, 1, 1, False),
    ] == rows_of(TABLE, marketplace, as_of="2024-01-13")


def test_no_booking_gives_no_row() -> None:
    """Places alone are not popular."""
    assert rows_of(TABLE, Marketplace(places=PLACES), as_of="2024-01-13") == []
