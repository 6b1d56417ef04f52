"""Pieces of SQL by which rows meet those that a table holds."""

from rental_etl.errors import InputError
from rental_etl.model.contract import Contract
from rental_etl.ports.database import Clean
from rental_etl.source.mysql.catalog import StoredTable, quote
from rental_etl.source.mysql.tables import sql_type


def require_columns(table: StoredTable, contract: Contract, clean: Clean) -> None:
    """Raise InputError when a delivered column has no place in the table."""
    absent = [name for name in clean.delivered if name not in table.columns]
    if absent:
        types = ", ".join(f"add column {quote(name)} {sql_type(contract.column(name))}" for name in absent)
        raise InputError(
            f"{table.shown} has no column for {', '.join(absent)}, which {clean.name} delivers",
            where=table.shown,
            expected="a column for every column of the contract that is delivered",
            remedy=f"alter table {table.quoted} {types}; or map it by tables.{contract.table}.columns",
        )


def key_columns(table: StoredTable, contract: Contract) -> list[str]:
    """The key's columns, quoted."""
    return [quote(table.columns[column.name].name) for column in contract.key]


def age(alias: str, table: StoredTable, clean: Clean) -> str:
    """How new a row is: the greatest of its moments, those that are null aside."""
    moments = [f"{alias}.{quote(table.columns[name].name)}" for name in clean.age]
    known = [f"coalesce({', '.join([moment, *moments])})" for moment in moments]
    return f"greatest({', '.join(known)})" if len(known) > 1 else known[0]


def literal(value: str) -> str:
    """A string literal in the session's mode, in which a backslash is a backslash."""
    return "'" + value.replace("'", "''") + "'"
