"""Behaviour of an engine, whatever it is made of. `Room` gives a session and a folder."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rental_etl.engine.duckdb_session import DuckDBEngine
from rental_etl.engine.spark_session import SparkEngine
from rental_etl.errors import ModelError, SystemUnreachableError
from rental_etl.model.contract import Column
from rental_etl.ports.engine import Engine
from spark import server as spark

KEY = Column("key", "int64")
TYPES = (
    KEY,
    Column("name", "text"),
    Column("price", "decimal", precision=18, scale=2),
    Column("rate", "decimal", precision=18, scale=8),
    Column("day", "date"),
    Column("moment", "timestamp"),
    Column("is_paid", "bool"),
    Column("latitude", "float64"),
)
VALUES = (
    "5000000000 as key, 'it''s' as name, 10.50::decimal(18,2) as price, 0.00000001::decimal(18,8) as rate, date '2024-02-29' as day,"
    " timestamp '2024-02-29 23:59:59.123456' as moment, true as is_paid, -1.5::double as latitude"
)
ROW = (
    5_000_000_000,
    "it's",
    Decimal("10.50"),
    Decimal("0.00000001"),
    date(2024, 2, 29),
    datetime(2024, 2, 29, 23, 59, 59, 123456),
    True,
    -1.5,
)


def series(rows: int) -> str:
    """The numbers from 0 on, as column i."""
    return f"select cast(i as bigint) as i from (select unnest(generate_series(0, {rows - 1})) as i)"


class Room:
    """An engine under test and a folder whose name means something elsewhere."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder = folder
        self.engine = engine

    def write(
        self, sql: str, stem: str = "part", columns: tuple[Column, ...] = (KEY,), month_of: str = ""
    ) -> list[Path]:
        written = self.engine.write(sql, str(self.folder), stem=stem, columns=columns, month_of=month_of)
        return [Path(file.path) for file in written]

    def bind(self, name: str, paths: Sequence[Path], **options: Any) -> None:
        self.engine.bind(name, [str(path) for path in paths], **options)

    def numbers(self, stem: str, *numbers: int) -> Path:
        [path] = self.write(f"select n::bigint as key from (select unnest({list(numbers)}) as n)", stem)
        return path


@contextmanager
def opened(folder: Path, **options: Any) -> Iterator[Room]:
    options = {"memory": "500MB", "threads": 2, "temp": folder / "temp", **options}
    with DuckDBEngine(**options) as engine:
        yield Room(folder, engine)


@contextmanager
def opened_spark(folder: Path) -> Iterator[Room]:
    with spark.engine() as engine:
        yield Room(folder, engine)


ROOMS = {"duckdb": opened, "spark": opened_spark}


@pytest.fixture(params=ROOMS)
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    folder = tmp_path / "it's [1] * month=2024-01"
    folder.mkdir()
    with ROOMS[request.param](folder) as room:
        yield room


@pytest.fixture
def duckdb_room(tmp_path: Path) -> Iterator[Room]:
    with opened(tmp_path) as room:
        yield room


