"""Behaviour of a warehouse, whatever it is made of: every test runs on every adapter. `house` gives a fresh one."""

import csv
import dataclasses
import json
import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import duckdb
import pytest

from adapters.houses import (
    AS_OF,
    FIRST_WEEK,
    SECOND_WEEK,
    STAYS,
    THIRD_WEEK,
    THREE_WEEKS,
    WEEKLY,
    House,
    batch,
    curated,
    escaped,
    load,
    parquet,
    publication,
    published_rows,
    stays,
    update,
    weekly,
)
from rental_etl.errors import ConfigurationError, ModelError, SystemUnreachableError, UsageError
from rental_etl.model.contract import Column
from rental_etl.model.run import Accounting, JobRecord, LakeId, RuleResult, RunRecord
from rental_etl.warehouse.ledger import _TABLES as LEDGER


class TestBeforeTheFirstRun:
    """Looking must neither fail nor leave a file behind."""

    def test_nothing_is_loaded_or_published_and_no_file_is_made(self, house: House) -> None:
        assert house.open().loaded() == {}
        assert house.open().last_publish() is None
        assert list(house.files.iterdir()) == []

    def test_a_question_and_an_export_say_that_there_was_no_run(self, house: House) -> None:
        with pytest.raises(UsageError, match="no run yet"):
            house.open().query("select 1")
        with pytest.raises(UsageError, match="no run yet"):
            house.open().export(house.files / "out", "csv")
        assert list(house.files.iterdir()) == []

    def test_a_database_of_other_origin_is_empty_to_us(self, house: House) -> None:
        house.meddle("create table mine as select 1 as a")
        assert house.open().loaded() == {}
        assert house.open().last_publish() is None
        assert load(house, 1, [1]) == 1
        assert house.meddle("select a from mine") == [(1,)]


