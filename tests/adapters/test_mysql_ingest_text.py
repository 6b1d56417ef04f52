"""Files whose text the server can load as it is are not written anew; whatever is in them, the table holds what it holds when every value was typed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from adapters.test_mysql_ingest import BOOKINGS, Files, booking
from mariadb.application import TestDatabase, database
from mariadb.server import running
from rental_etl.model.contract import Column
from rental_etl.model.delimited import Delimited
from rental_etl.source.mysql import chunks
from rental_etl.source.mysql.catalog import StoredColumn

APARTMENTS = "id,title,source,price,currency,listing_created_on,is_active,last_modified_timestamp"
VIEWS = "user_id,apartment_id,viewed_at,is_wishlisted,call_to_action"
LISTING = "7,{},web,10.00,USD,2024-01-01 10:00:00,1,2024-01-02 00:00:00.5"
PLAIN = [booking(number) for number in range(1, 120)]

# Files by what is in them: name, lines, line end, and whether all of it stays text.
FILES: dict[str, tuple[str, Sequence[str], str, bool]] = {
    "nothing odd": ("bookings.csv", [BOOKINGS, *PLAIN], "\n", True),
    "lines of another system": ("bookings.csv", [BOOKINGS, *PLAIN], "\r\n", True),
    "semicolons": ("bookings.csv", [line.replace(",", ";") for line in [BOOKINGS, *PLAIN]], "\n", True),
    "tabs": ("bookings.csv", [line.replace(",", "\t") for line in [BOOKINGS, *PLAIN]], "\n", True),
    "other columns": ("bookings.csv", [f"note,{BOOKINGS},", *(f"NULL,{line},x" for line in PLAIN)], "\n", True),
    "nothing in some fields": (
        "bookings.csv",
        [f"num_guests,{BOOKINGS},payment_status", "," + PLAIN[0] + ",paid", "2," + PLAIN[1] + ","],
        "\n",
        True,
    ),
    "letters of all kinds": (
        "apartments.csv",
        [
            APARTMENTS,
            *(
                f"{number}{LISTING.format(title)}"
                for number, title in enumerate(
                    [
                        "c:\\new\\\\x",
                        "\\N",
                        "\\",
                        "it's; 100% %s `x`",
                        "é ü 🏠",
                        "\u200b",
                        "\u00a0",
                        "NULLABLE",
                        "a\tb",
                        "",
                        "''",
                        "0x41",
                    ],
                    1,
                )
            ),
        ],
        "\n",
        True,
    ),
    "zeros and ones": (
        "user_viewing.csv",
        [VIEWS, "1,2,2024-01-01 00:00:00,1,call", "1,2,2024-01-01 00:00:00,,", "1,2,2024-01-01 00:00:00,0,"],
        "\n",
        True,
    ),
    "yes and no": ("user_viewing.csv", [VIEWS, "1,2,2024-01-01 00:00:00,yes,call"], "\n", False),
    "a word for nothing": (
        "apartments.csv",
        [APARTMENTS, LISTING.format("NULL"), "8" + LISTING.format("x")],
        "\n",
        False,
    ),
    "blanks": ("apartments.csv", [APARTMENTS, LISTING.format(" x"), "8" + LISTING.format(" ")], "\n", False),
    "quotes": ("bookings.csv", [BOOKINGS, *PLAIN, booking(500, status='"confirmed"')], "\n", False),
    "a refused row": ("bookings.csv", [BOOKINGS, *PLAIN, booking(500, price="-1.00")], "\n", False),
    "a record that cannot be split": ("bookings.csv", [BOOKINGS, *PLAIN, "1,2"], "\n", False),
    "a blank line": ("bookings.csv", [BOOKINGS, *PLAIN, "", booking(500)], "\n", False),
    "another spelling": ("bookings.csv", [BOOKINGS, *PLAIN, booking(500, price="1.5")], "\n", False),
    "only a header": ("bookings.csv", [BOOKINGS], "\n", False),
}


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> list[Delimited]:
    """What was loaded as delivered text."""
    found: list[Delimited] = []
    kept = chunks._cut

    def noting(file: Delimited, *given: Any) -> Any:
        found.append(file)
        return kept(file, *given)

    monkeypatch.setattr(chunks, "_cut", noting)
    return found


def outcome(db: TestDatabase, folder: Path, name: str, data: bytes, **parts: Any) -> tuple[Any, ...]:
    """What became of a file, and what the table holds then."""
    folder.mkdir()
    files = Files(db, folder)
    (folder / "csv" / name).write_bytes(data)
    if name != "apartments.csv":
        files.write("apartments.csv", APARTMENTS, "99" + LISTING.format("x"))
    table = name.removesuffix(".csv")
    done = files.ingest(**parts)[table]
    counts = (done.rows_read, done.added, done.quarantined, done.findings)
    columns = VIEWS if table == "user_viewing" else "*"
    return counts, db.rows(f"select {columns} from {table} order by 1, 2, 3, 4")


@pytest.mark.parametrize("case", FILES)
@pytest.mark.parametrize("piece", [0, 600], ids=["small", "in pieces"])
def test_text_is_stored_as_if_it_had_been_typed(tmp_path: Path, cut: list[Delimited], case: str, piece: int) -> None:
    """Beside what inserts of typed values give. What needs typing is typed."""
    name, lines, end, stays = FILES[case]
    data = (end.join(lines) + end).encode()
    with database() as first, database() as second:
        typed = outcome(first, tmp_path / "typed", name, data, local_infile=False)
        assert not cut
        assert outcome(second, tmp_path / "text", name, data, piece=piece) == typed
    mine = [
        file for file in cut if "viewed_at" in file.fields or "checkin_date" in file.fields or name == "apartments.csv"
    ]
    assert not stays or sum(file.rows for file in mine) >= len(lines) - 1
    assert stays or piece or not mine


def test_a_repeated_key_is_found_by_the_server(tmp_path: Path, cut: list[Delimited]) -> None:
    """Also by one that is set up to keep no warnings, in a new table and in one that has rows: the later row counts."""
    lines = [*PLAIN, booking(1, price="7.00")]
    with running({"max-error-count": "0"}) as server, database(server) as db:
        files = Files(db, tmp_path)
        for number in (1, 2):
            files.write(f"bookings-{number}.csv", BOOKINGS, *lines, booking(100 * number + 50))
            done = files.ingest()[f"bookings-{number}.csv"]
            assert (done.repeated, done.added) == (1, len(PLAIN) + 1 if number == 1 else 1)
            assert db.rows("select total_price from bookings where booking_id = 1") == [(7,)]
    assert len(cut) == 2


def test_a_table_that_lets_keys_repeat_gets_typed_rows(tmp_path: Path, cut: list[Delimited]) -> None:
    """Nothing in it would tell of a repeated key."""
    with database() as db:
        files = Files(db, tmp_path)
        files.write("bookings.csv", BOOKINGS, booking(1))
        files.ingest()
        assert len(cut) == 1
        db.sql("alter table bookings drop primary key; truncate bookings; truncate _rental_etl_files")
        files.write("bookings.csv", BOOKINGS, *PLAIN, booking(1, price="7.00"))
        assert files.ingest()["bookings"].repeated == 1
        assert db.rows("select count(*), count(distinct booking_id) from bookings") == [(len(PLAIN), len(PLAIN))]
    assert len(cut) == 1


@pytest.mark.parametrize("odd", ["nothing", "a repeated key", "a refused row", "another spelling"])
def test_the_first_file_is_stored_while_it_is_read(tmp_path: Path, cut: list[Delimited], odd: str) -> None:
    """There is no other to be stored meanwhile. The table holds what it holds when each file was read first; where there are rows, text is read as a whole."""
    last = {"a repeated key": booking(1, price="7.00"), "a refused row": booking(500, price="-1.00")}
    last["another spelling"] = booking(500, price="1.5")
    with database() as first, database() as second:
        held = []
        for db, folder, awaited in ((first, tmp_path / "whole", 0), (second, tmp_path / "awaited", 600)):
            folder.mkdir()
            files = Files(db, folder)
            files.write("bookings-1.csv", BOOKINGS, *PLAIN, *([last[odd]] if odd in last else []))
            files.write("bookings-2.csv", BOOKINGS, *(booking(number) for number in range(1000, 1100)))
            done = [files.ingest(awaited=awaited)]
            assert (len(cut) > 2) == bool(awaited)
            cut.clear()
            files.write("bookings-3.csv", BOOKINGS, *(booking(number) for number in range(2000, 2100)))
            done.append(files.ingest(awaited=awaited))
            assert [file.rows for file in cut] == [100]
            cut.clear()
            held.append((done, db.rows("select * from bookings order by booking_id")))
    assert [{name: file.added for name, file in found.items()} for found in held[0][0]] == [
        {name: file.added for name, file in found.items()} for found in held[1][0]
    ]
    assert held[0][1] == held[1][1]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False], ids=["ended", "not ended"])
def test_text_is_cut_at_line_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, last: bool) -> None:
    """Whatever lies at the end of a block: every line is in one chunk, and each chunk has as many as it says."""
    monkeypatch.setattr(chunks, "_SMALL_CHUNK_ROWS", 7)
    lines = [f"{number},{'x' * (number % 23)}" for number in range(100)]
    data = end.join(["head,er", *lines]) + end * last
    columns = [(Column(name, "text"), StoredColumn(name, "text")) for name in ("head", "er")]
    for block in range(1, 60):
        monkeypatch.setattr(chunks, "_BLOCK", block)
        path = tmp_path / "file.csv"
        path.write_bytes(data.encode())
        file = Delimited(path, len(lines), ("head", "er"), ",", end, frozenset(), None)
        found = list(chunks.chunks(duckdb.connect, [file], columns=columns, folder=tmp_path))
        texts = [chunk.path.read_bytes() for chunk in found]
        assert b"".join(texts) == data.encode().split(b"\n", 1)[1]
        assert [text.count(b"\n") + (not text.endswith(b"\n")) for text in texts] == [chunk.rows for chunk in found]
        assert {chunk.rows for chunk in found[:-1]} == {10}
        assert not path.exists()
