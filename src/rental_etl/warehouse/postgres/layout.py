"""Makes the schemas and the empty ledger of a warehouse on a server; what exists is left alone, and needs no right to create."""

from collections.abc import Callable, Mapping, Sequence

from rental_etl.warehouse.ledger import _TABLES as LEDGER
from rental_etl.warehouse.postgres.catalog import Session, schemas_of, tables_of, views_of
from rental_etl.warehouse.text import name

# Which of a curated snapshot's files the rows of etl.curated_<table> come from.
LOADED_FILES = {"loaded_files": {"table_name": "varchar", "file_id": "bigint", "file": "varchar"}}


def lay_out(
    session: Session,
    *,
    schemas: Sequence[str],
    spell: Callable[[str], str],
    more: Mapping[str, Mapping[str, str]],
) -> None:
    """Make what is missing of the schemas, the ledger's tables and `more`; `spell` gives the server's words for canonical types."""
    existing = schemas_of(session)
    for schema in schemas:
        if schema not in existing:
            session.execute(f"create schema {name(schema)}")
    tables = tables_of(session, "etl")
    for table, columns in {**LEDGER, **more}.items():
        if table not in tables:
            described = ", ".join(f"{name(column)} {spell(type_)}" for column, type_ in columns.items())
            session.execute(f"create table {name('etl', table)} ({described})")
    if "current_rule_results" not in views_of(session, "etl"):
        names = ", ".join(name(column) for column in LEDGER["rule_results"])
        session.execute(
            f"create view etl.current_rule_results as select {names} from etl.rule_results "
            "where publish_id = (select max(publish_id) from etl.publishes)"
        )
