"""The commands around what was not taken: landed batches and decisions on them, rows in quarantine."""

import sys
from collections.abc import Iterable
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rental_etl.cli import jsonout
from rental_etl.cli.options import Json, Place, source_tables
from rental_etl.cli.progress import watching
from rental_etl.cli.runs import conclude
from rental_etl.cli.terminal import cell, fitted, say

if TYPE_CHECKING:
    from rental_etl.model.summary import BatchState, QuarantinedRow

Id = Annotated[int, typer.Argument(metavar="ID", min=1, help="The batch's number, from `batch list`.")]
_ROWS = 200


def quarantine(
    place: Place,
    table: Annotated[
        str | None, typer.Argument(metavar="TABLE", help="Only of this source table.", autocompletion=source_tables)
    ] = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Of every batch, not only of those since the last full one.")
    ] = False,
    replay: Annotated[
        bool,
        typer.Option("--replay", help="Read the batches of these rows again, after a setting or rule was corrected."),
    ] = False,
    format: Annotated[
        Literal["text", "csv", "json"], typer.Option("--format", help="text for people, csv, or one JSON array.")
    ] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Show the rows that were not taken, and why.

    Each as it was delivered, with its file and line.

    The first 200 of them; csv and json give all.

    \b
    Examples:
      rental-etl quarantine bookings
      rental-etl quarantine --all --format csv > refused.csv
      rental-etl quarantine bookings --replay
    """
    if replay:
        _replay(place, table, as_json=as_json or format == "json")
        return
    from rental_etl.cli.answers import show

    rows = place.application().quarantine(table, every_batch=every)
    if as_json or format != "text":
        columns = ("table", "batch_id", "file", "line", "kind", "rule", "column", "text")
        values = (tuple(jsonout.of_quarantined(row).values()) for row in rows)
        show(columns, values, format="json" if as_json else format, limit=_ROWS)
    else:
        _show_rows(rows)


def list_batches(place: Place, as_json: Json = False) -> None:
    """List the landed batches and what became of them.

    \b
    Example:
      rental-etl batch list
    """
    states = place.application().batches()
    if as_json:
        jsonout.write_array(map(jsonout.of_state, states), sys.stdout)
        return
    from rental_etl.cli.terminal import listing

    columns = ("batch", "table", "delivery", "kind", "of", "read", "quarantined", "state", "why")
    listing(columns, map(_row, states), sys.stdout)


def accept(place: Place, batch_id: Id) -> None:
    """Take a refused batch in spite of its guard; the next run merges it.

    \b
    Example:
      rental-etl batch accept 7
    """
    place.application().decide(batch_id, "accept")
    say(f"batch {batch_id} is accepted; `rental-etl run` merges it", sys.stderr)


def reject(place: Place, batch_id: Id) -> None:
    """Leave a refused batch out for good; it stays landed and is never merged.

    \b
    Example:
      rental-etl batch reject 7
    """
    place.application().decide(batch_id, "reject")
    say(f"batch {batch_id} is rejected; `rental-etl run` goes on without it", sys.stderr)


def _show_rows(rows: Iterable["QuarantinedRow"]) -> None:
    """Two lines each, like a compiler's errors: where it is and what it breaks, then the row as it was delivered."""
    iterator = iter(rows)
    shown = list(islice(iterator, _ROWS))
    for row in shown:
        place = row.file if row.line is None else f"{row.file}:{row.line}"
        say(f"{cell(place)}: {_why(row)}, {row.kind}, batch {row.batch_id}", sys.stdout)
        say(fitted(row.text, sys.stdout, indent=4), sys.stdout)
    if next(iterator, None) is not None:
        say(f"the first {_ROWS} rows; --format csv or json gives all of them", sys.stderr)
    else:
        say(f"{len(shown):,} row{'' if len(shown) == 1 else 's'} in quarantine", sys.stderr)


def _why(row: "QuarantinedRow") -> str:
    """The rules that a row breaks, each once, with the columns."""
    columns: dict[str, list[str]] = {}
    for rule, column in zip_longest(row.rule.split(","), row.column.split(","), fillvalue=""):
        columns.setdefault(rule, []).extend([column] if column else [])
    return ", ".join(f"{rule} ({', '.join(named)})" if named else rule for rule, named in columns.items())


def _replay(place: Place, table: str | None, *, as_json: bool) -> None:
    with watching() as watch:
        application = place.application(watch=watch)
        summary = application.replay(table)
    conclude(summary, application, as_json=as_json)


def _row(state: "BatchState") -> tuple[object, ...]:
    batch = state.batch
    quarantined = batch.reading.rows_unreadable + batch.reading.rows_refused
    return (
        batch.batch_id,
        batch.table,
        batch.delivery.name,
        batch.kind,
        batch.day,
        batch.reading.rows_read,
        quarantined,
        state.state,
        state.reason,
    )
