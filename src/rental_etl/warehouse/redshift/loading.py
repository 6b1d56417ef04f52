"""From a manifest into a table: COPY into a temporary one, whose columns stand as in the files, then insert by name."""

from collections.abc import Mapping

from rental_etl.warehouse.postgres.types import Columns
from rental_etl.warehouse.redshift.connect import RedshiftSession
from rental_etl.warehouse.redshift.statements import REDSHIFT, copy, create_stage
from rental_etl.warehouse.text import name

_STAGE = "rental_etl_stage"


def load_rows(
    session: RedshiftSession,
    target: tuple[str, str],
    columns: Columns,
    manifest: str,
    role: str,
    *,
    more: Mapping[str, str] | None = None,
) -> int:
    """Add a manifest's rows to the table `target` (schema, name); `more` are further columns with their values as SQL. Returns rows added."""
    more = more or {}
    names = ", ".join(name(column) for column, _ in columns)
    all_names = ", ".join([names, *map(name, more)])
    values = ", ".join([names, *more.values()])
    session.execute(create_stage(_STAGE, REDSHIFT.spelled(columns)))
    session.execute(copy(_STAGE, manifest, role))
    rows = session.count(f"insert into {name(*target)} ({all_names}) select {values} from {name(_STAGE)}")
    session.execute(f"drop table {name(_STAGE)}")
    return rows