class TestRaw:
    """Each batch is in raw exactly once, and the ledger says so."""

    def test_rows_arrive_with_exact_types_their_batch_and_the_time(self, house: House) -> None:
        assert load(house, 1, [1, 5_000_000_000]) == 2
        names = ", ".join([*STAYS.names, "_error", "_warning", "_batch_id"])
        row = house.ask(f"select {names} from raw.stays order by stay_id desc limit 1")
        seen = datetime(2024, 1, 1, 10)
        assert [(5_000_000_000, date(2024, 1, 1), Decimal("10.50"), "Flat", seen, True, 1.5, None, None, 1)] == row
        described = {
            **{column.name: column.sql_type for column in STAYS.columns},
            **{"_error": "varchar", "_warning": "varchar", "_batch_id": "bigint", "_loaded_at": "timestamp"},
        }
        assert described == house.column_types("raw", "stays")
        assert list(described) == list(house.column_types("raw", "stays"))
        [(loaded_at,)] = house.ask("select max(_loaded_at) from raw.stays")
        age = datetime.now(tz=UTC).replace(tzinfo=None) - loaded_at
        assert timedelta(0) <= age < timedelta(minutes=1)

    def test_the_ledger_knows_what_raw_holds(self, house: House) -> None:
        load(house, 1, [1, 2])
        load(house, 2, [3])
        assert house.open().loaded() == {"stays": [(1, 1), (2, 2)]}
        columns = "batch_id, table_name, revision, kind, day, name, rows_read, rows_landed, rows_unreadable, run_id, landed_at, in_raw"
        landed_at = datetime(2024, 1, 21, 8)
        expected = (1, "stays", 1, "full", AS_OF, "stays.csv", 3, 2, 1, "run-1", landed_at, True)
        assert [expected] == house.ask(f"select {columns} from etl.batches where batch_id = 1")

    def test_a_full_batch_replaces_all(self, house: House) -> None:
        load(house, 1, [1, 2])
        load(house, 2, [2, 3], replace=True)
        assert house.ask("select stay_id, _batch_id from raw.stays order by 1") == [(2, 2), (3, 2)]
        assert house.open().loaded() == {"stays": [(2, 2)]}
        assert house.ask("select batch_id, in_raw from etl.batches order by 1") == [(1, False), (2, True)]

    def test_dropped_batches_go(self, house: House) -> None:
        load(house, 1, [1, 2])
        load(house, 2, [3])
        load(house, 3, [4], drop=[1])
        assert house.ask("select stay_id from raw.stays order by 1") == [(3,), (4,)]
        assert house.open().loaded() == {"stays": [(2, 2), (3, 3)]}

    def test_dropping_alone_is_possible(self, house: House) -> None:
        load(house, 1, [1])
        assert house.open().load(STAYS, add=[], drop=[1], replace=False) == 0
        assert house.ask("select * from raw.stays") == []
        assert house.open().loaded() == {}

    def test_a_batch_loaded_again_is_not_doubled(self, house: House) -> None:
        """A batch whose kept source was parsed again comes with a new revision."""
        load(house, 1, [1, 2])
        load(house, 1, [1, 2], revision=9, price="20.00")
        assert [(1, Decimal("20.00")), (2, Decimal("20.00"))] == house.ask(
            "select stay_id, price from raw.stays order by 1"
        )
        assert house.open().loaded() == {"stays": [(1, 9)]}

    def test_several_batches_load_at_once(self, house: House) -> None:
        add = [(batch(number, 2), [str(stays(house.files, number, [number, number + 10]))]) for number in (1, 2, 3)]
        assert house.open().load(STAYS, add=add, drop=(), replace=True) == 6
        assert house.ask("select _batch_id, count(*) from raw.stays group by 1 order by 1") == [(1, 2), (2, 2), (3, 2)]

    def test_a_batch_without_rows_is_recorded(self, house: House) -> None:
        assert load(house, 1, []) == 0
        assert house.ask("select * from raw.stays") == []
        assert house.open().loaded() == {"stays": [(1, 1)]}

    def test_tables_do_not_disturb_each_other(self, house: House) -> None:
        load(house, 1, [1])
        views = dataclasses.replace(STAYS, table="views")
        part = stays(house.files, 2, [2])
        house.open().load(views, add=[(batch(2, 1, table="views"), [str(part)])], drop=(), replace=True)
        assert house.open().loaded() == {"stays": [(1, 1)], "views": [(2, 2)]}
        assert house.ask("select stay_id from raw.stays") == [(1,)]

    @pytest.mark.parametrize("broken", ["missing", "short", "damaged", "empty", "without its end", "scrambled footer"])
    def test_a_batch_that_is_not_whole_changes_nothing(self, house: House, broken: str) -> None:
        load(house, 1, [1])
        part = stays(house.files, 2, [2])
        if broken == "missing":
            part.unlink()
        content = part.read_bytes() if part.exists() else b""
        if broken in ("damaged", "empty", "without its end"):
            part.write_bytes(content[: {"damaged": 100, "empty": 0, "without its end": -1}[broken]])
        if broken == "scrambled footer":
            length = int.from_bytes(content[-8:-4], "little")
            part.write_bytes(content[: -8 - length] + b"\x0f" * length + content[-8:])
        with pytest.raises(SystemUnreachableError):
            house.open().load(
                STAYS, add=[(batch(2, 2 if broken == "short" else 1), [str(part)])], drop=[1], replace=True
            )
        assert house.ask("select stay_id from raw.stays") == [(1,)]
        assert house.open().loaded() == {"stays": [(1, 1)]}

    def test_a_contract_with_another_column_reshapes_the_table(self, house: House) -> None:
        load(house, 1, [1])
        longer = dataclasses.replace(STAYS, columns=(*STAYS.columns, Column("num_guests", "int64")))
        part = parquet(
            house.files / "new.parquet",
            f"select *, 4::bigint as num_guests from '{escaped(stays(house.files, 2, [2]))}'",
        )
        house.open().load(longer, add=[(batch(2, 1), [str(part)])], drop=(), replace=False)
        assert house.ask("select stay_id, num_guests, _batch_id from raw.stays order by 1") == [(1, None, 1), (2, 4, 2)]


