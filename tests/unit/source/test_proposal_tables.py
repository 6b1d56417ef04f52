"""Which file is which table, where names do not tell."""

from collections.abc import Sequence
from datetime import date

from rental_etl.source.proposal.proposal import Proposal, propose
from rental_etl.source.proposal.sample import Looked, Sample

UNITS = [
    (str(40 + number), f"Flat {number}", f"{90 + number}.50", "EUR", "2024-01-05", "ja", "Köln") for number in range(30)
]


def sample(name: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Sample:
    """A file that was taken whole."""
    return Sample(f"{name}.csv", name, columns, tuple(rows), rows_about=len(rows), files=(f"{name}.csv",))


def stays(*, unit: str = "Kürzel") -> Sample:
    """Ninety bookings in a file whose name says nothing."""
    columns = ("lfd", "Kunde", unit, "Gebucht am", "Anreise", "Abreise", "Betrag", "Währung", "Status")
    rows = [
        (
            *(str(1000 + number), str(7000 + number % 60), str(40 + number % 30)),
            *(f"2024-0{1 + number % 3}-10", f"2024-0{4 + number % 3}-10", f"2024-0{4 + number % 3}-14"),
            *(f"{200 + number}.75", "EUR", "Storno" if number % 9 == 0 else "OK"),
        )
        for number in range(90)
    ]
    return sample("x17", columns, rows)


def clicks(name: str) -> Sample:
    """Ninety views of listings."""
    rows = [
        (str(7000 + number % 60), str(40 + number % 30), f"2024-03-{1 + number % 28:02} 10:00") for number in range(90)
    ]
    return sample(name, ("Kunde", "Kürzel", "Zeit"), rows)


def proposed(*samples: Sample) -> Proposal:
    """What is proposed for a folder of these files and the listings."""
    units = sample("x16", ("Kürzel", "Titel", "Preis", "Währung", "angelegt", "aktiv", "Ort"), UNITS)
    return propose(Looked("files", (units, *samples)), last_day=date(2027, 1, 1))


def test_what_refers_to_known_listings_is_told_by_it() -> None:
    """Neither the file nor the column is called like anything; its numbers are those of the listings."""
    tables = {one.table: one for one in proposed(stays()).tables}
    columns = {one.column: one.delivered for one in tables["bookings"].placed}
    assert (columns["booking_id"], columns["apartment_id"]) == ("lfd", "Kürzel")
    assert tables["bookings"].confidence == "guess"
    assert tables["bookings"].missing == ()


def test_places_beside_the_listings_are_their_attributes() -> None:
    """Whatever the listings' id is called."""
    tables = {one.table: one for one in proposed().tables}
    assert tables["apartment_attributes"].settings["columns"] == {"id": "Kürzel", "cityname": "Ort"}
    assert tables["apartment_attributes"].settings["files"] == ("x16.csv",)


def test_views_need_a_name_and_init_says_so() -> None:
    """Messages of guests about listings look the same."""
    found = proposed(clicks("x18"))
    assert [one.name for one in found.unplaced] == ["x18.csv"]
    assert found.unplaced[0].why == (
        "it may be user_viewing, but nothing in its name says so: if it is, call it user_viewing and let init look again"
    )
    named = {one.table: one for one in proposed(clicks("Klicks")).tables}["user_viewing"]
    assert named.missing == ()


def test_a_table_of_something_else_stays_what_it_is() -> None:
    """People with telephones are no table of a marketplace."""
    found = proposed(sample("x19", ("Name", "Telefon"), [("Müller", "0123"), ("Maier", "0456")]))
    assert [(one.name, one.why) for one in found.unplaced] == [
        ("x19.csv", "neither its name nor its columns are those of a table")
    ]
