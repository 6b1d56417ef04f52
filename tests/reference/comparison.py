"""What both sides' tables hold, in one shape, and the first difference between them in words."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from reference.facts import Facts
from reference.marketplace import State, effective_modification
from reference.metrics import presentation
from reference.tables import TYPES

Tables = Mapping[str, Counter[tuple[Any, ...]]]

PRESENTATION: Mapping[str, tuple[str, ...]] = {
    "average_listing_price_weekly": (
        *("week_start", "currency", "listings_count", "total_price", "average_price", "is_complete"),
    ),
    "occupancy_rate_monthly": ("month_start", "available_nights", "booked_nights", "occupancy_rate", "is_complete"),
    "occupancy_rate_monthly_by_city": (
        *("month_start", "state", "city", "available_nights", "booked_nights", "occupancy_rate", "is_complete"),
    ),
    "repeat_customer_rate_daily": (
        *("as_of_date", "customers_count", "repeat_customers_count", "repeat_customer_rate", "is_complete"),
    ),
    "popular_locations_weekly": (
        *("week_start", "state", "city", "bookings_count", "nights_count", "location_rank", "is_complete"),
    ),
    "top_listings_weekly": (
        *("week_start", "currency", "apartment_id", "title", "city", "bookings_count", "confirmed_revenue"),
        *("listing_rank", "is_complete"),
    ),
    "bookings_per_user_weekly": (
        *("week_start", "user_id", "bookings_count", "confirmed_count", "canceled_count", "is_complete"),
    ),
    "average_booking_duration_monthly": (
        *("month_start", "stays_count", "nights_count", "average_nights", "is_complete"),
    ),
    "revenue_monthly": (
        *("month_start", "currency", "nights_sold", "room_revenue", "adr", "available_nights", "revpar", "is_complete"),
    ),
    "cancellation_rate_monthly": (
        *("month_start", "bookings_count", "canceled_count", "cancellation_rate", "is_complete"),
    ),
    "booking_lead_time_monthly": (
        *("month_start", "bookings_count", "lead_days_count", "average_lead_days", "is_complete"),
    ),
    "view_conversion_weekly": (
        *("week_start", "views_count", "viewers_count", "wishlisted_count", "pairs_count", "converted_pairs_count"),
        *("conversion_rate", "is_complete"),
    ),
}

CURATED: Mapping[str, tuple[str, ...]] = {
    **{table: tuple(columns) for table, columns in TYPES.items()},
    "apartment_history": ("effective_modified_at", *TYPES["apartments"]),
}


def expected_tables(state: State, facts: Facts) -> Tables:
    """The reference's presentation and curated tables."""
    tables = {f"presentation.{name}": Counter(rows) for name, rows in presentation(facts).items()}
    for table, columns in TYPES.items():
        held = [row.values for row in state.rows(table)]
        if table == "apartments":
            held = [versions[max(versions)].values for versions in state.versions.values()]
        tables[f"curated.{table}"] = Counter(tuple(values[column] for column in columns) for values in held)
    tables["curated.apartment_history"] = Counter(
        (effective_modification(row.values), *(row.values[column] for column in TYPES["apartments"]))
        for row in state.rows("apartments")
    )
    return tables


def difference(expected: Tables, actual: Tables) -> str:
    """The first table that differs, with the rows that are missing and those that are too many; empty when none does."""
    for table, rows in expected.items():
        missing, unexpected = rows - actual[table], actual[table] - rows
        if missing or unexpected:
            return f"{table}\n  expected, not there: {_shown(missing)}\n  there, not expected: {_shown(unexpected)}"
    return ""


def _shown(rows: Counter[tuple[Any, ...]]) -> str:
    ordered = sorted(rows.elements(), key=repr)
    lines = [", ".join(str(cell) for cell in row) for row in ordered[:3]]
    return "; ".join(lines) + (f"; and {len(ordered) - 3} more" if len(ordered) > 3 else "") if lines else "-"
