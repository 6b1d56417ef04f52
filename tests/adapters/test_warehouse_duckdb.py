"""What is special about the warehouse in a DuckDB file: one process at a time, and a file that may be anything."""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from adapters.houses import (
    AS_OF,
    SECOND_WEEK,
    STAYS,
    THREE_WEEKS,
    DuckDBHouse,
    batch,
    curated,
    load,
    parquet,
    publication,
    publish_three_weeks,
    published_rows,
    stays,
    update,
    weekly,
)
from rental_etl.errors import (
    ConfigurationError,
    RentalEtlError,
    SystemUnreachableError,
    UsageError,
    WorkspaceBusyError,
)
from rental_etl.model.run import Publication, RunRecord
from rental_etl.warehouse.duckdb_file import DuckDBWarehouse

NOBODY = 65534


@pytest.fixture
def house(duckdb_house: DuckDBHouse) -> DuckDBHouse:
    """A DuckDB file that does not exist yet."""
    return duckdb_house


@pytest.fixture
def three_weeks(house: DuckDBHouse) -> DuckDBHouse:
    """A file with one publish of three weeks."""
    publish_three_weeks(house)
    return house


class TestRaw:
    """The rows stay in the lake; a file of an earlier version holds them itself."""

    def test_rows_of_an_earlier_version_give_way_to_the_lakes_files(self, house: DuckDBHouse) -> None:
        """Both would be there otherwise, and nothing would say which parts the old rows came from."""
        load(house, 1, [1, 2])
        load(house, 2, [3])
        with duckdb.connect(str(house.path)) as database:
            database.execute("create table copied as from raw.stays")
            database.execute("drop view raw.stays")
            database.execute("drop table etl.raw_parts")
            database.execute("create table raw.stays as from copied")
        assert house.open().loaded() == {}
        load(house, 1, [1, 2], replace=True)
        load(house, 2, [3])
        assert house.open().loaded() == {"stays": [(1, 1), (2, 2)]}
        assert house.ask("select stay_id, _batch_id from raw.stays order by 1") == [(1, 1), (2, 1), (3, 2)]

    def test_thousands_of_parts_are_one_scan(self, house: DuckDBHouse) -> None:
        """A series has a file a day: a scan for each would take seconds to plan."""
        part = stays(house.files, 1, [7])
        parts = []
        for number in range(1, 1001):
            copy = house.files / f"part-{number}.parquet"
            copy.hardlink_to(part)
            parts.append((batch(number, 1), [str(copy)]))
        assert house.open().load(STAYS, add=parts, drop=(), replace=True) == 1000
        [(sql,)] = house.ask("select sql from duckdb_views() where schema_name = 'raw' and view_name = 'stays'")
        assert sql.count("read_parquet") == 1
        assert house.ask("select count(distinct _batch_id), sum(stay_id) from raw.stays") == [(1000, 7000)]


class TestQuery:
    """DuckDB's own ways to ask."""

    @pytest.mark.parametrize(
        "sql", ["show tables", "describe revenue_weekly", "pivot revenue_weekly on currency using sum(revenue)"]
    )
    def test_every_way_to_ask_is_allowed(self, three_weeks: DuckDBHouse, sql: str) -> None:
        assert three_weeks.ask(sql)

    def test_an_open_answer_of_this_process_keeps_writers_out(self, three_weeks: DuckDBHouse) -> None:
        answer = three_weeks.open().query("select * from revenue_weekly")
        with pytest.raises(WorkspaceBusyError, match="this process"):
            load(three_weeks, 1, [1])
        assert len(list(answer.rows)) == 3

    def test_an_error_in_the_middle_of_the_rows_is_explained(self, three_weeks: DuckDBHouse) -> None:
        answer = three_weeks.open().query(
            "select case when i = 500000 then error('row ' || i) end from range(1000000) t(i)"
        )
        with pytest.raises(UsageError, match="row 500000"):
            list(answer.rows)
        load(three_weeks, 1, [1])

    @pytest.mark.parametrize("seconds", [0.3, 1.0, 2.0])
    def test_ctrl_c_ends_a_question_whose_parts_take_long(self, three_weeks: DuckDBHouse, seconds: float) -> None:
        """The driver itself looks for a signal only between parts, of which each takes many seconds here."""
        counted = "select cast(i as bigint) as i from (select unnest(generate_series(0, 999999)) as i)"
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))

        def asking() -> None:
            timer.start()
            three_weeks.ask(f"select count(*) from ({counted}) as a cross join ({counted}) as b where a.i * b.i = -3")

        try:
            with pytest.raises(KeyboardInterrupt):
                asking()
        finally:
            timer.cancel()
            signal.signal(signal.SIGINT, handler)
        load(three_weeks, 1, [1])

    def test_a_local_variable_is_no_table(self, three_weeks: DuckDBHouse) -> None:
        secret = duckdb.sql("select 1")
        with pytest.raises(UsageError, match="secret"):
            three_weeks.ask("select * from secret")
        assert secret is not None


HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held(house: DuckDBHouse) -> Iterator[subprocess.Popen[str]]:
    """The file open for writing in another process, until its standard input ends."""
    script = house.files / "holder_script.py"
    script.write_text(HOLDER)
    command = [sys.executable, str(script), str(house.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            # The end of its input ends it; a test may have closed it already.
            process.stdin.close()
            process.wait(timeout=30)


class TestAFileInUse:
    """DuckDB lets one process write, or several read."""

    def test_reader_and_writer_wait_then_name_the_holder(self, three_weeks: DuckDBHouse) -> None:
        with held(three_weeks) as process:
            for work in (
                lambda: three_weeks.ask("select 1"),
                lambda: load(three_weeks, 1, [1]),
                three_weeks.open().loaded,
            ):
                began = time.monotonic()
                with pytest.raises(WorkspaceBusyError) as caught:
                    work()
                assert 0.3 <= time.monotonic() - began < 3
                assert f"(PID {process.pid})" in caught.value.what
                assert "holder_script.py" in caught.value.what
                assert caught.value.exit_code == 4
                assert caught.value.remedy

    def test_a_file_that_is_let_go_in_time_is_used(self, three_weeks: DuckDBHouse) -> None:
        with held(three_weeks) as process:
            assert process.stdin is not None
            threading.Timer(0.5, process.stdin.close).start()
            assert len(list(three_weeks.open(wait_seconds=10).query("select * from revenue_weekly").rows)) == 3


class TestAFileThatCannotBeUsed:
    """Each case says what, where and what to do."""

    @pytest.mark.parametrize("content", [b"id,title\n1,Flat\n", b"", b"SQLite format 3\0" + bytes(5000), b"x" * 20_000])
    def test_a_file_that_is_no_database(self, house: DuckDBHouse, content: bytes) -> None:
        house.path.write_bytes(content)
        for work in (
            house.open().loaded,
            house.open().last_publish,
            lambda: load(house, 1, [1]),
            lambda: house.ask("select 1"),
        ):
            with pytest.raises(ConfigurationError, match="not a DuckDB database") as caught:
                work()
            assert str(house.path) == caught.value.where
        assert content == house.path.read_bytes()

    def test_a_database_of_another_version(self, three_weeks: DuckDBHouse) -> None:
        content = bytearray(three_weeks.path.read_bytes())
        content[12:20] = (9999).to_bytes(8, "little")
        three_weeks.path.write_bytes(content)
        with pytest.raises(RentalEtlError) as caught:
            three_weeks.open().loaded()
        assert caught.value.remedy

    def test_a_damaged_database(self, three_weeks: DuckDBHouse) -> None:
        content = bytearray(three_weeks.path.read_bytes())
        content[4096:] = bytes(len(content) - 4096)
        three_weeks.path.write_bytes(content)
        with pytest.raises(RentalEtlError) as caught:
            three_weeks.ask("select * from revenue_weekly")
        assert caught.value.remedy

    def test_a_folder_that_does_not_exist(self, house: DuckDBHouse) -> None:
        warehouse = DuckDBWarehouse(house.files / "none" / "warehouse.duckdb")
        with pytest.raises(SystemUnreachableError) as caught:
            warehouse.record_run(RunRecord("run-1", "run", AS_OF, "running", ""))
        assert caught.value.exit_code == 3

    def test_a_folder_in_place_of_the_file(self, house: DuckDBHouse) -> None:
        house.path.mkdir()
        with pytest.raises(SystemUnreachableError):
            house.open().loaded()

    def test_a_folder_without_permission(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o555)
            warehouse = DuckDBWarehouse(Path(folder) / "warehouse.duckdb")
            with _unprivileged(), pytest.raises(SystemUnreachableError):
                warehouse.record_run(RunRecord("run-1", "run", AS_OF, "running", ""))

    def test_a_log_whose_database_is_gone_does_not_stop_a_new_one(self, house: DuckDBHouse) -> None:
        house.path.with_name("warehouse.duckdb.wal").write_bytes(b"left over")
        assert load(house, 1, [1]) == 1

    def test_a_full_disk_leaves_the_last_publish(self, three_weeks: DuckDBHouse) -> None:
        file = parquet(three_weeks.files / "big.parquet", "select i, hash(i) as h from range(2000000) t(i)")
        big = update("big_weekly", str(file), columns=(("i", "bigint"), ("h", "ubigint")))
        limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))"
        done = _in_another_process(three_weeks, publication(update(), big), prologue=limit)
        assert "SystemUnreachableError" in done.stderr
        assert published_rows(three_weeks) == THREE_WEEKS
        assert three_weeks.open().publish(publication()).number == 2


