"""What is special about the warehouse in PostgreSQL: a server that other people use too, that may refuse, and that may be gone."""

import dataclasses
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from adapters.houses import (
    AS_OF,
    FIRST_WEEK,
    SECOND_WEEK,
    STAYS,
    THREE_WEEKS,
    WEEKLY,
    PostgresHouse,
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
from postgres import server as postgres
from postgres.server import PASSWORD, USER, Postgres
from rental_etl.errors import ConfigurationError, RentalEtlError, SystemUnreachableError, WorkspaceBusyError
from rental_etl.model.run import RunRecord
from rental_etl.warehouse import ledger
from rental_etl.warehouse.postgres.connect import Server
from rental_etl.warehouse.postgres.errors import explained
from rental_etl.warehouse.postgres.warehouse import PostgresWarehouse

NINE = (SECOND_WEEK, "EUR", 9, "9.00")
RUN = RunRecord("run-1", "run", AS_OF, "running", "")


@pytest.fixture
def house(postgres_house: PostgresHouse) -> PostgresHouse:
    """An empty database."""
    return postgres_house


@pytest.fixture
def three_weeks(house: PostgresHouse) -> PostgresHouse:
    """A database with one publish of three weeks."""
    publish_three_weeks(house)
    return house


def warehouse(url: str, **options: Any) -> PostgresWarehouse:
    """A warehouse that is not waited for."""
    return PostgresWarehouse(
        url, **{"password": lambda: PASSWORD, "connect_seconds": 2, "wait_seconds": 0.3, **options}
    )


def refusal_of(work: Callable[[], object]) -> RentalEtlError:
    """The error that some work ends with; it says where and what to do, on one line each, and no secret."""
    with pytest.raises(RentalEtlError) as caught:
        work()
    error = caught.value
    assert error.remedy
    told = [text for _, text in error.lines()]
    assert [text for text in told if "\n" in text] == []
    assert [text for text in (*told, str(error), repr(error)) if PASSWORD in text] == []
    return error


class TestUrl:
    """A database is named by a URL without a password."""

    def test_the_identity_is_the_database_whoever_asks(self) -> None:
        named = [
            "postgresql://etl@db.example.com/rental",
            "postgres://other@DB.example.com:5432/rental",
        ]
        assert {PostgresWarehouse(url).identity for url in named} == {"postgresql://db.example.com:5432/rental"}

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://etl:geheim@db/rental",
            "postgresql://db/rental",
            "postgresql://etl@db",
            "postgresql://etl@db:port/rental",
            "postgresql://etl@db/rental?sslmode=disable",
            "mysql://etl@db/rental",
        ],
    )
    def test_what_names_no_database_is_refused_without_repeating_it(self, url: str) -> None:
        error = refusal_of(lambda: PostgresWarehouse(url))
        assert isinstance(error, ConfigurationError)
        assert "geheim" not in str(error.lines())

    def test_names_are_taken_out_of_their_percent_signs(self) -> None:
        server = Server.of("postgresql://e%40l@[::1]:5433/it%27s%20%2F")
        assert (server.user, server.host, server.port, server.database) == ("e@l", "::1", 5433, "it's /")
        assert server.identity == "postgresql://[::1]:5433/it%27s%20%2F"

    @pytest.mark.parametrize(
        ("host", "tls", "mode"),
        [
            ("db.example.com", None, "verify-full"),
            ("10.0.0.5", None, "verify-full"),
            ("localhost", None, "prefer"),
            ("127.0.0.1", None, "prefer"),
            ("db.example.com", "off", "disable"),
            ("localhost", "verify-full", "verify-full"),
        ],
    )
    def test_every_host_but_this_machine_is_verified_unless_set_otherwise(self, host: str, tls: Any, mode: str) -> None:
        assert Server.of(f"postgresql://etl@{host}/rental", tls=tls).mode == mode