class TestBind:
    """Parquet files as one relation with exactly the columns asked for."""

    def test_columns_come_in_the_order_asked_for_whatever_the_files_hold(self, room: Room) -> None:
        [path] = room.write(f"select {VALUES}", columns=TYPES)
        room.bind("seen.rows", [path], columns=TYPES[3:0:-1])
        assert room.engine.rows("select * from seen.rows") == [ROW[3:0:-1]]

    def test_several_files_are_one_relation(self, room: Room) -> None:
        paths = [room.numbers("a", 1, 2), room.numbers("b", 3)]
        room.bind("seen.rows", paths, columns=(KEY,))
        assert room.engine.rows("select * from seen.rows order by 1") == [(1,), (2,), (3,)]

    def test_a_folder_named_like_a_partition_adds_no_column(self, room: Room) -> None:
        room.bind("seen.rows", [room.numbers("a", 1)], columns=(KEY,))
        assert room.engine.rows("select * from seen.rows") == [(1,)]

    def test_tags_and_the_row_within_its_file(self, room: Room) -> None:
        paths = [room.numbers("a", 10, 11, 12), room.numbers("b", 20, 21)]
        tags = [{"_batch_id": 7, "_part": 0}, {"_batch_id": 2**40, "_part": 1}]
        room.bind("seen.rows", paths, columns=(KEY,), tags=tags)
        found = room.engine.rows("select key, _batch_id, _part, _row from seen.rows order by key")
        assert found == [
            (10, 7, 0, 0),
            (11, 7, 0, 1),
            (12, 7, 0, 2),
            (20, 2**40, 1, 0),
            (21, 2**40, 1, 1),
        ]

    def test_rows_keep_their_ordinal_in_a_file_of_many_row_groups(self, room: Room) -> None:
        path = room.folder / "many.parquet"
        quoted = str(path).replace("'", "''")
        make = "import duckdb, sys; duckdb.execute(sys.argv[1])"
        copy = f"copy (select i as key from range(100000) t(i)) to '{quoted}' (format parquet, row_group_size 2048)"
        subprocess.run([sys.executable, "-c", make, copy], check=True)
        room.bind("seen.rows", [path], columns=(KEY,), tags=[{"_batch_id": 1}])
        assert room.engine.rows("select count(*) from seen.rows where key <> _row") == [(0,)]

    def test_no_file_is_an_empty_relation_with_the_same_columns(self, room: Room) -> None:
        room.bind("seen.rows", [], columns=TYPES)
        assert room.engine.rows("select * from seen.rows") == []
        kinds = ", ".join(f"typeof({column.name})" for column in TYPES)
        [told] = room.engine.rows(f"select {kinds} from (select 1 as one) as one left join seen.rows on true")
        words = {"string": "varchar", "timestamp_ntz": "timestamp"}
        assert [column.sql_type for column in TYPES] == [words.get(kind.lower(), kind.lower()) for kind in told]

    def test_names_with_quotes(self, room: Room) -> None:
        odd = Column('a "quoted" name', "int64")
        [path] = room.write('select 1::bigint as "a ""quoted"" name"', columns=(odd,))
        room.bind('seen."rows"', [path], columns=(odd,), tags=[{'_t"ag': 5}])
        assert room.engine.rows('select "a ""quoted"" name", "_t""ag" from "seen"."""rows"""') == [(1, 5)]
        room.bind('seen."rows"', [], columns=(odd,))
        assert room.engine.rows('select * from "seen"."""rows"""') == []

    def test_the_tags_of_many_files(self, room: Room) -> None:
        """So many that they are looked up rather than compared."""
        paths = [room.numbers(f"file{number}", number, number + 100) for number in range(20)]
        room.bind("seen.rows", paths, columns=(KEY,), tags=[{"n": number, "same": 5} for number in range(20)])
        wrong = "n <> key % 100 or same <> 5 or _row <> key // 100"
        assert room.engine.rows(f"select count(*), count(*) filter (where {wrong}) from seen.rows") == [(40, 0)]

    def test_one_tag_is_missing(self, room: Room) -> None:
        with pytest.raises(ValueError):
            room.bind("seen.rows", [room.numbers("a", 1), room.numbers("b", 1)], columns=(KEY,), tags=[{}])


