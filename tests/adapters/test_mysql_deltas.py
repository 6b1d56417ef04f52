"""Reading what changed since the last run: nothing is lost, nothing new is nothing landed, and deletions are seen in time."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mariadb.application import TestDatabase, database
from mariadb.reading import Lake, rows
from rental_etl.errors import ConfigurationError
from rental_etl.model.batch import Batch
from rental_etl.model.reading import TableReading
from rental_etl.source.mysql.marks import Selection
from rental_etl.tables.contracts import contracts

BY_CHANGE = Selection(cursor="changed", overlap=timedelta(hours=1), full_every=timedelta(days=7))
BY_VIEW = Selection(cursor="viewed_at", overlap=timedelta(days=1), full_every=timedelta(days=7))


@pytest.fixture
def db() -> Iterator[TestDatabase]:
    """Attributes that tell when they changed, and views."""
    with database() as found:
        found.sql(
            """
            create table apartment_attributes (id int primary key, category varchar(20), changed datetime(6), key (changed));
            create table user_viewing (user_id int not null, apartment_id int not null, viewed_at datetime not null, key (viewed_at));
            """
        )
        yield found


@pytest.fixture
def lake(db: TestDatabase, tmp_path: Path) -> Lake:
    """A lake that reads both as deltas."""
    return Lake(db, tmp_path, selections={"apartment_attributes": BY_CHANGE, "user_viewing": BY_VIEW})


def put(db: TestDatabase, *found: tuple[int, str, str | None]) -> None:
    """Add or change attributes: id, category, and when it changed."""
    for number, category, changed in found:
        moment = "null" if changed is None else f"'{changed}'"
        db.sql(f"replace into apartment_attributes values ({number}, '{category}', {moment})")


def view(db: TestDatabase, *moments: str) -> None:
    """Add views of user 1."""
    for moment in moments:
        db.sql(f"insert into user_viewing values (1, 1, '{moment}')")


def ids(batch: Batch) -> list[int]:
    """Which attributes a batch brought."""
    return sorted(number for (number,) in rows(batch, "id"))


def attributes(lake: Lake) -> list[tuple[str, list[int]]]:
    """Read attributes: kind and ids of each new batch."""
    return [(batch.kind, ids(batch)) for batch in lake.extract("apartment_attributes")]


def days(lake: Lake) -> list[tuple[str, str, int]]:
    """Read views: kind, name and rows of each new batch."""
    return [(batch.kind, batch.delivery.name, batch.reading.rows_read) for batch in lake.extract("user_viewing")]


def test_the_first_read_is_whole_and_the_next_brings_what_changed(db: TestDatabase, lake: Lake) -> None:
    """After the whole table only rows from the watermark on, less the overlap, are read again."""
    put(db, (1, "a", "2024-06-01 10:00"), (2, "b", "2024-06-02 10:00"), (3, "c", "2024-06-02 10:30"))
    assert attributes(lake) == [("full", [1, 2, 3])]
    put(db, (1, "changed", "2024-06-03 10:00"), (4, "new", "2024-06-03 11:00"))
    assert attributes(lake) == [("delta", [1, 2, 3, 4])]
    put(db, (5, "new", "2024-06-03 12:00"))
    assert attributes(lake) == [("delta", [1, 4, 5])]


def test_a_quiet_table_lands_nothing_whatever_was_read_last(db: TestDatabase, lake: Lake) -> None:
    """The rows of the overlap are known after a full read as after a delta."""
    put(db, (1, "a", "2024-06-01 10:00"), (2, "b", "2024-06-01 10:30"))
    assert attributes(lake) == [("full", [1, 2])]
    assert attributes(lake) == []
    put(db, (3, "c", "2024-06-05 10:30"))
    assert attributes(lake) == [("delta", [1, 2, 3])]
    assert attributes(lake) == []
    assert attributes(lake) == []


def test_a_row_committed_late_behind_the_watermark_is_not_lost(db: TestDatabase, lake: Lake) -> None:
    """A transaction that took its time stamps its row before rows that were read already; the overlap finds it."""
    put(db, (1, "a", "2024-06-01 10:00"), (2, "b", "2024-06-01 12:00"))
    assert attributes(lake) == [("full", [1, 2])]
    put(db, (3, "late", "2024-06-01 11:30"))
    assert attributes(lake) == [("delta", [2, 3])]
    assert attributes(lake) == []


def test_rows_without_a_readable_cursor_are_always_looked_at(db: TestDatabase, lake: Lake) -> None:
    """Null and the zero date say nothing about when a row changed."""
    put(db, (1, "a", "2024-06-01 10:00"), (2, "b", None), (3, "c", "2024-06-05 10:00"))
    db.sql("set sql_mode = ''; insert into apartment_attributes values (4, 'd', '0000-00-00 00:00:00')")
    assert attributes(lake) == [("full", [1, 2, 3, 4])]
    assert attributes(lake) == []
    db.sql("update apartment_attributes set category = 'x' where id in (2, 4)")
    assert attributes(lake) == [("delta", [2, 3, 4])]


def test_a_cursor_in_the_future_hides_nothing(db: TestDatabase, lake: Lake) -> None:
    """One row stamped years ahead must not become the watermark."""
    put(db, (1, "a", "2024-06-01 10:00"), (2, "b", "2099-01-01 00:00"))
    assert attributes(lake) == [("full", [1, 2])]
    put(db, (3, "c", "2024-06-02 10:00"))
    assert attributes(lake) == [("delta", [1, 2, 3])]


def test_a_row_that_changes_and_changes_back_is_read_both_times(db: TestDatabase, lake: Lake) -> None:
    """The same rows after other rows are news, also when the cursor did not move."""
    put(db, (1, "a", "2024-06-01 10:00"))
    assert attributes(lake) == [("full", [1])]
    for category in ("b", "a", "b", "a"):
        put(db, (1, category, "2024-06-01 10:00"))
        (batch,) = lake.extract("apartment_attributes")
        assert rows(batch, "id, category") == [(1, category)]
    assert attributes(lake) == []


def test_the_whole_table_is_read_when_it_is_due(db: TestDatabase, lake: Lake) -> None:
    """A deleted row shows only where all keys are named: every full_every, counted from the last full batch."""
    put(db, (1, "a", "2024-06-01 10:00"), (2, "b", "2024-06-01 12:00"))
    assert attributes(lake) == [("full", [1, 2])]
    db.sql("delete from apartment_attributes where id = 1")
    lake.clock.pass_by(timedelta(days=6))
    assert attributes(lake) == []
    lake.clock.pass_by(timedelta(days=2))
    assert attributes(lake) == [("full", [2])]
    lake.clock.pass_by(timedelta(days=6))
    assert attributes(lake) == []
    lake.clock.pass_by(timedelta(days=2))
    assert attributes(lake) == []


def test_another_question_is_answered_by_the_whole_table(db: TestDatabase, lake: Lake) -> None:
    """A column mapped since the last read was never read: only reading everything brings it."""
    put(db, (1, "a", "2024-06-01 10:00"), (2, "b", "2024-06-09 12:00"))
    assert attributes(lake) == [("full", [1, 2])]
    db.sql("alter table apartment_attributes add column city varchar(9) default 'Rome'")
    lake.readings = {"apartment_attributes": TableReading(columns={"cityname": "city"})}
    (batch,) = lake.extract("apartment_attributes")
    assert rows(batch, "id, cityname") == [(1, "Rome"), (2, "Rome")]
    assert attributes(lake) == []


def test_rejected_rows_are_read_again(db: TestDatabase, lake: Lake) -> None:
    """A batch that a person rejected does not count as read; content that was rejected is not landed twice."""
    put(db, (1, "a", "2024-06-01 10:00"))
    assert attributes(lake) == [("full", [1])]
    put(db, (2, "wrong", "2024-06-02 10:00"))
    assert attributes(lake) == [("delta", [1, 2])]
    lake.rejected.add(2)
    assert attributes(lake) == []
    put(db, (3, "c", "2024-06-03 10:00"))
    assert attributes(lake) == [("delta", [1, 2, 3])]


def test_a_table_without_a_key_delivers_old_days_at_once_and_late_days_by_name(db: TestDatabase, lake: Lake) -> None:
    """The days of the overlap may still change: each is a delivery of its own, which a later one of that day replaces."""
    view(db, "2024-06-01 10:00", "2024-06-02 10:00", "2024-06-03 10:00", "2024-06-04 10:00")
    assert days(lake) == [("full", "user_viewing", 2), ("delta", "2024-06-03", 1), ("delta", "2024-06-04", 1)]
    assert days(lake) == []
    view(db, "2024-06-04 11:00", "2024-06-05 09:00")
    assert days(lake) == [("delta", "2024-06-04", 2), ("delta", "2024-06-05", 1)]
    assert days(lake) == []
    view(db, "2024-06-04 08:00")
    db.sql("delete from user_viewing where viewed_at >= '2024-06-05'")
    assert days(lake) == [("delta", "2024-06-04", 3), ("delta", "2024-06-05", 0)]
    assert days(lake) == []


def test_a_day_that_changes_and_changes_back_is_delivered_both_times(db: TestDatabase, lake: Lake) -> None:
    """Content known from before the last delivery of that day is news again."""
    view(db, "2024-06-01 10:00", "2024-06-04 10:00")
    assert days(lake) == [("full", "user_viewing", 1), ("delta", "2024-06-04", 1)]
    for expected in (2, 1, 2):
        if expected == 2:
            view(db, "2024-06-04 11:00")
        else:
            db.sql("delete from user_viewing where viewed_at = '2024-06-04 11:00'")
        assert days(lake) == [("delta", "2024-06-04", expected)]


def test_views_are_read_whole_when_it_is_due_and_something_changed(db: TestDatabase, lake: Lake) -> None:
    """A view deleted from an old day is seen in time; the late days come again after the full batch that replaced them."""
    view(db, "2024-06-01 10:00", "2024-06-02 10:00", "2024-06-04 10:00")
    assert days(lake) == [("full", "user_viewing", 2), ("delta", "2024-06-04", 1)]
    lake.clock.pass_by(timedelta(days=8))
    assert days(lake) == []
    db.sql("delete from user_viewing where viewed_at = '2024-06-01 10:00'")
    assert days(lake) == [("full", "user_viewing", 1), ("delta", "2024-06-04", 1)]
    assert days(lake) == []


def test_an_interrupted_read_of_days_goes_on_where_it_was(db: TestDatabase, lake: Lake) -> None:
    """Days land one by one; those that did not are read by the next run, however old they are by then."""
    view(db, "2024-06-01 10:00")
    assert days(lake) == [("full", "user_viewing", 0), ("delta", "2024-06-01", 1)]
    view(db, *(f"2024-06-{day:02} 10:00" for day in range(3, 13)))
    source = lake.source()
    offered = source.deliveries(contracts()["user_viewing"])
    assert [delivery.name for delivery in offered][-10:] == [f"2024-06-{day:02}" for day in range(3, 13)]
    lake.land(source, next(delivery for delivery in offered if delivery.name == "2024-06-03"))
    assert [name for _, name, _ in days(lake)] == [f"2024-06-{day:02}" for day in range(4, 13)]
    assert days(lake) == []


def test_a_long_gap_is_read_whole_instead_of_day_by_day(db: TestDatabase, lake: Lake) -> None:
    """Hundreds of small batches would cost more than one large one."""
    view(db, "2023-01-01 10:00")
    assert days(lake) == [("full", "user_viewing", 0), ("delta", "2023-01-01", 1)]
    view(db, *(f"2023-0{month}-{day:02} 10:00" for month in (2, 3) for day in range(1, 29)))
    assert days(lake) == [("full", "user_viewing", 55), ("delta", "2023-03-27", 1), ("delta", "2023-03-28", 1)]


def test_a_table_that_begins_empty_is_read_as_it_fills(db: TestDatabase, lake: Lake) -> None:
    """No row is a statement too, and no reason to land it twice."""
    assert days(lake) == [("full", "user_viewing", 0)]
    assert days(lake) == []
    view(db, "2024-06-04 10:00")
    assert days(lake) == [("delta", "2024-06-04", 1)]
    assert days(lake) == []


def test_a_delta_needs_a_moment_to_go_by(db: TestDatabase, lake: Lake) -> None:
    """A setting that cannot work is refused with the key to change."""
    lake.readings = {"apartment_attributes": TableReading(delivery="delta")}
    for cursor, expected in (
        ("", "tables.apartment_attributes.delivery"),
        ("category", "tables.apartment_attributes.cursor"),
    ):
        lake.selections = {"apartment_attributes": Selection(cursor=cursor)}
        with pytest.raises(ConfigurationError) as caught:
            attributes(lake)
        assert caught.value.where == expected


def test_a_full_delivery_is_read_whole_every_time_also_with_a_cursor(db: TestDatabase, lake: Lake) -> None:
    """delivery = "full" wins; the cursor then only orders repeated keys."""
    lake.readings = {"apartment_attributes": TableReading(delivery="full")}
    put(db, (1, "a", "2024-06-01 10:00"))
    assert attributes(lake) == [("full", [1])]
    put(db, (2, "b", "2024-06-02 10:00"))
    assert attributes(lake) == [("full", [1, 2])]
