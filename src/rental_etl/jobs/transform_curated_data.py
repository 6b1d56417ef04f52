"""transform: merges landed batches into the curated tables.

Reads landed batches and the current curated snapshots; writes the months that changed and commits them, table by table, each commit carrying the
batches merged and the days changed. Guards are decided before the first commit. A rerun merges only what is not merged yet.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rental_etl.errors import BatchRefusedError
from rental_etl.jobs.guards import Limits, objection
from rental_etl.jobs.landed import Survey, Tally, segments
from rental_etl.jobs.listings import ListingMerge
from rental_etl.jobs.merge import KeyedMerge
from rental_etl.jobs.plan import TablePlan, plan_table
from rental_etl.jobs.raw_rows import RawRows
from rental_etl.jobs.viewings import KeylessMerge
from rental_etl.model.batch import Batch
from rental_etl.model.summary import Watch
from rental_etl.ports.engine import Engine, WrittenFile
from rental_etl.ports.lake import Curated, Landing
from rental_etl.tables.contracts import contracts
from rental_etl.tables.models import CuratedModel

# The tables whose rows came and went one by one; the others follow from them and are small.
_FOLDED = ("bookings", "user_viewing", "apartment_attributes", "apartment_history", "fx_rates")


class Merger(Protocol):
    """One way of folding batches into a table."""

    @property
    def tally(self) -> Tally:
        """What became of the landed rows."""
        ...

    def bind(self, prefix: str, batches: Sequence[Batch]) -> None:
        """Make a segment readable."""
        ...

    def survey(self, prefix: str, batch: Batch) -> Survey:
        """What a bound full batch would do."""
        ...

    def fold(self, prefix: str, batches: tuple[Batch, ...]) -> None:
        """Fold a bound segment."""
        ...

    def finish(self) -> None:
        """Define the outcome relations."""
        ...

    def changes(self) -> dict[str, list[str]]:
        """What metrics have to know."""
        ...


@dataclass(slots=True)
class Fold:
    """A folded table before its commit: batches merged and skipped, what became of rows, what metrics have to know, why batches were refused."""

    plan: TablePlan
    merger: Merger
    merged: list[Batch] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    objections: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transformed:
    """What transform did: batches merged, and rows in files written by curated table, with the bytes of all."""

    merged: tuple[int, ...]
    rows_written: Mapping[str, int]
    bytes_written: int = 0


def transform(
    *,
    landing: Landing,
    curated: Curated,
    engine: Engine,
    limits: Limits,
    full_refresh: bool,
    watch: Watch,
    raw: RawRows | None = None,
) -> Transformed:
    """Merge what is pending; with `raw`, its rows come from the warehouse. Raises BatchRefusedError when a guard refuses a batch; then nothing is committed."""
    landed = landing.landed()
    plans = [
        plan_table(contract, landed=landed, curated=curated, full_refresh=full_refresh)
        for contract in contracts().values()
    ]
    busy = [plan for plan in plans if plan.pending or (plan.anew and plan.snapshots)]
    if busy:
        curated.expect_commit()
    accepted = frozenset(batch_id for batch_id, decision in landed.decisions.items() if decision == "accept")
    folds = []
    for done, plan in enumerate(busy):
        watch.progress(f"merging {plan.contract.table}", done, 2 * len(busy))
        merger = _merger(plan, landing=landing, engine=engine, raw=raw)
        folds.append(_fold(plan, merger, limits=limits, waived=accepted | plan.trusted))
    _raise_objections(folds)
    written: dict[str, list[WrittenFile]] = {}
    for done, fold in enumerate(folds, start=len(folds)):
        watch.progress(f"writing {fold.plan.contract.table}", done, 2 * len(folds))
        written.update(_commit(fold, curated=curated, engine=engine))
    return Transformed(
        merged=tuple(batch.batch_id for fold in folds for batch in fold.merged),
        rows_written={table: sum(file.rows for file in files) for table, files in written.items()},
        bytes_written=sum(file.bytes for files in written.values() for file in files),
    )


def _merger(plan: TablePlan, *, landing: Landing, engine: Engine, raw: RawRows | None) -> Merger:
    for model in plan.models:
        _bind_base(engine, model, plan=plan)
    contract = plan.contract
    if contract.deletes == "retire":
        return ListingMerge(engine, landing=landing, contract=contract, raw=raw)
    model = plan.models[0]
    if not contract.key:
        return KeylessMerge(engine, landing=landing, contract=contract, model=model, merged=plan.merged, raw=raw)
    forgets = contract.deletes == "forget"
    graves = f"base.{model.name}_deleted" if forgets else ""
    return KeyedMerge(engine, landing=landing, contract=contract, model=model, raw=raw, graves=graves, forgets=forgets)


def _fold(plan: TablePlan, merger: Merger, *, limits: Limits, waived: frozenset[int]) -> Fold:
    fold = Fold(plan, merger)
    last_full = max((batch.batch_id for batch in plan.pending if batch.kind == "full"), default=0)
    for segment in segments(plan.pending):
        prefix = f"merge.{plan.contract.table}_{segment[0].batch_id}"
        fold.merger.bind(prefix, segment)
        passed = []
        for batch in segment:
            survey = fold.merger.survey(prefix, batch) if batch.kind == "full" else None
            reason = "" if batch.batch_id in waived else objection(batch, limits=limits, survey=survey)
            if not reason:
                passed.append(batch)
            elif batch.batch_id < last_full:
                fold.skipped.append(batch.batch_id)
            else:
                fold.objections[batch.batch_id] = reason
        if not passed:
            continue
        if len(passed) < len(segment):
            fold.merger.bind(prefix, passed)
        fold.merger.fold(prefix, tuple(passed))
        fold.merged += passed
    fold.merger.finish()
    return fold


def _bind_base(engine: Engine, model: CuratedModel, *, plan: TablePlan, months: frozenset[str] | None = None) -> None:
    """Bind the rows in force before this run, of all months or of some."""
    snapshot = None if plan.anew else plan.snapshots[model.name]
    files = snapshot.files if snapshot else ()
    wanted = [path for path, month in files if months is None or month in months]
    engine.bind(f"base.{model.name}", wanted, columns=model.columns)


def _raise_objections(folds: Sequence[Fold]) -> None:
    refused = [
        (fold.plan.contract.table, batch_id, reason) for fold in folds for batch_id, reason in fold.objections.items()
    ]
    if not refused:
        return
    raise BatchRefusedError(
        "; ".join(f"batch {batch_id} of {table} was refused: {reason}" for table, batch_id, reason in refused),
        refused={batch_id: reason for _, batch_id, reason in refused},
        where=", ".join(f"raw.{table} where _batch_id = {batch_id}" for table, batch_id, _ in refused),
        expected="batches within the limits of [quality]; nothing was published",
        remedy=" or ".join(f"rental-etl batch accept {batch_id} | reject {batch_id}" for _, batch_id, _ in refused)
        + ", or deliver the table again in full",
    )


def _commit(fold: Fold, *, curated: Curated, engine: Engine) -> dict[str, list[WrittenFile]]:
    """Write and commit the curated tables of one source table."""
    plan = fold.plan
    properties = {
        "merged": sorted([batch.batch_id, batch.revision] for batch in (*plan.merged, *fold.merged)),
        "skipped": sorted({*plan.skipped, *fold.skipped}),
        "fingerprint": plan.fingerprint,
        "fates": _added(plan.properties.get("fates", {}), fold.merger.tally.fates),
        "findings": _added(plan.properties.get("findings", {}), fold.merger.tally.findings),
        "changes": {"whole": []} if plan.anew else fold.merger.changes(),
    }
    return {
        model.name: _commit_table(model, plan=plan, curated=curated, engine=engine, properties=properties)
        for model in plan.models
    }


def _commit_table(
    model: CuratedModel, *, plan: TablePlan, curated: Curated, engine: Engine, properties: Mapping[str, Any]
) -> list[WrittenFile]:
    snapshot = plan.snapshots.get(model.name)
    before = snapshot.files if snapshot else ()
    months = None if plan.anew else _touched_months(engine, model)
    if months is None:
        remove = [path for path, _ in before]
    else:
        remove = [path for path, month in before if month in months]
        _bind_base(engine, model, plan=plan, months=months)
    written = []
    if months is None or months:
        written = engine.write(
            f"select * from merge.{model.name} where {_in_months(model, months)}",
            curated.folder(model.name),
            stem=uuid.uuid4().hex[:12],
            columns=model.columns,
            month_of=model.partition_by,
        )
    curated.commit(
        model.name,
        columns=model.columns,
        partition_by=model.partition_by,
        remove=remove,
        add=[file.path for file in written],
        properties=properties,
    )
    return written


def _in_months(model: CuratedModel, months: frozenset[str] | None) -> str:
    """The condition that keeps rows of some months; a state that was evaluated before its base was narrowed holds the others too."""
    if months is None or not model.partition_by:
        return "true"
    days = ", ".join(f"date '{month}-01'" for month in sorted(months))
    return f"cast(date_trunc('month', {model.partition_by}) as date) in ({days})"


def _touched_months(engine: Engine, model: CuratedModel) -> frozenset[str]:
    """Months of rows that came or went; an unpartitioned table is one month called ""."""
    if model.name not in _FOLDED:
        # A batch has one version of a key: key and batch tell deleted rows apart.
        columns = ", ".join((*model.key, "_batch_id")) if model.name.endswith("_deleted") else "*"
        now, before = (f"select {columns} from {layer}.{model.name}" for layer in ("merge", "base"))
        differs = engine.rows(f"select 1 from (({now} except {before}) union all ({before} except {now})) limit 1")
        return frozenset({""}) if differs else frozenset()
    moved = f"(select * from merge.{model.name}_in union all select * from merge.{model.name}_out)"
    if not model.partition_by:
        return frozenset({""}) if engine.rows(f"select 1 from {moved} limit 1") else frozenset()
    found = engine.rows(f"select distinct cast(date_trunc('month', {model.partition_by}) as date) from {moved}")
    return frozenset(str(day)[:7] for (day,) in found)


def _added(before: Mapping[str, Mapping[str, int]], more: Mapping[int, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Sum two tables of counts by batch, leaving out zeros."""
    total = {batch_id: dict(counts) for batch_id, counts in before.items()}
    for batch_id, counts in more.items():
        entry = total.setdefault(str(batch_id), {})
        for name, rows in counts.items():
            entry[name] = entry.get(name, 0) + rows
    return {batch_id: {name: rows for name, rows in counts.items() if rows} for batch_id, counts in total.items()}
