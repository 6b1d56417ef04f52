"""Are the metric tables in two DuckDB files the same, row for row?"""

from pathlib import Path

import duckdb

TABLES = (
    "average_listing_price_weekly",
    "occupancy_rate_monthly",
    "occupancy_rate_monthly_by_city",
    "repeat_customer_rate_daily",
    "popular_locations_weekly",
    "top_listings_weekly",
    "bookings_per_user_weekly",
    "average_booking_duration_monthly",
    "revenue_monthly",
    "cancellation_rate_monthly",
    "booking_lead_time_monthly",
    "view_conversion_weekly",
)


def differences(product: Path, peer: Path) -> dict[str, str]:
    """What differs, by table: `product` has its tables in schema presentation, `peer` in main. Empty when all rows agree.

    Compared are the product's columns in the product's types: a peer may store an average in a wider decimal.
    """
    found: dict[str, str] = {}
    with duckdb.connect() as database:
        database.execute("set enable_progress_bar = false")
        database.execute(f"attach '{product}' as product (read_only)")
        database.execute(f"attach '{peer}' as peer (read_only)")
        for table in TABLES:
            described = database.execute(f"describe product.presentation.{table}").fetchall()
            names = ", ".join(str(row[0]) for row in described)
            typed = ", ".join(f"cast({row[0]} as {row[1]}) as {row[0]}" for row in described)
            ours, theirs = f"select {names} from product.presentation.{table}", f"select {typed} from peer.main.{table}"
            only_ours = database.execute(f"{ours} except all {theirs} order by all").fetchall()
            only_theirs = database.execute(f"{theirs} except all {ours} order by all").fetchall()
            if only_ours or only_theirs:
                found[table] = (
                    f"{len(only_ours)} rows only in the product, the first {only_ours[:1]};"
                    f" {len(only_theirs)} only in the peer, the first {only_theirs[:1]}"
                )
            elif not database.execute(f"select count(*) from ({ours})").fetchall()[0][0]:
                found[table] = "no rows at all"
    return found