class TestValues:
    """What was landed is what people see, to the last character and digit."""

    TEXTS = (
        "",
        " ",
        "a\tb",
        "line\nbreak",
        "\r\n",
        "back\\slash",
        "\\N",
        "\\.",
        "x\n\\.\ny",
        'it\'s "so"',
        "a,b;c|d",
        "Zoë 🏡 東京",
        "%s {} $1",
    )

    def test_texts_arrive_as_they_are_and_null_is_not_empty(self, house: House) -> None:
        values = ", ".join(
            f"({number}, '{text.replace(chr(39), chr(39) * 2)}')" for number, text in enumerate(self.TEXTS)
        )
        columns = "n::bigint as stay_id, null::date as begins, null::decimal(18,2) as price, t as title"
        nulls = "null::timestamp as seen_at, null::boolean as is_paid, null::double as latitude"
        marks = "null::varchar as _error, null::varchar as _warning"
        rows = f"select {columns}, {nulls}, {marks} from (values {values}, (99, null)) v(n, t)"
        part = parquet(house.files / "texts.parquet", rows)
        house.open().load(STAYS, add=[(batch(1, len(self.TEXTS) + 1), [str(part)])], drop=(), replace=True)
        expected = [*enumerate(self.TEXTS), (99, None)]
        assert expected == house.ask("select stay_id, title from raw.stays order by stay_id")
        house.open().publish(publication(curated=(curated([part]),)))
        assert expected == house.ask("select stay_id, title from curated.stays order by stay_id")

    def test_numbers_and_times_keep_their_last_digit(self, house: House) -> None:
        values = [
            "-9223372036854775807, date '2000-01-01', 9999999999999999.99, timestamp '2024-02-29 23:59:59.999999', true, 0.1",
            "9223372036854775807, date '2027-12-31', -9999999999999999.99, timestamp '2000-01-01 00:00:00', false, 1.7976931348623157e308",
            "0, null, 0.01, timestamp '2024-01-01 00:00:00.000001', null, -5e-324",
        ]
        names = [column.name for column in STAYS.columns if column.name != "title"]
        typed = ", ".join(f"{name}::{STAYS.column(name).sql_type} as {name}" for name in names)
        rows = f"select {typed} from (values ({'), ('.join(values)})) v({', '.join(names)})"
        columns = "stay_id, begins, price, 'x' as title, seen_at, is_paid, latitude, null::varchar as _error, null::varchar as _warning"
        part = parquet(house.files / "numbers.parquet", f"select {columns} from ({rows})")
        house.open().load(STAYS, add=[(batch(1, 3), [str(part)])], drop=(), replace=True)
        great = Decimal("9999999999999999.99")
        expected = [
            (-(2**63) + 1, date(2000, 1, 1), great, datetime(2024, 2, 29, 23, 59, 59, 999_999), True, 0.1),
            (0, None, Decimal("0.01"), datetime(2024, 1, 1, 0, 0, 0, 1), None, -5e-324),
            (2**63 - 1, date(2027, 12, 31), -great, datetime(2000, 1, 1), False, 1.7976931348623157e308),
        ]
        assert expected == house.ask(f"select {', '.join(names)} from raw.stays order by stay_id")


class TestLedger:
    """The ledger has one shape, so that a question about runs works in every warehouse."""

    def test_its_tables_have_the_same_columns_everywhere(self, house: House) -> None:
        house.open().publish(publication())
        for table, columns in LEDGER.items():
            assert columns == house.column_types("etl", table)
        assert LEDGER["rule_results"] == house.column_types("etl", "current_rule_results")

    def test_texts_in_it_are_kept_as_they_are(self, house: House) -> None:
        message = "C:\\data\\new \"it's\" 100 % \\N \\' 東京\n"
        jobs = (JobRecord("load", 0.5, {"path": "a\\b", "word": "Zoë"}),)
        run = RunRecord("run-1", "run", AS_OF, "failed", "2024-01-22T00:00:00", jobs=jobs, message=message)
        house.open().record_run(run)
        [(found, written)] = house.ask("select message, jobs from etl.runs")
        assert message == found
        assert json.loads(written) == [{"name": "load", "seconds": 0.5, "counts": {"path": "a\\b", "word": "Zoë"}}]