class TestConnection:
    """Each refusal says what, where and what to do, and never a secret."""

    def test_a_wrong_password(self, house: PostgresHouse) -> None:
        url = postgres.shared().url(house.database)
        error = refusal_of(warehouse(url, password=lambda: "falsch").loaded)
        assert isinstance(error, ConfigurationError)
        assert url == error.where
        assert "RENTAL_ETL_WAREHOUSE__PASSWORD" in error.remedy
        assert "falsch" not in str(error.lines())

    def test_no_password(self, house: PostgresHouse) -> None:
        error = refusal_of(warehouse(postgres.shared().url(house.database), password=None).loaded)
        assert "password" in error.what

    def test_the_password_is_asked_for_at_every_connection(self, house: PostgresHouse) -> None:
        asked: list[str] = []

        def password() -> str:
            asked.append("asked")
            return PASSWORD

        opened = warehouse(postgres.shared().url(house.database), password=password)
        opened.loaded()
        opened.loaded()
        assert asked == ["asked", "asked"]

    def test_an_unknown_user(self, house: PostgresHouse) -> None:
        error = refusal_of(warehouse(postgres.shared().url(house.database, user="nobody")).loaded)
        assert isinstance(error, ConfigurationError)
        assert "nobody" in error.what or "nobody" in error.expected

    def test_a_database_that_does_not_exist(self) -> None:
        error = refusal_of(warehouse(postgres.shared().url("nowhere")).loaded)
        assert isinstance(error, ConfigurationError)
        assert 'create database "nowhere" owner "etl"' in error.remedy

    def test_a_database_one_may_not_connect_to(self, house: PostgresHouse) -> None:
        house.meddle(f'revoke connect on database "{house.database.replace(chr(34), chr(34) * 2)}" from public')
        url = postgres.shared().url(house.database, user=postgres.OLD_USER)
        error = refusal_of(warehouse(url).loaded)
        assert isinstance(error, ConfigurationError)
        assert "grant connect on database" in error.remedy

    def test_nothing_listens(self) -> None:
        error = refusal_of(warehouse("postgresql://etl@127.0.0.1:1/rental", connect_seconds=0.1).loaded)
        assert isinstance(error, SystemUnreachableError)
        assert error.exit_code == 3
        assert "Connection refused" in error.what

    def test_a_host_that_nobody_knows(self) -> None:
        error = refusal_of(warehouse("postgresql://etl@nowhere.invalid/rental", tls="off").loaded)
        assert isinstance(error, SystemUnreachableError)
        assert "nowhere.invalid" in error.what

    def test_a_server_that_is_still_starting_is_waited_for(self) -> None:
        with postgres.running() as server:
            database = server.create_database()
            server.stop()
            starter = threading.Timer(0.7, server.start)
            starter.start()
            assert warehouse(server.url(database), connect_seconds=30).loaded() == {}
            starter.join()

    def test_tls_with_the_right_authority(self, house: PostgresHouse) -> None:
        server = postgres.shared()
        url = server.url(house.database, host="localhost")
        opened = warehouse(url, tls="verify-full", ca=server.authority)
        opened.record_run(RUN)
        sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
        assert list(opened.query(sql).rows) == [(True,)]

    @pytest.mark.parametrize("wrong", ["host", "authority"])
    def test_tls_that_cannot_be_verified(self, house: PostgresHouse, wrong: str) -> None:
        server = postgres.shared()
        url = server.url(house.database, host="127.0.0.1" if wrong == "host" else "localhost")
        error = refusal_of(warehouse(url, tls="verify-full", ca=server.authority if wrong == "host" else None).loaded)
        assert isinstance(error, ConfigurationError)
        assert "warehouse.ca" in error.remedy

    def test_a_server_without_tls(self) -> None:
        with postgres.running({"ssl": "off"}) as server:
            url = server.url(server.create_database())
            assert isinstance(refusal_of(warehouse(url, tls="require").loaded), ConfigurationError)
            assert warehouse(url, tls="off").loaded() == {}


