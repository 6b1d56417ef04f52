"""DuckDB as the engine: an in-memory session that reads and writes Parquet and spills to a temporary folder.

Reads and writes only the files it is told to; nothing of the session outlives it.
"""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from rental_etl.errors import SystemUnreachableError
from rental_etl.model.contract import Column
from rental_etl.ports.engine import WrittenFile


class DuckDBEngine:
    """An `Engine` on one machine."""

    def __init__(self, *, memory: str, threads: int | None, temp: Path) -> None:
        self._connection = duckdb.connect(":memory:")
        self.execute(f"set memory_limit = {_text(memory)}")
        self.execute(f"set temp_directory = {_text(str(temp))}")
        # Order is asked for where it matters (`_row`); free order lets scans and writes stream.
        self.execute("set preserve_insertion_order = false")
        self.execute("set timezone = 'UTC'")
        self.execute("set enable_progress_bar = false")
        if threads:
            self.execute(f"set threads = {int(threads)}")
        self._kinds: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def bind(
        self, name: str, files: Sequence[Path], *, columns: Sequence[Column], tags: Sequence[Mapping[str, int]] = ()
    ) -> None:
        """Make Parquet files readable as one relation with exactly `columns`."""
        names = ", ".join(f'"{column.name}"' for column in columns)
        if not files:
            nulls = ", ".join(f'cast(null as {column.sql_type}) as "{column.name}"' for column in columns)
            extra = ", ".join(f"cast(null as bigint) as {tag}" for tag in ("_batch_id", "_part", "_row"))
            self.define(name, f"select {nulls}, {extra} where false")
        elif not tags:
            self.define(name, f"select {names} from read_parquet({_list(files)}, hive_partitioning = false)")
        else:
            self.define(
                name, " union all ".join(_tagged(file, names, tag) for file, tag in zip(files, tags, strict=True))
            )

    def define(self, name: str, sql: str) -> None:
        """Name a query; it is evaluated where it is used."""
        self._make_room(name, "view")
        self.execute(f"create or replace view {name} as {sql}")

    def keep(self, name: str, sql: str) -> int:
        """Evaluate a query once and keep its rows under a name; returns the number of rows."""
        self._make_room(name, "table")
        self.execute(f"create or replace table {name} as {sql}")
        return int(self.rows(f"select count(*) from {name}")[0][0])

    def drop(self, name: str) -> None:
        """Forget a kept or defined relation and free what it holds."""
        kind = self._kinds.pop(name, "")
        if kind:
            self.execute(f"drop {kind} if exists {name}")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """A small result as Python tuples."""
        return self.execute(sql).fetchall()

    def write(
        self, sql: str, folder: Path, *, stem: str, columns: Sequence[Column], month_of: str = ""
    ) -> list[WrittenFile]:
        """Write a query's rows as Parquet with Iceberg field ids 1..n in the order of `columns`."""
        names = ", ".join(f'"{column.name}"' for column in columns)
        ids = ", ".join(f'"{column.name}": {number}' for number, column in enumerate(columns, start=1))
        options = f"format parquet, compression zstd, compression_level 1, field_ids {{{ids}}}, return_stats"
        if month_of:
            select = f"select {names}, strftime({month_of}, '%Y-%m') as month from ({sql})"
            target = folder
            options += f", partition_by (month), write_partition_columns false, filename_pattern '{stem}-{{i}}', overwrite_or_ignore"
        else:
            select = f"select {names} from ({sql})"
            target = folder / f"{stem}.parquet"
        stats = self.execute(f"copy ({select}) to {_text(str(target))} ({options})").fetchall()
        written = [WrittenFile(str(row[0]), int(row[1])) for row in stats]
        for file in written:
            if file.rows == 0:
                Path(file.path).unlink()
        return [file for file in written if file.rows]

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Run one statement. Raises SystemUnreachableError when memory or disk is used up or a file cannot be read."""
        try:
            return self._connection.execute(sql)
        except duckdb.OutOfMemoryException as error:
            raise SystemUnreachableError(
                "the engine ran out of memory",
                where=_first_line(error),
                remedy="give it more with [engine] memory, or free disk space for [engine] temp",
            ) from error
        except duckdb.IOException as error:
            raise SystemUnreachableError(
                "the engine could not read or write a file",
                where=_first_line(error),
                remedy="check that the disk is not full and the workspace is complete; run again, nothing half-done is visible",
            ) from error

    def _make_room(self, name: str, kind: str) -> None:
        if self._kinds.get(name, kind) != kind:
            self.drop(name)
        if "." in name:
            with contextlib.suppress(duckdb.CatalogException):
                self.execute(f"create schema if not exists {name.partition('.')[0]}")
        self._kinds[name] = kind


def _tagged(file: Path, names: str, tag: Mapping[str, int]) -> str:
    constants = ", ".join(f"cast({value} as bigint) as {name}" for name, value in tag.items())
    source = f"read_parquet({_text(str(file))}, hive_partitioning = false, file_row_number = true)"
    return f"select {names}, {constants}, file_row_number as _row from {source}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _list(files: Sequence[Path]) -> str:
    return "[" + ", ".join(_text(str(file)) for file in files) + "]"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