class TestOwner:
    """A warehouse belongs to one lake: the rows of two would be taken for each other's, as both number their batches from 1."""

    HERE, THERE = LakeId("a1", "/srv/it's here"), LakeId("b2", "s3://bucket/there")

    def test_the_first_write_records_the_lake_and_the_next_ones_may_go_on(self, house: House) -> None:
        for _ in range(2):
            warehouse = house.open()
            warehouse.belong_to(self.HERE)
            warehouse.publish(publication())
        assert house.ask("select lake_id, location from etl.lake") == [("a1", "/srv/it's here")]
        assert house.ask("select since is not null from etl.lake") == [(True,)]

    def test_a_write_for_another_lake_is_refused_and_changes_nothing(self, house: House) -> None:
        warehouse = house.open()
        warehouse.belong_to(self.HERE)
        warehouse.publish(publication())
        for other in (self.THERE, dataclasses.replace(self.HERE, location="/a/copy")):
            stranger = house.open()
            stranger.belong_to(other)
            writes: tuple[Callable[[], object], ...] = (
                partial(stranger.publish, publication()),
                partial(stranger.record_run, RunRecord("run-1", "run", AS_OF, "running", "")),
                partial(load, house, 1, [1], warehouse=stranger),
            )
            for write in writes:
                with pytest.raises(ConfigurationError, match="belongs to another lake") as refused:
                    write()
                assert (refused.value.exit_code, self.HERE.location in refused.value.expected) == (2, True)
                assert "rental-etl repair" in refused.value.remedy
        assert house.ask("select count(*) from etl.publishes") == [(1,)]
        assert house.ask("select count(*) from etl.runs") == [(0,)]
        assert house.open().loaded() == {}

    def test_a_lake_that_moved_takes_the_place_and_the_other_is_refused_from_then_on(self, house: House) -> None:
        first, second = house.open(), house.open()
        first.belong_to(self.HERE)
        second.belong_to(self.THERE, moved=True)
        first.publish(publication())
        second.publish(publication())
        assert house.ask("select lake_id from etl.lake") == [("b2",)]
        with pytest.raises(ConfigurationError, match="belongs to another lake"):
            first.publish(publication())

    def test_a_warehouse_that_knows_no_lake_is_adopted(self, house: House) -> None:
        house.open().publish(publication())
        house.meddle("drop table etl.lake")
        warehouse = house.open()
        warehouse.belong_to(self.HERE)
        warehouse.record_run(RunRecord("run-1", "run", AS_OF, "running", ""))
        assert house.ask("select lake_id from etl.lake") == [("a1",)]
        assert house.ask("select count(*) from etl.publishes") == [(1,)]


