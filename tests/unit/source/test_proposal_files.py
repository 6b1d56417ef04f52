"""Samples of files: bounded, honest about what they are, and grouped as deliveries are."""

import gzip
import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rental_etl.errors import InputError
from rental_etl.model.reading import TableReading
from rental_etl.source.discovery import find, matches
from rental_etl.source.proposal.files import file_patterns, grouped, stem_of
from rental_etl.source.proposal.folder import look
from rental_etl.source.proposal.proposal import propose
from rental_etl.source.proposal.text import NoTableError, take
from rental_etl.tables.contracts import contracts

HEADER = ("a", "b")
BOOKINGS = """booking_id,user_id,apartment_id,booking_date,checkin_date,checkout_date,total_price,currency,booking_status
1,2,3,2024-05-01 10:00:00,2024-06-05,2024-06-09,9.50,USD,confirmed
"""


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("reservas_2024-01.csv.gz", "reservas"),
        ("exports/Buchungen 2024.csv", "Buchungen"),
        ("reservations/part-00001.parquet", "reservations"),
        ("reservations/2024-01.csv", "reservations"),
        ("listings.txt", "listings"),
    ],
)
def test_the_stem_is_what_a_name_says(name: str, stem: str) -> None:
    """Without number, day and suffix; the folder's where nothing else is left."""
    assert stem_of(name) == stem


def test_files_of_one_stem_or_one_header_belong_together() -> None:
    """In natural order; others stay apart."""
    headers = {
        "res-10.csv": HEADER,
        "res-2.csv": ("a", "b", "c"),
        "buchungen_berlin.csv": HEADER,
        "buchungen_hamburg.csv": HEADER,
        "buchungen_notizen.csv": ("x", "y"),
        "old/res-1.csv": HEADER,
    }
    assert grouped(headers) == [
        ["buchungen_berlin.csv", "buchungen_hamburg.csv"],
        ["buchungen_notizen.csv"],
        ["old/res-1.csv"],
        ["res-2.csv", "res-10.csv"],
    ]


def test_a_pattern_leaves_room_for_the_files_to_come() -> None:
    """Next year's too."""
    assert file_patterns(["r/res_2024-01.csv", "r/res_2024-02.csv"], besides=["r/x.csv"]) == (("r/res_*.csv",), True)
    assert file_patterns(["res-1.csv", "res-2.csv"], besides=["res-notes.csv"]) == (("res-1.csv", "res-2.csv"), False)
    assert file_patterns(["bookings.csv"], besides=["bookings_old.csv"]) == (("bookings.csv",), False)


@given(
    st.lists(
        st.text(st.sampled_from("ab1[*?]-"), min_size=1, max_size=6).map(lambda name: f"{name}.csv"),
        min_size=2,
        max_size=6,
        unique_by=str.casefold,
    )
)
def test_patterns_match_a_group_and_nothing_else(names: list[str]) -> None:
    """Whatever the files are called."""
    group, others = names[:-1], names[-1:]
    patterns, _ = file_patterns(group, besides=others)
    assert [name for name in names if matches(name, patterns)] == group


def test_a_large_file_is_sampled_fast_and_all_over(tmp_path: Path) -> None:
    """Its last rows count as much as its first."""
    path = tmp_path / "bookings.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("id;day\n")
        for block in range(60):
            file.write("".join(f"{block * 20000 + row};{block:02}\n" for row in range(20000)))
    began = time.process_time()
    taken = take(path)
    assert time.process_time() - began < 2
    assert (taken.columns, taken.delimiter, taken.whole) == (("id", "day"), ";", False)
    assert len(taken.rows) <= 4000
    assert {row[1] for row in taken.rows} >= {"00", "59"}
    assert taken.rows_about is not None
    assert abs(taken.rows_about - 1_200_000) < 60_000


@pytest.mark.parametrize("systems", [2, 3, 4, 5, 6, 7])
def test_rows_of_systems_that_take_turns_are_all_looked_at(tmp_path: Path, systems: int) -> None:
    path = tmp_path / "views.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("id,system,note\n")
        # Of some of these lengths every so-many-th row would be one system's.
        file.writelines(f"{row},s{row % systems},{'.' * (12 * systems)}\n" for row in range(60_000))
    taken = take(path)
    assert not taken.whole
    assert {system for _, system, _ in taken.rows} == {f"s{number}" for number in range(systems)}
    ids = [int(row or 0) for row, *_ in taken.rows]
    assert ids == sorted(ids)
    assert take(path) == taken


