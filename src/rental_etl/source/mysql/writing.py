"""Sends rows into a table: as text that the server loads, or as statements that insert some hundred rows at a time.

Writes chunk files under a folder, one being written while the server loads the one before.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import duckdb

from rental_etl.model.contract import Column
from rental_etl.model.delimited import Delimited
from rental_etl.source.mysql.catalog import quote
from rental_etl.source.mysql.chunks import Chunk, Columns, chunks, csv_value, load_data, ranges, rows_of
from rental_etl.source.mysql.failures import unfit_row
from rental_etl.source.mysql.session import Session
from rental_etl.source.sql_text import literal, name

# Statements stay below the smallest usual max_allowed_packet.
_STATEMENT_BYTES = 256 * 1024


class Writer:
    """Writes into one session's tables; with `bulk` by LOAD DATA LOCAL, which takes delivered text as well."""

    def __init__(self, session: Session, *, folder: Path, bulk: bool) -> None:
        self._session = session
        self._folder = folder
        self.bulk = bulk

    def write(
        self,
        files: Iterable[Path | Delimited],
        *,
        into: str,
        columns: Columns,
        constants: Mapping[str, str],
        doing: str,
        progress: Callable[[int], None],
    ) -> None:
        """Add every row. `columns` pairs the files' columns with the table's, `constants` are SQL values of others. Raises InputError when a value does not
        fit."""
        with ExitStack() as stack:
            connect = cache(lambda: stack.enter_context(_connection()))
            if self.bulk:
                written = chunks(connect, files, columns=columns, folder=self._folder)
                self._load(written, into=into, constants=constants, doing=doing, progress=progress)
            else:
                self._insert(
                    connect(),
                    _typed(files),
                    into=into,
                    columns=columns,
                    constants=constants,
                    doing=doing,
                    progress=progress,
                )

    def least(self, files: Iterable[Path | Delimited], column: str) -> int | None:
        """The least value of a whole-number key; None without rows."""
        found = [file.least for file in files if isinstance(file, Delimited)]
        listed = ", ".join(literal(str(file)) for file in files if not isinstance(file, Delimited))
        if listed:
            with duckdb.connect(":memory:") as connection:
                scan = f"read_parquet([{listed}], hive_partitioning = false)"
                found += connection.execute(f"select min({name(column)}) from {scan}").fetchone() or ()
        return min((int(value) for value in found if value is not None), default=None)

    def _load(
        self,
        written: Iterator[Chunk],
        *,
        into: str,
        constants: Mapping[str, str],
        doing: str,
        progress: Callable[[int], None],
    ) -> None:
        done = 0

        def following() -> Chunk | None:
            # In the other thread, so that waiting for a file holds nothing up.
            return next(written, None)

        with ThreadPoolExecutor(max_workers=1) as pool:
            waiting = pool.submit(following)
            while (chunk := waiting.result()) is not None:
                waiting = pool.submit(following)
                stored = self._session.execute(load_data(chunk, into=into, constants=constants), doing=doing)
                self._refuse_warnings(doing, rows=chunk.rows, stored=stored)
                chunk.path.unlink()
                done += chunk.rows
                progress(done)

    def _refuse_warnings(self, doing: str, *, rows: int, stored: int) -> None:
        """LOAD DATA LOCAL cuts what does not fit and skips keys that are there, with a warning only, in every mode."""
        warnings = self._session.rows("show warnings limit 1", doing=doing)
        if warnings or stored != rows:
            message = str(warnings[0][2]) if warnings else f"{stored:,} of {rows:,} rows were taken"
            raise unfit_row(message, address=self._session.access.address, doing=doing)

    def _insert(
        self,
        connection: duckdb.DuckDBPyConnection,
        files: Iterable[Path],
        *,
        into: str,
        columns: Columns,
        constants: Mapping[str, str],
        doing: str,
        progress: Callable[[int], None],
    ) -> None:
        names = ", ".join([*(quote(stored.name) for _, stored in columns), *map(quote, constants)])
        values = ", ".join([*(_sql_value(column) for column, _ in columns)])
        rest = "".join(f", {value}" for value in constants.values())
        tuples = f"'(' || concat_ws(', ', {values}) || {literal(rest + ')')}"
        done = 0
        for found in ranges(connection, files):
            rows = connection.execute(f"select {tuples} from {rows_of(found)}")
            for batch in _batches(rows):
                self._session.execute(f"insert into {into} ({names}) values {', '.join(batch)}", doing=doing)
                done += len(batch)
                progress(done)


@contextmanager
def _connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("set threads = 1")
        connection.execute("set enable_progress_bar = false")
        yield connection


def _typed(files: Iterable[Path | Delimited]) -> Iterator[Path]:
    for file in files:
        assert not isinstance(file, Delimited), "only LOAD DATA takes delivered text"
        yield file


def _sql_value(column: Column) -> str:
    """A value as a literal, in a session in which a backslash is a backslash."""
    value = csv_value(column)
    if column.type in ("int64", "decimal", "float64", "bool"):
        shown = f"cast({value} as varchar)"
    else:
        shown = f"'''' || replace(cast({value} as varchar), '''', '''''') || ''''"
    return f"coalesce({shown}, 'NULL')"


def _batches(rows: duckdb.DuckDBPyConnection) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    while found := rows.fetchmany(1000):
        for (row,) in found:
            if batch and size + len(row) > _STATEMENT_BYTES:
                yield batch
                batch, size = [], 0
            batch.append(row)
            size += len(row)
    if batch:
        yield batch
