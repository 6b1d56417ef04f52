"""Writes presentation tables to CSV or Parquet files, each atomically and in one order, whatever server the rows come from."""

import contextlib
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from rental_etl.errors import SystemUnreachableError
from rental_etl.warehouse.answers import _FORMATS as FORMATS
from rental_etl.warehouse.postgres.parquet_rows import Opener
from rental_etl.warehouse.postgres.types import Columns
from rental_etl.warehouse.text import literal, name

# Fetches one table's rows as CSV without header: NULL is \N, text that looks like it is quoted.
Fetch = Callable[[str, BinaryIO], None]


def write_tables(
    tables: Mapping[str, Columns],
    fetch: Fetch,
    *,
    folder: Path,
    format: str,
    open_engine: Opener,
    ordered: bool = True,
) -> dict[str, int]:
    """Write tables (columns with canonical types) to `<table>.<format>`, ordered by all their columns; returns rows by table."""
    import duckdb

    from rental_etl.warehouse.connect import first_line

    rows = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table, columns in tables.items():
            rows[table] = _write(
                table, columns, fetch, folder=folder, format=format, open_engine=open_engine, ordered=ordered
            )
    except (OSError, duckdb.IOException) as error:
        raise SystemUnreachableError(
            f"cannot write the export: {(isinstance(error, OSError) and error.strerror) or first_line(error)}",
            where=str(folder),
            expected="a folder that this user may write to, on a disk with room",
            remedy="name another folder, or change its permissions",
        ) from error
    return rows


def _write(
    table: str, columns: Columns, fetch: Fetch, *, folder: Path, format: str, open_engine: Opener, ordered: bool
) -> int:
    target = folder / f"{table}.{format}"
    mark = uuid.uuid4().hex
    text, temporary = (folder / f".{target.name}.{mark}.{end}" for end in ("rows", "tmp"))
    try:
        with text.open("wb") as file:
            fetch(table, file)
        types = ", ".join(f"{literal(column)}: {literal(type_)}" for column, type_ in columns)
        # One thread at a time: a quoted line break must not be taken for a row's end.
        reading = (
            f"read_csv({literal(str(text))}, columns = {{{types}}}, header = false, auto_detect = false, delim = ',', quote = '\"', "
            "escape = '\"', nullstr = '\\N', allow_quoted_nulls = false, parallel = false, max_line_size = 16000000)"
        )
        names = ", ".join(name(column) for column, _ in columns)
        with contextlib.closing(open_engine()) as engine:
            engine.execute("set preserve_insertion_order = true")
            order = "order by all" if ordered else ""
            sql = f"copy (select {names} from {reading} {order}) to {literal(str(temporary))} ({FORMATS[format]})"
            found = engine.execute(sql).fetchone()
        temporary.replace(target)
    finally:
        for left in (text, temporary):
            with contextlib.suppress(OSError):
                left.unlink(missing_ok=True)
    return int(found[0]) if found else 0
