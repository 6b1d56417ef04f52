"""report: renders the publish in force as one HTML page.

Reads the presentation tables and the ledger; replaces the page in one step. The publish a page shows is written in it, so that a rerun knows whether the
page is current and leaves it alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rental_etl import __version__
from rental_etl.errors import UsageError
from rental_etl.jobs.history import recent_runs
from rental_etl.model.run import Published, RunRecord
from rental_etl.model.summary import Watch
from rental_etl.ports.page import Page
from rental_etl.ports.warehouse import Ask, Warehouse
from rental_etl.report.encoding import pack
from rental_etl.report.facts import Facts
from rental_etl.report.page import is_of, render
from rental_etl.report.questions import (
    Question,
    extent_sql,
    ledger_questions,
    metric_questions,
    places_allowed,
    ranks_allowed,
)
from rental_etl.tables.models import presentation_models

_RUNS = 60


@dataclass(frozen=True, slots=True)
class Built:
    """A page that was put in place: where, its size, and the publish it shows."""

    address: str
    size: int
    published: Published


def is_current(*, warehouse: Warehouse, page: Page) -> bool:
    """Whether the page shows the publish in force; true also when there is nothing to show."""
    published = warehouse.last_publish()
    return published is None or is_of(page.beginning(), published)


def build_report(*, warehouse: Warehouse, page: Page, run: RunRecord, watch: Watch) -> Built:
    """Render the publish in force and put it in the page's place; `run` is the run that does it. Raises UsageError before the first publish."""
    published = warehouse.last_publish()
    if published is None:
        raise UsageError(
            "there is nothing to report yet: no metrics were published",
            where=warehouse.identity,
            remedy="run `rental-etl run --source DIR` first",
        )
    with warehouse.asking() as ask:
        facts = gather(ask, published=published, run=run, watch=watch)
    content = render(facts).encode()
    page.replace(content)
    return Built(page.address, len(content), published)


def gather(ask: Ask, *, published: Published, run: RunRecord, watch: Watch) -> Facts:
    """Everything a page is made of."""
    skipped = _skipped(published)
    limits = _limits(ask, skipped)
    questions: dict[str, Question] = {
        name: question
        for name, question in metric_questions(places=limits["places"], ranks=limits["ranks"]).items()
        if question.metric not in skipped
    }
    questions |= ledger_questions()
    tables = {}
    for done, (name, question) in enumerate(questions.items()):
        watch.progress(f"reading {question.metric or name}", done, len(questions))
        tables[name] = pack(question.fields, ask(question.sql).rows)
    watch.progress("rendering", len(questions), len(questions))
    return Facts(
        published=published,
        tables=tables,
        skipped=skipped,
        runs=_runs(ask, run),
        rendered_at=datetime.now(tz=UTC).replace(tzinfo=None).isoformat(sep=" "),
        version=__version__,
        limits=limits,
    )


def _skipped(published: Published) -> Mapping[str, str]:
    """Why presentation tables are empty, by table."""
    delivered: Mapping[str, Any] = published.inputs.get("snapshots", {})
    skipped = {}
    for name, model in presentation_models().items():
        lacking = [table for table in model.needs if table not in delivered]
        if lacking:
            skipped[name] = (
                f"it needs {' and '.join(lacking)}, which {'was' if len(lacking) == 1 else 'were'} never delivered"
            )
    return skipped


def _limits(ask: Ask, skipped: Mapping[str, str]) -> dict[str, int]:
    """How many places and ranks the page can name, and how many places there are."""

    def extent(table: str, *columns: str) -> Sequence[int]:
        if table in skipped:
            return [0] * len(columns)
        return [int(count) for count in next(iter(ask(extent_sql(table, *columns)).rows))]

    (weeks,) = extent("popular_locations_weekly", "week_start")
    (every_place,) = extent("occupancy_rate_monthly_by_city", "state || chr(31) || city")
    listing_weeks, currencies = extent("top_listings_weekly", "week_start", "currency")
    return {
        "places": places_allowed(weeks),
        "every_place": every_place,
        "ranks": ranks_allowed(listing_weeks, currencies),
    }


def _runs(ask: Ask, run: RunRecord) -> tuple[RunRecord, ...]:
    """The last runs; the one that renders the page as it will end, should nothing go wrong."""
    others = (other for other in recent_runs(ask, limit=_RUNS) if other.run_id != run.run_id)
    return (run, *others)[:_RUNS]
