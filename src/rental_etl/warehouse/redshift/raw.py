"""Schema `raw` in Redshift: COPY of landed Parquet into a temporary table, then into the table with batch and time, each batch exactly once."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from rental_etl.model.batch import Batch
from rental_etl.model.contract import Contract
from rental_etl.warehouse.postgres.raw import (
    ORIGIN,
    Deliveries,
    check_whole,
    delivered_columns,
    make_room,
    not_whole,
)
from rental_etl.warehouse.redshift.connect import RedshiftSession
from rental_etl.warehouse.redshift.loading import load_rows
from rental_etl.warehouse.redshift.staging import Loads
from rental_etl.warehouse.redshift.statements import REDSHIFT, Layout, create_table
from rental_etl.warehouse.text import value


def prepare(loads: Loads, contract: Contract, add: Deliveries) -> dict[int, str]:
    """Manifests of the batches' files, by batch id; "" for a batch without rows."""
    columns = delivered_columns(contract)

    def manifest(batch: Batch, parts: Sequence[object]) -> str:
        return loads.manifest([str(part) for part in parts], columns, failed=lambda found: not_whole(batch, found))

    return {batch.batch_id: manifest(batch, parts) for batch, parts in add}


def bring_up_to_date(
    session: RedshiftSession,
    contract: Contract,
    *,
    add: Deliveries,
    manifests: Mapping[int, str],
    drop: Sequence[int],
    replace: bool,
    at: datetime,
    role: str,
    layout: Layout | None,
) -> int:
    """Remove and add batches of `raw.<table>`; returns rows added. Runs inside the caller's transaction."""
    delivered = delivered_columns(contract)
    gone = [*drop, *(batch.batch_id for batch, _ in add)]
    make_room(
        session,
        contract.table,
        columns=REDSHIFT.spelled((*delivered, *ORIGIN)),
        gone=gone,
        replace=replace,
        create=lambda schema, table, columns: create_table(schema, table, columns, layout),
    )
    added = 0
    for batch, _ in add:
        rows = 0
        if manifests[batch.batch_id]:
            stamp = {"_batch_id": value(batch.batch_id), "_loaded_at": value(at)}
            rows = load_rows(session, ("raw", contract.table), delivered, manifests[batch.batch_id], role, more=stamp)
        check_whole(batch, rows)
        added += rows
    return added
