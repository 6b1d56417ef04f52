"""Works out, per source table, which landed batches are merged, which wait, and whether the curated table has to be built anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rental_etl.model.batch import Batch
from rental_etl.model.contract import Contract
from rental_etl.ports.lake import Curated, Landed, Snapshot
from rental_etl.tables.models import CuratedModel, curated_fingerprint, models_of


@dataclass(frozen=True, slots=True)
class TablePlan:
    """What transform does with one source table.

    `snapshots` are the current ones of the curated tables made from it; with `anew` they are rebuilt from all batches. `trusted` are batches
    that were merged before, whose guards were passed or waived; `skipped` are refused ones that a later full batch made pointless.
    """

    contract: Contract
    models: tuple[CuratedModel, ...]
    snapshots: Mapping[str, Snapshot]
    anew: bool
    merged: tuple[Batch, ...]
    pending: tuple[Batch, ...]
    trusted: frozenset[int]
    skipped: frozenset[int]

    @property
    def fingerprint(self) -> str:
        """Of contract and models."""
        return curated_fingerprint(self.models)

    @property
    def properties(self) -> Mapping[str, Any]:
        """What the last commit recorded; empty when the table is built anew."""
        return {} if self.anew else self.snapshots[self.models[0].name].properties


def plan_table(contract: Contract, *, landed: Landed, curated: Curated, full_refresh: bool) -> TablePlan:
    """Compare the log of one table with what its curated tables say they hold."""
    models = models_of(contract)
    found = {model.name: curated.current(model.name) for model in models}
    snapshots = {name: snapshot for name, snapshot in found.items() if snapshot is not None}
    alive = [batch for batch in landed.of(contract.table) if landed.decisions.get(batch.batch_id) != "reject"]
    recorded = [snapshot.properties for snapshot in snapshots.values()]
    merged_ids = {int(batch_id) for properties in recorded for batch_id, _ in properties.get("merged", ())}
    skipped = frozenset(int(batch_id) for properties in recorded for batch_id in properties.get("skipped", ()))
    considered = [batch for batch in alive if batch.batch_id not in skipped]
    plan = TablePlan(contract, models, snapshots, True, (), tuple(considered), frozenset(merged_ids), skipped)
    if full_refresh or len(snapshots) < len(models) or not _agree(recorded, plan.fingerprint, alive):
        return plan
    merged = tuple(batch for batch in considered if batch.batch_id in merged_ids)
    pending = tuple(batch for batch in considered if batch.batch_id not in merged_ids)
    if merged and pending and pending[0].batch_id < merged[-1].batch_id:
        return plan
    return TablePlan(contract, models, snapshots, False, merged, pending, frozenset(merged_ids), skipped)


def _agree(recorded: Sequence[Mapping[str, Any]], fingerprint: str, alive: Sequence[Batch]) -> bool:
    """Whether the curated tables of one source were committed together, by these models, from batches as they are now."""
    first = recorded[0]
    revisions = {batch.batch_id: batch.revision for batch in alive}
    return (
        all(properties.get("merged") == first.get("merged") for properties in recorded)
        and all(properties.get("fingerprint") == fingerprint for properties in recorded)
        and all(revisions.get(int(batch_id)) == revision for batch_id, revision in first["merged"])
    )
