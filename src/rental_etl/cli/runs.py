"""The commands that work on a workspace: the pipeline, its jobs one by one, and repair."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rental_etl.cli import jsonout
from rental_etl.cli.options import Json, Place, Work
from rental_etl.cli.progress import watching
from rental_etl.cli.summary import show_nothing_new, show_summary
from rental_etl.cli.terminal import say

if TYPE_CHECKING:
    from rental_etl.bootstrap import Application
    from rental_etl.model.summary import RunSummary


def run(place: Place, work: Work) -> None:
    """Take what is new from the source to the metrics.

    Interrupted or failed? Run it again: it goes on where it stopped. With nothing new it changes nothing.

    \b
    Examples:
      rental-etl run --source ./data
      rental-etl run --source ./data --as-of 2024-06-30 --workspace ./june
    """
    _perform(place, work, None)


def extract(place: Place, work: Work) -> None:
    """Land what is new at the source (job 1 of 5).

    \b
    Example:
      rental-etl extract --source ./data
    """
    _perform(place, work, ["extract"])


def load(place: Place, work: Work) -> None:
    """Load landed batches into schema raw (job 2 of 5).

    \b
    Example:
      rental-etl load
    """
    _perform(place, work, ["load"])


def transform(place: Place, work: Work) -> None:
    """Merge landed batches into curated (job 3 of 5).

    \b
    Example:
      rental-etl transform
    """
    _perform(place, work, ["transform"])


def metrics(place: Place, work: Work) -> None:
    """Compute the metrics and publish them (job 4 of 5).

    \b
    Example:
      rental-etl metrics --as-of 2024-06-30
    """
    _perform(place, work, ["metrics"])


def report(
    place: Place,
    work: Work,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="Where to write it.  [default: report/index.html in the workspace]"
        ),
    ] = None,
) -> None:
    """Render the metrics as one page (job 5 of 5).

    A run does this by itself. The page needs no network and no other file: mail it, or put it on a share.

    \b
    Examples:
      rental-etl report --open
      rental-etl report --output ./june.html
    """
    with watching() as watch:
        application = place.application(as_of=work.as_of, watch=watch, **work.sections())
        summary = application.run(["report"], full_refresh=work.full_refresh, page=output)
    conclude(summary, application, as_json=work.as_json, next_steps=())
    if open_page:
        _open(summary.page)


def _open(address: str) -> None:
    """Show a page in the browser, where there is one."""
    import webbrowser

    if address.startswith("s3://"):
        say(f"the page is in S3, where no browser looks; fetch it: aws s3 cp {address} .", sys.stderr)
        return
    url = Path(address).as_uri()
    if not webbrowser.open(url):
        say(f"no browser was found; open {url} yourself", sys.stderr)


def repair(place: Place, as_json: Json = False) -> None:
    """Rebuild everything from the landed batches.

    Catalog, curated tables and warehouse are made again: for a workspace that was moved, or a warehouse file that is lost
    or damaged. The landed batches are read, never changed.

    \b
    Example:
      rental-etl repair --workspace ./rental-data
    """
    with watching() as watch:
        application = place.application(watch=watch)
        summary = application.repair()
    conclude(summary, application, as_json=as_json)


def conclude(
    summary: "RunSummary",
    application: "Application",
    *,
    as_json: bool,
    next_steps: Sequence[tuple[str, str]] | None = None,
) -> None:
    """Say what a run did: to a machine on stdout, or to a person on stderr, with what to type next."""
    if as_json:
        jsonout.write_object(jsonout.of_summary(summary), sys.stdout)
    elif summary.run.state == "unchanged":
        show_nothing_new(summary, published=application.status(runs=1).published)
    else:
        show_summary(summary, next_steps=_next_steps(summary, application) if next_steps is None else next_steps)


def _perform(place: Place, work: Work, jobs: Sequence[str] | None) -> None:
    with watching() as watch:
        application = place.application(as_of=work.as_of, watch=watch, **work.sections())
        summary = application.run(jobs, full_refresh=work.full_refresh)
    conclude(summary, application, as_json=work.as_json)


def _next_steps(summary: "RunSummary", application: "Application") -> list[tuple[str, str]]:
    from rental_etl.settings import Settings

    here = application.settings.workspace
    where = "" if here == Path(Settings.model_fields["workspace"].default) else f" --workspace {here}"
    steps = []
    unread = any(batch.reading.rows_unreadable + batch.reading.rows_refused for batch in summary.landed)
    if unread or any(rule.severity == "error" for rule in summary.rules):
        steps.append((f"rental-etl quarantine{where}", "the rows in quarantine, and why"))
    if summary.page:
        steps.append((f"rental-etl report{where} --open", "the report in your browser"))
    filled = [table for table, rows in summary.published.items() if rows]
    if filled:
        table = "revenue_monthly" if "revenue_monthly" in filled else filled[0]
        steps.append((f'rental-etl query{where} "from {table} limit 10"', "ask the warehouse"))
        steps.append((f"rental-etl export{where} ./metrics", "every metric table as CSV"))
    return steps
