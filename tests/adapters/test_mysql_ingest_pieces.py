"""A large file is stored piece by piece while it is read; whatever is in it, the outcome is that of reading it as a whole first."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.test_mysql_ingest import BOOKINGS, Files, booking
from mariadb.application import TestDatabase, database
from rental_etl.jobs import ingest_to_aurora
from rental_etl.jobs.ingest_to_aurora import IngestedFile
from rental_etl.source.csv_files import CsvFilesSource
from rental_etl.source.pieces import cuts, lines_before

VIEWS = "user_id,apartment_id,viewed_at,is_wishlisted,call_to_action"
PLAIN = [BOOKINGS, *(booking(number) for number in range(1, 200))]
LAST = len(PLAIN) - 1

# What may be in a file, by name: its lines, and whether it can be stored in pieces.
MARKETS: dict[str, tuple[Sequence[str], bool]] = {
    "nothing odd": (PLAIN, True),
    "no line end at the end": ([*PLAIN[:-1], PLAIN[-1] + "<end>"], True),
    "rows that are refused or cannot be read": (
        [*PLAIN, booking(300, price="-1"), "x" + booking(301), *PLAIN[:0], booking(302).replace("2024-01-05", "never")],
        True,
    ),
    "values written in other ways": ([*PLAIN, booking(300, status="Cancelled"), booking(301, price=" 1.5 ")], True),
    "a repeated key in another piece": ([*PLAIN, booking(1, price="7.00")], False),
    "a quoted line end": ([*PLAIN, booking(300, status='"a\nb"')], False),
    "a record that cannot be split": ([*PLAIN, "1,2"], False),
    "dates that only the end tells how to read": (
        [*PLAIN, booking(300).replace("2024-01-05", "05/01/2024").replace("2024-01-07", "31/01/2024")],
        False,
    ),
}


def stored(db: TestDatabase, folder: Path, lines: Sequence[str], **parts: Any) -> tuple[IngestedFile, Any, str]:
    """What became of bookings.csv, what the table holds then, and what was set aside."""
    folder.mkdir()
    files = Files(db, folder)
    text = "\n".join(lines) + "\n"
    (folder / "csv" / "bookings.csv").write_text(text.replace("<end>\n", ""), encoding="utf-8")
    outcome = files.ingest(**parts)["bookings"]
    aside = outcome.quarantine.read_text() if outcome.quarantine else ""
    assert db.rows("select count(*) from _rental_etl_files where rows_stored = (select count(*) from bookings)") == [
        (1,)
    ]
    return replace(outcome, quarantine=None), db.rows("select * from bookings order by 1"), aside


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("bulk", [True, False], ids=["load data", "insert"])
def test_the_outcome_is_that_of_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, market: str, bulk: bool
) -> None:
    """Rows, counts, and the line and text of what was set aside."""
    lines, in_pieces = MARKETS[market]
    kept, used = ingest_to_aurora._streamed, []

    def streamed(*given: Any, **named: Any) -> Any:
        used.append(kept(*given, **named))
        return used[-1]

    with database() as first, database() as second:
        whole = stored(first, tmp_path / "whole", lines, local_infile=bulk)
        monkeypatch.setattr(ingest_to_aurora, "_streamed", streamed)
        assert stored(second, tmp_path / "pieces", lines, local_infile=bulk, piece=1_500) == whole
    assert [outcome is not None for outcome in used] == [in_pieces]


def test_a_table_that_has_rows_is_changed_by_key(tmp_path: Path) -> None:
    """A row that is there is met by one of the file: that takes the careful way."""
    with database() as db:
        files = Files(db, tmp_path)
        files.write("bookings.csv", BOOKINGS, booking(5, price="1.00"))
        files.ingest()
        files.write("bookings.csv", *PLAIN)
        outcome = files.ingest(piece=1_500)["bookings"]
        assert (outcome.added, outcome.changed) == (LAST - 1, 1)
        assert db.rows("select count(*), sum(total_price) from bookings") == [(LAST, 10 * LAST)]


def test_a_file_of_a_table_without_a_key_is_replaced_when_it_comes_again(tmp_path: Path) -> None:
    """Which rows came with it is known from the pieces as well."""
    with database() as db:
        files = Files(db, tmp_path)
        files.write("user_viewing.csv", VIEWS, *(f"{number},1,2024-01-01,y,call" for number in range(300)))
        assert files.ingest(piece=1_500)["user_viewing"].added == 300
        files.write("user_viewing.csv", VIEWS, *(f"{number},1,2024-01-01,y,call" for number in range(200)))
        files.ingest(piece=1_500)
        assert db.rows("select count(*), count(distinct user_id) from user_viewing") == [(200, 200)]


def test_a_file_is_cut_where_lines_end(tmp_path: Path) -> None:
    """Every byte but the header's lies in one piece, the first ones are small, and lines before each are counted."""
    path = tmp_path / "file.csv"
    path.write_bytes(b"head,er\n" + b"".join(b"%d,x\n" % number for number in range(1000)) + b"last,line")
    found = cuts(path, size=700, first_size=100)
    data = path.read_bytes()
    assert b"".join(data[cut.first : cut.last] for cut in found) == data[8:]
    assert all(data[cut.first - 1 : cut.first] == b"\n" for cut in found)
    assert [lines_before(path, cut) for cut in found] == [data[8 : cut.first].count(b"\n") for cut in found]
    assert [(cut.last - cut.first) // 100 for cut in found[:5]] == [1, 2, 4, 7, 7]
    assert len(found) > 5


@pytest.mark.parametrize(
    "data", [b"a,b\n1,2\n" * 50 + b'"', b"\xef\xbb\xbfa,b\n1,2\n" * 50, b"\x1f\x8b\n" * 99, b"a,b"]
)
def test_what_has_lines_that_are_no_records_is_not_cut(tmp_path: Path, data: bytes) -> None:
    """A line end may be inside a text; compressed files and other encodings have no lines."""
    path = tmp_path / "file.csv"
    path.write_bytes(data)
    assert cuts(path, size=50, first_size=50) == ()


def test_only_a_large_file_is_worth_it(tmp_path: Path) -> None:
    """Below that, reading it first takes no time."""
    assert CsvFilesSource.large > 2 * CsvFilesSource.piece
