"""Files put into a real database: every value intact, one transaction per file, and nothing twice."""

import csv
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mariadb.application import PASSWORD, TODAY, DatabaseApplication, TestDatabase, database
from mariadb.server import running
from rental_etl.errors import InputError, RentalEtlError
from rental_etl.jobs.ingest_to_aurora import IngestedFile, ingest
from rental_etl.model.summary import Silence
from rental_etl.source.csv_files import CsvFilesSource
from rental_etl.source.mysql.marks import Selection

BOOKINGS = "booking_id,user_id,apartment_id,booking_date,checkin_date,checkout_date,total_price,currency,booking_status"


class Files:
    """A folder of files and the database they go into."""

    def __init__(self, found: TestDatabase, folder: Path, **settings: Any) -> None:
        self.found = found
        self.folder = folder
        self.app = DatabaseApplication(found, folder / "ws", **settings)
        (folder / "csv").mkdir()

    def write(self, name: str, *lines: str) -> None:
        """Write one file."""
        path = self.folder / "csv" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def ingest(self, **parts: Any) -> dict[str, IngestedFile]:
        """Ingest the folder; what became of each file."""
        settings = self.app.settings
        source = CsvFilesSource(
            self.folder / "csv",
            readings=self.app.readings(),
            keep_source=False,
            memory="200MB",
            threads=2,
            temp=self.folder / "temp",
        )
        watch = parts.pop("watch", Silence())
        if piece := parts.pop("piece", 0):
            # So that a small file counts as a large one.
            source.large, source.piece = 1, piece
        if awaited := parts.pop("awaited", 0):
            # The same of the file that comes first.
            source.awaited, source.piece = 1, awaited
        done = ingest(
            source=source,
            database=self.app.database(**parts),
            engine=self.app.systems.small_engine,
            staging=self._staging,
            quarantine=settings.workspace / "ingest",
            day=TODAY,
            watch=watch,
        )
        return {file.name: file for file in done}

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


@pytest.fixture
def db() -> Iterator[TestDatabase]:
    """An empty database."""
    with database() as found:
        yield found


@pytest.fixture
def files(db: TestDatabase, tmp_path: Path) -> Files:
    """An empty folder and an empty database."""
    return Files(db, tmp_path)


@pytest.fixture(params=[True, False], ids=["load data", "insert"])
def bulk(request: pytest.FixtureRequest) -> bool:
    """Both ways in."""
    return bool(request.param)


def booking(number: int, *, price: str = "10.00", status: str = "confirmed") -> str:
    """One line of bookings.csv."""
    return f"{number},1,2,2024-01-01 10:00:00,2024-01-05,2024-01-07,{price},USD,{status}"


def test_tables_are_created_from_the_contracts(files: Files) -> None:
    """Exact types, the contract's key, utf8mb4, and an index where extraction looks for changes."""
    files.app.selections = {"bookings": Selection(cursor="updated_at"), "user_viewing": Selection(cursor="viewed_at")}
    files.write("bookings.csv", BOOKINGS, booking(1))
    files.write(
        "user_viewing.csv", "user_id,apartment_id,viewed_at,is_wishlisted,call_to_action", "1,2,2024-01-01,y,call"
    )
    files.ingest()
    found = files.found.rows(
        "select column_name, column_type, is_nullable, column_key from information_schema.columns"
        " where table_schema = database() and table_name = 'bookings' order by ordinal_position"
    )
    assert found == [
        ("booking_id", "bigint(20)", "NO", "PRI"),
        ("user_id", "bigint(20)", "NO", ""),
        ("apartment_id", "bigint(20)", "NO", ""),
        ("booking_date", "datetime(6)", "NO", ""),
        ("checkin_date", "date", "NO", ""),
        ("checkout_date", "date", "NO", ""),
        ("total_price", "decimal(18,2)", "NO", ""),
        ("currency", "mediumtext", "NO", ""),
        ("booking_status", "mediumtext", "NO", ""),
        ("payment_status", "mediumtext", "YES", ""),
        ("num_guests", "bigint(20)", "YES", ""),
        ("updated_at", "timestamp(6)", "NO", "MUL"),
    ]
    created = files.found.sql("show create table user_viewing")
    assert "KEY `by_viewed_at` (`viewed_at`)" in created
    assert "CHARSET=utf8mb4 COLLATE=utf8mb4_bin" in created


