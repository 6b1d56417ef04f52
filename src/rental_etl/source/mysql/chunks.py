"""Rows in pieces that a server loads one after the other: written from Parquet as CSV, or cut from delivered text.

Reads Parquet and delivered text; writes one file per piece under a folder.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import duckdb

from rental_etl.errors import SystemUnreachableError
from rental_etl.model.contract import Column
from rental_etl.model.delimited import Delimited
from rental_etl.source.mysql.catalog import StoredColumn, quote
from rental_etl.source.sql_text import literal, name

# The server waits for the first chunk of a file, and every chunk is searched for in its whole file.
_CHUNK_ROWS, _SMALL_CHUNK_ROWS = 200_000, 50_000
_BLOCK = 1 << 18

Columns = Sequence[tuple[Column, StoredColumn]]
Range = tuple[Path, int, int]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A file for LOAD DATA without a header: for each field the column it goes into (None for none), and which columns are null where nothing is written."""

    path: Path
    rows: int
    fields: tuple[StoredColumn | None, ...]
    empty: frozenset[str] = frozenset()
    delimiter: str = ","
    line_end: str = "\n"


def ranges(connection: duckdb.DuckDBPyConnection, files: Iterable[Path]) -> Iterator[Range]:
    """Parquet files in pieces, each named by its first row and their number."""
    for file in files:
        found = connection.execute(
            f"select count(*) from read_parquet({literal(str(file))}, hive_partitioning = false)"
        )
        rows = int((found.fetchone() or (0,))[0])
        size = _size(rows)
        yield from ((file, first, size) for first in range(0, rows, size))


def rows_of(found: Range) -> str:
    """What to select a piece's rows from."""
    file, first, rows = found
    scan = f"read_parquet({literal(str(file))}, file_row_number = true, hive_partitioning = false)"
    return f"{scan} where file_row_number between {first} and {first + rows - 1}"


def chunks(
    connect: Callable[[], duckdb.DuckDBPyConnection],
    files: Iterable[Path | Delimited],
    *,
    columns: Columns,
    folder: Path,
) -> Iterator[Chunk]:
    """Every file in pieces, each written when it is asked for. Who takes one removes it. `connect` gives what Parquet is read with."""
    for file in files:
        if isinstance(file, Delimited):
            yield from _cut(file, columns, folder)
        else:
            for found in ranges(connect(), [file]):
                yield _written(connect(), found, columns, folder)


def csv_value(column: Column) -> str:
    """A value whose text is what the server reads."""
    value = name(column.name)
    return f"cast({value} as tinyint)" if column.type == "bool" else value


def load_data(chunk: Chunk, *, into: str, constants: Mapping[str, str]) -> str:
    """The statement that loads a chunk. `constants` are SQL values of further columns."""
    targets, settings = [], []
    for place, stored in enumerate(chunk.fields):
        variable = f"@field_{place}"
        # Its bytes are counted: a comparison with '' would take some letters that cannot be seen for nothing.
        value = (
            variable
            if stored is None or stored.name not in chunk.empty
            else f"if(length({variable}) = 0, null, {variable})"
        )
        if stored is None:
            targets.append(variable)
        elif stored.type == "bit" or value != variable:
            # A BIT takes the bytes of a text, not its number.
            value = f"cast({value} as unsigned)" if stored.type == "bit" else value
            targets.append(variable)
            settings.append(f"{quote(stored.name)} = {value}")
        else:
            targets.append(quote(stored.name))
    settings += [f"{quote(column)} = {value}" for column, value in constants.items()]
    assignments = f" set {', '.join(settings)}" if settings else ""
    location = str(chunk.path).replace("'", "''")
    return (
        f"load data local infile '{location}' into table {into} character set utf8mb4"
        f" fields terminated by 0x{chunk.delimiter.encode().hex()} optionally enclosed by '\"' escaped by ''"
        f" lines terminated by 0x{chunk.line_end.encode().hex()} ({', '.join(targets)}){assignments}"
    )


def _size(rows: int) -> int:
    return min(_CHUNK_ROWS, max(_SMALL_CHUNK_ROWS, rows // 10))


def _written(connection: duckdb.DuckDBPyConnection, found: Range, columns: Columns, folder: Path) -> Chunk:
    """A piece as CSV as LOAD DATA reads it: an unquoted NULL is null, and only quotes are doubled."""
    path = folder / f"{found[0].stem}-{found[1]}.csv"
    values = ", ".join(csv_value(column) for column, _ in columns)
    options = "format csv, header false, delim ',', quote '\"', escape '\"', nullstr 'NULL'"
    with _room():
        written = connection.execute(
            f"copy (select {values} from {rows_of(found)}) to {literal(str(path))} ({options})"
        ).fetchone()
    return Chunk(path, int(written[0]) if written else 0, tuple(stored for _, stored in columns))


def _cut(file: Delimited, columns: Columns, folder: Path) -> Iterator[Chunk]:
    stored = {column.name: place for column, place in columns}
    fields = tuple(stored[field] if field else None for field in file.fields)
    empty = frozenset(stored[field].name for field in file.empty)
    size, left = _size(file.rows), file.rows
    with file.path.open("rb", buffering=0) as data:
        first = len(data.readline())
        while left:
            rows = min(size, left)
            path = folder / f"{file.path.stem}-{first}.csv"
            with _room():
                first += _copy_lines(data, first, rows, path)
            yield Chunk(path, rows, fields, empty, file.delimiter, file.line_end)
            left -= rows
    file.path.unlink()


def _copy_lines(data: BinaryIO, first: int, lines: int, path: Path) -> int:
    """Copy so many lines from the byte `first` on; returns how many bytes they are."""
    data.seek(first)
    size = 0
    with path.open("wb") as chunk:
        while lines and (block := data.read(_BLOCK)):
            # Counting is much cheaper than looking for every line.
            found = block.count(b"\n")
            if found >= lines:
                block, found = block[: _end(block, lines)], lines
            size, lines = size + chunk.write(block), lines - found
    return size


def _end(block: bytes, lines: int) -> int:
    """Where so many lines end, which the block has."""
    end = 0
    for _ in range(lines):
        end = block.index(b"\n", end) + 1
    return end


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except (duckdb.IOException, OSError) as error:
        raise SystemUnreachableError(
            "rows could not be written for loading",
            where=str(error).splitlines()[0],
            expected="room for some megabytes",
            remedy="free disk space, or name another disk in [engine] temp; nothing of this file was loaded",
        ) from error
