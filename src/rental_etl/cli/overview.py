"""`status` for people, on stdout: what is published, how fresh each table is, where its rows are, what waits for a decision, the last runs."""

import sys
from collections.abc import Iterable, Sequence

from rental_etl.cli.summary import moment, seconds, show_rules
from rental_etl.cli.terminal import heading, listing, say
from rental_etl.model.run import Accounting, RuleResult
from rental_etl.model.summary import BatchState, Freshness, Status

_FATES = ("table", "read", "unreadable", "current", "replaced", "repeated", "refused", "deleted", "")


def show_status(status: Status, *, rules: Sequence[RuleResult]) -> None:
    """Show everything at a glance; `rules` are the counts that still say something."""
    out = sys.stdout
    published = status.published
    say(f"workspace  {status.workspace}", out)
    if published:
        say(f"published  {moment(published.published_at)}, as of {published.as_of} (no. {published.number})", out)
    else:
        say("published  nothing yet: `rental-etl run` does that", out)
    heading("tables", out)
    names = ("table", "rows", "newest batch", "of", "landed", "batches", "waiting")
    listing(names, map(_fresh, status.freshness), out)
    if status.accounting:
        heading("where the delivered rows are", out)
        listing(_FATES, _totals(status.accounting), out)
    if published:
        show_rules(rules, out)
    if status.waiting:
        heading("waiting", out)
        listing(("batch", "table", "delivery", "state", "why"), map(_waits, status.waiting), out)
        if any(state.state == "refused" for state in status.waiting):
            say("  decide with `rental-etl batch accept BATCH` or `rental-etl batch reject BATCH`, then run", out)
    heading("runs", out)
    listing(
        ("started", "command", "as of", "state", "seconds", "what happened"),
        [
            (moment(run.started_at), run.command, run.as_of, run.state, f"{seconds(run):.1f}", run.message)
            for run in status.runs
        ],
        out,
    )


def _fresh(table: Freshness) -> tuple[object, ...]:
    if not table.batches:
        return (table.table, 0, "never delivered", "", "", 0, 0)
    landed = moment(table.landed_at)
    return (table.table, table.rows, f"no. {table.last_batch}", table.day, landed, table.batches, table.waiting)


def _totals(accounting: Iterable[Accounting]) -> list[tuple[object, ...]]:
    """Row accounting by table: the batches' counts added up."""
    tables: dict[str, list[Accounting]] = {}
    for entry in accounting:
        tables.setdefault(entry.table, []).append(entry)
    return [
        (
            table,
            sum(entry.rows_read for entry in entries),
            sum(entry.unreadable for entry in entries),
            sum(entry.current for entry in entries),
            sum(entry.replaced for entry in entries),
            sum(entry.repeated for entry in entries),
            sum(entry.refused for entry in entries),
            sum(entry.deleted for entry in entries),
            "balanced" if all(entry.balanced for entry in entries) else "NOT BALANCED",
        )
        for table, entries in tables.items()
    ]


def _waits(state: BatchState) -> tuple[object, ...]:
    batch = state.batch
    return (f"no. {batch.batch_id}", batch.table, batch.delivery.name, state.state, state.reason)
