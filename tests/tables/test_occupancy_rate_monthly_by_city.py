"""Booked among available nights, by month and city."""

from tables.harness import Marketplace, booking, day, money, place, rows_of, version

TABLE = "occupancy_rate_monthly_by_city"
MARKETPLACE = Marketplace(
    versions=[version(listing=1), version(listing=2), version(listing=3, created="2024-02-28")],
    places=[
        place(listing=1, state="NW", city="Bonn"),
        place(listing=3, state="NW", city="Bonn"),
        place(listing=9, state="BY"),
    ],
    bookings=[
        booking(booked="2024-01-01", listing=1, stay="2024-02-28/2024-03-01"),
        booking(booked="2024-01-01", listing=9, stay="2024-02-01/2024-02-02"),
    ],
)
FEB = day("2024-02-01")


def test_places_come_from_the_attributes_and_are_unknown_without() -> None:
    """Listing 2 has no attributes; listing 9 is unknown but its state is not. Bonn has 29 and 2 nights."""
    rows = rows_of(TABLE, MARKETPLACE, as_of="2024-02-29")
    assert [
        (FEB, "BY", "unknown", 1, 1, money("1.000000"), True),
        (FEB, "NW", "Bonn", 31, 2, money("0.064516"), True),
        (FEB, "unknown", "unknown", 29, 0, money("0.000000"), True),
    ] == [row for row in rows if row[0] == FEB]


def test_cities_add_up_to_the_marketplace() -> None:
    """Every available and booked night is in exactly one city."""
    cities = rows_of(TABLE, MARKETPLACE, as_of="2024-02-29")
    for month, available, booked, *_ in rows_of("occupancy_rate_monthly", MARKETPLACE, as_of="2024-02-29"):
        here = [row for row in cities if row[0] == month]
        assert (available, booked) == (sum(row[3] for row in here), sum(row[4] for row in here))


def test_a_city_has_a_row_only_in_months_with_an_available_night() -> None:
    """The state of listing 9 is on the map in February only."""
    assert [row[0] for row in rows_of(TABLE, MARKETPLACE, as_of="2024-03-31") if row[1] == "BY"] == [FEB]


def test_a_place_called_unknown_is_the_unknown_one() -> None:
    """A delivered `unknown` and a missing value are one city, not two."""
    marketplace = Marketplace(
        versions=[version(listing=1), version(listing=2)], places=[place(listing=1, state="unknown", city="unknown")]
    )
    assert [(day("2024-01-01"), "unknown", "unknown", 62, 0, money("0.000000"), True)] == rows_of(
        TABLE, marketplace, as_of="2024-01-31"
    )


def test_nothing_available_gives_no_row() -> None:
    """An empty table is not an error."""
    assert rows_of(TABLE, Marketplace(), as_of="2024-01-31") == []
