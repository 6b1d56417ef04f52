"""From a database to the twelve tables: the same as from its dump, after every round of changes, and in the end also when it changes meanwhile."""

import random
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from mariadb.application import Clock, DatabaseApplication, TestDatabase, database
from rental_etl.bootstrap import Application, Silence
from rental_etl.jobs.ingest_to_aurora import ingest
from rental_etl.settings import load_settings
from rental_etl.source.csv_files import CsvFilesSource
from rental_etl.source.mysql.marks import Selection
from rental_etl.synthetic.marketplace import generate
from rental_etl.tables.models import presentation_models

END = date(2024, 6, 30)
DELTAS = {
    "bookings": Selection(cursor="updated_at"),
    "user_viewing": Selection(cursor="viewed_at", overlap=timedelta(days=2)),
    "apartment_attributes": Selection(cursor="updated_at"),
}
TABLES = ("bookings", "user_viewing", "apartment_attributes", "apartments")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[TestDatabase]:
    """A small generated marketplace, ingested into a database whose rows tell when they changed."""
    folder = tmp_path / "generated"
    generate(folder, apartments=40, bookings=600, viewings=800, seed=7, end=END)
    with database() as found:
        app = DatabaseApplication(found, tmp_path / "ingest", selections=DELTAS)
        source = CsvFilesSource(
            folder, readings=app.readings(), keep_source=False, memory="200MB", threads=2, temp=tmp_path / "temp"
        )
        ingest(
            source=source,
            database=app.database(),
            engine=app._engine,
            staging=lambda: _scratch(tmp_path),
            quarantine=tmp_path / "quarantine",
            day=END,
            watch=Silence(),
        )
        yield found


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir=folder))
    yield made
    shutil.rmtree(made)


def change(db: TestDatabase, seed: int, *, today: date, deletes: bool) -> None:
    """One round of what happens in a marketplace: bookings made, moved and canceled, prices changed, listings that come and go, and views."""
    chance = random.Random(seed)
    listings = [int(number) for (number,) in db.rows("select id from apartments order by id")]
    bookings = [int(number) for (number,) in db.rows("select booking_id from bookings order by booking_id")]
    statements = []
    columns = "booking_id, user_id, apartment_id, booking_date, checkin_date, checkout_date, total_price, currency, booking_status"
    for place in range(25):
        checkin = today + timedelta(days=chance.randint(-40, 40))
        booked = today - timedelta(days=chance.randint(0, 60))
        statements.append(
            f"insert into bookings ({columns}) values ({max(bookings) + place + 1}, {chance.randint(1, 60)}, {chance.choice(listings)},"
            f" '{booked} 12:00:00', '{checkin}', '{checkin + timedelta(days=chance.randint(1, 20))}', {chance.randint(1, 99999) / 100},"
            f" '{chance.choice(['USD', 'EUR'])}', 'confirmed')"
        )
    for number in chance.sample(bookings, 30):
        statements.append(
            f"update bookings set booking_status = '{chance.choice(['canceled', 'completed', 'pending'])}' where booking_id = {number}"
        )
    for number in chance.sample(bookings, 10):
        statements.append(
            f"update bookings set checkout_date = checkout_date + interval 3 day, total_price = total_price + 7.01 where booking_id = {number}"
        )
    for number in chance.sample(listings, 5):
        statements.append(
            f"update apartments set price = price + 1.5, last_modified_timestamp = '{today}' + interval {seed} minute where id = {number}"
        )
    statements.append(
        f"insert into apartments values ({max(listings) + 1}, 'New', 'site', 55.5, 'USD', '{today} 08:00:00', 1, null)"
    )
    statements.append(
        f"update apartment_attributes set cityname = 'Moved {seed}' where id in ({', '.join(map(str, chance.sample(listings, 3)))})"
    )
    for _ in range(40):
        moment = f"{today - timedelta(days=chance.randint(0, 1))} {chance.randint(10, 23)}:00:00"
        statements.append(
            "insert into user_viewing (user_id, apartment_id, viewed_at, is_wishlisted, call_to_action)"
            f" values ({chance.randint(1, 60)}, {chance.choice(listings)}, '{moment}', {chance.choice(['1', '0', 'null'])}, 'mail')"
        )
    if deletes:
        gone = ", ".join(map(str, chance.sample(bookings, 15)))
        statements.append(f"delete from bookings where booking_id in ({gone})")
        if len(listings) > 30:
            statements.append(f"delete from apartments where id in ({', '.join(map(str, chance.sample(listings, 3)))})")
        statements.append("delete from user_viewing where user_id % 7 = 3")
    db.sql("; ".join(statements))


