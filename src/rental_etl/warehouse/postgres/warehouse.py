"""The warehouse as a PostgreSQL database, connected to only while a method works.

Reads landed and curated Parquet; writes schemas `raw`, `curated`, `presentation` and `etl`. Every change is one transaction with one writer: after a kill
or a lost server the database shows the state before or after it, and a rerun does what is missing.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from rental_etl.model.batch import Batch
from rental_etl.model.contract import Contract
from rental_etl.model.run import LakeId, Publication, Published, RunRecord
from rental_etl.model.summary import Look
from rental_etl.ports.warehouse import Ask, Rows
from rental_etl.warehouse import ledger
from rental_etl.warehouse.answers import check_format, nothing_yet
from rental_etl.warehouse.postgres import answers, checking, exports
from rental_etl.warehouse.postgres.catalog import columns_of, is_laid_out, tables_of
from rental_etl.warehouse.postgres.connect import PostgresSession, Server, Tls, connected
from rental_etl.warehouse.postgres.layout import LOADED_FILES, lay_out
from rental_etl.warehouse.postgres.parquet_rows import Opener, ParquetRows, local_engine
from rental_etl.warehouse.postgres.publication import switch_curated, switch_metric
from rental_etl.warehouse.postgres.raw import bring_up_to_date
from rental_etl.warehouse.postgres.types import POSTGRES, Columns
from rental_etl.warehouse.postgres.writing import writing
from rental_etl.warehouse.text import name, now
from rental_etl.warehouse.unloading import unload_folder, unloaded_columns


class PostgresWarehouse:
    """A `Warehouse` in a PostgreSQL database.

    `url` is postgresql://user@host:port/database; `password` is asked at every connection; `tls` None verifies every host but this machine, with the
    authorities in `ca` or the system's; `open_engine` gives the DuckDB session that reads Parquet (default: one that reads local files).
    """

    def __init__(
        self,
        url: str,
        *,
        password: Callable[[], str | None] | None = None,
        tls: Tls | None = None,
        ca: Path | None = None,
        connect_seconds: float = 60.0,
        wait_seconds: float = 10.0,
        memory: str = "1GB",
        threads: int | None = None,
        temp: Path | None = None,
        open_engine: Opener | None = None,
    ) -> None:
        self._server = Server.of(
            url, password=password, tls=tls, ca=ca, connect_seconds=connect_seconds, wait_seconds=wait_seconds
        )
        self._claim: ledger.Claim | None = None
        self._temp = temp
        self._open_engine = open_engine or local_engine(memory=memory, threads=threads, temp=temp)

    @property
    def identity(self) -> str:
        """The database as a URL, whichever user asks."""
        return self._server.identity

    def belong_to(self, lake: LakeId, *, moved: bool = False) -> None:
        """Say which lake this object writes for; `moved` when it takes the place of another."""
        self._claim = ledger.Claim(lake, moved)

    def loaded(self) -> Mapping[str, Sequence[tuple[int, int]]]:
        """By table, the (batch_id, revision) whose rows `raw` holds; empty before the first run."""
        with connected(self._server, write=False) as session:
            return ledger.loaded(_plain(session)) if is_laid_out(session) else {}

    def load(
        self, contract: Contract, *, add: Sequence[tuple[Batch, Sequence[str]]], drop: Sequence[int], replace: bool
    ) -> int:
        """Bring `raw.<table>` up to date in one transaction with the ledger; returns rows added."""
        at = now()
        with self._changing() as session, ParquetRows(self._open_engine) as reader:
            rows = bring_up_to_date(session, reader, contract, add=add, drop=drop, replace=replace, at=at)
            added = [batch for batch, _ in add]
            ledger.record_load(_plain(session), contract.table, added=added, dropped=drop, replaced=replace, at=at)
        return rows

    @contextlib.contextmanager
    def unloaded(self, contract: Contract, *, local: bool) -> Iterator[Sequence[str]]:
        """The rows of `raw.<table>` as Parquet files on this machine, removed afterwards."""
        del local
        types = {**{column.name: column.sql_type for column in contract.columns}, "_batch_id": "bigint"}
        columns = tuple((column, types.get(column, "varchar")) for column in unloaded_columns(contract))
        with unload_folder(self._temp) as folder:
            with connected(self._server, write=False) as session:

                def fetch(table: str, file: BinaryIO) -> None:
                    _copy_out(session, "raw", table, columns, file)

                tables = {contract.table: columns}
                engine = self._open_engine
                exports.write_tables(tables, fetch, folder=folder, format="parquet", open_engine=engine, ordered=False)
            yield sorted(map(str, folder.glob("*.parquet")))

    def publish(self, publication: Publication) -> Published:
        """Switch all presentation tables, the curated tables and the ledger in one transaction."""
        with self._changing() as session, ParquetRows(self._open_engine) as reader:
            for update in publication.metrics:
                switch_metric(session, reader, update)
            switch_curated(session, reader, publication.curated)
            return ledger.record_publish(_plain(session), publication, at=now())

    def last_publish(self) -> Published | None:
        """The publish in force; None before the first."""
        with connected(self._server, write=False) as session:
            return ledger.last_publish(_plain(session)) if is_laid_out(session) else None

    def record_run(self, run: RunRecord) -> None:
        """Insert or replace one row of `etl.runs`."""
        with self._changing() as session:
            ledger.record_run(_plain(session), run)

    def check(self) -> Look:
        """What is found there: version, user, TLS, driver, and the rights that are missing; changes nothing."""
        return checking.check(self._server, ledger.SCHEMAS)

    def query(self, sql: str) -> Rows:
        """A read-only question; the connection closes when the rows are exhausted or their iterator is closed."""
        return answers.answer(self._server, sql)

    @contextlib.contextmanager
    def asking(self) -> Iterator[Ask]:
        """Many questions, each through a connection of its own."""
        yield self.query

    def export(self, folder: Path, format: str) -> Mapping[str, int]:
        """Write every presentation table to `<table>.<format>` (csv or parquet), each atomically; returns rows by table."""
        check_format(format)
        with connected(self._server, write=False) as session:
            # Every table as the same publish left it.
            session.execute("set transaction isolation level repeatable read")
            if not is_laid_out(session):
                raise nothing_yet("the warehouse is empty")
            names = tables_of(session, "presentation")
            if not names:
                raise nothing_yet("there are no presentation tables")
            tables = {table: POSTGRES.canonical(columns_of(session, "presentation", table)) for table in names}

            def fetch(table: str, file: BinaryIO) -> None:
                _copy_out(session, "presentation", table, tables[table], file)

            return exports.write_tables(tables, fetch, folder=folder, format=format, open_engine=self._open_engine)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[PostgresSession]:
        """One transaction of the only writer, on a database that has its schemas."""
        with writing(self._server) as session:
            lay_out(session, schemas=ledger.SCHEMAS, spell=POSTGRES.spell, more=LOADED_FILES)
            ledger.keep_claim(_plain(session), self._claim, where=self._server.url, at=now())
            yield session


def _copy_out(session: PostgresSession, schema: str, table: str, columns: Columns, file: BinaryIO) -> None:
    """A table's rows as CSV without header."""
    names = ", ".join(name(column) for column, _ in columns)
    statement = f"copy (select {names} from {name(schema, table)}) to stdout (format csv, null '\\N')"
    with session.connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        for block in copy:
            file.write(block)


def _plain(session: PostgresSession) -> Any:
    """A session where the ledger's statements, which are the same in every dialect, are asked for."""
    return session