def test_values_arrive_intact(files: Files, bulk: bool) -> None:
    """Quotes, backslashes, line ends, the word NULL, emoji, microseconds, cents and nulls, by either way."""
    text = 'say ""hi"", c:\\new\\\\x, it\'s; 100% %s 🏠\nnext line\ttab'
    files.write(
        "apartments.csv",
        "id,title,source,price,currency,listing_created_on,is_active,last_modified_timestamp",
        f'9223372036854775807,"{text}",\\N,1234567890123456.78,eur,2024-01-01T10:00:00.000001Z,TRUE,',
        "2,NULL,'; drop table apartments; --,0.01,USD,2024-01-01 10:00,no,2024-01-02 00:00:00.5",
    )
    files.write(
        "apartment_attributes.csv", "id,latitude,longitude,body", "1,-0.000000125,179.99999999999997,\\", "2,,,NULLABLE"
    )
    files.ingest(local_infile=bulk)
    assert files.found.rows("select * from apartments order by id") == [
        (
            2,
            None,
            "'; drop table apartments; --",
            Decimal("0.01"),
            "USD",
            datetime(2024, 1, 1, 10),
            0,
            datetime(2024, 1, 2, 0, 0, 0, 500000),
        ),
        (
            9223372036854775807,
            text.replace('""', '"'),
            "\\N",
            Decimal("1234567890123456.78"),
            "EUR",
            datetime(2024, 1, 1, 10, 0, 0, 1),
            1,
            None,
        ),
    ]
    assert files.found.rows("select id, latitude, longitude, body from apartment_attributes order by id") == [
        (1, -0.000000125, 179.99999999999997, "\\"),
        (2, None, None, "NULLABLE"),
    ]


def test_refused_rows_go_to_quarantine_with_their_text(files: Files) -> None:
    """Unreadable ones and those that break a rule; the others are stored."""
    files.write(
        "bookings.csv", BOOKINGS, booking(1), booking(2, price="-1"), booking(3, price="much"), "4,1", booking(5)
    )
    done = files.ingest()["bookings"]
    assert (done.rows_read, done.quarantined, done.added) == (5, 3, 2)
    assert done.quarantine is not None
    with done.quarantine.open(encoding="utf-8", newline="") as file:
        refused = [(row["file"], row["line"], row["rule"], row["kind"], row["text"]) for row in csv.DictReader(file)]
    assert refused == [
        ("bookings.csv", "3", "negative_total_price", "refused", booking(2, price="-1")),
        ("bookings.csv", "4", "unreadable_value", "unreadable", booking(3, price="much")),
        ("bookings.csv", "5", "wrong_number_of_fields", "unreadable", "4,1"),
    ]
    files.write("bookings.csv", BOOKINGS, booking(1), booking(2), booking(3))
    assert files.ingest()["bookings"].quarantine is None
    assert not done.quarantine.exists()


def test_of_repeated_keys_the_later_row_wins(files: Files, bulk: bool) -> None:
    """In one file, and over files in their natural order."""
    files.write(
        "bookings-2.csv", BOOKINGS, booking(1, price="1"), booking(2), booking(1, price="2"), booking(1, price="3")
    )
    files.write("bookings-10.csv", BOOKINGS, booking(2, price="4"), booking(3))
    done = files.ingest(local_infile=bulk)
    assert files.found.rows("select booking_id, total_price from bookings order by booking_id") == [
        (1, Decimal(3)),
        (2, Decimal(4)),
        (3, Decimal(10)),
    ]
    assert [(file.name, file.repeated, file.added, file.changed) for file in done.values()] == [
        ("bookings-2.csv", 2, 2, 0),
        ("bookings-10.csv", 0, 1, 1),
    ]


def test_of_a_listings_versions_the_newest_is_stored(files: Files) -> None:
    """A table holds one row per listing: that with the greatest effective modification, whichever file brings it."""
    header = "id,price,currency,listing_created_on,is_active,last_modified_timestamp"
    files.write("apartments-1.csv", header, "1,20,USD,2024-01-01,1,2024-03-01", "1,10,USD,2024-01-01,1,2024-02-01")
    files.write("apartments-2.csv", header, "1,5,USD,2024-01-01,1,", "2,7,USD,2024-01-01,1,")
    files.write("apartments-3.csv", header, "2,8,USD,2024-01-01,1,", "1,30,USD,2024-01-01,1,2024-04-01")
    done = files.ingest()
    assert files.found.rows("select id, price from apartments order by id") == [(1, Decimal(30)), (2, Decimal(8))]
    assert [(file.repeated, file.older, file.added, file.changed) for file in done.values()] == [
        (1, 0, 1, 0),
        (0, 1, 1, 0),
        (0, 0, 0, 2),
    ]


