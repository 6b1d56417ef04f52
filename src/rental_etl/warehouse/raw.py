"""Schema `raw`: the tables as delivered, each batch exactly once, as views over the landed Parquet parts.

The parts never change, so copying their rows into the file would only cost time and room. Reads the parts' footers; writes the views and `etl.raw_parts`,
which says what they show. A rerun replaces a batch's parts.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby

import duckdb

from rental_etl.errors import SystemUnreachableError
from rental_etl.model.batch import Batch
from rental_etl.model.contract import Contract
from rental_etl.warehouse.connect import Connection, first_line, is_damage
from rental_etl.warehouse.tables import Columns, tables_of
from rental_etl.warehouse.text import literal, name, numbers, parquet, value

_MARKS: Columns = (("_error", "varchar"), ("_warning", "varchar"))
_ORIGIN: Columns = (("_batch_id", "bigint"), ("_loaded_at", "timestamp"))

# Batch, the moment it was loaded, the part's location and its columns, as one text.
_Shown = tuple[int, datetime, str, str]


def lay_out(connection: Connection) -> None:
    """Make the list of shown parts; what exists is left alone."""
    connection.execute(
        "create table if not exists etl.raw_parts"
        " (table_name varchar, batch_id bigint, loaded_at timestamp, location varchar, column_names varchar)"
    )


def shown(
    connection: Connection, recorded: Mapping[str, Sequence[tuple[int, int]]]
) -> dict[str, list[tuple[int, int]]]:
    """What the ledger records as loaded, without the tables whose rows an earlier version copied into the file: their parts are not known."""
    held = tables_of(connection, "raw")
    return {table: list(batches) for table, batches in recorded.items() if table not in held}


def bring_up_to_date(
    connection: Connection,
    contract: Contract,
    *,
    add: Sequence[tuple[Batch, Sequence[str]]],
    drop: Sequence[int],
    replace: bool,
    at: datetime,
) -> int:
    """Remove and add batches of `raw.<table>`; returns rows added. Runs inside the caller's transaction."""
    table = contract.table
    gone = [*drop, *(batch.batch_id for batch, _ in add)]
    which = "true" if replace else f"batch_id in {numbers(gone)}"
    connection.execute(f"delete from etl.raw_parts where table_name = {value(table)} and {which}")
    rows = _add(connection, add, at=at)
    if table in tables_of(connection, "raw"):
        # A file of an earlier version holds the rows themselves.
        connection.execute(f"drop table {name('raw', table)}")
    sql = (
        "select batch_id, loaded_at, location, column_names from etl.raw_parts"
        f" where table_name = {value(table)} order by batch_id, location"
    )
    connection.execute(
        f"create or replace view {name('raw', table)} as {_view(contract, connection.execute(sql).fetchall())}"
    )
    return rows


def _add(connection: Connection, add: Sequence[tuple[Batch, Sequence[str]]], *, at: datetime) -> int:
    """Note the parts of batches, once they are as their manifests say; returns their rows. Looks at footers alone."""
    footers = _footers(connection, add)
    noted = []
    for batch, parts in add:
        rows = sum(footers[part][0] for part in parts)
        if rows != batch.reading.rows_landed:
            raise _not_whole(batch, f"{rows:,} rows")
        for part in parts:
            columns = literal(footers[part][1])
            noted.append(f"({literal(batch.table)}, {batch.batch_id}, {value(at)}, {literal(part)}, {columns})")
    if noted:
        connection.execute(f"insert into etl.raw_parts values {', '.join(noted)}")
    return sum(rows for rows, _ in footers.values())


def _footers(connection: Connection, add: Sequence[tuple[Batch, Sequence[str]]]) -> dict[str, tuple[int, str]]:
    """By part, its rows and its columns as one text. Raises SystemUnreachableError for a part that is not whole."""
    try:
        return _read_footers(connection, [part for _, parts in add for part in parts])
    except duckdb.Error as error:
        if not is_damage(error):
            raise
    # One of them; read by themselves they tell which.
    footers: dict[str, tuple[int, str]] = {}
    for batch, parts in add:
        try:
            footers |= _read_footers(connection, parts)
        except duckdb.Error as error:
            raise _not_whole(batch, f"a file is damaged: {first_line(error)}") from error
    return footers


def _read_footers(connection: Connection, parts: Sequence[str]) -> dict[str, tuple[int, str]]:
    if not parts:
        return {}
    files = f"[{', '.join(map(literal, parts))}]"
    columns = f"select file_name, string_agg(name, ',' order by name) as names from parquet_schema({files}) where num_children is null group by file_name"
    rows = f"select file_name, num_rows, names from parquet_file_metadata({files}) join ({columns}) using (file_name)"
    return {file: (int(count), names) for file, count, names in connection.execute(rows).fetchall()}


def _view(contract: Contract, parts: Sequence[_Shown]) -> str:
    """The rows of all parts with today's columns; what a part of an earlier contract does not have is null."""
    columns = (*((column.name, column.sql_type) for column in contract.columns), *_MARKS)
    scans = [
        _scan(columns, names.split(","), list(parts))
        for names, parts in groupby(sorted(parts, key=_columns), key=_columns)
    ]
    if not scans:
        nothing = ", ".join(f"cast(null as {type_}) as {name(column)}" for column, type_ in (*columns, *_ORIGIN))
        return f"select {nothing} where false"
    return " union all ".join(scans)


def _columns(part: _Shown) -> str:
    return part[3]


def _scan(columns: Columns, present: Sequence[str], parts: Sequence[_Shown]) -> str:
    casts = [
        f"cast({name(column) if column in present else 'null'} as {type_}) as {name(column)}"
        for column, type_ in columns
    ]
    origins = [
        _by_file([value(part[place]) for part in parts], type_) + f" as {name(column)}"
        for place, (column, type_) in enumerate(_ORIGIN)
    ]
    return f"select {', '.join([*casts, *origins])} from {parquet([part[2] for part in parts])}"


def _by_file(values: Sequence[str], type_: str) -> str:
    """A constant where every file has the same value, else a look-up by the file's place in the scan."""
    if len(set(values)) == 1:
        return f"cast({values[0]} as {type_})"
    return f"cast([{', '.join(values)}] as {type_}[])[cast(file_index as bigint) + 1]"


def _not_whole(batch: Batch, found: str) -> SystemUnreachableError:
    return SystemUnreachableError(
        f"batch {batch.batch_id} of {batch.table} is not complete: {found}",
        where=batch.folder,
        expected=f"{batch.reading.rows_landed:,} rows, as its manifest says",
        remedy="restore the batch's files in the lake, then run again; nothing was changed",
    )
