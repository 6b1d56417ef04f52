"""Warehouses under test, one kind per adapter, and the deliveries and publishes that every one of them is fed with."""

import abc
import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from postgres import server as postgres
from redshift import stores
from redshift.shim import Shim
from rental_etl.model.batch import Batch, Delivery, Kind, Part, Reading
from rental_etl.model.contract import Column, Contract
from rental_etl.model.run import CuratedView, MetricUpdate, Publication
from rental_etl.ports.warehouse import Warehouse
from rental_etl.warehouse.duckdb_file import DuckDBWarehouse
from rental_etl.warehouse.postgres.types import POSTGRES
from rental_etl.warehouse.postgres.warehouse import PostgresWarehouse
from rental_etl.warehouse.redshift.bucket import Bucket, nowhere_in_s3
from rental_etl.warehouse.redshift.credentials import with_password
from rental_etl.warehouse.redshift.statements import REDSHIFT
from rental_etl.warehouse.redshift.warehouse import RedshiftWarehouse

STAYS = Contract(
    table="stays",
    description="",
    columns=(
        Column("stay_id", "int64", key=True, required=True),
        Column("begins", "date"),
        Column("price", "decimal", precision=18, scale=2),
        Column("title", "text"),
        Column("seen_at", "timestamp"),
        Column("is_paid", "bool"),
        Column("latitude", "float64"),
    ),
)
WEEKLY = (("week_start", "date"), ("currency", "varchar"), ("stays_count", "bigint"), ("revenue", "decimal(18,2)"))
FIRST_WEEK, SECOND_WEEK, THIRD_WEEK = date(2024, 1, 1), date(2024, 1, 8), date(2024, 1, 15)
AS_OF = date(2024, 1, 21)
THREE_WEEKS = [
    (FIRST_WEEK, "EUR", 1, Decimal("1.00")),
    (SECOND_WEEK, "EUR", 2, Decimal("2.00")),
    (THIRD_WEEK, "EUR", 3, Decimal("3.00")),
]


@dataclasses.dataclass(frozen=True)
class House(abc.ABC):
    """A warehouse under test, and a folder for the files it is fed with."""

    files: Path

    @abc.abstractmethod
    def open(self, wait_seconds: float = 0.3) -> Warehouse:
        """The warehouse."""

    @abc.abstractmethod
    def meddle(self, sql: str) -> list[tuple[Any, ...]]:
        """Carry out a statement behind the warehouse's back, as its owner."""

    @abc.abstractmethod
    def column_types(self, schema: str, table: str) -> dict[str, str]:
        """A table's columns in order, with canonical types."""

    @abc.abstractmethod
    def comment(self, table: str) -> str:
        """What is said about a presentation table, "" for nothing."""

    @abc.abstractmethod
    def counting(self, rows: int) -> str:
        """A question whose answer is a column n with 0, 1, 2 … and that takes no room."""

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """A question's answer."""
        return list(self.open().query(sql).rows)


@dataclasses.dataclass(frozen=True)
class DuckDBHouse(House):
    """A DuckDB file."""

    path: Path

    def open(self, wait_seconds: float = 0.3) -> Warehouse:
        """The warehouse."""
        return DuckDBWarehouse(self.path, wait_seconds=wait_seconds)

    def meddle(self, sql: str) -> list[tuple[Any, ...]]:
        """Carry out a statement in the file."""
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(sql).fetchall()

    def column_types(self, schema: str, table: str) -> dict[str, str]:
        """A table's or view's columns in order, with DuckDB's types in small letters."""
        which = f"schema_name = '{schema}' and table_name = '{table}' order by column_index"
        return dict(self.meddle(f"select column_name, lower(data_type) from duckdb_columns() where {which}"))

    def comment(self, table: str) -> str:
        """What is said about a presentation table, "" for nothing."""
        [(comment,)] = self.meddle(f"select comment from duckdb_tables() where table_name = '{table}'")
        return comment or ""

    def counting(self, rows: int) -> str:
        """A question whose answer counts."""
        return f"select i as n from range({rows}) t(i)"


