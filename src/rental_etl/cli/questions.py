"""The commands that only look: ask the warehouse, copy metrics out, show the state of things, check the configuration, show the SQL."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rental_etl.cli import jsonout
from rental_etl.cli.options import AsOf, Json, Place, Source, Work, made_tables
from rental_etl.cli.progress import watching
from rental_etl.cli.terminal import say

if TYPE_CHECKING:
    from rental_etl.model.summary import CheckResult

Format = Annotated[
    Literal["table", "csv", "json"],
    typer.Option("--format", help="table for people, csv, or one JSON array with every digit of its numbers."),
]
_ROWS_IN_A_TABLE = 200


def query(place: Place, sql: Annotated[str, typer.Argument(metavar="SQL")], format: Format = "table") -> None:
    """Ask the warehouse.

    One SELECT in DuckDB's SQL; schemas presentation, curated, raw and etl may be left out.

    A table shows at most 200 rows; csv and json give all of them, as they come.

    \b
    Examples:
      rental-etl query "select * from revenue_monthly order by month_start"
      rental-etl query --format csv "from curated.bookings" > bookings.csv
    """
    from rental_etl.cli.answers import show

    with watching(log=False) as watch:
        watch.job("query")
        rows = place.application(watch=watch).query(sql)
    show(rows.columns, rows.rows, format=format, limit=_ROWS_IN_A_TABLE)


def export(
    place: Place,
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    format: Annotated[Literal["csv", "parquet"], typer.Option("--format", help="Of the files.")] = "csv",
) -> None:
    """Write every metric table to DIR.

    Each to its own file, TABLE.csv or TABLE.parquet.

    \b
    Example:
      rental-etl export ./metrics --format parquet
    """
    with watching(log=False) as watch:
        watch.job("export")
        written = place.application(watch=watch).export(folder, format)
    say(f"{len(written)} tables with {sum(written.values()):,} rows written to {folder}", sys.stderr)


def status(
    place: Place,
    runs: Annotated[int, typer.Option("--runs", min=1, metavar="N", help="How many of the last runs to show.")] = 10,
    as_json: Json = False,
) -> None:
    """Show the last runs, freshness and row accounting.

    \b
    Example:
      rental-etl status
    """
    from rental_etl.cli.overview import show_status

    found = place.application().status(runs=runs)
    if as_json:
        jsonout.write_object(jsonout.of_status(found), sys.stdout)
    else:
        show_status(found)


def check(place: Place, source: Source = None, as_json: Json = False) -> None:
    """Check that every configured system can be used.

    With the rights it needs, and the configuration complete. Exits as a run would: 2 for a setting or file, 3 for a system.

    \b
    Examples:
      rental-etl check
      rental-etl check --source ./exports
    """
    with watching(log=False) as watch:
        results = place.application(as_of=None, watch=watch, **Work(source).sections()).check()
    if as_json:
        jsonout.write_array(map(jsonout.of_check, results), sys.stdout)
    else:
        for result in results:
            _show_check(result)
    worst = max((result.exit_code for result in results), default=0)
    if worst:
        raise typer.Exit(worst)


def sql(
    place: Place,
    table: Annotated[str, typer.Argument(metavar="TABLE", autocompletion=made_tables)],
    dialect: Annotated[Literal["duckdb", "spark", "redshift"], typer.Option("--dialect", help="Whose SQL.")] = "duckdb",
    as_of: AsOf = None,
) -> None:
    """Show the SQL behind a curated or metric table.

    The settings are filled in. In DuckDB's dialect a metric's SQL runs as it is shown, and gives the rows of its table.

    \b
    Examples:
      rental-etl sql revenue_monthly
      rental-etl query "$(rental-etl sql revenue_monthly)"
      rental-etl sql bookings --dialect spark
    """
    from rental_etl.cli.statements import statement

    sys.stdout.write(statement(table, dialect=dialect, application=place.application(as_of=as_of)))


def _show_check(result: "CheckResult") -> None:
    say(f"{'ok' if result.ok else 'FAILED':<6}  {result.subject:<20}  {result.found}", sys.stdout)
    if result.remedy and not result.ok:
        say(f"{'':<6}  {'':<20}  do: {result.remedy}", sys.stdout)
