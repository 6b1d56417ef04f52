"""Defects: all of them occur, as often as reported, and nothing else changes."""

import csv
from datetime import date
from pathlib import Path
from random import Random

import pytest

from reference.reading import read_row
from rental_etl.synthetic.columns import COLUMNS, quoted, record
from rental_etl.synthetic.defects import DEFECTS, Case, Defect
from rental_etl.synthetic.marketplace import Generated, generate
from rental_etl.synthetic.spoiler import Spoiler

END = date(2024, 6, 30)
SAMPLES = {
    "apartments": [
        "5600000001", "Bright loft", "direct", "120.00", "EUR", "2023-05-01 10:00:00", "true", "2023-05-01 10:00:00",
    ],
    "apartment_attributes": [
        "5600000001", "housing/rent/loft", "A loft.", "AC,TV", "1.0", "1.0", "25.00", "Yes", "Dogs", "EUR 120", "Nightly",
        "640", "1 Via Roma, Roma, Italy", "Roma", "Lazio", "41.90278", "12.49637",
    ],
    "bookings": [
        "100000001", "10000001", "5600000001", "2024-01-05 09:30:00", "2024-02-01", "2024-02-04", "360.00", "EUR",
        "canceled", "refunded", "2",
    ],
    "user_viewing": ["10000001", "5600000001", "2024-01-04 21:00:00", "true", "shortlisted"],
}  # fmt: skip
BEFORE = [
    "100000000", "10000009", "5600000009", "2024-01-05 08:00:00", "2024-03-01", "2024-03-03", "80.00", "USD", "confirmed",
    "paid", "1",
]  # fmt: skip


def spoiled(table: str, defect: Defect) -> list[list[str]] | None:
    """What a defect makes of the table's sample row."""
    return defect.spoil(Case(table, SAMPLES[table], BEFORE if table == "bookings" else None, Random(1)))


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Generated]:
    folder = tmp_path_factory.mktemp("dirty")
    generated = generate(folder, apartments=2000, bookings=6000, viewings=4000, seed=5, end=END, dirty=0.1)
    return folder, generated


def read(path: Path) -> list[list[str]]:
    """All records but the header."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))[1:]


@pytest.mark.parametrize(
    ("table", "defect"),
    [pytest.param(table, defect, id=f"{table}.{defect.name}") for table, all_ in DEFECTS.items() for defect in all_],
)
def test_a_defect_changes_the_row_or_adds_one_beside_it(table: str, defect: Defect) -> None:
    rows = spoiled(table, defect)
    assert rows is not None
    assert [SAMPLES[table]] != rows
    assert (2 if defect.name.startswith("repeated") else 1) == len(rows)


@pytest.mark.parametrize(
    ("table", "defect"),
    [
        pytest.param(table, defect, id=f"{table}.{defect.name}")
        for table, all_ in DEFECTS.items()
        for defect in all_
        if not defect.name.endswith("_fields")  # a record of another shape is no row of columns
    ],
)
def test_a_defect_is_refused_exactly_when_it_says_so(table: str, defect: Defect) -> None:
    for seed in range(20):
        case = Case(table, SAMPLES[table], BEFORE if table == "bookings" else None, Random(seed))
        rows = defect.spoil(case) or []
        read = [read_row(table, dict(zip(COLUMNS[table], row, strict=True)), day=END) for row in rows]
        assert [row.valid for row in read] == [defect.effect != "refused"] * len(rows)


def test_every_defect_occurs_in_every_table_and_evenly(dirty: tuple[Path, Generated]) -> None:
    counts = dirty[1].defects
    assert [f"{table}.{defect.name}" for table, all_ in DEFECTS.items() for defect in all_] == list(counts)
    for table in DEFECTS:
        of_table = [rows for name, rows in counts.items() if name.startswith(f"{table}.")]
        assert max(of_table) - min(of_table) <= 3
        assert min(of_table) > 0


def test_as_many_rows_are_spoiled_as_asked_for(dirty: tuple[Path, Generated]) -> None:
    of_bookings = sum(rows for name, rows in dirty[1].defects.items() if name.startswith("bookings."))
    assert 500 < of_bookings < 700


def test_the_counts_are_what_the_file_holds(dirty: tuple[Path, Generated]) -> None:
    folder, generated = dirty
    rows = read(folder / "bookings.csv")
    whole = [dict(zip(COLUMNS["bookings"], row, strict=True)) for row in rows if len(row) == 11]
    ids = [row["booking_id"] for row in whole if row["booking_id"].isdecimal()]
    assert {
        "too_few_fields": sum(len(row) < 11 for row in rows),
        "too_many_fields": sum(len(row) > 11 for row in rows),
        "missing_key": len(whole) - len(ids),
        "repeated_key": len(ids) - len(set(ids)),
        "negative_total_price": sum(
            row["total_price"].startswith("-") and row["total_price"] != "--5" for row in whole
        ),
        "lower_case_currency": sum(row["currency"].islower() for row in whole),
        "cancelled": sum(row["booking_status"] == "Cancelled" for row in whole),
        "unknown_apartment": sum(row["apartment_id"].startswith("99") for row in whole),
    } == {
        name: generated.defects[f"bookings.{name}"]
        for name in (
            "too_few_fields",
            "too_many_fields",
            "missing_key",
            "repeated_key",
            "negative_total_price",
            "lower_case_currency",
            "cancelled",
            "unknown_apartment",
        )
    }


def test_rows_reported_are_records_written(dirty: tuple[Path, Generated]) -> None:
    folder, generated = dirty
    assert generated.rows == {table: len(read(folder / f"{table}.csv")) for table in COLUMNS}
    assert 6000 + generated.defects["bookings.repeated_key"] == generated.rows["bookings"]


def test_an_overlapping_guest_holds_the_nights_of_the_stay_before(dirty: tuple[Path, Generated]) -> None:
    overlap = next(defect for defect in DEFECTS["bookings"] if defect.name == "overlapping_stay")
    expected = [
        "100000001", "10000001", "5600000009", "2024-01-05 08:00:00", "2024-03-01", "2024-03-04", "80.00", "USD",
        "confirmed", "paid", "1",
    ]  # fmt: skip
    assert [expected] == spoiled("bookings", overlap)
    assert dirty[1].defects["bookings.overlapping_stay"] > 0


def test_a_row_that_cannot_have_a_defect_gets_another_one() -> None:
    # the first row has no stay before it to overlap, and is not canceled
    text = record([*SAMPLES["bookings"][:8], "rejected", "voided", "2"])
    spoiler = Spoiler("bookings", rate=1.0, random=Random(1))
    spoiler.spoil([text] * 200)
    assert (spoiler.counts["overlapping_stay"], spoiler.counts["cancelled"]) == (0, 0)
    assert sum(spoiler.counts.values()) == 200


def test_clean_rows_pass_untouched() -> None:
    records = [record(SAMPLES["bookings"])] * 50
    assert records == Spoiler("bookings", rate=0.0, random=Random(1)).spoil(records)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("plain", "plain"),
        ("a,b", '"a,b"'),
        ('say "x"', '"say ""x"""'),
        ("two\nlines", '"two\nlines"'),
        ("C:\\", "C:\\"),
    ],
)
def test_fields_are_quoted_only_where_they_must_be(text: str, field: str) -> None:
    assert field == quoted(text)
