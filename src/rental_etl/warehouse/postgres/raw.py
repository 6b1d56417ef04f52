"""Schema `raw`: the tables as delivered, each batch exactly once. Reads the landed Parquet parts; a rerun replaces a batch's rows.

Rows are deleted and inserted, never truncated or swapped: readers see the old rows until the commit, and grants and views of the user stay.
"""

from collections.abc import Sequence
from datetime import datetime

from rental_etl.errors import SystemUnreachableError
from rental_etl.model.batch import Batch
from rental_etl.model.contract import Contract
from rental_etl.warehouse.postgres.catalog import Session, columns_of
from rental_etl.warehouse.postgres.connect import PostgresSession
from rental_etl.warehouse.postgres.parquet_rows import ParquetRows
from rental_etl.warehouse.postgres.types import POSTGRES, Columns, Create, create_table
from rental_etl.warehouse.text import name, numbers

MARKS: Columns = (("_error", "varchar"), ("_warning", "varchar"))
ORIGIN: Columns = (("_batch_id", "bigint"), ("_loaded_at", "timestamp"))

Deliveries = Sequence[tuple[Batch, Sequence[str]]]


def bring_up_to_date(
    session: PostgresSession,
    reader: ParquetRows,
    contract: Contract,
    *,
    add: Deliveries,
    drop: Sequence[int],
    replace: bool,
    at: datetime,
) -> int:
    """Remove and add batches of `raw.<table>`; returns rows added. Runs inside the caller's transaction."""
    delivered = delivered_columns(contract)
    columns = POSTGRES.spelled((*delivered, *ORIGIN))
    gone = [*drop, *(batch.batch_id for batch, _ in add)]
    make_room(session, contract.table, columns=columns, gone=gone, replace=replace)
    return sum(_add(session, reader, batch, parts=parts, columns=delivered, at=at) for batch, parts in add)


def delivered_columns(contract: Contract) -> Columns:
    """The columns of landed Parquet, in their order there."""
    return (*((column.name, column.sql_type) for column in contract.columns), *MARKS)


def make_room(
    session: Session,
    table: str,
    *,
    columns: Columns,
    gone: Sequence[int],
    replace: bool,
    create: Create = create_table,
) -> None:
    """Leave `raw.<table>` with these columns and without the rows that go: all of them, or those of the batches `gone`."""
    existing = columns_of(session, "raw", table)
    target = name("raw", table)
    if not existing:
        session.execute(create("raw", table, columns))
    elif existing != list(columns) and replace:
        session.execute(f"drop table {target}")
        session.execute(create("raw", table, columns))
    else:
        if existing != list(columns):
            _reshape(session, table, existing=existing, wanted=columns, create=create)
        session.execute(
            f"delete from {target}" if replace else f"delete from {target} where _batch_id in {numbers(gone)}"
        )


def check_whole(batch: Batch, rows: int) -> None:
    """Raise SystemUnreachableError unless a batch's files held as many rows as its manifest says."""
    if rows != batch.reading.rows_landed:
        raise not_whole(batch, f"{rows:,} rows")


def not_whole(batch: Batch, found: str) -> SystemUnreachableError:
    """What is said about a batch whose files are not as its manifest says."""
    return SystemUnreachableError(
        f"batch {batch.batch_id} of {batch.table} is not complete: {found}",
        where=batch.folder,
        expected=f"{batch.reading.rows_landed:,} rows, as its manifest says",
        remedy="restore the batch's files in the lake, then run again; nothing was changed",
    )


def _add(
    session: PostgresSession,
    reader: ParquetRows,
    batch: Batch,
    *,
    parts: Sequence[str],
    columns: Columns,
    at: datetime,
) -> int:
    names = ", ".join(name(column) for column, _ in (*columns, *ORIGIN))
    stamp = (str(batch.batch_id), at.isoformat(sep=" "))
    blocks = reader.copy_text(parts, columns, stamp, failed=lambda found: not_whole(batch, found))
    rows = session.copy_in(f"copy {name('raw', batch.table)} ({names}) from stdin", blocks) if parts else 0
    check_whole(batch, rows)
    return rows


def _reshape(session: Session, table: str, *, existing: Columns, wanted: Columns, create: Create) -> None:
    """Give a table of an earlier contract today's columns; what the old one did not have is null."""
    old, target = f"{table}_before", name("raw", table)
    known = dict(existing)
    values = ", ".join(
        f"cast({name(column) if column in known else 'null'} as {type_}) as {name(column)}" for column, type_ in wanted
    )
    session.execute(f"alter table {target} rename to {name(old)}")
    session.execute(create("raw", table, wanted))
    session.execute(f"insert into {target} select {values} from {name('raw', old)}")
    session.execute(f"drop table {name('raw', old)}")
