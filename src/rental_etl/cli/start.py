"""The commands to begin with: demo, generate, init."""

import os
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from rental_etl.cli.options import Json, day
from rental_etl.cli.progress import watching
from rental_etl.cli.summary import show_steps
from rental_etl.cli.terminal import answer, heading, listing, say
from rental_etl.errors import UsageError

_SEED = 7
_END = date(2024, 12, 31)
_MARKER = "generated.txt"
_TABLES = ("apartments", "apartment_attributes", "bookings", "user_viewing")
_QUESTIONS = {
    "revenue by month": "select month_start, currency, nights_sold, room_revenue, adr, revpar from revenue_monthly"
    " where is_complete order by month_start desc, nights_sold desc limit 5",
    "occupancy by month": "select month_start, available_nights, booked_nights, occupancy_rate from occupancy_rate_monthly"
    " where is_complete order by month_start desc limit 5",
    "repeat customers, over 30 days": "select as_of_date, customers_count, repeat_customers_count, repeat_customer_rate"
    " from repeat_customer_rate_daily order by as_of_date desc limit 5",
}


def demo(
    workspace: Annotated[
        Path, typer.Option("--workspace", metavar="DIR", help="Where everything of the demo goes.")
    ] = Path("rental-demo"),
) -> None:
    """Make a small realistic marketplace, and run it all.

    A configuration file is not read. Run it again and it goes on with the marketplace it made.

    \b
    Example:
      rental-etl demo
    """
    from rental_etl.bootstrap import Application
    from rental_etl.cli.runs import conclude
    from rental_etl.settings import load_settings

    source = workspace / "source"
    if not _is_generated(source):
        _generate(
            source, (200, 30_000, 45_000), seed=_SEED, end=datetime.now(tz=UTC).date() - timedelta(days=1), dirty=0.01
        )
    places = {
        "workspace": workspace,
        "source": {"url": str(source)},
        "lake": {"url": str(workspace / "lake")},
        "warehouse": {"url": f"duckdb:///{workspace / 'warehouse.duckdb'}"},
    }
    settings = load_settings(config=Path(os.devnull), overrides=places)
    with watching() as watch:
        application = Application(settings, watch=watch)
        summary = application.run()
    conclude(summary, application, as_json=False, next_steps=())
    for title, sql in _QUESTIONS.items():
        heading(title, sys.stdout)
        found = application.query(sql)
        answer(found.columns, found.rows, sys.stdout, limit=5)
    sys.stdout.flush()
    say(f"\nreport: {workspace.absolute() / 'report' / 'index.html'}", sys.stderr)
    show_steps("try next", _steps_after(workspace))


def generate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made when it does not exist.")],
    *,
    apartments: Annotated[int, typer.Option("--apartments", min=0, metavar="N", help="Listings.")] = 2_000,
    bookings: Annotated[int, typer.Option("--bookings", min=0, metavar="N", help="Bookings.")] = 20_000,
    viewings: Annotated[int, typer.Option("--viewings", min=0, metavar="N", help="Viewings.")] = 30_000,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Another seed, another marketplace.")] = _SEED,
    end: Annotated[
        date | None,
        typer.Option("--end", parser=day, metavar="DATE", help=f"Day of the newest bookings.  [default: {_END}]"),
    ] = None,
    dirty: Annotated[
        float, typer.Option("--dirty", min=0, max=1, metavar="R", help="Share of rows that get a defect.")
    ] = 0.0,
) -> None:
    """Write a synthetic marketplace as four CSV files.

    The same arguments give the same files.

    \b
    Example:
      rental-etl generate ./data --apartments 2000 --bookings 20000 --viewings 30000 --seed 7 --dirty 0.05
    """
    _generate(folder, (apartments, bookings, viewings), seed=seed, end=end or _END, dirty=dirty)
    say(f"next: rental-etl run --source {shlex.quote(str(folder))} --as-of {end or _END}", sys.stderr)


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write; made when it does not exist.")
    ] = Path(),
    *,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            metavar="DIR_OR_URL",
            help="What to look at: your files, s3://BUCKET/PREFIX, or mysql://USER@HOST/DB.  [default: DIR/data]",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a configuration that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Propose the settings for your files, bucket or database.

    Writes the rental-etl.toml they need. It shows which file is which table, which column is which, and what it could not
    tell; it reads a sample only. Where there is nothing to look at, the file explains every setting.

    \b
    Examples:
      rental-etl init --source ./exports
      rental-etl init --source s3://partner-deliveries/rental
      rental-etl init --source mysql://etl@db.example/rental
    """
    from rental_etl.cli.proposing import configure

    configure(folder, source=source, force=force, as_json=as_json)


def _generate(folder: Path, counts: tuple[int, int, int], *, seed: int, end: date, dirty: float) -> None:
    """Write a marketplace, but never over files that were not made here."""
    from rental_etl.synthetic.marketplace import generate as write_marketplace

    apartments, bookings, viewings = counts
    existing = [f"{table}.csv" for table in _TABLES if (folder / f"{table}.csv").exists()]
    if existing and not (folder / _MARKER).exists():
        raise UsageError(
            f"{', '.join(existing)} would be overwritten, and rental-etl did not make them",
            where=str(folder),
            expected="a folder without such files",
            remedy="name another folder",
        )
    folder.mkdir(parents=True, exist_ok=True)
    options = f"--apartments {apartments} --bookings {bookings} --viewings {viewings} --seed {seed} --end {end} --dirty {dirty:g}"
    (folder / _MARKER).write_text(f"Synthetic, made by:\nrental-etl generate DIR {options}\n", encoding="utf-8")
    with watching(log=False) as watch:
        watch.job("generate")
        written = write_marketplace(
            folder,
            apartments=apartments,
            bookings=bookings,
            viewings=viewings,
            seed=seed,
            end=end,
            dirty=dirty,
            progress=watch.progress,
        )
    _show_generated(folder, written.rows, written.defects)


def _show_generated(folder: Path, rows: Mapping[str, int], defects: Mapping[str, int]) -> None:
    spoiled = f", {sum(defects.values()):,} of them with a defect" if defects else ""
    say(f"{sum(rows.values()):,} rows written to {folder}{spoiled}", sys.stderr)
    listing(("table", "rows"), list(rows.items()), sys.stderr)


def _is_generated(folder: Path) -> bool:
    return (folder / _MARKER).exists() and all((folder / f"{table}.csv").exists() for table in _TABLES)


def _steps_after(workspace: Path) -> list[tuple[str, str]]:
    here = shlex.quote(str(workspace))
    return [
        (f"rental-etl report --workspace {here} --open", "the report in your browser"),
        (f'rental-etl query --workspace {here} "from top_listings_weekly limit 10"', "ask the warehouse"),
        (f"rental-etl quarantine --workspace {here}", "the rows that were not taken, and why"),
        (f"rental-etl status --workspace {here}", "runs, freshness, where every row is"),
        (f"rental-etl export --workspace {here} ./metrics", "every metric table as CSV"),
        ("rental-etl run --source DIR", "the same with your own files"),
    ]
