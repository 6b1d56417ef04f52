"""Where every landed row is now, and which rules rows break, as each publish states them.

Reads curated tables bound as `curated.*` in the engine session, and what their commits recorded.
"""

from collections.abc import Callable, Mapping, Sequence

from rental_etl.errors import QualityGateError
from rental_etl.jobs.landed import still_said
from rental_etl.model.batch import Batch
from rental_etl.model.run import Accounting, RuleResult
from rental_etl.ports.engine import Engine
from rental_etl.ports.lake import Landed, Snapshot
from rental_etl.tables.contracts import contracts
from rental_etl.tables.models import Check, curated_models, models_of


def account(engine: Engine, *, landed: Landed, snapshots: Mapping[str, Snapshot]) -> tuple[Accounting, ...]:
    """One entry per batch that was decided on: merged, rejected, or refused and superseded, of which every landed row counts as refused.

    Raises QualityGateError when one does not balance: a row was lost or counted twice.
    """
    entries = []
    for contract in contracts().values():
        table = models_of(contract)[0].name
        properties = snapshots[table].properties if table in snapshots else {}
        merged = {int(batch_id) for batch_id, _ in properties.get("merged", ())}
        skipped = {int(batch_id) for batch_id in properties.get("skipped", ())}
        current = _current(engine, contract.table) if properties else {}
        for batch in landed.of(contract.table):
            if batch.batch_id in merged:
                fates = properties["fates"].get(str(batch.batch_id), {})
                entries.append(_entry(batch, fates=fates, current=current.get(batch.batch_id, (0, 0))))
            elif batch.batch_id in skipped or landed.decisions.get(batch.batch_id) == "reject":
                entries.append(_entry(batch, fates={"refused": batch.reading.rows_landed}, current=(0, 0)))
    unbalanced = [entry for entry in entries if not entry.balanced]
    if unbalanced:
        raise QualityGateError(
            f"the rows of batch {unbalanced[0].batch_id} of {unbalanced[0].table} do not add up",
            where=str(unbalanced[0]),
            expected="landed = current + replaced + repeated + refused + deleted; nothing was published",
            remedy="this is a defect of rental-etl: run `rental-etl repair`, and report it with this message",
        )
    return tuple(entries)


def broken_rules(
    *, landed: Landed, snapshots: Mapping[str, Snapshot], count: Callable[[Check], int]
) -> tuple[RuleResult, ...]:
    """Rows by rule: of every merged batch that no later one took the place of for row rules, over the current tables for rules across rows.

    `count` says how many rows break a rule across rows.
    """
    results = []
    for contract in contracts().values():
        table = models_of(contract)[0].name
        if table not in snapshots:
            continue
        properties = snapshots[table].properties
        merged = {int(batch_id) for batch_id, _ in properties["merged"]}
        # Otherwise daily full deliveries would add up to ever greater counts.
        batches = [batch for batch in landed.of(contract.table) if batch.batch_id in merged]
        for batch in still_said(batches, contract):
            found = {**batch.reading.findings, **properties["findings"].get(str(batch.batch_id), {})}
            results += [_result(contract.table, key, rows, batch.batch_id) for key, rows in found.items() if rows]
    for model in curated_models().values():
        for check in model.checks if model.name in snapshots else ():
            rows = count(check)
            if rows:
                results.append(RuleResult(model.source, check.name, check.column, "warn", rows))
    return tuple(results)


def _current(engine: Engine, table: str) -> dict[int, tuple[int, int]]:
    """By batch: rows in force, and rows that belong to deleted listings."""
    if table == "apartments":
        sql = """
            select history._batch_id, count(*) filter (where listings.deleted_on is null),
              count(*) filter (where listings.deleted_on is not null)
            from curated.apartment_history as history
            join curated.apartments as listings on history.id = listings.id
            group by history._batch_id
        """
    else:
        sql = f"select _batch_id, count(*), 0 from curated.{table} group by _batch_id"
    return {int(batch_id): (int(current), int(deleted)) for batch_id, current, deleted in engine.rows(sql)}


def _entry(batch: Batch, *, fates: Mapping[str, int], current: Sequence[int]) -> Accounting:
    return Accounting(
        table=batch.table,
        batch_id=batch.batch_id,
        rows_read=batch.reading.rows_read,
        unreadable=batch.reading.rows_unreadable,
        landed=batch.reading.rows_landed,
        current=current[0],
        replaced=fates.get("replaced", 0),
        repeated=fates.get("repeated", 0),
        refused=fates.get("refused", 0),
        deleted=fates.get("deleted", 0) + current[1],
    )


def _result(table: str, key: str, rows: int, batch_id: int) -> RuleResult:
    severity, rest = key.split(":", 1)
    rule, _, column = rest.partition(":")
    return RuleResult(table, rule, column, severity, rows, batch_id)