def tables(app: Application) -> dict[str, list[tuple[Any, ...]]]:
    """Every presentation table's rows."""
    return {
        name: list(app.query(f"select * from presentation.{name} order by all").rows) for name in presentation_models()
    }


def current(app: Application, table: str) -> list[tuple[Any, ...]]:
    """The rows in force, without where they came from."""
    gone = "where deleted_on is null" if table == "apartments" else ""
    left_out = "deleted_on, _batch_id" if table == "apartments" else "_batch_id"
    return list(app.query(f"select * exclude ({left_out}) from curated.{table} {gone} order by all").rows)


def from_dump(db: TestDatabase, folder: Path, *, as_of: date, number: int) -> Application:
    """The product over files in which the database was dumped, in a workspace that sees one dump after the other."""
    shutil.rmtree(folder / "dump", ignore_errors=True)
    db.dump(folder / "dump", leave_out=dict.fromkeys(TABLES, ("updated_at",)))
    overrides = {"workspace": str(folder / "files"), "source": {"url": str(folder / "dump")}}
    app = Application(load_settings(config=None, overrides=overrides), as_of=as_of)
    assert app.run().run.state == "published", f"round {number}"
    return app


@pytest.mark.parametrize(
    ("selections", "snapshot"), [({}, False), (DELTAS, True)], ids=["whole tables", "deltas in one moment"]
)
def test_after_every_round_of_changes_the_tables_equal_those_of_a_dump(
    db: TestDatabase, tmp_path: Path, selections: Mapping[str, Selection], snapshot: bool
) -> None:
    """Deltas see deletions when the whole table is due, so there the last round lets the time pass."""
    clock = Clock()
    for number in range(1, 5):
        as_of = END + timedelta(days=number)
        deletes = not selections or number == 4
        change(db, number, today=as_of, deletes=deletes)
        if deletes:
            clock.pass_by(timedelta(days=8))
        app = DatabaseApplication(
            db, tmp_path / "database", selections=selections, as_of=as_of, clock=clock, snapshot=snapshot
        )
        summary = app.run()
        kinds = {batch.table: batch.kind for batch in summary.landed}
        assert kinds["bookings"] == ("delta" if selections and number in (2, 3) else "full")
        expected = from_dump(db, tmp_path, as_of=as_of, number=number)
        assert tables(expected) == tables(app)
        for table in TABLES:
            assert current(expected, table) == current(app, table)
        quiet = app.run()
        assert (quiet.run.state, quiet.landed) == ("unchanged", ())


@pytest.mark.parametrize("selections", [{}, DELTAS], ids=["whole tables", "deltas"])
def test_changes_made_while_it_runs_are_all_there_after_one_more_quiet_run(
    db: TestDatabase, tmp_path: Path, selections: Mapping[str, Selection]
) -> None:
    """Transactions commit in the middle of reading and long after they took their time; no row is lost or doubled."""
    app = DatabaseApplication(db, tmp_path / "database", selections=selections, as_of=END)
    app.run()
    stop = threading.Event()
    failures: list[BaseException] = []

    def keep_changing() -> None:
        seed = 100
        try:
            while not stop.is_set():
                change(db, seed, today=END, deletes=not selections)
                slow = (
                    f"insert into user_viewing (user_id, apartment_id, viewed_at) values ({seed}, 1, '{END} 09:00:00')"
                )
                later = "update bookings set num_guests = coalesce(num_guests, 0) + 1 where booking_id % 9 = 4"
                db.sql(f"start transaction; {slow}; {later}; do sleep(0.2); commit")
                seed += 1
                stop.wait(0.3)
        except BaseException as error:
            failures.append(error)
            raise

    changer = threading.Thread(target=keep_changing)
    changer.start()
    try:
        for _ in range(3):
            app.run()
    finally:
        stop.set()
        changer.join()
    assert failures == []
    app.run()
    assert app.run().run.state == "unchanged"
    expected = from_dump(db, tmp_path, as_of=END, number=0)
    for table in TABLES:
        assert current(expected, table) == current(app, table)


def test_a_full_refresh_reads_the_kept_rows_and_gives_the_same_tables(db: TestDatabase, tmp_path: Path) -> None:
    """Everything can be rebuilt from the lake, without asking the database for what it no longer has."""
    app = DatabaseApplication(db, tmp_path / "database", selections=DELTAS, as_of=END)
    app.run()
    change(db, 1, today=END, deletes=False)
    app.run()
    before = tables(app)
    refreshed = app.run(full_refresh=True)
    assert refreshed.run.state == "published"
    assert tables(app) == before
    assert app.run().run.state == "unchanged"
