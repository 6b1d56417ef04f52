"""The commands around what was not taken: landed batches and decisions on them, rows in quarantine."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rental_etl.cli import jsonout
from rental_etl.cli.options import Json, Place
from rental_etl.cli.progress import watching
from rental_etl.cli.runs import conclude
from rental_etl.cli.terminal import say

if TYPE_CHECKING:
    from rental_etl.model.summary import BatchState

Id = Annotated[int, typer.Argument(metavar="ID", min=1, help="The batch's number, from `batch list`.")]
_ROWS_IN_A_TABLE = 200


def quarantine(
    place: Place,
    table: Annotated[str | None, typer.Argument(metavar="TABLE", help="Only of this source table.")] = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Of every batch, not only of those since the last full one.")
    ] = False,
    replay: Annotated[
        bool,
        typer.Option("--replay", help="Read the batches of these rows again, after a setting or rule was corrected."),
    ] = False,
    format: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", help="table for people, csv, or one JSON array.")
    ] = "table",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Show the rows that were not taken, and why.

    Each as it was delivered, with its file and line.

    A table shows at most 200 rows; csv and json give all of them.

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

    columns = ("table", "batch_id", "file", "line", "kind", "rule", "column", "text")
    rows = place.application().quarantine(table, every_batch=every)
    shown = (tuple(jsonout.of_quarantined(row).values()) for row in rows)
    show(columns, shown, format="json" if as_json else format, limit=_ROWS_IN_A_TABLE)


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