class TestRights:
    """What a user needs is little, and what is missing is named."""

    def test_a_user_who_may_not_make_schemas(self, house: PostgresHouse) -> None:
        url = postgres.shared().url(house.database, user=postgres.OLD_USER)
        error = refusal_of(lambda: warehouse(url).record_run(RUN))
        assert isinstance(error, ConfigurationError)
        assert "grant create on database" in error.remedy
        assert postgres.OLD_USER in error.remedy

    def test_schemas_that_an_administrator_made_are_enough(self, house: PostgresHouse) -> None:
        for schema in ledger.SCHEMAS:
            house.meddle(f"create schema {schema} authorization {USER}")
            house.meddle(f"grant usage, create on schema {schema} to {postgres.OLD_USER}")
        url = postgres.shared().url(house.database, user=postgres.OLD_USER)
        other = warehouse(url)
        other.record_run(RUN)
        assert other.publish(publication(update(), curated=(curated([]),))).number == 1

    def test_a_schema_one_may_not_use(self, house: PostgresHouse) -> None:
        for schema in ledger.SCHEMAS:
            house.meddle(f"create schema {schema}")
        url = postgres.shared().url(house.database, user=postgres.OLD_USER)
        error = refusal_of(lambda: warehouse(url).record_run(RUN))
        assert f'grant usage, create on schema "etl" to "{postgres.OLD_USER}"' in error.remedy

    def test_a_table_of_another_owner(self, three_weeks: PostgresHouse) -> None:
        for schema in ledger.SCHEMAS:
            three_weeks.meddle(f"grant usage, create on schema {schema} to {postgres.OLD_USER}")
        url = postgres.shared().url(three_weeks.database, user=postgres.OLD_USER)
        error = refusal_of(lambda: warehouse(url).record_run(RUN))
        assert isinstance(error, ConfigurationError)
        assert "owner" in error.remedy

    def test_check_says_who_over_what_and_changes_nothing(self, house: PostgresHouse) -> None:
        found = warehouse(
            postgres.shared().url(house.database, host="localhost"), tls="verify-full", ca=postgres.shared().authority
        ).check()
        assert found.problems == ()
        assert re.fullmatch(
            r"PostgreSQL \d+\S*( .*)? as etl, TLSv1\.\d \([A-Z0-9_-]+, tls = verify-full\), psycopg 3\S+ \((compiled|pure Python, slow)\)",
            found.found,
        )
        assert "no TLS" in warehouse(postgres.shared().url(house.database), tls="off").check().found
        assert house.meddle("select count(*) from pg_namespace where nspname in ('raw', 'etl')") == [(0,)]

    def test_check_names_every_right_that_is_missing_and_the_statement_that_grants_it(
        self, house: PostgresHouse
    ) -> None:
        other = warehouse(postgres.shared().url(house.database, user=postgres.OLD_USER))

        def granting() -> list[str]:
            return [problem.remedy.partition(": ")[2] for problem in other.check().problems]

        assert granting() == [f'grant create on database "{house.database}" to "loader"']
        for schema in ledger.SCHEMAS:
            house.meddle(f"create schema {schema}")
        assert granting() == [f'grant usage, create on schema {schema} to "loader"' for schema in ledger.SCHEMAS]
        for schema in ledger.SCHEMAS:
            house.meddle(f"grant usage on schema {schema} to loader")
        statements = granting()
        assert statements == [f'grant create on schema {schema} to "loader"' for schema in ledger.SCHEMAS]
        for statement in statements:
            house.meddle(statement)
        assert (granting(), "as loader" in other.check().found) == ([], True)

    def test_check_names_who_owns_what_a_run_has_to_change(self, three_weeks: PostgresHouse) -> None:
        for schema in ledger.SCHEMAS:
            three_weeks.meddle(f"grant usage, create on schema {schema} to loader")
        other = warehouse(postgres.shared().url(three_weeks.database, user=postgres.OLD_USER))
        (problem,) = other.check().problems
        assert "belong to etl" in problem.what
        assert problem.remedy == 'let an administrator run: grant "etl" to "loader"'
        assert warehouse(postgres.shared().url(three_weeks.database)).check().problems == ()

    def test_a_question_about_a_table_one_may_not_read(self, three_weeks: PostgresHouse) -> None:
        error = refusal_of(lambda: three_weeks.ask("select * from pg_authid"))
        assert isinstance(error, ConfigurationError)
        assert "grant select" in error.remedy

    def test_a_server_that_only_reads(self) -> None:
        error = explained(
            "cannot execute INSERT in a read-only transaction", state="25006", detail="", url="u", user="etl"
        )
        assert isinstance(error, ConfigurationError)
        assert "writing endpoint" in error.remedy


