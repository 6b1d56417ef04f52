"""Which delivered column is which: by names, then by values, and open where neither tells."""

from collections.abc import Mapping, Sequence

from rental_etl.source.proposal.columns import Listings, Placed, place
from rental_etl.source.proposal.sample import Sample
from rental_etl.tables.contracts import contracts

LISTINGS = Listings(frozenset(str(5600000000 + number) for number in range(10)), "Kürzel-1")


def sample(columns: Mapping[str, Sequence[str | None]], stem: str = "bookings") -> Sample:
    """A sample by columns."""
    return Sample(f"{stem}.csv", stem, tuple(columns), tuple(zip(*columns.values(), strict=True)))


def placed(columns: Mapping[str, Sequence[str | None]], table: str = "bookings") -> dict[str, Placed]:
    """Where each column is."""
    return {one.column: one for one in place(sample(columns), contracts()[table], listings=LISTINGS)}


def stays(**other: Sequence[str | None]) -> dict[str, Sequence[str | None]]:
    """Thirty bookings under names that say nothing."""
    days = [f"2024-{month:02}-{day:02}" for month in (1, 2, 3) for day in range(1, 11)]
    return {
        "a": [str(number) for number in range(1001, 1031)],
        "b": [str(70 + number % 25) for number in range(30)],
        "c": [str(5600000000 + number % 10) for number in range(30)],
        "d": [f"{day} 10:00:00" for day in days],
        "e": [day[:-2] + f"{int(day[-2:]) + 3:02}" for day in days],
        "f": [day[:-2] + f"{int(day[-2:]) + 7:02}" for day in days],
        "g": [f"{100 + number}.50" for number in range(30)],
        "h": ["EUR", "USD"] * 15,
        "i": ["OK", "STORNO", "OK"] * 10,
        **other,
    }


def test_values_alone_place_what_can_be_only_one_thing() -> None:
    """Keys of listings are known from the listings; what comes first is the booking, then the arrival; states are known words."""
    found = placed(stays())
    assert {column: one.delivered for column, one in found.items() if one.delivered} == {
        "booking_id": "a",
        "user_id": "b",
        "apartment_id": "c",
        "total_price": "g",
        "currency": "h",
        "booking_status": "i",
    }
    # Three columns of days without a name: which is which of a pair that nothing else fixes stays open.
    assert found["checkin_date"].confidence == "open"
    assert all(one.confidence == "guess" for one in found.values() if one.delivered)


def test_days_fall_into_place_when_one_of_them_has_a_name() -> None:
    """Departure comes after arrival, and booking before it."""
    columns = stays()
    columns = {{"f": "Abreise"}.get(name, name): values for name, values in columns.items()}
    days = dict(columns)
    found = placed(days)
    assert (found["checkout_date"].delivered, found["checkout_date"].confidence) == ("Abreise", "likely")
    assert found["checkin_date"].why == "it may be d or e"
    columns = {{"e": "Anreise", "f": "x"}.get(name, name): values for name, values in stays().items()}
    found = placed(columns)
    assert (found["checkout_date"].delivered, found["booking_date"].delivered) == ("x", "d")


def test_two_candidates_are_named_and_neither_is_taken() -> None:
    """Net and gross are both amounts."""
    found = placed(stays(z=[f"{90 + number}.25" for number in range(30)]))
    assert (found["total_price"].delivered, found["total_price"].why) == ("", "it may be g or z")


def test_what_is_called_as_the_listings_call_it_is_their_id() -> None:
    """Where listings have small numbers, guests in a stay can be some of them too."""
    found = placed(stays(z=["5600000001", "5600000002"] * 15))
    assert (found["apartment_id"].delivered, found["apartment_id"].why) == ("", "it may be c or z")
    columns = {{"c": "kuerzel 1"}.get(name, name): values for name, values in stays().items()}
    found = placed({**columns, "z": ["5600000001", "5600000002"] * 15})
    assert (found["apartment_id"].delivered, found["apartment_id"].confidence) == ("kuerzel 1", "guess")


def test_states_are_known_by_most_of_their_rows() -> None:
    """A word of one's own among them is asked about; a column of such words only is none of states."""
    assert placed(stays(i=["OK", "OK", "geplatzt"] * 10))["booking_status"].delivered == "i"
    assert placed(stays(i=["OK", "geplatzt", "verlegt"] * 10))["booking_status"].delivered == ""


def test_a_name_whose_values_cannot_be_is_said_and_not_taken() -> None:
    """Numbers of reservations with letters are no whole numbers."""
    found = placed({"reservation_no": ["R-1", "R-2", "R-3"], "arrival": ["2024-01-01", "2024-01-02", "2024-01-03"]})
    assert found["booking_id"].delivered == ""
    assert found["booking_id"].why == "reservation_no is called like it, but holds 'R-1', which is no whole number"
    assert (found["checkin_date"].delivered, found["checkin_date"].confidence) == ("arrival", "likely")


def test_the_own_name_wins_over_another_name() -> None:
    """`id` may be the export's own row number."""
    found = placed(
        {"id": ["1", "2"], "Booking_ID": ["17", "18"], "status": ["OK", "OK"], "booking_status": ["confirmed", "x"]}
    )
    assert (found["booking_id"].delivered, found["booking_id"].confidence) == ("Booking_ID", "sure")
    assert found["booking_status"].delivered == "booking_status"


def test_a_column_is_used_once() -> None:
    """`price` of listings is no second amount."""
    found = placed({"total": ["10.00"], "amount": ["9.00"]})
    assert [one.column for one in found.values() if one.delivered] == ["total_price"]


def test_without_rows_names_still_tell() -> None:
    """An empty table of a new system."""
    found = placed({"res_no": [], "guest_id": [], "arrival": []})
    assert {one.column: one.confidence for one in found.values() if one.delivered} == {
        "booking_id": "guess",
        "user_id": "guess",
        "checkin_date": "guess",
    }