class TestNames:
    """A name is a query, kept or not; defined again it is another."""

    def test_a_defined_query_is_evaluated_where_it_is_used(self, room: Room) -> None:
        room.engine.keep("a.source", "select 1 as n")
        room.engine.define("a.view", "select n + 1 as n from a.source")
        room.engine.keep("a.source", "select 5 as n")
        assert room.engine.rows("select * from a.view") == [(6,)]

    def test_a_kept_query_is_evaluated_once(self, room: Room) -> None:
        room.engine.keep("a.source", "select 1 as n")
        assert room.engine.keep("a.kept", "select n + 1 as n from a.source union all select 9") == 2
        room.engine.keep("a.source", "select 5 as n")
        assert room.engine.rows("select * from a.kept order by n") == [(2,), (9,)]

    def test_an_empty_query_is_kept_too(self, room: Room) -> None:
        assert room.engine.keep("a.kept", "select 1 as n where false") == 0
        assert room.engine.rows("select * from a.kept") == []

    @pytest.mark.parametrize("first", ["define", "keep", "bind"])
    @pytest.mark.parametrize("second", ["define", "keep", "bind"])
    def test_a_name_may_change_its_kind(self, room: Room, first: str, second: str) -> None:
        for kind, number in ((first, 1), (second, 2)):
            if kind == "bind":
                room.bind("a.thing", [room.numbers(f"file{number}", number)], columns=(KEY,))
            else:
                getattr(room.engine, kind)("a.thing", f"select {number}::bigint as key")
        assert room.engine.rows("select key from a.thing") == [(2,)]

    def test_a_dropped_name_is_gone_and_may_be_used_again(self, room: Room) -> None:
        room.engine.keep("a.thing", "select 1 as n")
        room.engine.drop("a.thing")
        with pytest.raises(ModelError):
            room.engine.rows("select * from a.thing")
        room.engine.define("a.thing", "select 2 as n")
        assert room.engine.rows("select * from a.thing") == [(2,)]

    def test_dropping_what_is_not_there_is_fine(self, room: Room) -> None:
        room.engine.drop("a.nothing")

    def test_a_variable_of_the_caller_is_no_relation(self, room: Room) -> None:
        secret = room.engine
        with pytest.raises(ModelError, match="secret"):
            room.engine.rows("select * from secret")
        assert secret is not None


