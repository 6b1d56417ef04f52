"""`status` for people, on stdout: what is published, how fresh each table is, where its rows are, what waits for a decision, the last runs."""

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from rental_etl.cli.summary import moment, seconds, show_rules
from rental_etl.cli.terminal import heading, listing, say
from rental_etl.model.run import Accounting
from rental_etl.model.summary import BatchState, Freshness, Status

_FATES = ("rows_read", "unreadable", "current", "replaced", "repeated", "refused", "deleted")


def show_status(status: Status, *, now: datetime | None = None) -> None:
    """Show everything at a glance: first in words how things stand and what to do, then the numbers. `now` (UTC) is what ages are counted to."""
    out = sys.stdout
    now = now or datetime.now(tz=UTC)
    published = status.published
    say(f"workspace  {status.workspace}", out)
    if published:
        when = f"{ago(published.published_at, now)} ({moment(published.published_at)})"
        say(f"published  {when}, as of {published.as_of} (no. {published.number})", out)
        say(f"quality    {_quality(status)}", out)
    else:
        say("published  nothing yet: `rental-etl run` does that", out)
    for sentence in _attention(status):
        say(f"attention  {sentence}", out)
    heading("tables", out)
    names = ("table", "rows", "last delivery", "day", "batches", "waiting")
    listing(names, [_fresh(table, now) for table in status.freshness], out)
    if status.accounting:
        _show_accounting(status.accounting)
    if published:
        show_rules(status.rules, out)
    if status.waiting:
        heading("waiting", out)
        listing(("batch", "table", "delivery", "state", "why"), map(_waits, status.waiting), out)
    heading("runs", out)
    listing(
        ("started (UTC)", "command", "as of", "state", "seconds", "what happened"),
        [
            (run.started_at[:16], run.command, run.as_of, run.state, f"{seconds(run):.1f}", run.message)
            for run in status.runs
        ],
        out,
    )
    steps = list(_steps(status))
    if steps:
        heading("next", out)
        listing(("", ""), steps, out)


def ago(text: str, now: datetime) -> str:
    """How long ago a moment of the ledger (UTC) was, as people say it."""
    seconds = (now - datetime.fromisoformat(text).replace(tzinfo=UTC)).total_seconds()
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(seconds // size)
        if count > 0:
            return f"{count:,} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def _quality(status: Status) -> str:
    """Where the rows are that were delivered, and whether they add up."""
    if not all(entry.balanced for entry in status.accounting):
        return "THE ROWS DO NOT ADD UP: this is a defect of rental-etl, please report it"
    read, force = (sum(getattr(entry, fate) for entry in status.accounting) for fate in ("rows_read", "current"))
    aside = _set_aside(status)
    share = f" ({_percent(aside / read)})" if aside else ""
    warned = sum(rule.rows for rule in status.rules if rule.severity == "warn")
    return f"{force:,} rows in force of {read:,} delivered; {aside:,} unreadable or refused{share}, {warned:,} warnings; every row is accounted for"


def _percent(share: float) -> str:
    """A share that is not nothing, so that it does not look like nothing."""
    return f"{share:.1%}" if share >= 0.001 else "less than 0.1%"


def _set_aside(status: Status) -> int:
    return sum(entry.unreadable + entry.refused for entry in status.accounting)


def _attention(status: Status) -> Iterator[str]:
    """What a person should know before trusting the numbers."""
    refused = [state for state in status.waiting if state.state == "refused"]
    for state in refused:
        yield f"batch {state.batch.batch_id} of {state.batch.table} was refused and waits for your word: {state.reason}"
    pending = len(status.waiting) - len(refused)
    if pending:
        yield f"{pending} landed batch{'' if pending == 1 else 'es'} not in the metrics yet"
    if status.runs and status.runs[0].state in ("failed", "interrupted"):
        run = status.runs[0]
        yield f"the last run {'was interrupted' if run.state == 'interrupted' else 'failed'}{f': {run.message}' if run.message else ''}"


def _steps(status: Status) -> Iterator[tuple[str, str]]:
    """What to type now, and why."""
    refused = [state for state in status.waiting if state.state == "refused"]
    if refused:
        number = refused[0].batch.batch_id
        yield f"rental-etl quarantine {refused[0].batch.table} --all", "what is in it that was not taken"
        yield (
            f"rental-etl batch accept {number}",
            "take it as it is, at the next run (any of them: rental-etl batch accept BATCH)",
        )
        yield f"rental-etl batch reject {number}", "leave it out for good"
    unfinished = bool(status.runs) and status.runs[0].state in ("failed", "interrupted")
    if refused or status.waiting or unfinished or not status.published:
        yield "rental-etl run", "go on from where the last run stopped" if status.runs else "the whole pipeline"
    if _set_aside(status):
        yield "rental-etl quarantine", "the rows that were not taken, and why"


def _fresh(table: Freshness, now: datetime) -> tuple[object, ...]:
    if not table.batches:
        return (table.table, 0, "never", "", 0, 0)
    return (table.table, table.rows, ago(table.landed_at, now), table.day, table.batches, table.waiting)


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
