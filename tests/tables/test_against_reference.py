"""Every table of a random marketplace is what a reference that goes night by night finds."""

from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reference.deliveries import Metrics
from reference.facts import Booking, Facts, Listing, Version, View
from reference.metrics import METRICS
from rental_etl.jobs.calculation import Calculation
from rental_etl.jobs.ranges import WHOLE
from rental_etl.tables.models import presentation_models
from rental_etl.tables.render import Parameters
from tables.harness import Marketplace, session
from tables.strategies import as_ofs, marketplaces


def facts(marketplace: Marketplace, *, as_of: date, metrics: Metrics) -> Facts:
    """The marketplace as the reference sees it."""
    histories: dict[int, list[Version]] = {}
    for row in sorted(marketplace.versions, key=lambda row: row["effective_modified_at"]):
        histories.setdefault(row["id"], []).append(
            Version(
                since=row["effective_modified_at"].date(),
                created=row["listing_created_on"].date(),
                title=row["title"],
                price=row["price"],
                currency=row["currency"],
                active=row["is_active"],
            )
        )
    gone = {row["id"]: row["deleted_on"] for row in marketplace.listings()}
    return Facts(
        settings=metrics,
        as_of=as_of,
        delivered=frozenset({"apartments", "bookings", "user_viewing", "fx_rates"}),
        listings={listing: Listing(tuple(history), gone[listing]) for listing, history in histories.items()},
        places={row["id"]: (row["state"] or "unknown", row["cityname"] or "unknown") for row in marketplace.places},
        bookings=tuple(_booking(row) for row in marketplace.bookings),
        views=tuple(
            View(row["user_id"], row["apartment_id"], row["viewed_at"].date(), bool(row["is_wishlisted"]))
            for row in marketplace.views
        ),
        rates={(row["rate_date"], row["currency"]): row["rate"] for row in marketplace.rates},
    )


def _booking(row: dict[str, Any]) -> Booking:
    return Booking(
        booking_id=row["booking_id"],
        user=row["user_id"],
        listing=row["apartment_id"],
        day=row["booking_date"].date(),
        checkin=row["checkin_date"],
        checkout=row["checkout_date"],
        total=row["total_price"],
        currency=row["currency"],
        status=row["booking_status"],
    )


@settings(max_examples=60, deadline=None)
@given(
    marketplace=marketplaces(), as_of=as_ofs, currency=st.sampled_from(["", "", "EUR", "CHF"]), top_n=st.integers(1, 2)
)
def test_every_table_equals_the_reference(marketplace: Marketplace, as_of: date, currency: str, top_n: int) -> None:
    """The reference shares no code with the models, and counts nights one by one."""
    known = facts(marketplace, as_of=as_of, metrics=Metrics(reporting_currency=currency, top_n=top_n))
    parameters = Parameters(as_of=as_of, reporting_currency=currency or None, top_n=top_n)
    with session() as engine:
        marketplace.bind(engine)
        calculation = Calculation(engine, parameters=parameters, scratch=Path("/nonexistent"))
        for model in presentation_models().values():
            calculation.plan(model, WHOLE)
        for name, model in presentation_models().items():
            rows = engine.rows(calculation.statement(model))
            assert (name, sorted(METRICS[name](known), key=str)) == (name, sorted(rows, key=str))