class TestWrite:
    """Parquet with exact types and Iceberg's field ids."""

    def test_values_come_back_exactly(self, room: Room) -> None:
        [path] = room.write(f"select {VALUES}", columns=TYPES)
        room.bind("seen.rows", [path], columns=TYPES)
        assert room.engine.rows("select * from seen.rows") == [ROW]

    def test_columns_are_written_in_order_with_their_ids(self, room: Room) -> None:
        import pyarrow.parquet

        [path] = room.write(f"select {VALUES}", columns=TYPES[::-1])
        schema = pyarrow.parquet.read_schema(path)
        assert [column.name for column in TYPES[::-1]] == schema.names
        ids = [schema.field(number).metadata[b"PARQUET:field_id"] for number in range(len(TYPES))]
        assert [b"%d" % number for number in range(1, len(TYPES) + 1)] == ids
        assert str(schema.field("moment").type) == "timestamp[us]"
        assert str(schema.field("price").type) == "decimal128(18, 2)"

    def test_no_rows_no_file(self, room: Room) -> None:
        assert room.write("select 1::bigint as key where false") == []
        assert room.write("select 1::bigint as key, null::timestamp as t where false", month_of="t") == []
        assert [path for path in room.folder.rglob("*") if path.is_file()] == []

    def test_files_are_named_by_their_stem_and_others_stay(self, room: Room) -> None:
        first = room.numbers("first", 1)
        second = room.numbers("second", 2)
        assert (first.name[:5], second.name[:6]) == ("first", "second")
        assert first.exists()

    def test_rows_are_counted_by_file(self, room: Room) -> None:
        months = "select unnest([timestamp '2024-01-31 23:59:59.999999', '2024-02-01', '2024-02-02'])"
        written = room.engine.write(
            f"select t, 1::bigint as key from ({months} as t)",
            str(room.folder),
            stem="part",
            columns=(KEY,),
            month_of="t",
        )
        assert sorted(file.rows for file in written) == [1, 2]
        assert all(Path(file.path).is_absolute() for file in written)

    def test_every_month_has_files_of_its_own_and_so_have_null_months(self, room: Room) -> None:
        when = Column("t", "timestamp")
        rows = "(1, '2024-01-31 23:59:59.999999'), (2, '2024-02-01'), (3, null), (4, '2024-01-01'), (5, '1969-12-31')"
        paths = room.write(
            f"select key::bigint as key, t::timestamp as t from (values {rows}) as given(key, t)",
            columns=(KEY, when),
            month_of="t",
        )
        found = []
        for path in paths:
            room.bind("seen.rows", [path], columns=(KEY, when))
            found.append([number for (number,) in room.engine.rows("select key from seen.rows order by key")])
        assert sorted(found) == [[1, 4], [2], [3], [5]]

    def test_the_month_may_be_a_column_that_is_not_written(self, room: Room) -> None:
        [path] = room.write("select 1::bigint as key, date '2024-01-01' as day", month_of="day")
        room.bind("seen.rows", [path], columns=(KEY,))
        assert room.engine.rows("select * from seen.rows") == [(1,)]

    def test_writing_a_month_again_leaves_its_older_files(self, room: Room) -> None:
        sql = "select 1::bigint as key, date '2024-01-01' as day"
        first, second = room.write(sql, "first", month_of="day"), room.write(sql, "second", month_of="day")
        assert first[0].parent == second[0].parent
        assert (first[0].exists(), second[0].exists(), len(list(first[0].parent.iterdir()))) == (True, True, 2)

    def test_a_folder_may_be_named_by_a_url(self, tmp_path: Path) -> None:
        """As in a store, where files are listed and counted in another way."""
        with opened_spark(tmp_path) as room:
            sql = "select 1::bigint as key, date '2024-01-01' as day union all select 2, date '2024-02-01'"
            room.engine.write(sql, str(tmp_path / "out"), stem="old", columns=(KEY,), month_of="day")
            written = room.engine.write(sql, f"file://{tmp_path}/out", stem="new", columns=(KEY,), month_of="day")
            assert [file.rows for file in written] == [1, 1]
            paths = [file.path for file in written]
            assert paths == [f"file:{path}" for path in sorted(map(str, tmp_path.rglob("new*.parquet")))]
            room.engine.bind("seen.rows", paths, columns=(KEY,), tags=[{"n": 7}, {"n": 8}])
            assert room.engine.rows("select key, n from seen.rows order by key") == [(1, 7), (2, 8)]

    def test_executors_elsewhere_read_and_write_in_the_lake_alone(self, tmp_path: Path) -> None:
        """A cluster's machines have disks of their own: what is to be read is taken into the lake, and what is written stays in it."""
        mine, lake = tmp_path / "this machine's", tmp_path / "lake"
        with opened_spark(mine) as room:
            kept = room.numbers("kept", 1, 2)
        with SparkEngine(spark.settings(), lake=str(lake)) as engine:
            [written] = engine.write("select 3::bigint as key", str(mine / "out"), stem="part", columns=(KEY,))
            assert (Path(written.path).is_relative_to(lake), written.rows, (mine / "out").exists()) == (True, 1, False)
            engine.bind("seen.rows", [str(kept), written.path], columns=(KEY,), tags=[{"n": 7}, {"n": 8}])
            # An executor elsewhere does not have it.
            kept.unlink()
            assert engine.rows("select key, n from seen.rows order by key") == [(1, 7), (2, 7), (3, 8)]
            [inside] = engine.write("select 4::bigint as key", str(lake / "t"), stem="part", columns=(KEY,))
            assert Path(inside.path).parent == lake / "t"
        assert [path.name for path in lake.rglob("*.parquet")] == [Path(inside.path).name]

    def test_many_months_from_many_threads(self, room: Room) -> None:
        """Ten years of rows in no order; a month may take several files."""
        sql = f"select i as key, timestamp '2015-01-01' + interval 1 hour * cast((i * 7919) % 87600 as int) as t from ({series(50_000)})"
        paths = room.write(sql, month_of="t")
        room.bind("seen.rows", paths, columns=(KEY,))
        assert room.engine.rows("select count(*), count(distinct key), sum(key) from seen.rows") == [
            (50_000, 50_000, 49_999 * 25_000)
        ]
        assert len({path.parent for path in paths}) == 120

    def test_iceberg_accepts_the_files(self, room: Room) -> None:
        """With statistics that tell their month, also for values such as not-a-number that have none."""
        from rental_etl.lake.iceberg import LocalCurated

        odd = "7 as key, null as name, null as price, null as rate, null as day, timestamp '2024-03-01' as moment, null as is_paid, 'nan' as latitude"
        typed = ", ".join(f"cast({column.name} as {column.sql_type}) as {column.name}" for column in TYPES)
        paths = room.write(
            f"select {typed} from (select {VALUES}) union all select {typed} from (select {odd})",
            columns=TYPES,
            month_of="moment",
        )
        curated = LocalCurated(room.folder / "lake")
        snapshot = curated.commit(
            "t", columns=TYPES, partition_by="moment", remove=(), add=[str(path) for path in paths], properties={}
        )
        assert sorted(month for _, month in snapshot.files) == ["2024-02", "2024-03"]


