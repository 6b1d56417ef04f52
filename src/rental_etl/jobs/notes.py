"""What a run has to say besides its numbers, a sentence each."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from rental_etl.jobs.extract_from_aurora import Extracted
from rental_etl.model.batch import Batch
from rental_etl.model.run import Published
from rental_etl.ports.engine import Engine
from rental_etl.ports.lake import Landed
from rental_etl.ports.source import Source
from rental_etl.tables.contracts import contracts

_OLD = timedelta(days=31)


def on_readings(extracted: Extracted, *, landed: Landed, source: Source) -> Iterator[str]:
    """Tables that were not delivered, columns nobody asked for, and settings that batches were not read with."""
    for table in extracted.unchanged_tables:
        yield f"{table} was not delivered this time and is unchanged"
    for batch in extracted.landed:
        if batch.reading.extra_columns:
            names = ", ".join(batch.reading.extra_columns)
            yield f"{batch.delivery.name}: columns outside the contract stay in the kept source only: {names}"
    old = [batch for batch in landed.batches if source.outdated(batch, contract=contracts()[batch.table])]
    if old:
        tables = ", ".join(sorted({batch.table for batch in old}))
        yield f"how {tables} is read has changed since {len(old)} of its batches landed; --full-refresh parses them again"


def on_landed_before(extracted: Extracted, *, landed: Landed, last: Published | None) -> Iterator[str]:
    """A run that was stopped has landed what this one publishes and does not list. `last` is the publish before, if there was one."""
    published = last.inputs["manifest"] if last else 0
    if last and not published:
        return
    known = {batch.batch_id for batch in extracted.landed} | landed.decisions.keys()
    for contract in contracts().values():
        numbers = [batch.batch_id for batch in landed.of(contract.table) if batch.batch_id > published]
        found = [number for number in numbers if number not in known]
        if found:
            batches = f"batch {found[0]}" if len(found) == 1 else f"{len(found)} batches, {found[0]} to {found[-1]}"
            yield f"{contract.table}: {batches}, landed by an earlier run and published now"


def newest_booking_day(engine: Engine, as_of: date) -> date | None:
    """The last day with a booking; looked for first where it mostly is, for that takes but the newest files."""
    newest = "select max(cast(booking_date as date)) from curated.bookings"
    recent = engine.rows(f"{newest} where booking_date >= date '{as_of - timedelta(days=31)}'")[0][0]
    found: date | None = recent or engine.rows(newest)[0][0]
    return found


def on_as_of(as_of: date, *, newest: date | None) -> Iterator[str]:
    """Data that ends long before the day it is said to cover; `newest` is the last booking day."""
    if newest is not None and as_of - newest > _OLD:
        yield (
            f"the newest booking is of {newest}, {(as_of - newest).days} days before as_of {as_of};"
            f" if the data ends there, use --as-of {newest}"
        )


def on_replay(before: Sequence[Batch], after: Sequence[Batch]) -> str:
    """What became of the quarantine: batches as they were and, as far as they were read again, as they are."""
    if not before:
        return "no batch has quarantined rows"
    if not after:
        return "no setting or rule that shapes how these batches are read has changed since; nothing to replay"
    replayed = {batch.batch_id for batch in after}
    rows = sum(_quarantined(batch) for batch in before if batch.batch_id in replayed)
    left = sum(_quarantined(batch) for batch in after)
    return f"{rows:,} quarantined rows of {len(after)} batches were read again; {left:,} stay in quarantine"


def _quarantined(batch: Batch) -> int:
    return batch.reading.rows_unreadable + batch.reading.rows_refused
