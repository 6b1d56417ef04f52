"""Schema `raw`: the tables as delivered, each batch exactly once. Reads the landed Parquet parts; a rerun replaces a batch's rows."""

from collections.abc import Sequence
from datetime import datetime

import duckdb

from rental_etl.errors import SystemUnreachableError
from rental_etl.model.batch import Batch
from rental_etl.model.contract import Contract
from rental_etl.warehouse.connect import Connection, first_line, is_damage
from rental_etl.warehouse.tables import Columns, columns_of, same_columns
from rental_etl.warehouse.text import literal, name, numbers, parquet

_MARKS: Columns = (("_error", "varchar"), ("_warning", "varchar"))
_ORIGIN: Columns = (("_batch_id", "bigint"), ("_loaded_at", "timestamp"))


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
    table = name("raw", contract.table)
    delivered = (*((column.name, column.sql_type) for column in contract.columns), *_MARKS)
    columns = (*delivered, *_ORIGIN)
    existing = columns_of(connection, "raw", contract.table)
    if replace or not existing:
        described = ", ".join(f"{name(column)} {type_}" for column, type_ in columns)
        connection.execute(f"create or replace table {table} ({described})")
    else:
        if not same_columns(connection, existing, columns):
            _reshape(connection, table, existing=existing, wanted=columns)
        gone = [*drop, *(batch.batch_id for batch, _ in add)]
        connection.execute(f"delete from {table} where _batch_id in {numbers(gone)}")
    return sum(_add(connection, table, batch, parts=parts, columns=delivered, at=at) for batch, parts in add)


def _add(
    connection: Connection, table: str, batch: Batch, *, parts: Sequence[str], columns: Columns, at: datetime
) -> int:
    rows = 0
    if parts:
        casts = ", ".join(f"cast({name(column)} as {type_})" for column, type_ in columns)
        stamp = f"{batch.batch_id}, timestamp {literal(at.isoformat(sep=' '))}"
        try:
            found = connection.execute(f"insert into {table} select {casts}, {stamp} from {parquet(parts)}").fetchone()
        except duckdb.Error as error:
            if not is_damage(error):
                raise
            raise _not_whole(batch, f"a file is damaged: {first_line(error)}") from error
        rows = int(found[0]) if found else 0
    if rows != batch.reading.rows_landed:
        raise _not_whole(batch, f"{rows:,} rows")
    return rows


def _not_whole(batch: Batch, found: str) -> SystemUnreachableError:
    return SystemUnreachableError(
        f"batch {batch.batch_id} of {batch.table} is not complete: {found}",
        where=batch.folder,
        expected=f"{batch.reading.rows_landed:,} rows, as its manifest says",
        remedy="restore the batch's files in the lake, then run again; nothing was changed",
    )


def _reshape(connection: Connection, table: str, *, existing: Columns, wanted: Columns) -> None:
    """Give a table of an earlier contract today's columns; what the old one did not have is null."""
    known = dict(existing)
    select = ", ".join(
        f"cast({name(column) if column in known else 'null'} as {type_}) as {name(column)}" for column, type_ in wanted
    )
    connection.execute(f"create or replace table {table} as select {select} from {table}")