@dataclasses.dataclass(frozen=True)
class ServerHouse(House):
    """A database of the shared PostgreSQL server."""

    database: str
    user: str

    def meddle(self, sql: str) -> list[tuple[Any, ...]]:
        """Carry out a statement in the database."""
        port = postgres.shared().port
        arguments: dict[str, Any] = {"host": "127.0.0.1", "port": port, "dbname": self.database, "autocommit": True}
        with psycopg.connect(user=self.user, password=postgres.PASSWORD, **arguments) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def comment(self, table: str) -> str:
        """What is said about a presentation table, "" for nothing."""
        [(comment,)] = self.meddle(f"select obj_description('presentation.{table}'::regclass, 'pg_class')")
        return comment or ""

    def _columns(self, schema: str, table: str) -> list[tuple[Any, ...]]:
        return self.meddle(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute "
            f"where attrelid = '{schema}.{table}'::regclass and attnum > 0 and not attisdropped order by attnum"
        )


@dataclasses.dataclass(frozen=True)
class PostgresHouse(ServerHouse):
    """A warehouse in PostgreSQL."""

    def open(self, wait_seconds: float = 0.3) -> Warehouse:
        """The warehouse."""
        return PostgresWarehouse(
            postgres.shared().url(self.database), password=lambda: postgres.PASSWORD, wait_seconds=wait_seconds
        )

    def column_types(self, schema: str, table: str) -> dict[str, str]:
        """A table's or view's columns in order, with canonical types."""
        return dict(POSTGRES.canonical([(name, type_) for name, type_ in self._columns(schema, table)]))

    def counting(self, rows: int) -> str:
        """A question whose answer counts; in the select list, where the server does not collect it first."""
        return f"select generate_series(0, {rows - 1}) as n"


@dataclasses.dataclass(frozen=True)
class RedshiftHouse(ServerHouse):
    """A warehouse in the shim that answers like Redshift."""

    shim: Shim
    bucket: str

    def open(self, wait_seconds: float = 0.3, **options: Any) -> RedshiftWarehouse:
        """The warehouse."""
        return RedshiftWarehouse(
            f"redshift://{self.user}@127.0.0.1:{self.shim.port}/{postgres.quoted_path(self.database)}",
            credentials=with_password(self.user, lambda: postgres.PASSWORD),
            bucket=options.pop("bucket", self.staging()),
            iam_role=stores.ROLE,
            tls="off",
            wait_seconds=wait_seconds,
            **options,
        )

    def staging(self, locate: Callable[[str | Path], str | None] = nowhere_in_s3) -> Bucket:
        """Where files are put for COPY."""
        return _staging(self.bucket, locate)

    def column_types(self, schema: str, table: str) -> dict[str, str]:
        """A table's or view's columns in order, with canonical types."""
        return dict(REDSHIFT.canonical([(name, type_) for name, type_ in self._columns(schema, table)]))

    def counting(self, rows: int) -> str:
        """A question whose answer counts."""
        step = f"select n + 1 from t where n < {rows - 1}"
        return f"with recursive t(n) as (select cast(0 as bigint) union all {step}) select n from t"


@cache
def _staging(bucket: str, locate: Callable[[str | Path], str | None]) -> Bucket:
    """One for each bucket: making an S3 client takes long."""
    return Bucket(f"s3://{bucket}/temp", endpoint=stores.endpoint(), locate=locate)


@contextmanager
def duckdb_house(folder: Path) -> Iterator[DuckDBHouse]:
    """A DuckDB file that does not exist yet."""
    yield DuckDBHouse(files=folder, path=folder / "warehouse.duckdb")


@contextmanager
def postgres_house(folder: Path) -> Iterator[PostgresHouse]:
    """An empty database in PostgreSQL."""
    server = postgres.shared()
    # Quotes in its name must not reach SQL.
    database = server.create_database(f'it\'s "{folder.parent.name[-20:]}" *')
    try:
        yield PostgresHouse(files=folder, database=database, user=postgres.USER)
    finally:
        server.drop_database(database)


@contextmanager
def redshift_house(folder: Path) -> Iterator[RedshiftHouse]:
    """An empty database behind the shim, and an empty bucket."""
    shim, bucket = stores.start_shim(), stores.create_bucket()
    database = stores.create_database(f'it\'s "{folder.parent.name[-20:]}" *')
    try:
        with stores.identity():
            yield RedshiftHouse(files=folder, database=database, user=postgres.OLD_USER, shim=shim, bucket=bucket)
    finally:
        shim.stop()
        postgres.shared().drop_database(database)


@contextmanager
def locked(house: RedshiftHouse, seconds: float = 0.0) -> Iterator[int]:
    """Another run in the middle of a change, for so many seconds; gives its number on the server."""
    arguments: dict[str, Any] = {"host": "127.0.0.1", "port": postgres.shared().port, "dbname": house.database}
    with psycopg.connect(user=house.user, password=postgres.PASSWORD, **arguments) as connection:
        connection.execute("lock table etl.writer")
        if seconds:
            threading.Timer(seconds, connection.rollback).start()
        yield connection.info.backend_pid
        connection.rollback()


