"""Names as other systems write them are known for what they are, and only those."""

import pytest

from rental_etl.source.proposal.names import column_likeness, fold, parts, table_likeness, vocabulary
from rental_etl.source.proposal.words import status, truth
from rental_etl.tables.contracts import contracts


@pytest.mark.parametrize("name", ["check_in_date", "CheckInDate", "Check-in Date", " CHECKIN DATE ", "checkInDate"])
def test_signs_and_case_make_no_difference(name: str) -> None:
    """Somebody else's habits."""
    assert fold(name) == fold("checkin_date")
    assert column_likeness(name, table="bookings", column="checkin_date", day=True) >= 0.9


@pytest.mark.parametrize("name", ["Price Total", "price_total", "PriceTotal"])
def test_words_may_stand_in_another_order(name: str) -> None:
    """It says more than another name does, and less than the name itself."""
    assert 0.85 < column_likeness(name, table="bookings", column="total_price", day=False) < 0.9
    assert column_likeness(f"{name} net", table="bookings", column="total_price", day=False) == 0


def test_umlauts_are_compared_as_they_are_spelled_out() -> None:
    """Both spellings occur in one company."""
    assert fold("Geändert am") == fold("geaendert_am")
    assert fold("Straße") == fold("STRASSE")


def test_a_name_falls_into_words() -> None:
    """At signs, at capitals and at numbers."""
    assert parts("tblReservas-2024_01") == ["tbl", "reservas", "2024", "01"]
    assert parts("UnitDetails") == ["unit", "details"]


@pytest.mark.parametrize(
    ("stem", "table"),
    [
        ("reservations", "bookings"),
        ("pms_reservation", "bookings"),
        ("Buchungen", "bookings"),
        ("listings", "apartments"),
        ("property_list", "apartments"),
        ("listing_details", "apartment_attributes"),
        ("Ausstattung", "apartment_attributes"),
        ("page_views", "user_viewing"),
        ("wechselkurse", "fx_rates"),
    ],
)
def test_a_files_name_says_most_of_its_own_table(stem: str, table: str) -> None:
    """More than of any other."""
    assert max(contracts(), key=lambda other: table_likeness(stem, other)) == table


@pytest.mark.parametrize("stem", ["invoices", "messages", "users", "README", "x"])
def test_other_names_say_nothing(stem: str) -> None:
    """A marketplace has more tables than these."""
    assert [table for table in contracts() if table_likeness(stem, table) > 0] == []


@pytest.mark.parametrize(
    ("name", "table", "column"),
    [
        ("res_no", "bookings", "booking_id"),
        ("reservation_id", "bookings", "booking_id"),
        ("guest_id", "bookings", "user_id"),
        ("customer_id", "bookings", "user_id"),
        ("listing_id", "bookings", "apartment_id"),
        ("property_id", "bookings", "apartment_id"),
        ("arrival", "bookings", "checkin_date"),
        ("check_in", "bookings", "checkin_date"),
        ("fecha_salida", "bookings", "checkout_date"),
        ("date_arrivee", "bookings", "checkin_date"),
        ("Gebucht am", "bookings", "booking_date"),
        ("reservation_total", "bookings", "total_price"),
        ("booking_state", "bookings", "booking_status"),
        ("property_id", "apartments", "id"),
        ("listing_name", "apartments", "title"),
        ("updated_at", "apartments", "last_modified_timestamp"),
        ("lng", "apartment_attributes", "longitude"),
        ("ville", "apartment_attributes", "cityname"),
        ("event_time", "user_viewing", "viewed_at"),
        ("Kurs", "fx_rates", "rate"),
    ],
)
def test_a_columns_other_names_are_known(name: str, table: str, column: str) -> None:
    """And mean that column more than any other of the table."""

    def likeness(other: str) -> float:
        day = contracts()[table].column(other).type in ("date", "timestamp")
        return column_likeness(name, table=table, column=other, day=day)

    assert max(contracts()[table].names, key=likeness) == column
    assert likeness(column) > 0


def test_its_own_name_is_worth_more_than_any_other() -> None:
    """Of every column of every contract."""
    for table, contract in contracts().items():
        for column in contract.names:
            worth = {other: column_likeness(column, table=table, column=other, day=True) for other in contract.names}
            assert worth.pop(column) == 1
            assert max(worth.values(), default=0) < 1


def test_the_vocabulary_names_tables_and_columns_that_exist() -> None:
    """A name that is written wrong there would say nothing."""
    words = vocabulary()
    assert set(words["tables"]) == set(contracts())
    assert {(table, column) for table, columns in words["columns"].items() for column in columns} <= {
        (table, column) for table, contract in contracts().items() for column in contract.names
    }


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("OK", "confirmed"),
        ("STORNO", "canceled"),
        ("annulé", "canceled"),
        ("Annulée", "canceled"),
        ("cancelled_by_guest", "canceled"),
        ("Checked-Out", "completed"),
        ("No Show", "no_show"),
        ("nicht erschienen", "no_show"),
        ("en attente", "pending"),
        ("declined", "rejected"),
        ("X17", ""),
    ],
)
def test_words_for_states_are_known(word: str, meant: str) -> None:
    """What is not known is not guessed."""
    assert status(word) == meant


def test_words_for_yes_and_no_are_known() -> None:
    """What the product reads by itself keeps its meaning."""
    assert [truth(word) for word in ("Ja", "nein", "SÍ", "vrai", "0", "Y", "published", "draft", "maybe")] == [
        *(True, False, True, True, False, True, True, False),
        None,
    ]