class TestPublish:
    """All presentation tables, views and ledger entries switch together."""

    def test_a_whole_table_replaces_what_was_there(self, three_weeks: House) -> None:
        assert published_rows(three_weeks) == THREE_WEEKS
        file = weekly(three_weeks, "second", [(SECOND_WEEK, "USD", 5, "5.25")])
        three_weeks.open().publish(publication(update("revenue_weekly", file)))
        assert [(SECOND_WEEK, "USD", 5, Decimal("5.25"))] == published_rows(three_weeks)

    def test_only_the_named_periods_change(self, three_weeks: House) -> None:
        file = weekly(three_weeks, "second", [(SECOND_WEEK, "EUR", 20, "20.00"), (SECOND_WEEK, "USD", 1, "1.00")])
        part = update("revenue_weekly", file, whole=False, period_from=SECOND_WEEK, period_to=THIRD_WEEK)
        three_weeks.open().publish(publication(part))
        expected = [
            THREE_WEEKS[0],
            (SECOND_WEEK, "EUR", 20, Decimal("20.00")),
            (SECOND_WEEK, "USD", 1, Decimal("1.00")),
        ]
        assert expected == published_rows(three_weeks)

    def test_periods_without_new_rows_become_empty(self, three_weeks: House) -> None:
        part = update(whole=False, period_from=SECOND_WEEK, period_to=SECOND_WEEK)
        three_weeks.open().publish(publication(part))
        assert [THREE_WEEKS[0], THREE_WEEKS[2]] == published_rows(three_weeks)

    def test_tables_that_are_not_named_stay(self, three_weeks: House) -> None:
        three_weeks.open().publish(publication(update("other_weekly")))
        assert published_rows(three_weeks) == THREE_WEEKS
        assert three_weeks.ask("select week_start, revenue from presentation.other_weekly") == []

    def test_a_skipped_table_is_empty_with_its_columns_and_says_why(self, three_weeks: House) -> None:
        three_weeks.open().publish(publication(update(skipped="there is no 'bookings' table")))
        assert published_rows(three_weeks) == []
        assert three_weeks.comment("revenue_weekly") == "empty: there is no 'bookings' table"
        file = weekly(three_weeks, "again", [(FIRST_WEEK, "EUR", 1, "1.00")])
        back = update("revenue_weekly", file, whole=False, period_from=FIRST_WEEK, period_to=FIRST_WEEK)
        three_weeks.open().publish(publication(back))
        assert three_weeks.comment("revenue_weekly") == ""

    def test_files_are_read_by_column_name_and_cast(self, house: House) -> None:
        select = "select 1.005::double as revenue, 2::integer as stays_count, 'EUR' as currency, date '2024-01-01' as week_start"
        file = str(parquet(house.files / "turned.parquet", select))
        house.open().publish(publication(update("revenue_weekly", file)))
        [(week, currency, count, revenue)] = house.ask("select * from presentation.revenue_weekly")
        assert (week, currency, count) == (FIRST_WEEK, "EUR", 2)
        assert isinstance(revenue, Decimal)

    def test_a_folder_named_like_a_partition_adds_no_column(self, house: House) -> None:
        folder = house.files / "month=2024-01"
        folder.mkdir()
        file = stays(folder, 1, [1])
        house.open().publish(publication(curated=(curated([file]),)))
        names = tuple(column.name for column in reversed(STAYS.columns))
        assert names == house.open().query("select * from curated.stays").columns

    @pytest.mark.parametrize("state", ["missing", "other columns"])
    def test_some_periods_of_a_table_that_is_not_there_are_refused(self, three_weeks: House, state: str) -> None:
        file = weekly(three_weeks, "second", [(SECOND_WEEK, "EUR", 9, "9.00")])
        fine = update("revenue_weekly", file)
        part = update("other_weekly", file, whole=False, period_from=SECOND_WEEK, period_to=SECOND_WEEK)
        if state == "other columns":
            part = dataclasses.replace(part, table="revenue_weekly", columns=WEEKLY[:3])
        with pytest.raises(ConfigurationError) as caught:
            three_weeks.open().publish(publication(fine if state == "missing" else update("third_weekly"), part))
        assert "--full-refresh" in caught.value.remedy
        assert published_rows(three_weeks) == THREE_WEEKS

    def test_a_whole_update_may_change_the_columns(self, three_weeks: House) -> None:
        file = weekly(three_weeks, "second", [(SECOND_WEEK, "EUR", 9, "9.00")])
        three_weeks.open().publish(publication(update("revenue_weekly", file, columns=WEEKLY[:3])))
        assert three_weeks.ask("select * from presentation.revenue_weekly") == [(SECOND_WEEK, "EUR", 9)]

    def test_rows_outside_the_replaced_periods_are_refused(self, three_weeks: House) -> None:
        """They would be there twice."""
        file = weekly(three_weeks, "second", [(SECOND_WEEK, "EUR", 9, "9.00"), (THIRD_WEEK, "EUR", 9, "9.00")])
        part = update("revenue_weekly", file, whole=False, period_from=SECOND_WEEK, period_to=SECOND_WEEK)
        with pytest.raises(ModelError):
            three_weeks.open().publish(publication(part))
        assert published_rows(three_weeks) == THREE_WEEKS

    def test_a_failure_at_the_last_step_leaves_the_last_publish(self, three_weeks: House) -> None:
        file = weekly(three_weeks, "second", [(SECOND_WEEK, "EUR", 9, "9.00")])
        lost = curated([three_weeks.files / "gone.parquet"])
        with pytest.raises(SystemUnreachableError):
            three_weeks.open().publish(publication(update("revenue_weekly", file), curated=(lost,)))
        assert published_rows(three_weeks) == THREE_WEEKS
        assert three_weeks.ask("select count(*) from etl.publishes") == [(1,)]

    def test_curated_views_show_the_snapshot_in_contract_order(self, house: House) -> None:
        files = [stays(house.files, number, [number]) for number in (1, 2)]
        house.open().publish(publication(curated=(curated(files),)))
        answer = house.open().query("select * from curated.stays order by stay_id")
        assert tuple(column.name for column in reversed(STAYS.columns)) == answer.columns
        assert [row[-1] for row in answer.rows] == [1, 2]
        house.open().publish(publication(curated=(curated(files[:1], snapshot_id=8),)))
        assert house.ask("select stay_id from curated.stays") == [(1,)]

    def test_a_curated_table_without_files_is_an_empty_view_and_one_that_is_gone_has_none(self, house: House) -> None:
        house.open().publish(publication(curated=(curated([]), curated([], name="views"))))
        assert house.ask("select * from curated.stays") == []
        assert house.column_types("curated", "stays")["price"] == "decimal(18,2)"
        house.open().publish(publication(curated=(curated([]),)))
        with pytest.raises(UsageError):
            house.ask("select * from curated.views")

    def test_the_publish_is_numbered_and_keeps_its_inputs(self, house: House) -> None:
        first = house.open().publish(publication(curated=(curated([], snapshot_id=2**60),)))
        assert first == house.open().last_publish()
        assert (first.number, first.run_id, first.as_of) == (1, "run-1", AS_OF)
        assert first.inputs == {"batches": [1], "note": "it's", "curated": {"stays": 2**60}}
        datetime.fromisoformat(first.published_at)
        second = house.open().publish(publication(run_id="run-2"))
        assert second.number == 2
        assert second == house.open().last_publish()

    def test_row_accounting_shows_the_last_publish_and_rule_results_all(self, house: House) -> None:
        rows = (Accounting("stays", 1, 11, 1, 10, 4, 3, 2, 1, 0), Accounting("stays", 2, 1, 0, 1, 1, 0, 0, 0, 0))
        rules = (
            RuleResult("stays", "price_positive", "price", "error", 1, 1),
            RuleResult("stays", "overlap", "", "warn", 2),
        )
        house.open().publish(publication(accounting=rows, rules=rules))
        house.open().publish(publication(accounting=rows[:1], rules=rules[1:]))
        assert house.ask("select * from etl.row_accounting") == [("stays", 1, 11, 1, 10, 4, 3, 2, 1, 0)]
        assert house.ask("select publish_id, count(*) from etl.rule_results group by 1 order by 1") == [(1, 2), (2, 1)]
        assert house.ask("select * from etl.current_rule_results") == [(2, "stays", "overlap", "", "warn", 2, None)]

    def test_thousands_of_ledger_rows_fit(self, house: House) -> None:
        rows = tuple(Accounting("stays", number, 1, 0, 1, 1, 0, 0, 0, 0) for number in range(2_500))
        house.open().publish(publication(accounting=rows))
        assert house.ask("select count(*), max(batch_id) from etl.row_accounting") == [(2_500, 2_499)]


