"""metrics: computes the presentation tables and publishes them, after the quality gate.

Reads the curated snapshots pinned at its start and the last publish; recomputes the periods that what changed can affect; writes all presentation tables,
the curated views and the ledger in one transaction of the warehouse. A rerun with the same inputs computes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rental_etl.jobs.accounting import account, broken_rules
from rental_etl.jobs.calculation import Calculation
from rental_etl.jobs.counting import monthly_checks, plan_count, record
from rental_etl.jobs.ranges import WHOLE, Span, merge_changes, moved_range, span_to_recompute
from rental_etl.model.run import CuratedView, MetricUpdate, Publication, Published
from rental_etl.model.summary import Watch
from rental_etl.ports.engine import Engine
from rental_etl.ports.lake import Curated, Landed, Snapshot
from rental_etl.tables.contracts import contracts
from rental_etl.tables.models import (
    Check,
    CuratedModel,
    PresentationModel,
    curated_fingerprint,
    fingerprint,
    models_of,
    presentation_models,
)
from rental_etl.tables.render import Parameters


@dataclass(frozen=True, slots=True)
class Pinned:
    """The curated snapshots a publish is made of, by table, and every curated model."""

    snapshots: Mapping[str, Snapshot]

    def merged(self, table: str) -> bool:
        """Whether a source table was ever delivered."""
        return table in self.snapshots


def pin(curated: Curated) -> Pinned:
    """Pin the current snapshot of every curated table."""
    models = [model for contract in contracts().values() for model in models_of(contract)]
    found = {model.name: curated.current(model.name) for model in models}
    return Pinned({name: snapshot for name, snapshot in found.items() if snapshot is not None})


def _all_merged(landed: Landed, pinned: Pinned) -> bool:
    """Whether no landed batch waits for transform: only then does the last manifest say what a publish is made of."""
    settled = {number for number, decision in landed.decisions.items() if decision == "reject"}
    revisions = set()
    for snapshot in pinned.snapshots.values():
        revisions |= {(int(batch_id), int(revision)) for batch_id, revision in snapshot.properties["merged"]}
        settled |= {int(batch_id) for batch_id in snapshot.properties["skipped"]}
    return all(batch.batch_id in settled or (batch.batch_id, batch.revision) in revisions for batch in landed.batches)


def inputs_of(*, landed: Landed, parameters: Parameters) -> dict[str, Any]:
    """What a publish is made of: the last manifest, as_of, and one fingerprint per layer and table."""
    return {
        "manifest": landed.last_number,
        "as_of": parameters.as_of.isoformat(),
        "models": {contract.table: curated_fingerprint(models_of(contract)) for contract in contracts().values()},
        "presentation": {name: fingerprint(model, parameters) for name, model in presentation_models().items()},
    }


def prepare(
    *,
    curated: Curated,
    engine: Engine,
    landed: Landed,
    parameters: Parameters,
    last: Published | None,
    full_refresh: bool,
    scratch: Path,
    run_id: str,
    watch: Watch,
) -> Publication:
    """Compute everything a publish needs; `scratch` receives the new rows as Parquet. Raises QualityGateError when a gate is closed."""
    pinned = pin(curated)
    _bind_curated(engine, pinned)
    inputs = inputs_of(landed=landed, parameters=parameters)
    if not _all_merged(landed, pinned):
        inputs["manifest"] = 0
    inputs["snapshots"] = {name: snapshot.snapshot_id for name, snapshot in pinned.snapshots.items()}
    if not pinned.merged("fx_rates"):
        # Without rates money stays in its own currencies.
        parameters = replace(parameters, reporting_currency=None)
    models = presentation_models()
    calculation = Calculation(engine, parameters=parameters, scratch=scratch)
    inputs["range"] = calculation.data_range()
    changes = None if full_refresh else _changes(curated, pinned, last=last, data_range=inputs["range"])
    missing = {name: _missing(model, pinned) for name, model in models.items()}
    present = [model for name, model in models.items() if not missing[name]]
    for model in present:
        calculation.plan(model, _span(model, last=last, inputs=inputs, changes=changes, parameters=parameters))
    checks = {name: check for name, check in monthly_checks().items() if pinned.merged(name.partition(".")[0])}
    prints = {name: fingerprint(check, parameters) for name, check in checks.items()}
    _plan_counts(calculation, checks, prints, last=last, inputs=inputs, changes=changes, parameters=parameters)
    updates = [_skipped(model, missing[name]) for name, model in models.items() if missing[name]]
    for done, model in enumerate(present):
        watch.progress(f"computing {model.name}", done, len(present))
        updates += calculation.update(model)
    watch.progress("checking rules", len(present), len(present))
    rules = (
        *broken_rules(landed=landed, snapshots=pinned.snapshots, count=calculation.count),
        *(result for model in present for result in calculation.broken_rules(model)),
    )
    inputs["counts"] = {name: record(prints[name], calculation.count_by_month(check)) for name, check in checks.items()}
    return Publication(
        run_id=run_id,
        as_of=parameters.as_of,
        inputs=inputs,
        metrics=tuple(updates),
        curated=tuple(_view(model, pinned) for model in _all_models()),
        accounting=account(engine, landed=landed, snapshots=pinned.snapshots),
        rules=rules,
    )


def _all_models() -> list[CuratedModel]:
    return [model for contract in contracts().values() for model in models_of(contract)]


def _bind_curated(engine: Engine, pinned: Pinned) -> None:
    for model in _all_models():
        snapshot = pinned.snapshots.get(model.name)
        files = [path for path, _ in snapshot.files] if snapshot else []
        engine.bind(f"curated.{model.name}", files, columns=model.columns)


def _changes(
    curated: Curated, pinned: Pinned, *, last: Published | None, data_range: Mapping[str, str | None]
) -> dict[str, Any] | None:
    """What changed since the last publish, by kind of day; None when that cannot be told."""
    if last is None or "range" not in last.inputs:
        return None
    commits: list[Mapping[str, Any]] = []
    for name, snapshot_id in last.inputs["snapshots"].items():
        since = curated.since(name, snapshot_id)
        if since is None:
            return None
        commits += [properties["changes"] for properties in since]
    new = set(pinned.snapshots) - set(last.inputs["snapshots"])
    if new or any("whole" in changes for changes in commits):
        return None
    return merge_changes([*commits, moved_range(last.inputs["range"], data_range)])


def _span(
    model: PresentationModel,
    *,
    last: Published | None,
    inputs: Mapping[str, Any],
    changes: Mapping[str, Any] | None,
    parameters: Parameters,
) -> Span | None:
    if (
        last is None
        or changes is None
        or last.inputs["presentation"].get(model.name) != inputs["presentation"][model.name]
    ):
        return WHOLE
    return _affected(model, last=last, changes=changes, parameters=parameters)


def _affected(
    model: PresentationModel | Check, *, last: Published, changes: Mapping[str, Any], parameters: Parameters
) -> Span | None:
    return span_to_recompute(
        model,
        changes=changes,
        as_of_before=last.as_of,
        as_of=parameters.as_of,
        converts=parameters.reporting_currency is not None,
    )


def _plan_counts(
    calculation: Calculation,
    checks: Mapping[str, Check],
    prints: Mapping[str, str],
    *,
    last: Published | None,
    inputs: Mapping[str, Any],
    changes: Mapping[str, Any] | None,
    parameters: Parameters,
) -> None:
    """Plan the rules across rows that are counted by month: of tables that changed little, few months are counted anew."""
    for name, check in checks.items():
        recorded, span = None, None
        if last is not None and changes is not None:
            tables = [
                (last.inputs["snapshots"].get(table), inputs["snapshots"].get(table)) for table in check.anew_with
            ]
            if all(before == now for before, now in tables):
                recorded = last.inputs.get("counts", {}).get(name)
            span = _affected(check, last=last, changes=changes, parameters=parameters)
        count = plan_count(
            check, fingerprint=prints[name], recorded=recorded, span=span, begins=calculation.first_affected
        )
        calculation.plan_count(check, count)


def _missing(model: PresentationModel, pinned: Pinned) -> str:
    lacking = [table for table in model.needs if not pinned.merged(table)]
    if lacking:
        return f"it needs {' and '.join(lacking)}, which was never delivered"
    return ""


def _skipped(model: PresentationModel, reason: str) -> MetricUpdate:
    return MetricUpdate(
        table=model.name,
        columns=model.columns,
        period_column=model.period_column,
        period_from=WHOLE.first,
        period_to=WHOLE.last,
        whole=True,
        skipped=reason,
    )


def _view(model: CuratedModel, pinned: Pinned) -> CuratedView:
    snapshot = pinned.snapshots.get(model.name)
    return CuratedView(
        name=model.name,
        snapshot_id=snapshot.snapshot_id if snapshot else 0,
        files=tuple(path for path, _ in snapshot.files) if snapshot else (),
        columns=tuple((column.name, column.sql_type) for column in model.columns),
    )
