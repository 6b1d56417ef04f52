"""load: brings the warehouse's `raw` schema up to date with the landed batches.

Reads the lake's log and landed Parquet, and the ledger; writes `raw.<table>` and `etl.batches`, in one transaction per table. What is loaded already is
not loaded again.

`raw` shows what was delivered, not what was found good: rows that a rule refuses are in it, and so is a batch that a guard refuses later in the run, so
that a person can look at it before deciding. Rejecting it takes it out of `raw` and brings back what it had replaced.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rental_etl.jobs.landed import still_said
from rental_etl.model.batch import Batch
from rental_etl.model.summary import Watch
from rental_etl.ports.lake import Landed, Landing
from rental_etl.ports.warehouse import Warehouse
from rental_etl.tables.contracts import contracts


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rows added by table."""

    rows: Mapping[str, int]


def load(*, landing: Landing, warehouse: Warehouse, watch: Watch, anew: bool = False) -> Loaded:
    """Make `raw.<table>` hold the last full batch and the deltas since, each batch once; `anew` loads all of them again."""
    landed = landing.landed()
    loaded = warehouse.loaded()
    rows: dict[str, int] = {}
    for done, contract in enumerate(contracts().values()):
        table = contract.table
        wanted = as_delivered(landed, table)
        present = set(loaded.get(table, ()))
        keep = set() if anew else {(batch.batch_id, batch.revision) for batch in wanted} & present
        add = [batch for batch in wanted if (batch.batch_id, batch.revision) not in keep]
        drop = sorted(batch_id for batch_id, revision in present - keep)
        if not add and not drop:
            continue
        watch.progress(f"loading {table}", done, len(contracts()))
        files = [(batch, [landing.path(part.path) for part in batch.reading.parts]) for batch in add]
        rows[table] = warehouse.load(contract, add=files, drop=drop, replace=not keep)
    return Loaded(rows)


def as_delivered(landed: Landed, table: str) -> list[Batch]:
    """The table as delivered: its last full batch and the deltas since, without rejected ones; without a key, of each name the last."""
    alive = [batch for batch in landed.of(table) if landed.decisions.get(batch.batch_id) != "reject"]
    return list(still_said(alive, contracts()[table]))
