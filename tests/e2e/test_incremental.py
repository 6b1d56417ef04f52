"""However its batches came, a workspace shows what a full refresh over them shows, and SPEC's invariants hold."""

import os
import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings

from reference.comparison import PRESENTATION, Tables, difference
from reference.deliveries import Metrics
from reference.product import Product
from reference.strategies import Story, stories

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
EXAMPLES = int(os.environ.get("REFERENCE_EXAMPLES", "500" if DEEP else "25"))
RATES = ("occupancy_rate", "repeat_customer_rate", "cancellation_rate", "conversion_rate")


def rows(tables: Tables, name: str) -> list[dict[str, Any]]:
    """A presentation table's rows by column."""
    return [dict(zip(PRESENTATION[name], row, strict=True)) for row in tables[f"presentation.{name}"].elements()]


def assert_invariants(tables: Tables, metrics: Metrics) -> None:
    """SPEC section 3, Invariants, on what is published."""
    for name, columns in PRESENTATION.items():
        for rate in set(RATES) & set(columns):
            for row in rows(tables, name):
                assert row[rate] is None or 0 <= row[rate] <= 1, (name, row)
    for count in ("available_nights", "booked_nights"):
        cities: Counter[Any] = Counter()
        for row in rows(tables, "occupancy_rate_monthly_by_city"):
            cities[row["month_start"]] += row[count]
        whole = {row["month_start"]: row[count] for row in rows(tables, "occupancy_rate_monthly")}
        assert cities == Counter(whole), count
    if not metrics.reporting_currency:
        assert sums(rows(tables, "revenue_monthly"), "room_revenue") == confirmed_money(tables, metrics)


def confirmed_money(tables: Tables, metrics: Metrics) -> dict[str, Decimal]:
    """What confirmed bookings cost, by currency."""
    bookings = [
        {"currency": currency, "total_price": price}
        for *_, price, currency, status, _, _ in tables["curated.bookings"].elements()
        if status in metrics.confirmed_statuses
    ]
    return sums(bookings, "total_price")


def sums(found: list[dict[str, Any]], column: str) -> dict[str, Decimal]:
    """Sums by currency, without the zeros."""
    total: dict[str, Decimal] = {}
    for row in found:
        total[row["currency"]] = total.get(row["currency"], Decimal()) + row[column]
    return {currency: amount for currency, amount in total.items() if amount}


def broken_across_rows(product: Product) -> dict[tuple[str, str], int]:
    """What the publish in force counts under the rules that look across rows."""
    return {(rule.table, rule.rule): rule.rows for rule in product.app.status().rules if rule.batch_id is None}


@given(stories())
@settings(max_examples=EXAMPLES, deadline=None, derandomize=not DEEP, suppress_health_check=list(HealthCheck))
def test_incremental_runs_show_what_a_full_refresh_shows(story: Story) -> None:
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder), story.quality)
        refused = set()
        for run in story.runs:
            product.deliver(run)
            refused = product.run(run)
            if refused:
                product.decide(run.decision or "accept", refused)
                refused = product.run(run)
        assert refused == set()
        incremental, rules = product.tables(), broken_across_rows(product)
        assert_invariants(incremental, story.runs[-1].metrics)
        assert all(account.balanced for account in product.app.status().accounting)
        batches = product.names()
        product.run(story.runs[-1], full_refresh=True)
        assert batches == product.names()
        found = difference(product.tables(), incremental)
        assert not found, found
        assert broken_across_rows(product) == rules
