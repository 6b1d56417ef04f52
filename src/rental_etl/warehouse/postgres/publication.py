"""Schemas `presentation` and `curated`: tables that take new rows by period, and views over rows loaded from a snapshot's Parquet files.

Everything here runs inside the publish's one transaction: readers see all of it or none. Tables are kept and their rows replaced, so that grants and
views of the user stay and no reader is waited for; only a table whose columns change is made anew.
"""

from collections.abc import Sequence

from rental_etl.errors import ConfigurationError, ModelError
from rental_etl.model.run import CuratedView, MetricUpdate
from rental_etl.warehouse.postgres.catalog import Session, columns_of, tables_of, views_of
from rental_etl.warehouse.postgres.connect import PostgresSession
from rental_etl.warehouse.postgres.parquet_rows import ParquetRows
from rental_etl.warehouse.postgres.types import POSTGRES, Columns, Create, create_table
from rental_etl.warehouse.text import literal, name, numbers

_FILE: Columns = (("_file", "bigint"),)


def switch_metric(session: PostgresSession, reader: ParquetRows, update: MetricUpdate) -> None:
    """Give one presentation table its new rows.

    Raises ConfigurationError when the table is absent or of another shape and the update does not bring all of it, ModelError when rows lie outside
    the period they are said to replace.
    """
    make_room(session, update, columns=POSTGRES.spelled(update.columns))
    if update.files and not update.skipped:
        if not update.whole:
            refuse_rows_outside(update, reader.count_outside(update.files, period_of(update)))
        names = ", ".join(name(column) for column, _ in update.columns)
        table = name("presentation", update.table)
        session.copy_in(f"copy {table} ({names}) from stdin", reader.copy_text(update.files, update.columns))
    # Asked first: the comment's lock would wait for a cleaning of the table that the server does by itself.
    if _comment(session, update.table) != remark_of(update):
        session.execute(comment_on(update))


def make_room(session: Session, update: MetricUpdate, *, columns: Columns, create: Create = create_table) -> None:
    """Leave a presentation table with these columns and without the rows that are replaced."""
    table = name("presentation", update.table)
    existing = columns_of(session, "presentation", update.table)
    if existing == list(columns):
        session.execute(f"delete from {table}{'' if _is_whole(update) else f' where {period_of(update)}'}")
        return
    if not _is_whole(update):
        raise ConfigurationError(
            f"presentation.{update.table} is {'of another shape' if existing else 'missing'}, and only some of its periods were computed",
            expected="the table as the last publish left it",
            remedy="run again with --full-refresh",
        )
    if existing:
        session.execute(f"drop table {table}")
    session.execute(create("presentation", update.table, columns))


def comment_on(update: MetricUpdate) -> str:
    """The statement that says why a table is empty, or takes that back."""
    remark = remark_of(update)
    return f"comment on table {name('presentation', update.table)} is {literal(remark) if remark else 'null'}"


def remark_of(update: MetricUpdate) -> str:
    """Why a table is empty, "" when it is not."""
    return f"empty: {update.skipped}" if update.skipped else ""


def period_of(update: MetricUpdate) -> str:
    """The predicate of the rows that an update replaces."""
    return f"{name(update.period_column)} between date '{update.period_from}' and date '{update.period_to}'"


def refuse_rows_outside(update: MetricUpdate, rows: int) -> None:
    """Raise ModelError when new rows lie outside the periods they replace: they would be there twice."""
    if rows:
        raise ModelError(
            f"{rows:,} new rows of presentation.{update.table} lie outside the periods they replace",
            expected=f"{update.period_column} from {update.period_from} to {update.period_to}",
            remedy="run again with --full-refresh",
        )


def switch_curated(session: PostgresSession, reader: ParquetRows, curated: Sequence[CuratedView]) -> None:
    """Make schema `curated` show exactly these snapshots; a file that is loaded already is not read again."""
    for view in views_of(session, "curated"):
        if view not in {wanted.name for wanted in curated}:
            _forget(session, view)
    for wanted in curated:
        _switch_one(session, reader, wanted)


def _switch_one(session: PostgresSession, reader: ParquetRows, wanted: CuratedView) -> None:
    columns = POSTGRES.spelled(wanted.columns)
    table, view = name("etl", _rows_of(wanted.name)), name("curated", wanted.name)
    if columns_of(session, "etl", _rows_of(wanted.name)) != [*columns, *_FILE]:
        _forget(session, wanted.name)
        session.execute(create_table("etl", _rows_of(wanted.name), [*columns, *_FILE]))
        # The rows of one file lie together: this finds them at hardly any cost.
        session.execute(f"create index on {table} using brin (_file)")
    names = ", ".join(name(column) for column, _ in columns)
    loaded = _loaded_files(session, wanted.name)
    gone = [number for file, number in loaded.items() if file not in wanted.files]
    if gone:
        some = f" where _file in {numbers(gone)}" if len(gone) < len(loaded) else ""
        session.execute(f"delete from {table}{some}")
        session.execute(
            f"delete from etl.loaded_files where table_name = {literal(wanted.name)} and file_id in {numbers(gone)}"
        )
    number = max(loaded.values(), default=0)
    for file in wanted.files:
        if file in loaded:
            continue
        number += 1
        blocks = reader.copy_text([file], wanted.columns, [str(number)])
        session.copy_in(f"copy {table} ({names}, _file) from stdin", blocks)
        values = f"{literal(wanted.name)}, {number}, {literal(file)}"
        session.execute(f"insert into etl.loaded_files (table_name, file_id, file) values ({values})")
    if wanted.name not in views_of(session, "curated"):
        session.execute(f"create view {view} as select {names} from {table}")


def _forget(session: Session, curated: str) -> None:
    if curated in views_of(session, "curated"):
        session.execute(f"drop view {name('curated', curated)}")
    if _rows_of(curated) in tables_of(session, "etl"):
        session.execute(f"drop table {name('etl', _rows_of(curated))}")
    session.execute(f"delete from etl.loaded_files where table_name = {literal(curated)}")


def _loaded_files(session: Session, curated: str) -> dict[str, int]:
    sql = f"select file, file_id from etl.loaded_files where table_name = {literal(curated)}"
    return dict(session.execute(sql).fetchall())


def _rows_of(curated: str) -> str:
    """The table behind a curated view: its rows, each with the number of the file it came from."""
    return f"curated_{curated}"


def _comment(session: Session, table: str) -> str:
    sql = f"select coalesce(obj_description({literal(name('presentation', table))}::regclass, 'pg_class'), '')"
    [(comment,)] = session.execute(sql).fetchall()
    return str(comment)


def _is_whole(update: MetricUpdate) -> bool:
    return update.whole or bool(update.skipped)