KINDS = {"duckdb": duckdb_house, "postgres": postgres_house, "redshift": redshift_house}


def parquet(file: Path, select: str) -> Path:
    """A Parquet file of a query's rows."""
    plain = file.with_name(f"{file.name}.plain")
    duckdb.connect().execute(f"copy ({select}) to '{escaped(plain)}' (format parquet)")
    return plain.rename(file)


def escaped(path: Path) -> str:
    """A path as it stands in a literal."""
    return str(path).replace("'", "''")


def stays(folder: Path, batch_id: int, ids: Sequence[int], price: str = "10.50") -> Path:
    """A landed part of the table `stays`."""
    rows = f"""
        select i::bigint as stay_id, date '2024-01-01' as begins, {price}::decimal(18,2) as price, 'Flat' as title,
        timestamp '2024-01-01 10:00:00' as seen_at, true as is_paid, 1.5::double as latitude,
        null::varchar as _error, null::varchar as _warning from unnest({list(ids)}::bigint[]) t(i)"""
    return parquet(folder / f"batch-{batch_id}-{price}.parquet", rows)


def batch(batch_id: int, rows: int, *, revision: int = 0, kind: Kind = "full", table: str = "stays") -> Batch:
    """A batch whose manifest speaks of so many landed rows."""
    delivery = Delivery(table=table, name=f"{table}.csv", kind=kind, files=(), content=str(batch_id))
    parts = (Part("part-0.parquet", rows),) if rows else ()
    reading = Reading(parts=parts, quarantine="", rows_read=rows + 1, rows_unreadable=1, rows_refused=0)
    landed_at = "2024-01-21 08:00:00.000000"
    return Batch(
        batch_id, revision or batch_id, delivery, AS_OF, "run-1", landed_at, reading, f"raw/{table}/{batch_id}"
    )


def load(house: House, batch_id: int, ids: Sequence[int], *, revision: int = 0, **options: Any) -> int:
    """Load one batch of stays."""
    price = options.pop("price", "10.50")
    options = {"drop": (), "replace": False, **options}
    parts = [str(stays(house.files, batch_id, ids, price))] if ids else []
    warehouse = options.pop("warehouse", None) or house.open()
    return int(warehouse.load(STAYS, add=[(batch(batch_id, len(ids), revision=revision), parts)], **options))


def weekly(house: House, name: str, rows: Sequence[tuple[date, str, int, str]]) -> str:
    """New rows of a weekly presentation table."""
    values = ", ".join(f"(date '{week}', '{cur}', {count}, {money}::decimal(18,2))" for week, cur, count, money in rows)
    names = ", ".join(column for column, _ in WEEKLY)
    return str(parquet(house.files / f"{name}.parquet", f"select * from (values {values}) t({names})"))


def update(table: str = "revenue_weekly", *files: str, **changes: Any) -> MetricUpdate:
    """All rows of a weekly table, unless `changes` say otherwise."""
    whole = MetricUpdate(table, WEEKLY, "week_start", date.min, date.max, True, files)
    return dataclasses.replace(whole, **changes)


def publication(*metrics: MetricUpdate, **changes: Any) -> Publication:
    """A publish of these tables."""
    plain = Publication("run-1", AS_OF, {"batches": [1], "note": "it's"}, metrics, (), (), ())
    return dataclasses.replace(plain, **changes)


def curated(files: Sequence[Path], snapshot_id: int = 7, name: str = "stays") -> CuratedView:
    """A curated table with these files, its columns in another order than theirs."""
    columns = tuple((column.name, column.sql_type) for column in reversed(STAYS.columns))
    return CuratedView(name, snapshot_id, tuple(str(file) for file in files), columns)


def published_rows(house: House) -> list[tuple[Any, ...]]:
    """What readers see of the weekly table."""
    return house.ask(
        "select week_start, currency, stays_count, revenue from presentation.revenue_weekly order by 1, 2, 3, 4"
    )


def publish_three_weeks(house: House) -> None:
    """Publish three weeks."""
    rows = [(FIRST_WEEK, "EUR", 1, "1.00"), (SECOND_WEEK, "EUR", 2, "2.00"), (THIRD_WEEK, "EUR", 3, "3.00")]
    house.open().publish(publication(update("revenue_weekly", weekly(house, "first", rows))))