def test_a_rerun_adds_nothing_and_touches_nothing(files: Files, bulk: bool) -> None:
    """Known content is skipped; the same rows in another file leave rows and their moment of change as they are."""
    files.app.selections = {"bookings": Selection(cursor="updated_at")}
    files.write("bookings-1.csv", BOOKINGS, booking(1), booking(2))
    files.write("user_viewing.csv", "user_id,apartment_id,viewed_at", "1,2,2024-01-01", "1,2,2024-01-01")
    files.ingest(local_infile=bulk)
    before = files.found.rows("select * from bookings")
    assert all(file.known for file in files.ingest(local_infile=bulk).values())
    files.write("bookings-2.csv", BOOKINGS, booking(2), booking(1), booking(3))
    done = files.ingest(local_infile=bulk)["bookings-2.csv"]
    assert (done.added, done.changed, done.unchanged) == (1, 0, 2)
    assert files.found.rows("select * from bookings where booking_id < 3") == before
    assert files.found.rows("select count(*) from user_viewing") == [(2,)]


def test_without_a_key_a_file_replaces_what_it_brought_before(files: Files, bulk: bool) -> None:
    """A repeated view is a second view; a corrected file is not a second file."""
    header = "user_id,apartment_id,viewed_at"
    files.write("user_viewing-1.csv", header, "1,2,2024-01-01", "1,2,2024-01-01", "3,2,2024-01-01")
    files.write("user_viewing-2.csv", header, "7,2,2024-01-02")
    files.ingest(local_infile=bulk)
    files.write("user_viewing-1.csv", header, "1,2,2024-01-01", "4,2,2024-01-01")
    done = files.ingest(local_infile=bulk)
    assert files.found.rows("select user_id from user_viewing order by user_id") == [(1,), (4,), (7,)]
    assert done["user_viewing-2.csv"].known


def test_a_file_is_stored_whole_or_not_at_all(files: Files, bulk: bool) -> None:
    """A value that an existing table cannot hold is an error, where the server alone would cut it; files before it stay."""
    files.found.sql(
        "create table bookings (booking_id int primary key, user_id int, apartment_id int, booking_date datetime, checkin_date date, checkout_date date,"
        " total_price decimal(6,2), currency char(3), booking_status varchar(12))"
    )
    files.write("bookings-1.csv", BOOKINGS, booking(1))
    files.write("bookings-2.csv", BOOKINGS, booking(2), booking(3, price="123456.00"))
    with pytest.raises(InputError) as caught:
        files.ingest(local_infile=bulk)
    assert "total_price" in caught.value.what
    assert files.found.rows("select booking_id from bookings") == [(1,)]
    files.found.sql("alter table bookings modify total_price decimal(18,2)")
    assert [file.known for file in files.ingest(local_infile=bulk).values()] == [True, False]
    assert files.found.rows("select booking_id from bookings order by booking_id") == [(1,), (2,), (3,)]


def test_an_existing_table_keeps_its_columns_and_names(db: TestDatabase, tmp_path: Path) -> None:
    """Columns of the user's own keep their values when a row is updated; a delivered column without a place is an error that shows the statement."""
    db.sql(
        "create table stays (no int primary key, user_id int, apartment_id int, booking_date datetime, checkin_date date, checkout_date date,"
        " total_price decimal(9,2), currency char(3), booking_status varchar(12), note varchar(20) default 'mine', is_paid bit(1));"
        "insert into stays values (1, 1, 2, '2024-01-01', '2024-01-05', '2024-01-07', 1, 'USD', 'pending', 'kept', b'1')"
    )
    files = Files(
        db,
        tmp_path,
        selections={"bookings": Selection(name="stays")},
        tables={"bookings": {"columns": {"booking_id": "no"}}},
    )
    header = BOOKINGS.replace("booking_id", "no")
    files.write("bookings.csv", header, booking(1), booking(2))
    files.ingest()
    assert db.rows("select no, total_price, note, is_paid from stays") == [
        (1, Decimal(10), "kept", 1),
        (2, Decimal(10), "mine", None),
    ]
    files.write("bookings.csv", f"{header},num_guests", f"{booking(1)},3")
    with pytest.raises(InputError) as caught:
        files.ingest()
    assert "add column `num_guests` bigint" in caught.value.remedy


