"""`status` for people, on stdout: what is published, how fresh each table is, where its rows are, what waits for a decision, the last runs."""

import sys
from collections.abc import Iterable

from rental_etl.cli.summary import moment, seconds, show_rules
from rental_etl.cli.terminal import heading, listing, say
from rental_etl.model.run import Accounting
from rental_etl.model.summary import BatchState, Freshness, Status

_FATES = ("rows_read", "unreadable", "current", "replaced", "repeated", "refused", "deleted")


def show_status(status: Status) -> None:
    """Show everything at a glance."""
    out = sys.stdout
    published = status.published
    say(f"workspace  {status.workspace}", out)
    if published:
        say(f"published  {moment(published.published_at)}, as of {published.as_of} (no. {published.number})", out)
    else:
        say("published  nothing yet: `rental-etl run` does that", out)
    heading("tables", out)
    names = ("table", "rows", "day", "landed (UTC)", "batches", "waiting")
    listing(names, map(_fresh, status.freshness), out)
    if status.accounting:
        _show_accounting(status.accounting)
    if published:
        show_rules(status.rules, out)
    if status.waiting:
        heading("waiting", out)
        listing(("batch", "table", "delivery", "state", "why"), map(_waits, status.waiting), out)
        if any(state.state == "refused" for state in status.waiting):
            say("  decide with `rental-etl batch accept BATCH` or `rental-etl batch reject BATCH`, then run", out)
    heading("runs", out)
    listing(
        ("started (UTC)", "command", "as of", "state", "seconds", "what happened"),
        [
            (run.started_at[:16], run.command, run.as_of, run.state, f"{seconds(run):.1f}", run.message)
            for run in status.runs
        ],
        out,
    )


def _fresh(table: Freshness) -> tuple[object, ...]:
    if not table.batches:
        return (table.table, 0, "never", "", 0, 0)
    return (table.table, table.rows, table.day, table.landed_at[:16], table.batches, table.waiting)


def _show_accounting(accounting: Iterable[Accounting]) -> None:
    """The batches' counts added up by table; what happened to no row is left out."""
    tables: dict[str, list[Accounting]] = {}
    for entry in accounting:
        tables.setdefault(entry.table, []).append(entry)
    counts = {
        fate.removeprefix("rows_"): [sum(getattr(entry, fate) for entry in entries) for entries in tables.values()]
        for fate in _FATES
    }
    shown = {fate: numbers for fate, numbers in counts.items() if any(numbers) or fate in ("read", "current")}
    balanced = all(entry.balanced for entries in tables.values() for entry in entries)
    heading("where the delivered rows are" + ("" if balanced else ": THEY DO NOT ADD UP"), sys.stdout)
    listing(("table", *shown), zip(tables, *shown.values(), strict=True), sys.stdout)


def _waits(state: BatchState) -> tuple[object, ...]:
    batch = state.batch
    return (f"no. {batch.batch_id}", batch.table, batch.delivery.name, state.state, state.reason)