class TestNeighbours:
    """People read, grant and build on the tables; a publish neither waits for them nor breaks what they made."""

    def test_a_reader_sees_the_last_publish_until_the_next_is_whole(
        self, three_weeks: PostgresHouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[object] = []
        kept = ledger.record_publish

        def record(*arguments: Any, **options: Any) -> Any:
            published = kept(*arguments, **options)
            seen.append(published_rows(three_weeks))
            return published

        monkeypatch.setattr(ledger, "record_publish", record)
        three_weeks.open().publish(publication(update("revenue_weekly", weekly(three_weeks, "new", [NINE]))))
        assert seen == [THREE_WEEKS]
        assert [row[2] for row in published_rows(three_weeks)] == [9]

    def test_an_open_answer_keeps_its_rows_and_no_writer_waits(self, three_weeks: PostgresHouse) -> None:
        answer = three_weeks.open().query("select stays_count from revenue_weekly order by 1")
        three_weeks.open().publish(publication(update("revenue_weekly", weekly(three_weeks, "new", [NINE]))))
        assert list(answer.rows) == [(1,), (2,), (3,)]

    def test_grants_and_views_of_others_survive(self, three_weeks: PostgresHouse) -> None:
        three_weeks.meddle(f"grant usage on schema presentation to {postgres.OLD_USER}")
        three_weeks.meddle(f"grant select on presentation.revenue_weekly to {postgres.OLD_USER}")
        three_weeks.meddle("create view mine as select sum(stays_count) as stays from presentation.revenue_weekly")
        three_weeks.open().publish(publication(update("revenue_weekly", weekly(three_weeks, "new", [NINE]))))
        assert three_weeks.meddle("select stays::bigint from mine") == [(9,)]
        reader = dataclasses.replace(three_weeks, user=postgres.OLD_USER)
        assert reader.meddle("select stays_count from presentation.revenue_weekly") == [(9,)]

    def test_a_view_on_a_table_whose_columns_change_is_named(self, three_weeks: PostgresHouse) -> None:
        three_weeks.meddle("create view mine as select revenue from presentation.revenue_weekly")
        shorter = update("revenue_weekly", columns=WEEKLY[:3])
        error = refusal_of(lambda: three_weeks.open().publish(publication(shorter)))
        assert isinstance(error, ConfigurationError)
        assert "view mine" in error.what
        assert published_rows(three_weeks) == THREE_WEEKS

    def test_tables_that_somebody_locks_are_waited_for_and_then_left(self, three_weeks: PostgresHouse) -> None:
        with _session(three_weeks) as session:
            session.execute("lock table presentation.revenue_weekly in access exclusive mode")
            new = publication(update("revenue_weekly", weekly(three_weeks, "new", [NINE])))
            error = refusal_of(lambda: three_weeks.open().publish(new))
            assert isinstance(error, WorkspaceBusyError)
        assert three_weeks.open().publish(new).number == 2

    def test_tables_changed_by_hand_are_reported(self, three_weeks: PostgresHouse) -> None:
        three_weeks.meddle("alter table etl.publishes drop column inputs cascade")
        error = refusal_of(lambda: three_weeks.open().publish(publication()))
        assert isinstance(error, ConfigurationError)
        assert "inputs" in error.what


class TestOneWriter:
    """Two runs never write at once, wherever they run."""

    def test_a_second_writer_waits_then_names_the_first(self, three_weeks: PostgresHouse) -> None:
        with _writing(three_weeks) as pid:
            for work in (lambda: load(three_weeks, 1, [1]), lambda: three_weeks.open().record_run(RUN)):
                began = time.monotonic()
                error = refusal_of(work)
                assert time.monotonic() - began >= 0.3
                assert isinstance(error, WorkspaceBusyError)
                assert error.exit_code == 4
                assert f"process {os.getpid()}" in error.what
                assert f"server PID {pid}" in error.what
                assert f"user {USER}" in error.what

    def test_readers_do_not_wait(self, three_weeks: PostgresHouse) -> None:
        with _writing(three_weeks):
            assert published_rows(three_weeks) == THREE_WEEKS
            assert three_weeks.open().loaded() == {}

    def test_a_warehouse_that_is_let_go_in_time_is_written(self, three_weeks: PostgresHouse) -> None:
        began = threading.Event()
        done = threading.Event()

        def hold() -> None:
            with _writing(three_weeks):
                began.set()
                done.wait(timeout=30)

        holder = threading.Thread(target=hold)
        holder.start()
        assert began.wait(timeout=30)
        threading.Timer(0.5, done.set).start()
        three_weeks.open(wait_seconds=20).record_run(RUN)
        holder.join()
        assert three_weeks.ask("select count(*) from etl.runs") == [(1,)]

    def test_another_database_of_the_server_is_not_held(self, three_weeks: PostgresHouse) -> None:
        server = postgres.shared()
        other = server.create_database()
        with _writing(three_weeks):
            warehouse(server.url(other)).record_run(RUN)
        server.drop_database(other)


class TestCurated:
    """Curated tables are loaded from their files, each file once."""

    def test_only_new_files_are_read(self, house: PostgresHouse) -> None:
        first, second = (stays(house.files, number, [number]) for number in (1, 2))
        house.open().publish(publication(curated=(curated([first]),)))
        first.unlink()
        house.open().publish(publication(curated=(curated([first, second], snapshot_id=8),)))
        assert house.ask("select stay_id from curated.stays order by 1") == [(1,), (2,)]
        house.open().publish(publication(curated=(curated([second], snapshot_id=9),)))
        assert house.ask("select stay_id from curated.stays") == [(2,)]

    def test_other_columns_load_everything_anew(self, house: PostgresHouse) -> None:
        part = stays(house.files, 1, [1])
        view = curated([part])
        house.open().publish(publication(curated=(view,)))
        house.open().publish(publication(curated=(dataclasses.replace(view, columns=view.columns[-2:]),)))
        answer = house.open().query("select * from curated.stays")
        assert answer.columns == ("begins", "stay_id")
        assert list(answer.rows) == [(AS_OF.replace(day=1), 1)]

    def test_a_character_that_postgresql_cannot_hold_is_left_out(self, house: PostgresHouse) -> None:
        rows = f"select * replace ('a' || chr(0) || 'b' as title) from '{_plain(stays(house.files, 1, [1]))}'"
        part = parquet(house.files / "nul.parquet", rows)
        house.open().load(STAYS, add=[(batch(1, 1), [str(part)])], drop=(), replace=True)
        assert house.ask("select title from raw.stays") == [("ab",)]


class TestServerGone:
    """Whenever the server goes, nothing half-done is visible, and the next run completes."""

    @pytest.fixture
    def server(self) -> Iterator[Postgres]:
        """A server of its own, which forgets nothing that it committed."""
        with postgres.running({"synchronous_commit": "on"}) as server:
            yield server

    def test_in_the_middle_of_a_load(self, server: Postgres, files: Path) -> None:
        url = server.url(server.create_database())
        part = stays(files, 1, [1])
        add = [(batch(1, 1), [str(part)])]
        warehouse(url).record_run(RUN)
        error = refusal_of(
            lambda: warehouse(url, open_engine=_killing(server)).load(STAYS, add=add, drop=(), replace=True)
        )
        assert isinstance(error, SystemUnreachableError)
        assert error.exit_code == 3
        server.start()
        assert warehouse(url).loaded() == {}
        assert warehouse(url).load(STAYS, add=add, drop=(), replace=True) == 1
        assert warehouse(url).loaded() == {"stays": [(1, 1)]}

    def test_in_the_middle_of_a_publish(self, server: Postgres, files: Path) -> None:
        url = server.url(server.create_database())
        house = _House(files=files, database="", user="", url=url)
        publish_three_weeks(house)
        new = publication(update("revenue_weekly", weekly(house, "new", [NINE])), curated=(curated([]),))
        error = refusal_of(lambda: warehouse(url, open_engine=_killing(server)).publish(new))
        assert isinstance(error, SystemUnreachableError)
        server.start()
        assert published_rows(house) == THREE_WEEKS
        assert house.open().publish(new).number == 2
        assert [row[2] for row in published_rows(house)] == [9]

    def test_just_before_the_commit(self, server: Postgres, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        url = server.url(server.create_database())
        house = _House(files=files, database="", user="", url=url)
        publish_three_weeks(house)
        kept = ledger.record_publish

        def record(*arguments: Any, **options: Any) -> Any:
            published = kept(*arguments, **options)
            server.kill()
            return published

        new = publication(update("revenue_weekly", weekly(house, "new", [NINE])))
        with monkeypatch.context() as patch:
            patch.setattr(ledger, "record_publish", record)
            assert isinstance(refusal_of(lambda: warehouse(url).publish(new)), SystemUnreachableError)
        server.start()
        assert published_rows(house) == THREE_WEEKS
        assert house.open().publish(new).number == 2

    def test_in_the_middle_of_an_answer(self, server: Postgres) -> None:
        url = server.url(server.create_database())
        warehouse(url).record_run(RUN)
        answer = warehouse(url).query("select generate_series(1, 1000000000) as n")
        assert next(answer.rows) == (1,)
        server.kill()
        assert isinstance(refusal_of(lambda: list(answer.rows)), SystemUnreachableError)

    def test_a_session_that_an_administrator_ends(self, three_weeks: PostgresHouse) -> None:
        def terminating() -> duckdb.DuckDBPyConnection:
            postgres.shared().sql(
                f"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{USER}' "
                f"and datname = '{three_weeks.database.replace(chr(39), chr(39) * 2)}'"
            )
            return duckdb.connect()

        opened = warehouse(postgres.shared().url(three_weeks.database), open_engine=terminating)
        new = publication(update("revenue_weekly", weekly(three_weeks, "new", [NINE])))
        assert isinstance(refusal_of(lambda: opened.publish(new)), SystemUnreachableError)
        assert published_rows(three_weeks) == THREE_WEEKS

    def test_a_killed_run_lets_go_and_leaves_the_last_publish(self, three_weeks: PostgresHouse) -> None:
        new = publication(update("revenue_weekly", weekly(three_weeks, "new", [NINE])))
        pickled = three_weeks.files / "publication.pickle"
        pickled.write_bytes(pickle.dumps(new))
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, postgres.shared().url(three_weeks.database), PASSWORD, str(pickled)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert published_rows(three_weeks) == THREE_WEEKS
        assert three_weeks.open(wait_seconds=20).publish(new).number == 2


_KILLED = """
import os, pickle, signal, sys
from pathlib import Path
from rental_etl.warehouse import ledger
from rental_etl.warehouse.postgres.warehouse import PostgresWarehouse
kept = ledger.record_publish
def kill(*arguments, **options):
    kept(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)
ledger.record_publish = kill
PostgresWarehouse(sys.argv[1], password=lambda: sys.argv[2]).publish(pickle.loads(Path(sys.argv[3]).read_bytes()))
"""


@dataclasses.dataclass(frozen=True)
class _House(PostgresHouse):
    """A warehouse on another server than the shared one."""

    url: str = ""

    def open(self, wait_seconds: float = 0.3) -> PostgresWarehouse:
        """The warehouse."""
        return warehouse(self.url, wait_seconds=wait_seconds)


def _killing(server: Postgres) -> Callable[[], duckdb.DuckDBPyConnection]:
    """What opens an engine for the first file that is read, when rows are gone and none is there yet: the server goes too."""

    def open_engine() -> duckdb.DuckDBPyConnection:
        server.kill()
        return duckdb.connect()

    return open_engine


@contextmanager
def _session(house: PostgresHouse) -> Iterator[psycopg.Connection[Any]]:
    """Somebody else's open transaction."""
    arguments: dict[str, Any] = {"host": "127.0.0.1", "port": postgres.shared().port, "dbname": house.database}
    with psycopg.connect(user=house.user, password=PASSWORD, **arguments) as connection:
        yield connection
        connection.rollback()


@contextmanager
def _writing(house: PostgresHouse) -> Iterator[int]:
    """Another run in the middle of a change; gives its number on the server."""
    from rental_etl.warehouse.postgres.writing import writing

    server = Server.of(postgres.shared().url(house.database), password=lambda: PASSWORD)
    with writing(server) as session:
        [(pid,)] = session.execute("select pg_backend_pid()").fetchall()
        yield pid


def _plain(path: Path) -> str:
    return str(path).replace("'", "''")


def test_a_week_that_is_replaced_leaves_the_others_untouched(three_weeks: PostgresHouse) -> None:
    """Rows outside the replaced periods are not written again: their place in the table stays the same."""
    place = f"select ctid::text from presentation.revenue_weekly where week_start = date '{FIRST_WEEK}'"
    before = three_weeks.meddle(place)
    part = update(
        "revenue_weekly",
        weekly(three_weeks, "new", [NINE]),
        whole=False,
        period_from=SECOND_WEEK,
        period_to=SECOND_WEEK,
    )
    three_weeks.open().publish(publication(part))
    assert before == three_weeks.meddle(place)