def test_booleans_go_into_bits(files: Files, bulk: bool) -> None:
    """BIT takes the number, not the text."""
    files.found.sql(
        "create table user_viewing (user_id int, apartment_id int, viewed_at datetime, is_wishlisted bit(1), call_to_action text)"
    )
    files.write(
        "user_viewing.csv",
        "user_id,apartment_id,viewed_at,is_wishlisted",
        "1,2,2024-01-01,yes",
        "2,2,2024-01-01,no",
        "3,2,2024-01-01,",
    )
    files.ingest(local_infile=bulk)
    assert files.found.rows("select user_id, is_wishlisted + 0 from user_viewing order by user_id") == [
        (1, 1),
        (2, 0),
        (3, None),
    ]


def test_a_table_without_marks_refuses_a_corrected_file(files: Files) -> None:
    """Nothing tells which of its rows came with the file: adding them again would count them twice."""
    files.found.sql("create table user_viewing (user_id int, apartment_id int, viewed_at datetime)")
    files.write("user_viewing.csv", "user_id,apartment_id,viewed_at", "1,2,2024-01-01")
    files.ingest()
    files.write("user_viewing.csv", "user_id,apartment_id,viewed_at", "1,2,2024-01-02")
    with pytest.raises(InputError):
        files.ingest()
    assert files.found.rows("select count(*) from user_viewing") == [(1,)]


def test_a_server_that_refuses_local_files_gets_inserts(tmp_path: Path) -> None:
    """The server decides; nothing has to be configured."""
    with running({"local-infile": "0", "max-allowed-packet": "1M"}) as server, database(server) as db:
        files = Files(db, tmp_path)
        files.write("bookings.csv", BOOKINGS, *(booking(number) for number in range(20_000)))
        assert files.ingest()["bookings"].added == 20_000
        assert db.rows("select count(*), sum(booking_id) from bookings") == [(20_000, sum(range(20_000)))]


@pytest.mark.parametrize("piece", [0, 4_000_000], ids=["whole", "in pieces"])
def test_a_server_killed_while_loading_has_nothing_of_the_file(tmp_path: Path, piece: int) -> None:
    """The transaction ends with the server; the next ingest equals an undisturbed one."""
    with running() as server, database(server) as db:
        files = Files(db, tmp_path)
        files.write("bookings.csv", BOOKINGS, *(booking(number) for number in range(450_000)))
        files.app.access = db.access(patience=1)

        def progress(label: str, done: int, total: int) -> None:
            if label == "loading bookings" and 0 < done < (total or 300_000) and server.process is not None:
                server.kill()

        with pytest.raises(RentalEtlError) as caught:
            files.ingest(progress=progress, piece=piece)
        assert (caught.value.exit_code, caught.value.retryable) == (3, True)
        assert PASSWORD not in str(caught.value.lines())
        server.start()
        assert db.rows("select count(*) from bookings") == [(0,)]
        assert files.ingest(piece=piece)["bookings"].added == 450_000


def test_a_user_without_rights_is_told_which(files: Files) -> None:
    """Exit 3, with the rights that ingest needs."""
    name = files.found.name
    files.write("bookings.csv", BOOKINGS, booking(1))
    files.found.sql(f"revoke all on {name}.* from {name}@'%'; grant select on {name}.* to {name}@'%'")
    with pytest.raises(RentalEtlError) as caught:
        files.ingest()
    assert caught.value.exit_code == 3
    assert "create" in caught.value.expected


def test_progress_is_told_by_the_row(files: Files) -> None:
    """A person sees which file is being loaded, and how far it is."""
    files.write("bookings.csv", BOOKINGS, *(booking(number) for number in range(250_000)))
    told: list[tuple[str, int, int]] = []

    def progress(label: str, done: int, total: int) -> None:
        told.append((label, done, total))

    files.ingest(progress=progress)
    assert told == [("loading bookings", done, 250_000) for done in range(0, 250_001, 50_000)]
