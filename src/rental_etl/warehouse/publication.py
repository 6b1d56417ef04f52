"""Schemas `presentation` and `curated`: tables that take new rows by period, and views over a snapshot's Parquet files.

Everything here runs inside the publish's one transaction: readers see all of it or none.
"""

from collections.abc import Sequence

from rental_etl.errors import ConfigurationError, ModelError
from rental_etl.model.run import CuratedView, MetricUpdate
from rental_etl.warehouse.connect import Connection
from rental_etl.warehouse.tables import Columns, columns_of, same_columns, views_of
from rental_etl.warehouse.text import literal, name, parquet


def switch_metric(connection: Connection, update: MetricUpdate) -> None:
    """Give one presentation table its new rows.

    Raises ConfigurationError when the table is absent or of another shape and the update does not bring all of it, ModelError when rows lie outside
    the period they are said to replace.
    """
    table = name("presentation", update.table)
    if update.skipped or update.whole:
        files = () if update.skipped else update.files
        connection.execute(f"create or replace table {table} as {_select(update.columns, files)}")
        if update.skipped:
            connection.execute(f"comment on table {table} is {literal(f'empty: {update.skipped}')}")
        return
    existing = columns_of(connection, "presentation", update.table)
    if not same_columns(connection, existing, update.columns):
        raise ConfigurationError(
            f"presentation.{update.table} is {'of another shape' if existing else 'missing'}, and only some of its periods were computed",
            expected="the table as the last publish left it",
            remedy="run again with --full-refresh",
        )
    period = f"{name(update.period_column)} between date '{update.period_from}' and date '{update.period_to}'"
    connection.execute(f"delete from {table} where {period}")
    if update.files:
        _refuse_rows_outside(connection, update, period)
        connection.execute(f"insert into {table} {_select(update.columns, update.files)}")
    connection.execute(f"comment on table {table} is null")


def switch_views(connection: Connection, curated: Sequence[CuratedView]) -> None:
    """Make schema `curated` show exactly these snapshots."""
    for view in views_of(connection, "curated"):
        if view not in {wanted.name for wanted in curated}:
            connection.execute(f"drop view {name('curated', view)}")
    for wanted in curated:
        select = _select(wanted.columns, wanted.files)
        connection.execute(f"create or replace view {name('curated', wanted.name)} as {select}")


def _select(columns: Columns, files: Sequence[str]) -> str:
    """The rows of Parquet files with exactly these columns, or no row of them."""
    source = {column: name(column) if files else "null" for column, _ in columns}
    casts = ", ".join(f"cast({source[column]} as {type_}) as {name(column)}" for column, type_ in columns)
    return f"select {casts} from {parquet(files)}" if files else f"select {casts} where false"


def _refuse_rows_outside(connection: Connection, update: MetricUpdate, period: str) -> None:
    outside = connection.execute(
        f"select count(*) from {parquet(update.files)} where ({period}) is not true"
    ).fetchone()
    if outside and outside[0]:
        raise ModelError(
            f"{outside[0]:,} new rows of presentation.{update.table} lie outside the periods they replace",
            expected=f"{update.period_column} from {update.period_from} to {update.period_to}",
            remedy="run again with --full-refresh",
        )
