"""Schemas `presentation` and `curated` in Redshift, inside the publish's one transaction: rows are deleted and copied in, never truncated.

Curated tables are loaded anew when their snapshot changed, unless schema `curated` shows the lake's own tables through the Glue catalog.
"""

from collections.abc import Mapping, Sequence

from rental_etl.model.run import CuratedView, MetricUpdate
from rental_etl.warehouse.postgres.catalog import columns_of, tables_of
from rental_etl.warehouse.postgres.publication import comment_on, make_room, period_of, refuse_rows_outside
from rental_etl.warehouse.redshift.connect import RedshiftSession
from rental_etl.warehouse.redshift.loading import load_rows
from rental_etl.warehouse.redshift.staging import Loads
from rental_etl.warehouse.redshift.statements import REDSHIFT, Layouts, create_table
from rental_etl.warehouse.text import name


def prepare_metric(loads: Loads, update: MetricUpdate) -> str:
    """The manifest of a table's new rows, "" for none. Raises ModelError when rows lie outside the period they are said to replace."""
    if update.skipped or not update.files:
        return ""
    if not update.whole:
        refuse_rows_outside(update, loads.reader.count_outside(update.files, period_of(update)))
    return loads.manifest(update.files, update.columns)


def switch_metric(
    session: RedshiftSession, update: MetricUpdate, *, manifest: str, role: str, layouts: Layouts
) -> None:
    """Give one presentation table its new rows. Raises ConfigurationError when only a part of a table of another shape was computed."""
    layout = layouts.get(update.table)
    make_room(
        session,
        update,
        columns=REDSHIFT.spelled(update.columns),
        create=lambda schema, table, columns: create_table(schema, table, columns, layout),
    )
    if manifest:
        load_rows(session, ("presentation", update.table), update.columns, manifest, role)
    session.execute(comment_on(update))


def changed(session: RedshiftSession, curated: Sequence[CuratedView], shown: Mapping[str, int]) -> list[CuratedView]:
    """The curated tables that have to be loaded; `shown` are the snapshots of the last publish by table."""
    return [
        view
        for view in curated
        if shown.get(view.name) != view.snapshot_id
        or columns_of(session, "curated", view.name) != REDSHIFT.spelled(view.columns)
    ]


def switch_curated(
    session: RedshiftSession,
    curated: Sequence[CuratedView],
    *,
    manifests: Mapping[str, str],
    role: str,
    layouts: Layouts,
) -> None:
    """Make schema `curated` hold exactly these tables; those in `manifests` get their rows anew."""
    for table in tables_of(session, "curated"):
        if table not in {wanted.name for wanted in curated}:
            session.execute(f"drop table {name('curated', table)}")
    for wanted in curated:
        if wanted.name not in manifests:
            continue
        columns = REDSHIFT.spelled(wanted.columns)
        existing = columns_of(session, "curated", wanted.name)
        if existing == columns:
            session.execute(f"delete from {name('curated', wanted.name)}")
        else:
            if existing:
                session.execute(f"drop table {name('curated', wanted.name)}")
            session.execute(create_table("curated", wanted.name, columns, layouts.get(wanted.name)))
        if manifests[wanted.name]:
            load_rows(session, ("curated", wanted.name), wanted.columns, manifests[wanted.name], role)