class TestRuns:
    """`etl.runs` has one row per run."""

    def test_a_run_is_inserted_then_replaced(self, house: House) -> None:
        begun = RunRecord("run-1", "run", AS_OF, "running", "2024-01-22T01:00:00+01:00")
        house.open().record_run(begun)
        assert house.ask("select state, finished_at, seconds from etl.runs") == [("running", None, None)]
        jobs = (JobRecord("load", 1.5, {"rows": 3}),)
        done = dataclasses.replace(
            begun, state="published", finished_at="2024-01-22T00:00:02.500", jobs=jobs, message="it's done"
        )
        house.open().record_run(done)
        columns = "run_id, command, as_of, state, started_at, finished_at, seconds, jobs, message"
        started, finished = datetime(2024, 1, 22), datetime(2024, 1, 22, 0, 0, 2, 500_000)
        text = '[{"name": "load", "seconds": 1.5, "counts": {"rows": 3}}]'
        expected = ("run-1", "run", AS_OF, "published", started, finished, 2.5, text, "it's done")
        assert [expected] == house.ask(f"select {columns} from etl.runs")


class TestQuery:
    """Questions only read, stream, and let the file go."""

    def test_bare_names_mean_presentation_first(self, three_weeks: House) -> None:
        assert three_weeks.ask("select count(*) from revenue_weekly") == [(3,)]

    def test_rows_stream(self, three_weeks: House) -> None:
        """A billion rows are not collected before the first is seen."""
        answer = three_weeks.open().query(three_weeks.counting(1_000_000_000))
        assert answer.columns == ("n",)
        assert next(answer.rows) == (0,)
        answer.rows.close()  # type: ignore[attr-defined]
        load(three_weeks, 1, [1])

    @pytest.mark.parametrize("leave", ["exhausted", "closed unread", "dropped unread", "dropped half read"])
    def test_the_file_is_let_go(self, three_weeks: House, leave: str) -> None:
        answer = three_weeks.open().query("select * from revenue_weekly")
        if leave == "exhausted":
            assert len(list(answer.rows)) == 3
        elif leave == "closed unread":
            answer.rows.close()  # type: ignore[attr-defined]
        elif leave == "dropped half read":
            next(answer.rows)
        if leave.startswith("dropped"):
            del answer
        load(three_weeks, 1, [1])

    @pytest.mark.parametrize(
        ("sql", "words"),
        [
            ("selec 1", "syntax error"),
            ("select nothing from revenue_weekly", "nothing"),
            ("select cast('x' as integer)", "Could not convert|invalid input syntax"),
            ("", "empty"),
            ("-- only a comment", "empty"),
            ("select 1; select 2", "(2|several) statements"),
            ("select 1; drop table presentation.revenue_weekly", "(2|several) statements"),
            ("drop table presentation.revenue_weekly", "DROP"),
            ("insert into etl.runs (run_id) values ('x')", "INSERT"),
            ("delete from presentation.revenue_weekly", "DELETE"),
            ("copy revenue_weekly to 'x.csv'", "COPY"),
            ("explain analyze copy revenue_weekly to 'x.csv'", "(?i)copy|explain"),
            ("attach 'x.duckdb'", "(?i)attach"),
            ("create table mine as select 1 as a", "CREATE"),
            ("set timezone = 'UTC'", "SET"),
        ],
    )
    def test_what_is_no_question_is_refused_in_the_databases_words(
        self, three_weeks: House, sql: str, words: str
    ) -> None:
        with pytest.raises(UsageError, match=words) as caught:
            three_weeks.ask(sql)
        assert caught.value.exit_code == 2
        assert caught.value.remedy or caught.value.expected
        assert published_rows(three_weeks) == THREE_WEEKS

    def test_an_error_in_the_middle_of_the_rows_is_explained(self, three_weeks: House) -> None:
        bad = "cast(case when n = 50000 then 'row 50000' else '1' end as integer)"
        with pytest.raises(UsageError, match="row 50000"):
            three_weeks.ask(f"select {bad} from ({three_weeks.counting(100_000)}) t")
        load(three_weeks, 1, [1])

    @pytest.mark.parametrize(
        "sql", ["explain select 1", "with x as (select 1 as a) select a from x", "select 1 -- one", "select 1;"]
    )
    def test_every_way_to_ask_is_allowed(self, three_weeks: House, sql: str) -> None:
        assert three_weeks.ask(sql)

    def test_no_row_still_has_columns(self, three_weeks: House) -> None:
        answer = three_weeks.open().query("select currency, revenue from revenue_weekly where 1 = 0")
        assert answer.columns == ("currency", "revenue")
        assert list(answer.rows) == []

    def test_a_missing_table_names_its_neighbours(self, three_weeks: House) -> None:
        with pytest.raises(UsageError) as caught:
            three_weeks.ask("select * from revenues_weekly")
        assert "presentation.revenue_weekly" in caught.value.remedy

    def test_a_missing_table_names_those_that_hold_the_word_and_none_that_is_merely_as_long(
        self, three_weeks: House
    ) -> None:
        with pytest.raises(UsageError) as caught:
            three_weeks.ask("select * from weekly")
        assert caught.value.remedy.startswith("did you mean presentation.")
        with pytest.raises(UsageError) as caught:
            three_weeks.ask("select * from quarantine")
        assert caught.value.remedy.startswith("list the tables")

    def test_interrupting_is_interrupting(self, three_weeks: House) -> None:
        """Ctrl-C inside a statement ends as KeyboardInterrupt, and the warehouse is let go."""
        # A shell starts background jobs with SIGINT ignored, and Python then leaves it so.
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        timer = threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                three_weeks.ask(f"select count(*) from ({three_weeks.counting(1_000_000_000)}) t where n % 7 = 9")
        finally:
            # A signal that comes too late would end the tests instead of the statement.
            timer.cancel()
            signal.signal(signal.SIGINT, handler)
        load(three_weeks, 1, [1])