def test_rows_that_name_the_columns_again_are_no_rows(tmp_path: Path) -> None:
    """Files that were put together; the words of a header are no examples, and nobody has to say what they mean."""
    path = tmp_path / "bookings.csv"
    path.write_text("id, status,\n1,ok,x\nid,status,\n2,status,y\n")
    assert take(path).rows == (("1", "ok", "x"), ("2", "status", "y"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bookings.csv", "full"),
        ("bookings-2024-01.csv", "delta"),
        ("bookings/2024.csv", "delta"),
        ("reservations.csv", "full"),
    ],
)
def test_a_proposal_says_how_a_run_will_take_the_file(tmp_path: Path, name: str, kind: str) -> None:
    """One file of what may become a series is a delta already."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(BOOKINGS)
    tables = {one.table: one for one in propose(look(tmp_path), last_day=date(2027, 1, 1)).tables}
    found = tables["bookings"]
    assert found.delivery.partition(":")[0] == kind
    taken = find(
        tmp_path, contract=contracts()["bookings"], reading=TableReading(files=found.settings.get("files", ()))
    )
    assert ("delta" if taken.series else "full") == kind


@pytest.mark.parametrize("every", [2, 7, 100])
def test_a_quote_that_is_never_closed_spoils_its_own_line(tmp_path: Path, every: int) -> None:
    """It would swallow the rows up to the next one; a text of several lines is one row all the same."""
    path = tmp_path / "bookings.csv"
    rows = [f'"{row},Ann,x' if row % every == 0 else f'{row},"Ann ""A"", of\nBern",x' for row in range(20_000)]
    for count in (1_000, 20_000, 200_000):
        path.write_text("\n".join(["id,name,note", *(rows * 10)[:count], ""]), encoding="utf-8")
        taken = take(path)
        assert {row[1:] for row in taken.rows} == {('Ann "A", of\nBern', "x")}
        assert taken.rows_about == pytest.approx(count * (every - 1) / every, rel=0.03)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("id,name\n1,Müller\n".encode(), ""),
        ("id,name\n1,Müller\n".encode("utf-8-sig"), ""),
        ("id,name\n1,Müller\n".encode("utf-16"), ""),
        ("id,name\n1,Müller\n".encode("latin-1"), "latin-1"),
        ("id,name\n1,Müller – 5 €\n".encode("cp1252"), "cp1252"),
    ],
)
def test_only_an_encoding_that_is_not_found_out_needs_a_setting(tmp_path: Path, content: bytes, encoding: str) -> None:
    """UTF-8 and UTF-16 are."""
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    taken = take(path)
    assert (taken.encoding, taken.columns) == (encoding, ("id", "name"))
    assert "Müller" in str(taken.rows[0][1])


def test_a_header_alone_may_tell_the_encoding(tmp_path: Path) -> None:
    """Rows of numbers have no accents; read as UTF-8, the column would have another name."""
    path = tmp_path / "a.csv"
    path.write_bytes("Vorgang;Währung\n1;EUR\n".encode("latin-1"))
    taken = take(path)
    assert (taken.encoding, taken.columns) == ("latin-1", ("Vorgang", "Währung"))


def test_a_damaged_line_among_many_is_no_other_encoding(tmp_path: Path) -> None:
    """It goes to quarantine in a run."""
    path = tmp_path / "a.csv"
    path.write_bytes(("id,name\n" + "1,Müller\n" * 9).encode() + b"2,\xff\n")
    assert take(path).encoding == ""


def test_an_accent_far_down_is_seen(tmp_path: Path) -> None:
    """A run would stop at it."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,name\n" + b"1,Smith\n" * 300_000 + "2,Müller\n".encode("latin-1") + b"1,Smith\n" * 10)
    assert take(path).encoding == "latin-1"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"Report of May\n", "names no columns"),
        (b"17,2024-01-01,18.50\n18,2024-01-02,19.50\n", "its first line holds values"),
        (gzip.compress(b"a,b\n1,2\n" * 1000)[:40], "no complete gzip file"),
    ],
    ids=["empty", "title", "values", "damaged"],
)
def test_what_is_no_table_says_why(tmp_path: Path, content: bytes, why: str) -> None:
    """Instead of odd columns."""
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(NoTableError, match=why):
        take(path)


def test_a_folder_is_looked_at_whole(tmp_path: Path) -> None:
    """Series once, spreadsheets named, workspaces and hidden files left alone."""
    for name in ("res-1.csv", "res-2.csv", "sub/units.csv", ".hidden.csv", "rental-data/out.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("id,name\n1,x\n", encoding="utf-8")
    (tmp_path / "rental-data" / "warehouse.duckdb").write_text("", encoding="utf-8")
    (tmp_path / "rates.xlsx").write_bytes(b"PK")
    looked = look(tmp_path)
    assert [(sample.files, sample.rows_about) for sample in looked.samples] == [
        (("res-1.csv", "res-2.csv"), 2),
        (("sub/units.csv",), 1),
    ]
    assert [(unread.name, unread.why.split(":")[0]) for unread in looked.unread] == [("rates.xlsx", "a spreadsheet")]


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    """Like that of a run."""
    with pytest.raises(InputError, match="does not exist"):
        look(tmp_path / "nowhere")