class TestOneAnothersFiles:
    """A workspace may change its engine from run to run. Enough rows for many pages, and values for every way of writing them."""

    COLUMNS = (*TYPES[:-1], Column("words", "text"), Column("long", "text"))
    ROWS = """
        select cast((i * 7919) % 4000037 - 2000000 as bigint) as key,
            case i % 11 when 0 then null when 1 then '' else 'Ünit ' || i || repeat('·', cast(i % 40 as integer)) end as name,
            case when i % 13 > 0 then cast(((i * 7907) % 99999989 - 50000000) * 0.01 as decimal(18, 2)) end as price,
            cast(i * 0.00000001 as decimal(18, 8)) as rate,
            case when i % 17 > 0 then date '1900-01-01' + cast((i * 31) % 60000 as integer) end as day,
            timestamp '1969-12-31 23:59:59.999999' + i * interval 123456789 microsecond as moment,
            case i % 3 when 0 then null when 1 then true else false end as is_paid,
            ['', 'paid', 'no_show', 'ö'][cast(i % 4 as integer) + 1] as words,
            case when i % 1000 = 0 then repeat('long ' || i, 3000) end as long
        from (select unnest(generate_series(0, 199999)) as i)
    """

    @pytest.mark.parametrize("month_of", ["", "moment"])
    def test_spark_reads_what_duckdb_writes_and_duckdb_what_spark_writes(
        self, tmp_path: Path, duckdb_room: Room, month_of: str
    ) -> None:
        there = duckdb_room.write(self.ROWS, "there", self.COLUMNS, month_of)
        files = [pq.ParquetFile(path).metadata.row_group(0) for path in there]
        encodings = {encoding for file in files for column in (0, 1) for encoding in file.column(column).encodings}
        assert encodings >= {"DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY"}
        with opened_spark(tmp_path) as spark_room:
            spark_room.bind("seen.rows", there, columns=self.COLUMNS)
            back = spark_room.write("select * from seen.rows", "back", self.COLUMNS, month_of)
        duckdb_room.bind("back.rows", back, columns=self.COLUMNS)
        # Made anew: neither engine says what was meant.
        rows = duckdb_room.engine.rows
        assert rows(f"select count(*) from (select * from back.rows except all ({self.ROWS}))") == [(0,)]
        assert rows("select count(*) from back.rows") == [(200_000,)]


