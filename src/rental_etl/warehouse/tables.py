"""What the warehouse's tables look like now."""

from collections.abc import Sequence

from rental_etl.warehouse.connect import Connection
from rental_etl.warehouse.text import value

Columns = Sequence[tuple[str, str]]


def columns_of(connection: Connection, schema: str, table: str) -> list[tuple[str, str]]:
    """A table's columns (name, DuckDB's own type name) in order; empty when there is no such table."""
    which = f"table_name = {value(table)}"
    sql = f"select column_name, data_type from duckdb_columns() where {_here(schema)} and {which} order by column_index"
    return [(column, type_) for column, type_ in connection.execute(sql).fetchall()]


def same_columns(connection: Connection, existing: Columns, wanted: Columns) -> bool:
    """Whether columns agree in name, order and type, however the types are spelled."""
    spelled = ", ".join(f"typeof(cast(null as {type_}))" for _, type_ in wanted)
    types = connection.execute(f"select {spelled}").fetchone() or ()
    return list(existing) == [(column, type_) for (column, _), type_ in zip(wanted, types, strict=True)]


def tables_of(connection: Connection, schema: str) -> list[str]:
    """The tables of a schema by name."""
    sql = f"select table_name from duckdb_tables() where {_here(schema)} order by 1"
    return [table for (table,) in connection.execute(sql).fetchall()]


def views_of(connection: Connection, schema: str) -> list[str]:
    """The views of a schema by name."""
    sql = f"select view_name from duckdb_views() where {_here(schema)} order by 1"
    return [view for (view,) in connection.execute(sql).fetchall()]


def _here(schema: str) -> str:
    return f"database_name = current_database() and schema_name = {value(schema)}"
