"""DuckDB as the engine: an in-memory session that reads and writes Parquet and spills to a temporary folder.

Reads and writes only the files it is told to; nothing of the session outlives it.
"""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from rental_etl.engine.spill import spill_folder
from rental_etl.errors import ModelError, RentalEtlError, SystemUnreachableError
from rental_etl.model.contract import Column
from rental_etl.ports.engine import WrittenFile
from rental_etl.storage.httpfs import Reach, refused
from rental_etl.storage.leftovers import scratch
from rental_etl.storage.parquet import parquet
from rental_etl.storage.store import Keys, is_remote
from rental_etl.working_thread import WorkingThread

_BROKEN_SQL = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException, duckdb.SyntaxException)


class DuckDBEngine:
    """An `Engine` on one machine. Statements raise SystemUnreachableError when memory, disk or a file fails, ModelError when they are wrong.

    `reach` is the way to files in S3: they are read where they lie, for that takes no disk and only the columns asked for. What is written goes to the local
    disk first and is uploaded whole. Without it the lake is on this machine.
    """

    def __init__(self, *, memory: str, threads: int | None, temp: Path, reach: Reach | None = None) -> None:
        self._temp = temp
        self._reach = reach
        self._keys: Keys | None = None
        self._connection = duckdb.connect(":memory:")
        self._thread = WorkingThread(self._connection.interrupt)
        self.execute(f"set memory_limit = {_text(memory)}")
        self.execute(f"set temp_directory = {_text(str(spill_folder(temp)))}")
        # Order is asked for where it matters (`_row`); free order lets scans and writes stream.
        self.execute("set preserve_insertion_order = false")
        self.execute("set timezone = 'UTC'")
        self.execute("set enable_progress_bar = false")
        # A name that is not defined must never resolve to a Python variable of the caller, nor fetch an extension.
        self.execute("set python_enable_replacements = false")
        self.execute("set autoinstall_known_extensions = false")
        if threads:
            self.execute(f"set threads = {int(threads)}")
        self._kinds: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.end()
        self._connection.close()

    def bind(
        self, name: str, files: Sequence[str], *, columns: Sequence[Column], tags: Sequence[Mapping[str, int]] = ()
    ) -> None:
        """Make Parquet files readable as one relation with exactly `columns`."""
        if not files:
            nulls = ", ".join(f"cast(null as {column.sql_type}) as {_name(column.name)}" for column in columns)
            self.define(name, f"select {nulls} where false")
            return
        if any(map(is_remote, files)):
            self._identify()
        names = [_name(column.name) for column in columns]
        source = f"read_parquet({_list(files)}, hive_partitioning = false)"
        if tags:
            # One scan of all files: with a scan each, thousands of them take minutes to be written out again.
            names += [*_tag_columns(files, tags), "file_row_number as _row"]
        self.define(name, f"select {', '.join(names)} from {source}")

    def define(self, name: str, sql: str) -> None:
        """Name a query; it is evaluated where it is used."""
        self._make_room(name, "view")
        self.execute(f"create or replace view {_dotted(name)} as {sql}")

    def keep(self, name: str, sql: str) -> int:
        """Evaluate a query once and keep its rows under a name; returns the number of rows."""
        self._make_room(name, "table")
        return int(self.execute(f"create or replace table {_dotted(name)} as {sql}")[0][0])

    def drop(self, name: str) -> None:
        """Forget a kept or defined relation and free what it holds."""
        kind = self._kinds.pop(name, "")
        if kind:
            self.execute(f"drop {kind} if exists {_dotted(name)}")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """A small result as Python tuples."""
        return self.execute(sql)

    def write(
        self, sql: str, folder: str, *, stem: str, columns: Sequence[Column], month_of: str = ""
    ) -> list[WrittenFile]:
        """Write a query's rows as Parquet with Iceberg field ids 1..n in the order of `columns`."""
        if is_remote(folder):
            return self._write_remote(sql, folder, stem=stem, columns=columns, month_of=month_of)
        names = ", ".join(_name(column.name) for column in columns)
        ids = ", ".join(f"{_name(column.name)}: {number}" for number, column in enumerate(columns, start=1))
        form = parquet((column.type for column in columns), local=self._reach is None)
        options = f"{form}, field_ids {{{ids}}}, return_stats"
        if month_of:
            # A number: partitioning by text takes a fifth longer.
            month = f"year({_name(month_of)}) * 100 + month({_name(month_of)})"
            select = f"select {names}, {month} as month from ({sql})"
            target = folder
            options += f", partition_by (month), write_partition_columns false, overwrite_or_ignore, filename_pattern '{stem}-{{i}}'"
        else:
            select = f"select {names} from ({sql})"
            target = f"{folder}/{stem}.parquet"
        stats = self.execute(f"copy ({select}) to {_text(target)} ({options})")
        written = [WrittenFile(str(row[0]), int(row[1]), int(row[2])) for row in stats]
        for file in written:
            if file.rows == 0:
                Path(file.path).unlink()
        return [file for file in written if file.rows]

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement and fetch what it says."""
        if self._keys is not None:
            self._identify()
        try:
            return self._thread.do(lambda: self._connection.execute(sql).fetchall())
        except duckdb.Error as error:
            raise _explained(error, sql) from error

    def _write_remote(
        self, sql: str, folder: str, *, stem: str, columns: Sequence[Column], month_of: str
    ) -> list[WrittenFile]:
        with contextlib.ExitStack() as stack:
            try:
                local = stack.enter_context(scratch(self._temp, "writing"))
            except OSError as error:
                raise SystemUnreachableError(
                    f"cannot write to the temporary folder: {error.strerror or error}",
                    where=str(self._temp),
                    remedy="free disk space, or set [engine] temp to another folder",
                ) from error
            written = self.write(sql, local, stem=stem, columns=columns, month_of=month_of)
            there = [
                WrittenFile(f"{folder}/{Path(file.path).relative_to(local).as_posix()}", file.rows) for file in written
            ]
            self._way().send([(Path(file.path), sent.path) for file, sent in zip(written, there, strict=True)])
        return there

    def _identify(self) -> None:
        """Teach the session to read from S3, and tell it when a role's credentials were renewed."""
        reach = self._way()
        keys = reach.keys()
        if keys == self._keys:
            return
        known, self._keys = self._keys, None
        try:
            (reach.extend if known is None else reach.identify)(self._connection, keys)
        except duckdb.Error as error:
            raise _explained(error, "load httpfs") from error
        self._keys = keys

    def _way(self) -> Reach:
        if self._reach is None:
            raise ModelError("this session was given no way to S3", remedy="this is a defect of rental-etl: report it")
        return self._reach

    def _make_room(self, name: str, kind: str) -> None:
        if self._kinds.get(name, kind) != kind:
            self.drop(name)
        schema, dot, _ = name.partition(".")
        if dot and name not in self._kinds:
            self.execute(f"create schema if not exists {_name(schema)}")
        self._kinds[name] = kind


