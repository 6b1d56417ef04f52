"""Recomputing only the periods that a change invalidates gives the same tables as recomputing everything."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from rental_etl.engine.duckdb_session import DuckDBEngine
from rental_etl.jobs.calculation import Calculation
from rental_etl.jobs.landed import changed_days
from rental_etl.jobs.listings import ListingMerge
from rental_etl.jobs.ranges import WHOLE, Span, merge_changes, moved_range, span_to_recompute
from rental_etl.ports.lake import Landing
from rental_etl.tables.contracts import contracts
from rental_etl.tables.models import curated_models, presentation_models
from rental_etl.tables.render import Parameters
from tables.harness import Marketplace, Row, bind_rows, session
from tables.strategies import as_ofs, changed, marketplaces

Rows = list[tuple[Any, ...]]
FOLDED = ("bookings", "user_viewing", "apartment_attributes", "apartment_history", "fx_rates")


def state(marketplace: Marketplace, parameters: Parameters) -> tuple[dict[str, Rows], dict[str, str | None]]:
    """Every table, computed whole, and the ends of the data."""
    with session() as engine:
        marketplace.bind(engine)
        calculation = Calculation(engine, parameters=parameters, scratch=Path("/nonexistent"))
        for model in presentation_models().values():
            calculation.plan(model, WHOLE)
        tables = {name: engine.rows(calculation.statement(model)) for name, model in presentation_models().items()}
        return tables, calculation.data_range()


def changes_of(before: Marketplace, after: Marketplace) -> dict[str, Sequence[str]]:
    """What the commits that lead from one state to the other would record."""
    with session() as engine:
        for name, rows in before.tables().items():
            bind_rows(engine, f"base.{name}", name, rows)
        for name, rows in after.tables().items():
            then = before.tables()[name]
            bind_rows(engine, f"merge.{name}", name, rows)
            bind_rows(engine, f"merge.{name}_in", name, _without(rows, then))
            bind_rows(engine, f"merge.{name}_out", name, _without(then, rows))
        commits: list[Mapping[str, Sequence[str]]] = [_listing_changes(engine)]
        commits += [changed_days(engine, curated_models()[name]) for name in FOLDED if name != "apartment_history"]
        return merge_changes(commits)


def _without(rows: Sequence[Row], others: Sequence[Row]) -> list[Row]:
    """Rows that the others have no equal of; a repeated row needs as many."""
    left = list(others)
    found = []
    for row in rows:
        if row in left:
            left.remove(row)
        else:
            found.append(row)
    return found


def _listing_changes(engine: DuckDBEngine) -> dict[str, list[str]]:
    nowhere = cast(Landing, None)
    return ListingMerge(engine, landing=nowhere, contract=contracts()["apartments"]).changes()


def updated(
    old: Mapping[str, Rows], marketplace: Marketplace, *, spans: Mapping[str, Span | None], parameters: Parameters
) -> dict[str, Rows]:
    """The old tables with the rows of the spans replaced, as a publish does; all spans are computed in one session."""
    tables = {}
    with session() as engine:
        marketplace.bind(engine)
        calculation = Calculation(engine, parameters=parameters, scratch=Path("/nonexistent"))
        for name, model in presentation_models().items():
            calculation.plan(model, spans[name])
        for name, model in presentation_models().items():
            span = spans[name]
            if span is None:
                tables[name] = old[name]
                continue
            place = [column for column, _ in model.columns].index(model.period_column)
            kept = [row for row in old[name] if not span.first <= row[place] <= span.last]
            new = engine.rows(calculation.statement(model))
            assert [row for row in new if not span.first <= row[place] <= span.last] == [], f"{name} outside its span"
            tables[name] = kept + new
    return tables


def spans_between(
    before: Marketplace, after: Marketplace, *, days: tuple[date, date], ranges: Sequence[Mapping[str, str | None]]
) -> dict[str, Span | None]:
    """What a run would recompute of each table."""
    changes = merge_changes([changes_of(before, after), moved_range(ranges[0], ranges[1])])
    return {
        name: span_to_recompute(model, changes=changes, as_of_before=days[0], as_of=days[1])
        for name, model in presentation_models().items()
    }


def check(
    before: Marketplace, after: Marketplace, *, days: tuple[date, date], **parameters: Any
) -> dict[str, Span | None]:
    """Assert that updating is as good as recomputing; returns the spans."""
    old, old_range = state(before, Parameters(as_of=days[0], **parameters))
    new, new_range = state(after, Parameters(as_of=days[1], **parameters))
    spans = spans_between(before, after, days=days, ranges=(old_range, new_range))
    found = updated(old, after, spans=spans, parameters=Parameters(as_of=days[1], **parameters))
    for name, rows in new.items():
        assert (name, sorted(rows, key=str)) == (name, sorted(found[name], key=str))
    return spans


@settings(max_examples=60, deadline=None)
@given(data=st.data(), before=marketplaces(), days=st.tuples(as_ofs, as_ofs), currency=st.sampled_from([None, "EUR"]))
def test_updating_the_periods_a_change_invalidates_is_as_good_as_recomputing_all(
    data: st.DataObject, before: Marketplace, days: tuple[date, date], currency: str | None
) -> None:
    """Rows come, go and change in every table, and as_of moves either way."""
    after = data.draw(changed(before))
    same_day = data.draw(st.booleans())
    check(before, after, days=(days[0], days[0] if same_day else days[1]), reporting_currency=currency)