class TestDays:
    """What periods begin with, computed in two ways."""

    @pytest.mark.parametrize(("unit", "fields"), [("week", ""), ("month", "%Y-%m-01"), ("year", "%Y-01-01")])
    def test_the_first_day_of_a_period_is_that_of_the_calendar(self, room: Room, unit: str, fields: str) -> None:
        # Ends of weeks, months and years, leap days, and days before Unix time, whose count is negative.
        days = [date(1899, 12, 31) + timedelta(days=n * 97 + n % 7) for n in range(600)]
        days += [
            date(year, month, day)
            for year in (1969, 2000, 2024)
            for month, day in ((1, 1), (2, 29 if year > 1969 else 28), (12, 31))
        ]
        room.engine.keep(
            "days", f"select day from (values {', '.join(f'(date {str(day)!r})' for day in days)}) as days(day)"
        )
        for value in ("day", "cast(day as timestamp) + interval 86399 second"):
            found = room.engine.rows(f"select day, cast(date_trunc('{unit}', {value}) as date) from days")
            expected = [
                (day, date.fromisoformat(day.strftime(fields)) if fields else day - timedelta(days=day.weekday()))
                for day in days
            ]
            assert sorted(found) == sorted(expected)


class TestWhatGoesWrong:
    """Errors say whether the system or a statement is at fault."""

    @pytest.mark.parametrize("sql", ["selec 1", "select * from nothing", "select nothing", "select nosuch(1)"])
    def test_a_wrong_statement(self, room: Room, sql: str) -> None:
        with pytest.raises(ModelError, match=r"a statement is wrong|cannot be rendered"):
            room.engine.rows(sql)

    @pytest.mark.parametrize("sql", ["select cast('x' as integer)", "select 9223372036854775807::bigint + 1::bigint"])
    def test_a_value_that_does_not_fit(self, room: Room, sql: str) -> None:
        with pytest.raises(ModelError, match="does not fit"):
            room.engine.rows(sql)

    @pytest.mark.parametrize("harm", ["missing", "empty", "cut", "no end", "scrambled footer", "scrambled pages"])
    def test_a_file_that_is_not_whole(self, room: Room, harm: str) -> None:
        [path] = room.write(f"select i as key from ({series(100_000)})")
        content = path.read_bytes()
        length = int.from_bytes(content[-8:-4], "little")
        harmed = {
            "empty": b"",
            "cut": content[:100],
            "no end": content[:-1],
            "scrambled footer": content[: -8 - length] + b"\x0f" * length + content[-8:],
            "scrambled pages": content[:4] + b"\xff" * (len(content) - 12 - length) + content[-8 - length :],
        }
        if harm == "missing":
            path.unlink()
        else:
            path.write_bytes(harmed[harm])

        def use() -> None:
            room.bind("seen.rows", [path], columns=(KEY,))
            room.engine.rows("select sum(key) from seen.rows")

        with pytest.raises(SystemUnreachableError) as caught:
            use()
        assert caught.value.exit_code == 3
        assert caught.value.remedy

    def test_a_folder_that_cannot_be_written_to(self, room: Room) -> None:
        (room.folder / "taken").write_text("a file")
        with pytest.raises(SystemUnreachableError):
            room.engine.write("select 1::bigint as key", str(room.folder / "taken"), stem="part", columns=(KEY,))

    def test_memory_that_does_not_suffice(self, tmp_path: Path) -> None:
        with (
            opened(tmp_path, memory="20MB", temp=Path("/proc/nowhere")) as room,
            pytest.raises(SystemUnreachableError) as caught,
        ):
            room.engine.keep("a.big", "select i, hash(i) as h, i::varchar as s from range(5000000) t(i)")
        assert "memory" in caught.value.what or "write" in caught.value.what

    def test_more_than_memory_holds_spills_to_the_temporary_folder(self, tmp_path: Path) -> None:
        with opened(tmp_path, memory="100MB") as room:
            assert (
                room.engine.keep("a.big", "select i, hash(i) as h, i::varchar as s from range(3000000) t(i)")
                == 3_000_000
            )
            assert room.engine.rows("select count(distinct h) from a.big") == [(3_000_000,)]
        assert [path for path in (tmp_path / "temp").rglob("*") if path.is_file()] == []

    def test_two_sessions_that_spill_do_not_disturb_each_other(self, tmp_path: Path) -> None:
        """In one folder they would overwrite each other's files."""
        with opened(tmp_path, memory="100MB") as one, opened(tmp_path, memory="100MB") as other:
            for room, letter in ((one, "x"), (other, "y")):
                room.engine.keep(
                    "a.big", f"select i, i::varchar || repeat('{letter}', 40) as s from range(2000000) t(i)"
                )
            assert len(list((tmp_path / "temp").iterdir())) == 2
            for room, letter in ((one, "x"), (other, "y")):
                told = f"count(*) filter (s = i::varchar || repeat('{letter}', 40))"
                assert room.engine.rows(f"select {told} from a.big") == [(2_000_000,)]
        assert list((tmp_path / "temp").iterdir()) == []

    def test_what_a_killed_session_spilled_goes_with_the_next(self, tmp_path: Path) -> None:
        script = f"""
import os, signal
from pathlib import Path
from rental_etl.engine.duckdb_session import DuckDBEngine
from rental_etl.engine.spark_session import SparkEngine
with DuckDBEngine(memory="100MB", threads=1, temp=Path({str(tmp_path / "temp")!r})) as engine:
    engine.keep("a.big", "select i, hash(i) as h, i::varchar as s from range(3000000) t(i)")
    os.kill(os.getpid(), signal.SIGKILL)
"""
        subprocess.run([sys.executable, "-c", script], check=False)
        assert len([path for path in (tmp_path / "temp").rglob("*") if path.is_file()]) > 0
        (tmp_path / "temp" / "mine").mkdir()
        with opened(tmp_path):
            assert [path.name for path in (tmp_path / "temp").iterdir()] == ["mine"]

    @pytest.mark.parametrize("month_of", ["", "t"])
    def test_a_full_disk(self, tmp_path: Path, month_of: str) -> None:
        """Simulated by a limit on the size of files."""
        script = f"""
import resource
from pathlib import Path
from rental_etl.engine.duckdb_session import DuckDBEngine
from rental_etl.engine.spark_session import SparkEngine
from rental_etl.model.contract import Column
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
folder = Path({str(tmp_path)!r})
with DuckDBEngine(memory="500MB", threads=2, temp=folder / "temp") as engine:
    sql = "select hash(i)::decimal(38,0) % 1000000007 as key, timestamp '2024-01-01' as t from range(1000000) s(i)"
    engine.write(f"select key::bigint as key, t from ({{sql}})", str(folder), stem="part", columns=(Column("key", "int64"),), month_of={month_of!r})
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=100)
        assert "SystemUnreachableError: the engine could not read or write a file" in done.stderr

    @pytest.mark.parametrize("seconds", [0.003, 0.03, 0.3, 1.0])
    def test_ctrl_c_ends_a_statement_whenever_it_comes(self, room: Room, seconds: float) -> None:
        def pairs(rows: int) -> str:
            return f"select count(*) from ({series(rows)}) as a cross join ({series(rows)}) as b where a.i * b.i = -3"

        # What is loaded late must not be what is interrupted.
        assert room.engine.rows(pairs(10)) == [(0,)]
        # A shell starts background jobs with SIGINT ignored, and Python then leaves it so.
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))

        def working() -> None:
            timer.start()
            # On a machine however fast this takes longer than a test may.
            room.engine.rows(pairs(1_000_000))

        try:
            with pytest.raises(KeyboardInterrupt):
                working()
        finally:
            # A signal that comes too late would end the tests instead of the statement.
            timer.cancel()
            signal.signal(signal.SIGINT, handler)
        assert room.engine.rows("select 1") == [(1,)]


def test_timestamps_are_utc_whatever_the_machine_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    with opened(tmp_path) as room:
        found = room.engine.rows("select cast(timestamptz '2024-01-01 00:30:00+00' as date)")
    assert found == [(date(2024, 1, 1),)]