def _explained(error: duckdb.Error, sql: str) -> RentalEtlError:
    """What a driver's error means to the user."""
    message = str(error).strip().splitlines()[0]
    if isinstance(error, duckdb.OutOfMemoryException):
        return SystemUnreachableError(
            "the engine ran out of memory",
            where=message,
            remedy="give it more with [engine] memory, or free disk space for [engine] temp",
        )
    if isinstance(error, _BROKEN_SQL):
        return ModelError(
            f"a statement is wrong: {message}",
            where=" ".join(sql.split())[:200],
            remedy="this is a defect of rental-etl: report it with this message",
        )
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException):
        return ModelError(
            f"a value does not fit the type that a statement gives it: {message}",
            where=" ".join(sql.split())[:200],
            expected="amounts and counts within the types of docs/metrics.md",
            remedy="correct the value at the source, or report it with this message",
        )
    # The driver raises several kinds, its plain base class among them, for a Parquet file that is not whole.
    return refused(error) or SystemUnreachableError(
        "the engine could not read or write a file",
        where=message,
        expected="files of the lake as they were written, and a disk with room",
        remedy="check that the disk is not full and the workspace is complete; run again, nothing half-done is visible",
    )


def _tag_columns(files: Sequence[str], tags: Sequence[Mapping[str, int]]) -> list[str]:
    """A constant where every file has the same value, else a look-up by the file's place in the scan."""
    by_file = [tag for _, tag in zip(files, tags, strict=True)]
    columns = []
    for name in by_file[0]:
        values = [int(tag[name]) for tag in by_file]
        same = len(set(values)) == 1
        value = (
            f"cast({values[0]} as bigint)" if same else f"cast({values} as bigint[])[cast(file_index as bigint) + 1]"
        )
        columns.append(f"{value} as {_name(name)}")
    return columns


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _dotted(name: str) -> str:
    return ".".join(map(_name, name.split(".")))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _list(files: Sequence[str]) -> str:
    return "[" + ", ".join(_text(file) for file in files) + "]"
