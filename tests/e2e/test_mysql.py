"""From a database to the twelve tables: the same as from its dump, after every round of changes, and in the end also when it changes meanwhile."""

import shutil
import threading
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from mariadb.application import Clock, DatabaseApplication, TestDatabase
from mariadb.marketplace import DELTAS, END, TABLES, change, filled
from rental_etl.bootstrap import Application
from rental_etl.settings import load_settings
from rental_etl.source.mysql.marks import Selection
from rental_etl.tables.models import presentation_models


@pytest.fixture
def db(tmp_path: Path) -> Iterator[TestDatabase]:
    with filled(tmp_path) as found:
        yield found


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
