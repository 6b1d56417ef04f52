"""Recomputing only the periods that a change invalidates gives the same tables as recomputing everything."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from rental_etl.engine.duckdb_session import DuckDBEngine
from rental_etl.jobs.calculation import Calculation
from rental_etl.jobs.counting import monthly_checks, plan_count, record
from rental_etl.jobs.landed import changed_days
from rental_etl.jobs.listings import ListingMerge
from rental_etl.jobs.ranges import WHOLE, Span, merge_changes, moved_range, span_to_recompute
from rental_etl.ports.lake import Landing
from rental_etl.tables.contracts import contracts
from rental_etl.tables.models import curated_models, presentation_models
from rental_etl.tables.render import Parameters
from tables.harness import Marketplace, Row, bind_rows, booking, day, place, rate, session, version, view
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


def counts_of(marketplace: Marketplace, parameters: Parameters) -> dict[str, dict[str, int]]:
    """The rows that break each rule across rows, by month, all of them counted."""
    with session() as engine:
        marketplace.bind(engine)
        calculation = Calculation(engine, parameters=parameters, scratch=Path("/nonexistent"))
        return {name: _broken(calculation.count_by_month(check)) for name, check in monthly_checks().items()}


def counts_after(
    old: Mapping[str, Mapping[str, int]],
    marketplaces: tuple[Marketplace, Marketplace],
    *,
    spans: Mapping[str, Span | None],
    parameters: Parameters,
    changes: Mapping[str, Sequence[str]],
) -> dict[str, dict[str, int]]:
    """What a run counts that knows the old counts, in the session in which it computes the tables."""
    before, after = marketplaces
    with session() as engine:
        after.bind(engine)
        calculation = Calculation(engine, parameters=parameters, scratch=Path("/nonexistent"))
        for name, model in presentation_models().items():
            calculation.plan(model, spans[name])
        for name, check in monthly_checks().items():
            same = all(before.tables()[table] == after.tables()[table] for table in check.anew_with)
            count = plan_count(
                check,
                fingerprint="",
                recorded=record("", old[name]) if same else None,
                span=span_to_recompute(
                    check, changes=changes, as_of_before=parameters.as_of, as_of=parameters.as_of, converts=False
                ),
                begins=calculation.first_affected,
            )
            calculation.plan_count(check, count)
        for name, model in presentation_models().items():
            if spans[name] is not None:
                calculation.statement(model)
        return {name: _broken(calculation.count_by_month(check)) for name, check in monthly_checks().items()}


def _broken(months: Mapping[str, int]) -> dict[str, int]:
    return {month: rows for month, rows in months.items() if rows}


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
    before: Marketplace,
    after: Marketplace,
    *,
    days: tuple[date, date],
    ranges: Sequence[Mapping[str, str | None]],
    converts: bool,
) -> dict[str, Span | None]:
    """What a run would recompute of each table."""
    changes = merge_changes([changes_of(before, after), moved_range(ranges[0], ranges[1])])
    return {
        name: span_to_recompute(model, changes=changes, as_of_before=days[0], as_of=days[1], converts=converts)
        for name, model in presentation_models().items()
    }


def check(
    before: Marketplace, after: Marketplace, *, days: tuple[date, date], **parameters: Any
) -> dict[str, Span | None]:
    """Assert that updating is as good as recomputing; returns the spans."""
    old, old_range = state(before, Parameters(as_of=days[0], **parameters))
    new, new_range = state(after, Parameters(as_of=days[1], **parameters))
    converts = parameters.get("reporting_currency") is not None
    spans = spans_between(before, after, days=days, ranges=(old_range, new_range), converts=converts)
    found = updated(old, after, spans=spans, parameters=Parameters(as_of=days[1], **parameters))
    for name, rows in new.items():
        assert (name, sorted(rows, key=str)) == (name, sorted(found[name], key=str))
    counted = counts_after(
        counts_of(before, Parameters(as_of=days[0], **parameters)),
        (before, after),
        spans=spans,
        parameters=Parameters(as_of=days[1], **parameters),
        changes=changes_of(before, after),
    )
    assert counts_of(after, Parameters(as_of=days[1], **parameters)) == counted
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


JUNE = (day("2024-06-30"), day("2024-06-30"))
OLD = booking(booked="2024-01-10", stay="2024-02-01/2024-02-03", listing=1)
LISTED = Marketplace(versions=[version(listing=1), version(listing=2, currency="USD")], bookings=[OLD])


def test_a_new_booking_recomputes_the_months_of_its_stay_and_the_weeks_around_its_day() -> None:
    """Nothing else: that is what makes a run on a few changes cheap."""
    new = booking(booked="2024-03-06", stay="2024-04-29/2024-05-02", listing=2)
    spans = check(LISTED, Marketplace(versions=LISTED.versions, bookings=[OLD, new]), days=JUNE)
    april, may, week = day("2024-04-01"), day("2024-05-01"), day("2024-03-04")
    assert {
        "average_booking_duration_monthly": Span(april, april),
        "average_listing_price_weekly": None,
        "booking_lead_time_monthly": Span(day("2024-03-01"), day("2024-03-01")),
        "bookings_per_user_weekly": Span(week, week),
        "cancellation_rate_monthly": Span(day("2024-03-01"), day("2024-03-01")),
        "occupancy_rate_monthly": Span(april, may),
        "occupancy_rate_monthly_by_city": Span(april, may),
        "popular_locations_weekly": Span(week, week),
        "repeat_customer_rate_daily": Span(day("2024-03-06"), day("2024-04-04")),
        "revenue_monthly": Span(april, may),
        "top_listings_weekly": Span(week, week),
        "view_conversion_weekly": Span(day("2024-02-05"), week),
    } == spans


def test_a_stay_counts_as_overlapping_or_not_as_others_come_and_go_in_later_months() -> None:
    """It lies before everything that changed: only that it reaches there tells that it has to be counted anew."""
    long = booking(booked="2024-01-01", stay="2024-01-20/2024-04-02")
    later = booking(booked="2024-03-06", stay="2024-04-01/2024-04-03")
    alone, both = (Marketplace(versions=LISTED.versions, bookings=rows) for rows in ([long], [long, later]))
    parameters = Parameters(as_of=JUNE[0])
    overlaps = {"2024-01-01": 1, "2024-04-01": 1}
    for before, after, expected in ((alone, both, overlaps), (both, alone, {})):
        check(before, after, days=JUNE)
        assert expected == counts_of(after, parameters)["bookings.overlapping_stay"]


def test_an_orphan_counts_until_its_listing_is_delivered() -> None:
    """A new listing changes no booking and no view."""
    orphaned = Marketplace(bookings=[OLD], views=[view(at="2024-03-06")])
    known = replace(orphaned, versions=LISTED.versions)
    parameters = Parameters(as_of=JUNE[0])
    names = ("bookings.unknown_apartment", "user_viewing.unknown_apartment")
    counts = [counts_of(marketplace, parameters) for marketplace in (orphaned, known)]
    assert [[found[name] for name in names] for found in counts] == [[{"2024-01-01": 1}, {"2024-03-01": 1}], [{}, {}]]
    check(orphaned, known, days=JUNE)


def test_nothing_changed_recomputes_nothing() -> None:
    """Not even what is cheap."""
    assert {None} == set(check(LISTED, LISTED, days=JUNE).values())


def test_the_last_booked_night_takes_the_months_before_it_along() -> None:
    """A stay in 2026 adds rows for all months since June 2024, and takes them away when it is canceled."""
    far = booking(booked="2024-01-20", stay="2026-03-01/2026-03-04")
    more = Marketplace(versions=LISTED.versions, bookings=[OLD, far])
    for before, after in ((LISTED, more), (more, LISTED)):
        spans = check(before, after, days=JUNE)
        assert Span(day("2024-06-01"), day("2026-03-01")) == spans["occupancy_rate_monthly"]


def test_the_first_booking_takes_the_days_and_months_after_it_along() -> None:
    """Ranges without gaps begin with it, and thirty days of the repeat rate are incomplete after it."""
    early = booking(booked="2022-11-01", stay="2022-12-30/2023-01-02", listing=9)
    more = Marketplace(bookings=[OLD, early])
    for before, after in ((Marketplace(bookings=[OLD]), more), (more, Marketplace(bookings=[OLD]))):
        spans = check(before, after, days=JUNE)
        assert Span(day("2022-11-01"), day("2024-02-08")) == spans["repeat_customer_rate_daily"]
        assert Span(day("2022-12-01"), day("2024-02-01")) == spans["occupancy_rate_monthly"]


def test_a_listing_s_new_version_recomputes_from_its_day_to_the_end() -> None:
    """Prices before it stay as they are."""
    now = Marketplace(versions=[*LISTED.versions, version(modified="2024-05-15", price="70.00")], bookings=[OLD])
    spans = check(LISTED, now, days=JUNE)
    assert Span(day("2024-05-13"), WHOLE.last) == spans["average_listing_price_weekly"]
    assert Span(day("2024-05-01"), WHOLE.last) == spans["revenue_monthly"]
    assert spans["repeat_customer_rate_daily"] is None


def test_a_listing_that_moves_or_is_renamed_recomputes_the_tables_that_show_it() -> None:
    """Its place and title are those of today in every period."""
    moved = Marketplace(versions=LISTED.versions, bookings=[OLD], places=[place(listing=1, state="NW", city="Bonn")])
    spans = check(LISTED, moved, days=JUNE)
    shown = {"occupancy_rate_monthly_by_city", "popular_locations_weekly", "top_listings_weekly"}
    assert {name: WHOLE if name in shown else None for name in spans} == spans
    renamed = Marketplace(versions=[version(title="Loft"), LISTED.versions[1]], bookings=[OLD])
    assert check(LISTED, renamed, days=JUNE)["top_listings_weekly"] == WHOLE


def test_a_rate_recomputes_money_from_its_day_on_and_revenue_whole() -> None:
    """A guest may arrive before booking, so that a rate of today can move a night of any day."""
    before = Marketplace(
        versions=LISTED.versions,
        bookings=[booking(booked="2024-05-20", stay="2024-02-01/2024-02-03", currency="USD", price="33.33")],
        rates=[rate(on="2024-01-01", currency="USD", rate="0.9")],
    )
    after = replace(before, rates=[*before.rates, rate(on="2024-05-16", currency="USD", rate="0.8")])
    spans = check(before, after, days=JUNE, reporting_currency="EUR")
    assert Span(day("2024-05-13"), WHOLE.last) == spans["average_listing_price_weekly"]
    assert Span(day("2024-05-13"), WHOLE.last) == spans["top_listings_weekly"]
    assert spans["revenue_monthly"] == WHOLE
    assert spans["occupancy_rate_monthly"] is None
    assert {None} == set(check(before, after, days=JUNE).values())


def test_a_view_recomputes_its_week() -> None:
    """A repeated view is a second view."""
    seen = view(at="2024-03-06")
    before, after = Marketplace(bookings=[OLD], views=[seen]), Marketplace(bookings=[OLD], views=[seen, seen])
    assert Span(day("2024-03-04"), day("2024-03-04")) == check(before, after, days=JUNE)["view_conversion_weekly"]


def test_another_as_of_recomputes_the_periods_between_both() -> None:
    """Weeks complete with it, and the range of days and months ends with it; forwards and back."""
    before = replace(LISTED, views=[view(at="2024-05-01")])
    dates = (day("2024-06-05"), day("2024-07-10"))
    for days in (dates, dates[::-1]):
        spans = check(before, before, days=days)
        assert Span(day("2024-06-03"), day("2024-07-08")) == spans["average_listing_price_weekly"]
        assert Span(day("2024-06-01"), day("2024-07-01")) == spans["occupancy_rate_monthly"]
        assert Span(day("2024-06-05"), day("2024-07-10")) == spans["repeat_customer_rate_daily"]
        assert Span(day("2024-04-29"), day("2024-07-08")) == spans["view_conversion_weekly"]