class TestExport:
    """Every presentation table becomes a file, whole or not at all."""

    def test_csv_has_a_header_and_sorted_rows(self, three_weeks: House) -> None:
        rows = [(SECOND_WEEK, "USD", 1, "1.00"), (FIRST_WEEK, 'a, "b"\nc', 2, "2.50"), (FIRST_WEEK, "EUR", 3, "0.10")]
        three_weeks.open().publish(
            publication(update("revenue_weekly", weekly(three_weeks, "x", rows)), update("other_weekly"))
        )
        folder = three_weeks.files / "out" / "deep"
        assert three_weeks.open().export(folder, "csv") == {"revenue_weekly": 3, "other_weekly": 0}
        assert sorted(path.name for path in folder.iterdir()) == ["other_weekly.csv", "revenue_weekly.csv"]
        with (folder / "revenue_weekly.csv").open(newline="") as file:
            written = list(csv.reader(file))
        expected = [
            ["week_start", "currency", "stays_count", "revenue"],
            ["2024-01-01", "EUR", "3", "0.10"],
            ["2024-01-01", 'a, "b"\nc', "2", "2.50"],
            ["2024-01-08", "USD", "1", "1.00"],
        ]
        assert expected == written

    def test_parquet_keeps_types_and_replaces_older_files(self, three_weeks: House) -> None:
        folder = three_weeks.files
        (folder / "revenue_weekly.parquet").write_text("old")
        assert three_weeks.open().export(folder, "parquet") == {"revenue_weekly": 3}
        assert duckdb.execute(f"from '{escaped(folder / 'revenue_weekly.parquet')}'").fetchall() == THREE_WEEKS

    @pytest.mark.parametrize("format", ["csv", "parquet"])
    def test_tables_of_any_shape_and_length(self, house: House, format: str) -> None:
        long = parquet(
            house.files / "long.parquet",
            "select i as n, i % 3 = 0 as is_third, case when i % 2 = 0 then 'a' || i end as word, (i / 4)::decimal(18,6) as rate from range(2500) t(i)",
        )
        columns = (("n", "bigint"), ("is_third", "boolean"), ("word", "varchar"), ("rate", "decimal(18,6)"))
        first = update("long_table", str(long), columns=columns, period_column="n")
        rows = [(FIRST_WEEK, "EUR", 1, "1.00")]
        house.open().publish(publication(first, update("revenue_weekly", weekly(house, "one", rows))))
        folder = house.files / "out"
        assert house.open().export(folder, format) == {"long_table": 2500, "revenue_weekly": 1}
        back = duckdb.execute(f"from '{escaped(folder / f'long_table.{format}')}'").fetchall()
        assert back == duckdb.execute(f"select n, is_third, word, rate from '{escaped(long)}' order by n").fetchall()

    def test_the_files_are_the_same_from_every_warehouse(self, house: House) -> None:
        """Byte for byte: quotes, nulls, empty texts and the order of texts do not depend on the database."""
        rows = [(FIRST_WEEK, text, 1, "0.50") for text in ("b", "B", "", "\\N", "ä", 'say "a"', " x", "a,b")]
        house.open().publish(publication(update("revenue_weekly", weekly(house, "texts", rows))))
        house.open().export(house.files, "csv")
        expected = (
            "week_start,currency,stays_count,revenue\n"
            '2024-01-01,"",1,0.50\n2024-01-01, x,1,0.50\n2024-01-01,B,1,0.50\n2024-01-01,\\N,1,0.50\n'
            '2024-01-01,"a,b",1,0.50\n2024-01-01,b,1,0.50\n2024-01-01,"say ""a""",1,0.50\n2024-01-01,ä,1,0.50\n'
        )
        assert expected == (house.files / "revenue_weekly.csv").read_text(encoding="utf-8")

    def test_an_unknown_format_is_wrong_usage(self, house: House) -> None:
        with pytest.raises(UsageError, match="xlsx"):
            house.open().export(house.files, "xlsx")

    def test_a_folder_that_cannot_be_is_unreachable(self, three_weeks: House) -> None:
        (three_weeks.files / "taken").write_text("a file")
        for folder in (three_weeks.files / "taken", three_weeks.files / "taken" / "below", Path("/proc/nowhere")):
            with pytest.raises(SystemUnreachableError) as caught:
                three_weeks.open().export(folder, "csv")
            assert caught.value.exit_code == 3
