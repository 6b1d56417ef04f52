"""Sends rows of Parquet files into a table: as CSV that the server loads, or as statements that insert some hundred rows at a time.

Writes chunk files under a folder, one being written while the server loads the one before.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from rental_etl.errors import SystemUnreachableError
from rental_etl.model.contract import Column
from rental_etl.source.mysql.catalog import StoredColumn, quote
from rental_etl.source.mysql.failures import unfit_row
from rental_etl.source.mysql.session import Session
from rental_etl.source.sql_text import literal, name

# The server waits for the first chunk of a file, and every chunk is searched for in its whole file.
_CHUNK_ROWS, _SMALL_CHUNK_ROWS = 200_000, 50_000
# Statements stay below the smallest usual max_allowed_packet.
_STATEMENT_BYTES = 256 * 1024

Columns = Sequence[tuple[Column, StoredColumn]]
Range = tuple[Path, int, int]


class Writer:
    """Writes into one session's tables; with `bulk` by LOAD DATA LOCAL."""

    def __init__(self, session: Session, *, folder: Path, bulk: bool) -> None:
        self._session = session
        self._folder = folder
        self._bulk = bulk

    def write(
        self,
        files: Iterable[Path],
        *,
        into: str,
        columns: Columns,
        constants: Mapping[str, str],
        doing: str,
        progress: Callable[[int], None],
    ) -> None:
        """Add every row. `columns` pairs the files' columns with the table's, `constants` are SQL values of others. Raises InputError when a value does not
        fit."""
        with duckdb.connect(":memory:") as connection:
            connection.execute("set threads = 1")
            connection.execute("set enable_progress_bar = false")
            ranges = _ranges(connection, files)
            if self._bulk:
                self._load(
                    connection, ranges, into=into, columns=columns, constants=constants, doing=doing, progress=progress
                )
            else:
                self._insert(
                    connection, ranges, into=into, columns=columns, constants=constants, doing=doing, progress=progress
                )

    def least(self, files: Sequence[Path], column: str) -> int | None:
        """The least value of a whole-number column; None without rows."""
        if not files:
            return None
        listed = ", ".join(literal(str(file)) for file in files)
        with duckdb.connect(":memory:") as connection:
            scan = f"read_parquet([{listed}], hive_partitioning = false)"
            found = connection.execute(f"select min({name(column)}) from {scan}").fetchone()
        return None if found is None or found[0] is None else int(found[0])

    def _load(
        self,
        connection: duckdb.DuckDBPyConnection,
        ranges: Iterator[Range],
        *,
        into: str,
        columns: Columns,
        constants: Mapping[str, str],
        doing: str,
        progress: Callable[[int], None],
    ) -> None:
        done = 0

        def following() -> tuple[Path, int] | None:
            # In the other thread, so that waiting for a file holds nothing up.
            found = next(ranges, None)
            return None if found is None else _chunk(connection, found, columns, self._folder)

        with ThreadPoolExecutor(max_workers=1) as pool:
            waiting = pool.submit(following)
            while (chunk := waiting.result()) is not None:
                waiting = pool.submit(following)
                path, rows = chunk
                self._session.execute(_load_data(path, into=into, columns=columns, constants=constants), doing=doing)
                self._refuse_warnings(doing)
                path.unlink()
                done += rows
                progress(done)

    def _refuse_warnings(self, doing: str) -> None:
        """LOAD DATA LOCAL cuts what does not fit and skips keys that are there, with a warning only, in every mode."""
        warnings = self._session.rows("show warnings limit 1", doing=doing)
        if warnings:
            raise unfit_row(str(warnings[0][2]), address=self._session.access.address, doing=doing)

    def _insert(
        self,
        connection: duckdb.DuckDBPyConnection,
        ranges: Iterator[Range],
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
        for found in ranges:
            rows = connection.execute(f"select {tuples} from {_slice(found)}")
            for batch in _batches(rows):
                self._session.execute(f"insert into {into} ({names}) values {', '.join(batch)}", doing=doing)
                done += len(batch)
                progress(done)


def _ranges(connection: duckdb.DuckDBPyConnection, files: Iterable[Path]) -> Iterator[Range]:
    """Files in pieces, each named by its first row and their number."""
    for file in files:
        found = connection.execute(
            f"select count(*) from read_parquet({literal(str(file))}, hive_partitioning = false)"
        )
        rows = int((found.fetchone() or (0,))[0])
        chunk = min(_CHUNK_ROWS, max(_SMALL_CHUNK_ROWS, rows // 10))
        yield from ((file, first, chunk) for first in range(0, rows, chunk))


def _slice(found: Range) -> str:
    file, first, rows = found
    scan = f"read_parquet({literal(str(file))}, file_row_number = true, hive_partitioning = false)"
    return f"{scan} where file_row_number between {first} and {first + rows - 1}"


def _chunk(connection: duckdb.DuckDBPyConnection, found: Range, columns: Columns, folder: Path) -> tuple[Path, int]:
    """Write a piece as CSV as LOAD DATA reads it: an unquoted NULL is null, and only quotes are doubled."""
    path = folder / f"{found[0].stem}-{found[1]}.csv"
    values = ", ".join(_csv_value(column) for column, _ in columns)
    options = "format csv, header false, delim ',', quote '\"', escape '\"', nullstr 'NULL'"
    try:
        written = connection.execute(
            f"copy (select {values} from {_slice(found)}) to {literal(str(path))} ({options})"
        ).fetchone()
    except duckdb.IOException as error:
        raise SystemUnreachableError(
            "rows could not be written for loading",
            where=str(error).splitlines()[0],
            expected="room for some megabytes",
            remedy="free disk space, or name another disk in [engine] temp; nothing of this file was loaded",
        ) from error
    return path, int(written[0]) if written else 0


def _csv_value(column: Column) -> str:
    value = name(column.name)
    return f"cast({value} as tinyint)" if column.type == "bool" else value


def _sql_value(column: Column) -> str:
    """A value as a literal, in a session in which a backslash is a backslash."""
    value = _csv_value(column)
    if column.type in ("int64", "decimal", "float64", "bool"):
        shown = f"cast({value} as varchar)"
    else:
        shown = f"'''' || replace(cast({value} as varchar), '''', '''''') || ''''"
    return f"coalesce({shown}, 'NULL')"


def _load_data(path: Path, *, into: str, columns: Columns, constants: Mapping[str, str]) -> str:
    # A BIT takes the bytes of a text, not its number.
    targets = [
        f"@bit_{place}" if stored.type == "bit" else quote(stored.name) for place, (_, stored) in enumerate(columns)
    ]
    settings = [
        f"{quote(stored.name)} = cast(@bit_{place} as unsigned)"
        for place, (_, stored) in enumerate(columns)
        if stored.type == "bit"
    ]
    settings += [f"{quote(column)} = {value}" for column, value in constants.items()]
    assignments = f" set {', '.join(settings)}" if settings else ""
    location = str(path).replace("'", "''")
    return (
        f"load data local infile '{location}' into table {into} character set utf8mb4"
        " fields terminated by ',' optionally enclosed by '\"' escaped by '' lines terminated by 0x0a"
        f" ({', '.join(targets)}){assignments}"
    )


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
