"""Questions and exports: read-only ways out of the warehouse file."""

import contextlib
import difflib
import re
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from rental_etl.errors import RentalEtlError, SystemUnreachableError, UsageError
from rental_etl.ports.warehouse import Rows
from rental_etl.storage.httpfs import Reach, is_missing
from rental_etl.warehouse.connect import Connection, explained, first_line, is_damage, unwrapped
from rental_etl.warehouse.tables import tables_of, views_of
from rental_etl.warehouse.text import literal, name
from rental_etl.working_thread import WorkingThread

_FORMATS = {"csv": "format csv, header true", "parquet": "format parquet, compression zstd"}
_FETCH = 10_000
# Where a bare name is looked for, and what is told first.
BY_INTEREST = ("presentation", "curated", "raw", "etl")
_EXPLAIN = re.compile(r"^\s*explain\s+(analyze\s+)?(\([^)]*\)\s*)?", re.IGNORECASE)
_MISSING = re.compile(r"Table with name (\S+) does not exist")


def answer(connection: Connection, sql: str, *, path: Path, reach: Reach | None = None) -> Rows:
    """Run one reading statement; the connection closes with the iterator. Raises UsageError with the driver's words."""
    thread = WorkingThread(connection.interrupt)
    try:
        _refuse_all_but_reading(connection, sql)
        # So that a table can be asked for by its bare name.
        connection.execute(f"set search_path = '{','.join(BY_INTEREST)},main'")
        result = thread.do(lambda: _executed(connection, sql, reach))
        columns = tuple(column[0] for column in result.description or ())
    except duckdb.Error as error:
        raise _misunderstood(connection, error, path) from error
    rows = _stream(connection, thread, sql, path)
    # Started here: only a generator that has begun closes the connection when it is dropped unread.
    next(rows)
    return Rows(columns=columns, rows=rows)


def write_tables(connection: Connection, folder: Path, format: str) -> dict[str, int]:
    """Write every presentation table to `<table>.<format>`, ordered by all its columns (the key comes first); returns rows by table."""
    tables = tables_of(connection, "presentation")
    if not tables:
        raise nothing_yet("there are no presentation tables")
    rows = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table in tables:
            rows[table] = _write(connection, table, folder=folder, format=format)
    except (OSError, duckdb.IOException) as error:
        raise SystemUnreachableError(
            f"cannot write the export: {(isinstance(error, OSError) and error.strerror) or first_line(error)}",
            where=str(folder),
            expected="a folder that this user may write to, on a disk with room",
            remedy="name another folder, or change its permissions",
        ) from error
    return rows


def check_format(format: str) -> None:
    """Raise UsageError unless exports can be written in this format."""
    if format not in _FORMATS:
        raise UsageError(f"unknown export format {format!r}", expected=" or ".join(_FORMATS), remedy="use --format csv")


def nothing_yet(what: str) -> UsageError:
    """What is said before the first run."""
    return UsageError(f"{what}: no run yet", remedy="run `rental-etl run --source DIR` first")


def _write(connection: Connection, table: str, *, folder: Path, format: str) -> int:
    target = folder / f"{table}.{format}"
    temporary = folder / f".{target.name}.{uuid.uuid4().hex}.tmp"
    select = f"select * from {name('presentation', table)} order by all"
    try:
        found = connection.execute(f"copy ({select}) to {literal(str(temporary))} ({_FORMATS[format]})").fetchone()
        temporary.replace(target)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return int(found[0]) if found else 0


def _executed(connection: Connection, sql: str, reach: Reach | None) -> Connection:
    """Execute; S3 is reached for when the question turns out to need it, for most do not."""
    try:
        return connection.execute(sql)
    except duckdb.Error as error:
        if reach is None or not is_missing(error):
            raise
    reach.extend(connection)
    return connection.execute(sql)


def _stream(connection: Connection, thread: WorkingThread, sql: str, path: Path) -> Iterator[tuple[Any, ...]]:
    try:
        yield ()
        while rows := thread.do(lambda: connection.fetchmany(_FETCH)):
            yield from rows
    except duckdb.InterruptException as error:
        cause = thread.do(lambda: _cause(connection, sql))
        raise _misunderstood(connection, cause or error, path) from error
    except duckdb.Error as error:
        raise _misunderstood(connection, error, path) from error
    finally:
        thread.end()
        connection.close()


def _cause(connection: Connection, sql: str) -> duckdb.Error | None:
    """Why a question fails: where one of the driver's threads fails it interrupts the others, and may tell of that instead. Alone a thread tells why."""
    try:
        connection.execute("set threads = 1")
        connection.execute(sql)
        while connection.fetchmany(_FETCH):
            pass
    except duckdb.Error as error:
        return error
    finally:
        with contextlib.suppress(duckdb.Error):
            connection.execute("reset threads")
    return None


def _refuse_all_but_reading(connection: Connection, sql: str) -> None:
    """Raise UsageError unless `sql` is one statement that only reads."""
    statements = connection.extract_statements(sql)
    if not statements:
        raise UsageError("the question is empty", expected="one SELECT statement")
    # PIVOT without named values comes as two statements without text of their own: a type, then the select.
    parts = [statements[-1]] if all(not statement.query for statement in statements) else statements
    if len(parts) > 1:
        raise UsageError(
            f"{len(parts)} statements at once", expected="one SELECT statement", remedy="ask them one by one"
        )
    kind = parts[0].type
    if kind == duckdb.StatementType.EXPLAIN:
        # EXPLAIN ANALYZE runs what it explains.
        inner = connection.extract_statements(_EXPLAIN.sub("", parts[0].query, count=1))
        kind = inner[0].type if inner else kind
    if kind != duckdb.StatementType.SELECT:
        raise UsageError(
            f"a question only reads, and this is {kind.name}",
            expected="one SELECT statement",
            remedy="change the warehouse through the pipeline alone; copy data out with `rental-etl export`",
        )


def _misunderstood(connection: Connection, error: duckdb.Error, path: Path) -> RentalEtlError:
    error = unwrapped(error)
    asked_wrongly = isinstance(error, duckdb.ProgrammingError | duckdb.DataError | duckdb.NotSupportedError)
    if asked_wrongly and not isinstance(error, duckdb.OutOfMemoryException) and not is_damage(error):
        text = str(error).strip()
        where = text[text.find("LINE ") :] if "LINE " in text else ""
        return UsageError(first_line(error), where=where, remedy=_advice(connection, text))
    return explained(path, error)


def _advice(connection: Connection, message: str) -> str:
    """What to do about a question that failed; for a table that does not exist, the names that look like it."""
    if "pytz" in message:
        return "cast timestamps with time zone to plain ones (UTC), such as now()::timestamp"
    missing = _MISSING.search(message)
    if not missing:
        return "correct the SQL; it is DuckDB's dialect"
    known = [
        f"{schema}.{relation}"
        for schema in BY_INTEREST
        for relation in (*tables_of(connection, schema), *views_of(connection, schema))
    ]
    near = nearest_tables(missing[1].strip('"'), known)
    return f"did you mean {near}?" if near else "list the tables with `rental-etl query 'show all tables'`"


def nearest_tables(table: str, known: Sequence[str]) -> str:
    """Which of the known tables (`schema.table`), at most four, hold the word or are called nearly so; "" when there is none."""
    word = table.rpartition(".")[2].lower()
    by_name: dict[str, str] = {}
    for full in known:
        by_name.setdefault(full.partition(".")[2], full)
    near = [*(name for name in by_name if word in name), *difflib.get_close_matches(word, by_name, n=4)]
    return " or ".join([by_name[name] for name in dict.fromkeys(near)][:4])