@contextmanager
def _unprivileged() -> Iterator[None]:
    """As a user who may not write into the folders of another; root may write everywhere."""
    user = os.geteuid()
    os.seteuid(user or NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


KILLS = {
    "while the file is made": """
def kill(*arguments): os.kill(os.getpid(), signal.SIGKILL)
ledger.lay_out = kill
""",
    "before the commit": """
kept = ledger.record_publish
def kill(*arguments, **options):
    kept(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)
ledger.record_publish = kill
""",
    "after the commit": """
kept = duckdb_file.transaction
@contextlib.contextmanager
def kill(connection):
    with kept(connection):
        yield
    os.kill(os.getpid(), signal.SIGKILL)
duckdb_file.transaction = kill
""",
}


def _in_another_process(house: DuckDBHouse, what: Publication, *, prologue: str) -> subprocess.CompletedProcess[str]:
    """Publish in a process that begins with `prologue`."""
    pickled = house.files / "publication.pickle"
    pickled.write_bytes(pickle.dumps(what))
    script = f"""
import contextlib, os, pickle, signal, sys
from pathlib import Path
from rental_etl.warehouse import duckdb_file, ledger
{prologue}
duckdb_file.DuckDBWarehouse(Path(sys.argv[1])).publish(pickle.loads(Path(sys.argv[2]).read_bytes()))
"""
    command = [sys.executable, "-c", script, str(house.path), str(pickled)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class TestKilled:
    """A kill leaves the state before or after, and the next run works."""

    def test_before_the_commit_the_last_publish_stands(self, three_weeks: DuckDBHouse) -> None:
        file = weekly(three_weeks, "second", [(SECOND_WEEK, "EUR", 9, "9.00")])
        new = publication(update("revenue_weekly", file), update("other_weekly"), curated=(curated([]),))
        done = _in_another_process(three_weeks, new, prologue=KILLS["before the commit"])
        assert done.returncode == -signal.SIGKILL, done.stderr
        last = three_weeks.open().last_publish()
        assert last is not None
        assert last.number == 1
        assert published_rows(three_weeks) == THREE_WEEKS
        assert three_weeks.open().publish(new).number == 2
        assert [(SECOND_WEEK, "EUR", 9, Decimal("9.00"))] == published_rows(three_weeks)

    def test_after_the_commit_the_new_publish_stands(self, three_weeks: DuckDBHouse) -> None:
        """Killed before the log is merged into the file; a reader must see it, also when the lake has moved on."""
        file = weekly(three_weeks, "second", [(SECOND_WEEK, "EUR", 9, "9.00")])
        part = stays(three_weeks.files, 1, [1])
        new = publication(update("revenue_weekly", file), curated=(curated([part]),))
        done = _in_another_process(three_weeks, new, prologue=KILLS["after the commit"])
        assert done.returncode == -signal.SIGKILL, done.stderr
        Path(file).unlink()
        part.unlink()
        last = three_weeks.open().last_publish()
        assert last is not None
        assert last.number == 2
        assert [(SECOND_WEEK, "EUR", 9, Decimal("9.00"))] == published_rows(three_weeks)
        assert three_weeks.open().publish(publication()).number == 3

    def test_while_the_file_is_made_nothing_stands_in_the_way(self, house: DuckDBHouse) -> None:
        done = _in_another_process(house, publication(), prologue=KILLS["while the file is made"])
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert house.open().last_publish() is None
        assert house.open().publish(publication()).number == 1


def _plain(path: Path) -> str:
    return str(path).replace("'", "''")


def test_a_warehouse_is_known_by_its_absolute_path(house: DuckDBHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(house.files)
    assert house.open().identity == DuckDBWarehouse(Path("warehouse.duckdb")).identity
    assert str(house.path) in house.open().identity
