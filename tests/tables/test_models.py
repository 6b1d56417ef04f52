"""What the YAML beside each model says is true of its SQL."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from rental_etl.errors import QualityGateError
from rental_etl.jobs.calculation import RANGE_ENDS, Calculation
from rental_etl.jobs.ranges import WHOLE
from rental_etl.ports.engine import Engine
from rental_etl.tables.contracts import contracts
from rental_etl.tables.models import (
    PresentationModel,
    curated_models,
    intermediate_models,
    needed_intermediates,
    presentation_models,
)
from rental_etl.tables.render import Parameters, fill
from tables.harness import Marketplace, booking, day, place, rate, session, version, view

METRICS = presentation_models()
EVERYTHING = Marketplace(
    bookings=[booking(booked="2024-01-05", stay="2024-01-30/2024-02-02"), booking(booked="2024-01-06", currency="USD")],
    versions=[version(), version(listing=2, currency="USD")],
    views=[view(at="2024-01-04")],
    places=[place(state="NW", city="Bonn")],
    rates=[rate(on="2024-01-01", currency="USD", rate="0.9")],
)


def planned(
    engine: Engine, model: PresentationModel, *, currency: str | None = None, scratch: Path = Path("/nonexistent")
) -> Calculation:
    """A calculation of all of one metric's periods."""
    parameters = Parameters(as_of=day("2024-02-10"), reporting_currency=currency)
    calculation = Calculation(engine, parameters=parameters, scratch=scratch)
    calculation.plan(model, WHOLE)
    return calculation


def relations(sql: str) -> set[str]:
    """The relations a statement names."""
    return set(re.findall(r"\b(?:curated|intermediate)\.\w+", re.sub(r"--.*", "", sql)))


def source_tables(reads: tuple[str, ...]) -> set[str]:
    """The source tables behind what a model reads."""
    direct = [read for model in needed_intermediates(reads) for read in model.reads] + list(reads)
    curated = {read.removeprefix("curated.") for read in direct if read.startswith("curated.")}
    return {curated_models()[name].source for name in curated}


@pytest.mark.parametrize("name", [*METRICS, *intermediate_models()])
def test_a_model_reads_what_it_says_it_reads(name: str) -> None:
    """Also in the comment that opens its SQL, with the question and the grain."""
    model = METRICS[name] if name in METRICS else intermediate_models()[name]
    question, grain, reads, nulls = model.sql.splitlines()[:4]
    assert relations(model.sql) == set(model.reads)
    assert "-- reads: " + ", ".join(model.reads) == reads
    assert f"-- {model.document['question']}" == question
    assert [grain[:10], nulls[:10]] == ["-- grain: ", "-- nulls: "]
    assert name == model.document["name"]


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_needs_only_tables_that_it_reads(name: str) -> None:
    """Places are never needed: without attributes they are unknown, and without rates money stays in its currencies."""
    model = METRICS[name]
    needed = set(model.needs)
    assert (
        needed <= source_tables(model.reads) <= needed | {"apartments", "apartment_attributes", "bookings", "fx_rates"}
    )
    assert ({"apartments"} if name == "average_listing_price_weekly" else {"bookings"}) <= needed


@pytest.mark.parametrize("currency", [None, "EUR"])
@pytest.mark.parametrize("name", METRICS)
def test_columns_are_those_of_the_sql_in_order_and_type(name: str, currency: str | None) -> None:
    """The warehouse makes its tables from them, without looking at a row."""
    model = METRICS[name]
    with session() as engine:
        EVERYTHING.bind(engine)
        calculation = planned(engine, model, currency=currency)
        described = engine.rows(f"describe {calculation.statement(model)}")
    found = [(column, type_.lower()) for column, type_, *_ in described]
    assert list(model.columns) == found
    assert set(model.grain) | {model.period_column} <= {column for column, _ in model.columns}
    assert all(column["description"] for column in model.document["columns"])


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_rows_that_keep_its_invariants(name: str, tmp_path: Path) -> None:
    """The gate runs each of them over the new rows."""
    model = METRICS[name]
    with session() as engine:
        EVERYTHING.bind(engine)
        updates = planned(engine, model, scratch=tmp_path).update(model)
    assert [(name, True)] == [(update.table, update.rows > 0) for update in updates]
    assert {"name", "sql", "description"} == {key for invariant in model.invariants for key in invariant}


@pytest.mark.parametrize("name", METRICS)
def test_one_row_per_grain(name: str) -> None:
    """The key is a key."""
    model = METRICS[name]
    with session() as engine:
        EVERYTHING.bind(engine)
        statement = planned(engine, model).statement(model)
        twice = engine.rows(f"select 1 from ({statement}) group by {', '.join(model.grain)} having count(*) > 1")
    assert twice == []


def test_a_broken_invariant_closes_the_gate(tmp_path: Path) -> None:
    """Nothing is published that the model says cannot be."""
    model = METRICS["cancellation_rate_monthly"]
    broken = replace(model, sql=f"select * replace (bookings_count + 1 as canceled_count) from ({model.sql})")
    with session() as engine:
        EVERYTHING.bind(engine)
        calculation = planned(engine, broken, scratch=tmp_path)
        with pytest.raises(QualityGateError, match="1 rows of cancellation_rate_monthly break the invariant canceled"):
            calculation.update(broken)


def test_every_cause_is_a_change_that_commits_record() -> None:
    """A misspelled cause would never recompute anything."""
    recorded = {
        f"{model.source}.{kind}"
        for model in curated_models().values()
        for kind in {**model.changes, **model.whole_changes}
    }
    recorded |= {"apartments.state_day", "apartments.title", "as_of", *(f"range.{end}" for end in RANGE_ENDS)}
    causes = {cause["change"] for model in METRICS.values() for cause in model.invalidated_by}
    assert recorded == causes


def test_all_twelve_metrics_are_there() -> None:
    """SPEC section 3."""
    assert sorted(METRICS) == [
        "average_booking_duration_monthly",
        "average_listing_price_weekly",
        "booking_lead_time_monthly",
        "bookings_per_user_weekly",
        "cancellation_rate_monthly",
        "occupancy_rate_monthly",
        "occupancy_rate_monthly_by_city",
        "popular_locations_weekly",
        "repeat_customer_rate_daily",
        "revenue_monthly",
        "top_listings_weekly",
        "view_conversion_weekly",
    ]


def test_settings_belong_to_the_metrics_that_use_them() -> None:
    """Another top_n recomputes one table; as_of and the period are no settings."""
    parameters = Parameters(as_of=day("2024-01-31"), top_n=3)
    users = [name for name, model in METRICS.items() if "top_n" in parameters.settings_used_by(model.sql)]
    assert users == ["top_listings_weekly"]
    assert parameters.settings_used_by("$top_n $as_of $period_from $period_to") == {"top_n": "3"}


def test_quotes_in_words_stay_inside_them() -> None:
    """Words come from a user's settings."""
    literals = Parameters(as_of=day("2024-01-31"), confirmed_statuses=("it's on", "OK")).literals()
    assert fill("x in ($confirmed_statuses)", literals) == "x in ('it''s on', 'ok')"


def test_the_contracts_have_every_source_table_of_the_models() -> None:
    """A curated table without a contract could not be landed."""
    assert {model.source for model in curated_models().values()} == set(contracts())
