"""What can be seen between runs: the state of batches, quarantined rows, freshness and the last runs. Reads lake and warehouse, writes nothing."""

from collections.abc import Iterator, Mapping, Sequence

from rental_etl.jobs.load_to_redshift_raw import as_delivered
from rental_etl.model.batch import Batch
from rental_etl.model.contract import Column
from rental_etl.model.run import Accounting, Published, RuleResult, RunRecord
from rental_etl.model.summary import BatchState, Freshness, QuarantinedRow, Status
from rental_etl.ports.engine import Engine
from rental_etl.ports.lake import Curated, Landed, Landing
from rental_etl.ports.warehouse import Warehouse
from rental_etl.tables.contracts import contracts
from rental_etl.tables.models import models_of

_QUARANTINE = (
    Column("file", "text"),
    Column("line", "int64"),
    Column("rule", "text"),
    Column("column", "text"),
    Column("text", "text"),
    Column("kind", "text"),
)


def batch_states(landed: Landed, *, curated: Curated, runs: Sequence[RunRecord]) -> tuple[BatchState, ...]:
    """Every landed batch, oldest first, and what became of it; `runs` (newest first) say why a waiting one was refused."""
    merged: set[int] = set()
    skipped: set[int] = set()
    for contract in contracts().values():
        for model in models_of(contract):
            snapshot = curated.current(model.name)
            properties = snapshot.properties if snapshot else {}
            merged |= {int(batch_id) for batch_id, _ in properties.get("merged", ())}
            skipped |= {int(batch_id) for batch_id in properties.get("skipped", ())}
    reasons = _refusals(runs)

    def state(batch: Batch) -> BatchState:
        number = batch.batch_id
        if landed.decisions.get(number) == "reject":
            return BatchState(batch, "rejected")
        if number in merged:
            return BatchState(batch, "merged")
        if number in skipped:
            return BatchState(batch, "superseded", "a later full batch took its place")
        if number in reasons and number not in landed.decisions:
            return BatchState(batch, "refused", reasons[number])
        return BatchState(batch, "pending")

    return tuple(state(batch) for batch in landed.batches)


def _refusals(runs: Sequence[RunRecord]) -> dict[int, str]:
    """The reasons of the newest run that refused something."""
    for run in runs:
        for job in run.jobs:
            if job.counts.get("refused"):
                return {int(number): reason for number, reason in job.counts["refused"].items()}
    return {}


def quarantined_rows(
    engine: Engine, *, landing: Landing, tables: Sequence[str], every_batch: bool
) -> Iterator[QuarantinedRow]:
    """Rows that are not in the curated tables, in batch, file and line order; of the batches since the last full one, or of every batch."""
    landed = landing.landed()
    for table in tables:
        batches = landed.of(table) if every_batch else as_delivered(landed, table)
        for batch in batches:
            if not batch.reading.quarantine:
                continue
            engine.bind("look.quarantine", [landing.path(batch.reading.quarantine)], columns=_QUARANTINE)
            names = ", ".join(f'"{column.name}"' for column in _QUARANTINE)
            for file, line, rule, column, text, kind in engine.rows(
                f"select {names} from look.quarantine order by file, line, rule"
            ):
                yield QuarantinedRow(table, batch.batch_id, file, line, rule, text, column or "", kind)


def overview(
    *, workspace: str, warehouse: Warehouse, landed: Landed, states: Sequence[BatchState], runs: Sequence[RunRecord]
) -> Status:
    """Everything `status` shows."""
    published = warehouse.last_publish()
    accounting = _accounting(warehouse) if published else ()
    current: dict[str, int] = {}
    for entry in accounting:
        current[entry.table] = current.get(entry.table, 0) + entry.current
    waiting = tuple(state for state in states if state.state in ("pending", "refused"))
    return Status(
        workspace=workspace,
        runs=tuple(runs),
        published=published,
        freshness=tuple(_freshness(landed, current=current, waiting=waiting)),
        accounting=accounting,
        rules=_rules(warehouse, published),
        waiting=waiting,
    )


def _freshness(landed: Landed, *, current: Mapping[str, int], waiting: Sequence[BatchState]) -> Iterator[Freshness]:
    for table in contracts():
        batches = landed.of(table)
        last = batches[-1] if batches else None
        yield Freshness(
            table=table,
            batches=len(batches),
            last_batch=last.batch_id if last else 0,
            day=last.day if last else None,
            landed_at=last.landed_at if last else "",
            rows=current.get(table, 0),
            waiting=sum(state.batch.table == table for state in waiting),
        )


def _accounting(warehouse: Warehouse) -> tuple[Accounting, ...]:
    columns = "table_name, batch_id, rows_read, unreadable, landed, current_rows, replaced, repeated, refused, deleted"
    answer = warehouse.query(f"select {columns} from etl.row_accounting order by table_name, batch_id")
    return tuple(Accounting(*row) for row in answer.rows)


def _rules(warehouse: Warehouse, published: Published | None) -> tuple[RuleResult, ...]:
    if published is None:
        return ()
    columns = "table_name, rule, column_name, severity, rows, batch_id"
    answer = warehouse.query(f"select {columns} from etl.current_rule_results order by 1, 2, 3, 4, 5, 6")
    return tuple(RuleResult(*row) for row in answer.rows)
