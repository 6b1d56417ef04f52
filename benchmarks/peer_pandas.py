"""What a competent user would write with pandas: four CSV files to month-partitioned Parquet and the twelve metric tables.

    python benchmarks/peer_pandas.py SOURCE OUT AS_OF

Reads SOURCE/*.csv; writes OUT/curated/<table>/ and OUT/metrics.duckdb. One full delivery, no history between runs, no quarantine: bad rows
are filtered away. The metrics follow SPEC section 3. Money is integer cents, and nights are added up from the days on which a stay or a
listing begins and ends, never enumerated one by one.
"""

import shutil
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

CONFIRMED = ["confirmed", "completed"]
CANCELED = ["canceled", "cancelled"]
DAY = pd.Timedelta(days=1)
NEVER = pd.Timestamp("2200-01-01")


def read(source: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Listing history, attributes, bookings and views: typed, valid, one row per key."""
    history = pd.read_csv(
        source / "apartments.csv",
        dtype={"title": "string", "source": "category", "currency": "category"},
        parse_dates=["listing_created_on", "last_modified_timestamp"],
    )
    history["modified_at"] = history["last_modified_timestamp"].fillna(history["listing_created_on"])
    history["modified_at"] = history[["modified_at", "listing_created_on"]].max(axis=1)
    history["price"] = (history["price"] * 100).round().astype("int64")
    history["currency"] = history["currency"].str.upper().astype("category")
    history = history[(history["price"] > 0) & history["currency"].str.fullmatch("[A-Z]{3}")]
    history = history.drop_duplicates(["id", "modified_at"], keep="last").sort_values(["id", "modified_at"])

    attributes = pd.read_csv(source / "apartment_attributes.csv", dtype={"cityname": "string", "state": "string"})
    attributes = attributes.drop_duplicates("id", keep="last")

    bookings = pd.read_csv(
        source / "bookings.csv",
        dtype={"currency": "category", "booking_status": "category", "payment_status": "category"},
        parse_dates=["booking_date", "checkin_date", "checkout_date"],
    )
    bookings["total_price"] = (bookings["total_price"] * 100).round().astype("int64")
    bookings["currency"] = bookings["currency"].str.upper().astype("category")
    bookings["booking_status"] = bookings["booking_status"].str.lower().astype("category")
    bookings = bookings[(bookings["checkout_date"] > bookings["checkin_date"]) & (bookings["total_price"] >= 0)]
    bookings = bookings.drop_duplicates("booking_id", keep="last")

    views = pd.read_csv(
        source / "user_viewing.csv",
        dtype={"is_wishlisted": "boolean", "call_to_action": "category"},
        parse_dates=["viewed_at"],
    )
    views["is_wishlisted"] = views["is_wishlisted"].fillna(False).astype(bool)
    return history, attributes, bookings, views


def write(
    out: Path, history: pd.DataFrame, attributes: pd.DataFrame, bookings: pd.DataFrame, views: pd.DataFrame
) -> None:
    """The curated tables as Parquet, facts by month."""
    history.to_parquet(out / "apartment_history.parquet", compression="zstd")
    attributes.to_parquet(out / "apartment_attributes.parquet", compression="zstd")
    for name, table, column in (("bookings", bookings, "booking_date"), ("user_viewing", views, "viewed_at")):
        for month, rows in table.groupby(table[column].dt.strftime("%Y-%m")):
            folder = out / name / f"month={month}"
            folder.mkdir(parents=True)
            rows.to_parquet(folder / "data.parquet", compression="zstd")


def week(days: pd.Series) -> pd.Series:
    """The Mondays of days."""
    mondays: pd.Series = days.dt.normalize() - pd.to_timedelta(days.dt.day_of_week, unit="D")
    return mondays


def month(days: pd.Series) -> pd.Series:
    """The first days of the months of days."""
    first_days: pd.Series = days.dt.normalize() - pd.to_timedelta(days.dt.day - 1, unit="D")
    return first_days


def ratio(numerator: pd.Series, denominator: pd.Series, digits: int) -> pd.Series:
    """A ratio times 10**digits, rounded half up; null where the denominator is zero."""
    divisor = denominator.where(denominator != 0)
    rounded: pd.Series = ((2 * numerator * 10**digits + divisor) // (2 * divisor)).astype("Int64")
    return rounded


def weekly(table: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """The table with is_complete."""
    return table.assign(is_complete=table["week_start"] + 6 * DAY <= as_of)


def monthly(table: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """The table with is_complete."""
    return table.assign(is_complete=table["month_start"] + pd.offsets.MonthEnd(1) <= as_of)


def live_intervals(history: pd.DataFrame) -> pd.DataFrame:
    """Intervals [starts, ends) in which a listing is live under one version; before its first version it counts as active."""
    by_listing = history.groupby("id", sort=False)
    versions = history[["id", "price", "currency", "is_active"]].copy()
    versions["day"] = history["modified_at"].dt.normalize()
    versions["next_day"] = versions.groupby("id", sort=False)["day"].shift(-1).fillna(NEVER)
    versions["created"] = by_listing["listing_created_on"].transform("last").dt.normalize()
    first = ~versions["id"].duplicated()
    versions["starts"] = np.where(first, versions["created"], np.maximum(versions["created"], versions["day"]))
    versions["ends"] = np.where(first & ~versions["is_active"], versions["day"], versions["next_day"])
    live = versions[(versions["is_active"] | first) & (versions["ends"] > versions["starts"])]
    return live[["id", "price", "currency", "starts", "ends"]].rename(columns={"id": "apartment_id"})


def covered_until(stays: pd.DataFrame, keys: list[str]) -> pd.Series:
    """Until when earlier stays of the same keys reach; `stays` is sorted by keys and check-in."""
    latest = stays.groupby(keys, sort=False, observed=True)["checkout_date"].cummax()
    return latest.groupby([stays[key] for key in keys], sort=False, observed=True).shift().fillna(pd.Timestamp(0))


def nights_by_month(
    live: pd.DataFrame, booked: pd.DataFrame, places: pd.DataFrame, days: pd.DatetimeIndex
) -> pd.DataFrame:
    """Booked nights, and live ones that stayed free, by month, place and currency (of the listing; none for booked nights)."""
    both = booked[["apartment_id", "starts", "ends"]].merge(live, on="apartment_id", suffixes=("", "_live"))
    both["starts"] = np.maximum(both["starts"], both["starts_live"])
    both["ends"] = np.minimum(both["ends"], both["ends_live"])
    both = both[both["starts"] < both["ends"]]
    events = []
    for table, name in ((live, "live"), (booked.assign(currency="booked"), "booked"), (both, "both")):
        placed = table[["apartment_id", "currency", "starts", "ends"]].merge(places, on="apartment_id", how="left")
        placed[["state", "city"]] = placed[["state", "city"]].fillna("unknown")
        for column, weight in (("starts", 1), ("ends", -1)):
            counts = placed.groupby(["state", "city", "currency", column], observed=True).size() * weight
            events.append(counts.rename_axis(["state", "city", "currency", "day"]).rename(name))
    changes = pd.concat([pd.concat(events[at : at + 2]).groupby(level=[0, 1, 2, 3]).sum() for at in (0, 2, 4)], axis=1)
    table = changes.fillna(0).astype("int64").reset_index()
    by_day = table.pivot_table(
        index="day",
        columns=["state", "city", "currency"],
        values=["live", "booked", "both"],
        aggfunc="sum",
        fill_value=0,
    )
    running = by_day.sort_index().cumsum().reindex(days, method="ffill", fill_value=0)
    months = running.groupby(days.to_period("M").to_timestamp()).sum()
    nights = months.stack(["state", "city", "currency"], future_stack=True).fillna(0).astype("int64")
    nights = nights.rename_axis(["month_start", "state", "city", "currency"]).reset_index()
    nights["free"] = nights["live"] - nights["both"]
    return nights


def average_listing_price_weekly(live: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """What live listings cost at the end of each week."""
    starts = live.groupby(["currency", "starts"], observed=True)["price"].agg(["size", "sum"])
    ends = live.groupby(["currency", "ends"], observed=True)["price"].agg(["size", "sum"])
    names = ["currency", "day"]
    changes = starts.rename_axis(names).sub(ends.rename_axis(names), fill_value=0).astype("int64")
    running = changes.unstack("currency", fill_value=0).sort_index().cumsum()
    first = live["starts"].min()
    weeks = pd.date_range(first - first.weekday() * DAY, as_of, freq="7D")
    price_days = (weeks + 6 * DAY).where(weeks + 6 * DAY <= as_of, as_of)
    found = running.reindex(price_days, method="ffill", fill_value=0)
    found.index = weeks
    table = found.stack("currency", future_stack=True).rename_axis(["week_start", "currency"]).reset_index()
    table = table[table["size"] > 0].rename(columns={"size": "listings_count", "sum": "total_price"})
    table["average_price"] = ratio(table["total_price"], table["listings_count"], 0)
    return weekly(table, as_of)


def occupancy(nights: pd.DataFrame, keys: list[str], as_of: pd.Timestamp) -> pd.DataFrame:
    """Booked and available nights by month and more keys."""
    table = nights.groupby(["month_start", *keys])[["booked", "free"]].sum().reset_index()
    table["available_nights"] = table["booked"] + table["free"]
    table = table.rename(columns={"booked": "booked_nights"})
    table["occupancy_rate"] = ratio(table["booked_nights"], table["available_nights"], 6)
    return monthly(table[["month_start", *keys, "available_nights", "booked_nights", "occupancy_rate"]], as_of)


def repeat_customer_rate_daily(confirmed: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Customers of the last 30 days, and those who booked more than once in them."""
    stays = confirmed[["user_id", "booking_day"]].sort_values(["user_id", "booking_day"])
    by_user = stays.groupby("user_id", sort=False)["booking_day"]
    previous, following = by_user.shift(), by_user.shift(-1).fillna(NEVER)
    day = stays["booking_day"]
    again = previous + 30 * DAY > day
    days = pd.date_range(day.min(), as_of, freq="D")

    def running(starts: pd.Series, ends: pd.Series) -> pd.Series:
        changes = starts.value_counts().sub(ends.value_counts(), fill_value=0).sort_index().cumsum()
        counts: pd.Series = changes.reindex(days, method="ffill", fill_value=0).astype("int64")
        return counts

    customers = running(day, following.clip(upper=day + 30 * DAY))
    repeated = running(day[again], following[again].clip(upper=previous[again] + 30 * DAY))
    table = pd.DataFrame({"customers_count": customers, "repeat_customers_count": repeated})
    table["repeat_customer_rate"] = ratio(table["repeat_customers_count"], table["customers_count"], 6)
    table["is_complete"] = table.index >= days[0] + 29 * DAY
    return table.rename_axis("as_of_date").reset_index()


def popular_locations_weekly(confirmed: pd.DataFrame, places: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Bookings and nights by week and city."""
    listings = confirmed.groupby(["week_start", "apartment_id"])["nights"].agg(["size", "sum"]).reset_index()
    placed = listings.merge(places, on="apartment_id", how="left").fillna({"state": "unknown", "city": "unknown"})
    table = placed.groupby(["week_start", "state", "city"])[["size", "sum"]].sum().reset_index()
    table = table.rename(columns={"size": "bookings_count", "sum": "nights_count"})
    by_week = table.groupby("week_start")["bookings_count"]
    return weekly(table.assign(location_rank=by_week.rank(method="min", ascending=False).astype("int64")), as_of)


def top_listings_weekly(
    confirmed: pd.DataFrame, places: pd.DataFrame, titles: pd.Series, as_of: pd.Timestamp
) -> pd.DataFrame:
    """The ten listings that earned most, by week and currency."""
    keys = ["week_start", "currency", "apartment_id"]
    table = confirmed.groupby(keys, observed=True)["total_price"].agg(["size", "sum"]).reset_index()
    by_week = table.groupby(["week_start", "currency"], observed=True)["sum"]
    table["listing_rank"] = by_week.rank(method="min", ascending=False).astype("int64")
    table = table[table["listing_rank"] <= 10].merge(places, on="apartment_id", how="left")
    table["title"] = table["apartment_id"].map(titles)
    table["city"] = table["city"].fillna("unknown")
    table = table.rename(columns={"size": "bookings_count", "sum": "confirmed_revenue"})
    return weekly(table[[*keys, "title", "city", "bookings_count", "confirmed_revenue", "listing_rank"]], as_of)


def bookings_per_user_weekly(bookings: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Bookings of each user by week, and what became of them."""
    counted = pd.DataFrame(
        {
            "week_start": week(bookings["booking_date"]),
            "user_id": bookings["user_id"],
            "bookings_count": 1,
            "confirmed_count": bookings["booking_status"].isin(CONFIRMED).astype("int64"),
            "canceled_count": bookings["booking_status"].isin(CANCELED).astype("int64"),
        }
    )
    return weekly(counted.groupby(["week_start", "user_id"], sort=False).sum().reset_index(), as_of)


def average_booking_duration_monthly(confirmed: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Stays and nights by month of arrival."""
    table = confirmed.groupby(month(confirmed["checkin_date"]))["nights"].agg(["size", "sum"])
    table = (
        table.rename_axis("month_start").reset_index().rename(columns={"size": "stays_count", "sum": "nights_count"})
    )
    return monthly(table.assign(average_nights=ratio(table["nights_count"], table["stays_count"], 2)), as_of)


def revenue_monthly(confirmed: pd.DataFrame, nights: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """What the nights of each month earned: the first k of a stay's n nights carry round(cents * k / n)."""
    stays = confirmed[["currency", "checkin_date", "checkout_date", "total_price", "nights", "shared"]].copy()
    stays["month_start"] = month(stays["checkin_date"])
    parts = []
    before = pd.Series(0, index=stays.index)
    while len(stays):
        ends = stays["month_start"] + pd.offsets.MonthBegin(1)
        until = (ends - stays["checkin_date"]).dt.days.clip(upper=stays["nights"])
        n, cents, shared = stays["nights"], stays["total_price"], stays["shared"]
        part = pd.DataFrame(
            {"month_start": stays["month_start"], "currency": stays["currency"], "sold": until - before}
        )
        part["cents"] = (2 * cents * until + n) // (2 * n) - (2 * cents * before + n) // (2 * n)
        part["available"] = part["sold"] - (np.minimum(until, shared) - np.minimum(before, shared))
        parts.append(part.groupby(["month_start", "currency"], observed=True).sum().reset_index())
        left = until < n
        stays, before = stays[left].assign(month_start=ends[left]), until[left]
    free = nights[nights["currency"] != "booked"].rename(columns={"free": "available"})
    parts.append(free[["month_start", "currency", "available"]].assign(sold=0, cents=0))
    table = pd.concat(parts).groupby(["month_start", "currency"])[["sold", "cents", "available"]].sum().reset_index()
    table = table[(table["sold"] > 0) | (table["available"] > 0)]
    table = table.rename(columns={"sold": "nights_sold", "cents": "room_revenue", "available": "available_nights"})
    table["adr"] = ratio(table["room_revenue"], table["nights_sold"], 0)
    table["revpar"] = ratio(table["room_revenue"], table["available_nights"], 0)
    columns = ["month_start", "currency", "nights_sold", "room_revenue", "adr", "available_nights", "revpar"]
    return monthly(table[columns], as_of)


def cancellation_rate_monthly(bookings: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Bookings, and those canceled, by month of booking."""
    canceled = bookings["booking_status"].isin(CANCELED)
    table = canceled.groupby(month(bookings["booking_date"])).agg(["size", "sum"])
    table = table.rename_axis("month_start").reset_index()
    table = table.rename(columns={"size": "bookings_count", "sum": "canceled_count"})
    rate = ratio(table["canceled_count"], table["bookings_count"], 6)
    return monthly(table.assign(cancellation_rate=rate), as_of)


def booking_lead_time_monthly(confirmed: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Days between booking and arrival, by month of booking."""
    early = confirmed[confirmed["checkin_date"] >= confirmed["booking_day"]]
    leads = (early["checkin_date"] - early["booking_day"]).dt.days
    table = leads.groupby(month(early["booking_day"])).agg(["size", "sum"]).rename_axis("month_start").reset_index()
    table = table.rename(columns={"size": "bookings_count", "sum": "lead_days_count"})
    average = ratio(table["lead_days_count"], table["bookings_count"], 2)
    return monthly(table.assign(average_lead_days=average), as_of)


def view_conversion_weekly(views: pd.DataFrame, confirmed: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Views, viewers, and pairs of user and listing that became a booking within 30 days."""
    keys = ["week_start", "user_id", "apartment_id"]
    seen = views[["user_id", "apartment_id", "is_wishlisted"]].copy()
    seen["day"] = views["viewed_at"].dt.normalize()
    seen["week_start"] = week(seen["day"])
    pairs = seen.groupby(keys, sort=False).agg(
        day=("day", "min"), views=("day", "size"), wishlisted=("is_wishlisted", "sum")
    )
    pairs = pairs.reset_index()
    met = pairs.merge(confirmed[["user_id", "apartment_id", "booking_day"]], on=["user_id", "apartment_id"])
    met = met[(met["booking_day"] >= met["day"]) & (met["booking_day"] <= met["day"] + 29 * DAY)]
    converted = met.drop_duplicates(keys).groupby("week_start").size()
    table = pairs.groupby("week_start").agg(
        views_count=("views", "sum"),
        viewers_count=("user_id", "nunique"),
        wishlisted_count=("wishlisted", "sum"),
        pairs_count=("user_id", "size"),
    )
    table["converted_pairs_count"] = converted.reindex(table.index, fill_value=0)
    table["conversion_rate"] = ratio(table["converted_pairs_count"], table["pairs_count"], 6)
    table = table.reset_index()
    return table.assign(is_complete=table["week_start"] + 35 * DAY <= as_of)


def compute(
    history: pd.DataFrame, attributes: pd.DataFrame, bookings: pd.DataFrame, views: pd.DataFrame, as_of: pd.Timestamp
) -> dict[str, pd.DataFrame]:
    """The twelve tables."""
    places = attributes[["id", "state", "cityname"]].fillna({"state": "unknown", "cityname": "unknown"})
    places = places.rename(columns={"id": "apartment_id", "cityname": "city"})
    titles = history.drop_duplicates("id", keep="last").set_index("id")["title"]
    live = live_intervals(history)

    columns = ["apartment_id", "user_id", "booking_date", "checkin_date", "checkout_date", "total_price", "currency"]
    confirmed = bookings.loc[bookings["booking_status"].isin(CONFIRMED), columns]
    confirmed["booking_day"] = confirmed["booking_date"].dt.normalize()
    confirmed["week_start"] = week(confirmed["booking_day"])
    confirmed["nights"] = (confirmed["checkout_date"] - confirmed["checkin_date"]).dt.days
    confirmed = confirmed.sort_values(["apartment_id", "checkin_date"])
    # the first nights of a stay that stays of the same listing and currency already cover
    covered = (covered_until(confirmed, ["apartment_id", "currency"]) - confirmed["checkin_date"]).dt.days
    confirmed["shared"] = covered.clip(lower=0, upper=confirmed["nights"])
    booked = confirmed[["apartment_id", "currency", "checkin_date", "checkout_date"]].copy()
    booked["starts"] = np.maximum(booked["checkin_date"], covered_until(confirmed, ["apartment_id"]))
    booked = booked[booked["starts"] < booked["checkout_date"]].rename(columns={"checkout_date": "ends"})

    first = min(live["starts"].min(), booked["checkin_date"].min()).to_period("M").start_time
    last = max(as_of, booked["ends"].max() - DAY).to_period("M").end_time.normalize()
    nights = nights_by_month(live, booked, places, pd.date_range(first, last, freq="D"))
    by_city = occupancy(nights, ["state", "city"], as_of)
    return {
        "average_listing_price_weekly": average_listing_price_weekly(live, as_of),
        "occupancy_rate_monthly": occupancy(nights, [], as_of),
        "occupancy_rate_monthly_by_city": by_city[by_city["available_nights"] > 0],
        "repeat_customer_rate_daily": repeat_customer_rate_daily(confirmed, as_of),
        "popular_locations_weekly": popular_locations_weekly(confirmed, places, as_of),
        "top_listings_weekly": top_listings_weekly(confirmed, places, titles, as_of),
        "bookings_per_user_weekly": bookings_per_user_weekly(bookings, as_of),
        "average_booking_duration_monthly": average_booking_duration_monthly(confirmed, as_of),
        "revenue_monthly": revenue_monthly(confirmed, nights, as_of),
        "cancellation_rate_monthly": cancellation_rate_monthly(bookings, as_of),
        "booking_lead_time_monthly": booking_lead_time_monthly(confirmed, as_of),
        "view_conversion_weekly": view_conversion_weekly(views, confirmed, as_of),
    }


CENTS = (
    "total_price",
    "average_price",
    "room_revenue",
    "adr",
    "revpar",
    "confirmed_revenue",
    "average_nights",
    "average_lead_days",
)
MILLIONTHS = ("occupancy_rate", "repeat_customer_rate", "cancellation_rate", "conversion_rate")


def publish(path: Path, tables: dict[str, pd.DataFrame]) -> None:
    """The tables in a DuckDB file, scaled integers as decimals."""
    with duckdb.connect(str(path)) as database:
        for name, table in tables.items():
            database.register("computed", table)
            columns = [
                f"({column}::decimal(38,0) * 0.01) as {column}"
                if column in CENTS
                else f"({column}::decimal(38,0) * 0.000001) as {column}"
                if column in MILLIONTHS
                else column
                for column in table.columns
            ]
            database.execute(f"create table {name} as select {', '.join(columns)} from computed")
            database.unregister("computed")


def main() -> None:
    """Read, write, compute."""
    source, out, as_of = Path(sys.argv[1]), Path(sys.argv[2]), pd.Timestamp(sys.argv[3])
    shutil.rmtree(out, ignore_errors=True)
    (out / "curated").mkdir(parents=True)
    tables = read(source)
    write(out / "curated", *tables)
    publish(out / "metrics.duckdb", compute(*tables, as_of))


if __name__ == "__main__":
    main()
