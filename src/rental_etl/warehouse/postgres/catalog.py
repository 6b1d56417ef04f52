"""What the warehouse's schemas and tables look like now, read from PostgreSQL's catalog (and from Redshift's, which has the same tables)."""

from typing import Any, Protocol

from rental_etl.warehouse.text import literal


class Answer(Protocol):
    """A statement that was carried out."""

    def fetchone(self) -> Any:
        """The next row, or None."""
        ...

    def fetchall(self) -> Any:
        """The rows that are left."""
        ...


class Session(Protocol):
    """An open connection."""

    def execute(self, sql: str, /) -> Answer:
        """Carry out one statement."""
        ...


def schemas_of(session: Session) -> set[str]:
    """Every schema of the database."""
    return {schema for (schema,) in session.execute("select nspname from pg_namespace").fetchall()}


def tables_of(session: Session, schema: str) -> list[str]:
    """The tables of a schema by name."""
    return _relations(session, schema, kind="r")


def views_of(session: Session, schema: str) -> list[str]:
    """The views of a schema by name."""
    return _relations(session, schema, kind="v")


def columns_of(session: Session, schema: str, table: str) -> list[tuple[str, str]]:
    """A table's or view's columns (name, type as the catalog spells it) in order; empty when there is none."""
    sql = (
        "select a.attname, format_type(a.atttypid, a.atttypmod) from pg_attribute a "
        "join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace "
        f"where n.nspname = {literal(schema)} and c.relname = {literal(table)} "
        "and a.attnum > 0 and not a.attisdropped order by a.attnum"
    )
    return [(column, type_) for column, type_ in session.execute(sql).fetchall()]


def is_laid_out(session: Session) -> bool:
    """Whether there is a ledger: a database of other origin has none before the first run."""
    return "publishes" in tables_of(session, "etl")


def _relations(session: Session, schema: str, *, kind: str) -> list[str]:
    sql = (
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        f"where n.nspname = {literal(schema)} and c.relkind = {literal(kind)} order by c.relname"
    )
    return [table for (table,) in session.execute(sql).fetchall()]
