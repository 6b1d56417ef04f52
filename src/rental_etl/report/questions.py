"""What the page asks the warehouse: plain SQL that DuckDB, PostgreSQL and Redshift read alike, and how each answer is packed.

A page has to stay small. Tables that grow with the number of places or listings are asked for the largest ones; the other places come summed, as one row
a period without a name, so that every total stays exact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rental_etl.report.encoding import Field, Kind

# Rows of a table that grows: with these a page of five years and 10,000 listings stays under 3 MB.
_PLACE_ROWS = 50_000
_PLACES = 300
_LISTING_ROWS = 25_000
_LISTINGS = 25
_TITLE = 70


@dataclass(frozen=True, slots=True)
class Question:
    """One table of the page: the SQL, and the kind of each column in order. `metric` is the presentation table it needs, if any."""

    sql: str
    fields: tuple[Field, ...]
    metric: str = ""


def extent_sql(table: str, *columns: str) -> str:
    """How many distinct values each column of a presentation table has."""
    counted = ", ".join(f"count(distinct {column})" for column in columns)
    return f"select {counted} from presentation.{table}"


def places_allowed(weeks: int) -> int:
    """How many places get a name, for a table with a row per place and week."""
    return max(10, min(_PLACES, _PLACE_ROWS // max(1, weeks)))


def ranks_allowed(weeks: int, currencies: int) -> int:
    """How many ranks of each week's listings are taken."""
    return max(3, min(_LISTINGS, _LISTING_ROWS // max(1, weeks * currencies)))


def metric_questions(*, places: int, ranks: int) -> Mapping[str, Question]:
    """The questions to presentation tables, by the name the page knows them by."""
    return {
        "occupancy": _plain("occupancy_rate_monthly", "month_start:month", "available_nights", "booked_nights"),
        "occupancy_by_city": _by_place(
            "occupancy_rate_monthly_by_city", "month_start:month", "available_nights", "booked_nights", places=places
        ),
        "revenue": _plain(
            "revenue_monthly",
            "month_start:month",
            "nights_sold",
            "room_revenue:money",
            "available_nights",
            currency=True,
        ),
        "price": _plain(
            "average_listing_price_weekly", "week_start:day", "listings_count", "total_price:money", currency=True
        ),
        "locations": _by_place(
            "popular_locations_weekly", "week_start:day", "bookings_count", "nights_count", places=places
        ),
        "listings": _top_listings(ranks),
        "duration": _plain("average_booking_duration_monthly", "month_start:month", "stays_count", "nights_count"),
        "lead_time": _plain("booking_lead_time_monthly", "month_start:month", "bookings_count", "lead_days_count"),
        "cancellation": _plain("cancellation_rate_monthly", "month_start:month", "bookings_count", "canceled_count"),
        "repeat": _plain("repeat_customer_rate_daily", "as_of_date:day", "customers_count", "repeat_customers_count"),
        "conversion": _plain(
            "view_conversion_weekly",
            "week_start:day",
            "views_count",
            "viewers_count",
            "wishlisted_count",
            "pairs_count",
            "converted_pairs_count",
        ),
        "bookings": _bookings(),
    }


def ledger_questions() -> Mapping[str, Question]:
    """The questions to the ledger, by the name the page knows them by."""
    return {
        "rules": Question(
            "select batches.day, rules.table_name, rules.rule, rules.column_name, rules.severity, rules.rows,"
            " coalesce(batches.in_raw, true) as in_force"
            " from etl.current_rule_results as rules left join etl.batches as batches on batches.batch_id = rules.batch_id"
            " order by batches.day, rules.table_name, rules.rule, rules.column_name, rules.batch_id",
            _fields("day:day", "table:text", "rule:text", "column:text", "severity:text", "rows", "in_force:flag"),
        ),
        "sources": Question(
            "select table_name, min(day), max(day), cast(max(landed_at) as varchar(40)), count(*) from etl.batches"
            " group by table_name order by table_name",
            _fields("table:text", "first_day:day", "last_day:day", "landed_at:text", "batches"),
        ),
        "accounting": Question(
            "select counts.table_name, cast(sum(counts.rows_read) as bigint), cast(sum(counts.unreadable) as bigint),"
            " cast(sum(counts.current_rows) as bigint), cast(sum(counts.replaced) as bigint), cast(sum(counts.repeated) as bigint),"
            " cast(sum(counts.refused) as bigint), cast(sum(counts.deleted) as bigint), coalesce(batches.in_raw, true) as in_force"
            " from etl.row_accounting as counts left join etl.batches as batches on batches.batch_id = counts.batch_id"
            " group by counts.table_name, coalesce(batches.in_raw, true) order by 1, 9",
            _fields(
                "table:text",
                "read",
                "unreadable",
                "current",
                "replaced",
                "repeated",
                "refused",
                "deleted",
                "in_force:flag",
            ),
        ),
    }


def _fields(*described: str) -> tuple[Field, ...]:
    """Fields written `name:kind`; without a kind it is a count."""
    return tuple(_field(text) for text in described)


def _field(text: str) -> Field:
    name, _, kind = text.partition(":")
    kinds: dict[str, Kind] = {"month": "month", "day": "day", "money": "money", "text": "text", "flag": "flag"}
    return Field(name, kinds.get(kind, "count"))


def _names(fields: Sequence[Field]) -> str:
    return ", ".join(field.name for field in fields)


def _plain(table: str, *described: str, currency: bool = False) -> Question:
    keys = ("currency:text",) if currency else ()
    fields = _fields(*keys, *described, "is_complete:flag")
    order = ", ".join(field.name for field in fields[: len(keys) + 1])
    return Question(f"select {_names(fields)} from presentation.{table} order by {order}", fields, table)


def _by_place(table: str, period: str, first: str, second: str, *, places: int) -> Question:
    """Per named place and period; the place without a name is all others together. Cities with most booked nights are named."""
    fields = _fields("state:text", "city:text", period, first, second, "is_complete:flag")
    column = fields[2].name
    sql = f"""
with sizes as (
  select state, city, sum(booked_nights) as booked, sum(available_nights) as available
  from presentation.occupancy_rate_monthly_by_city
  group by state, city
), numbered as (
  select state, city, row_number() over (order by booked desc, available desc, state, city) as place_number from sizes
), named as (
  select state, city from numbered where place_number <= {places}
)
select
  named.state, named.city, periods.{column}, cast(sum(periods.{first}) as bigint) as {first},
  cast(sum(periods.{second}) as bigint) as {second}, min(case when periods.is_complete then 1 else 0 end) as is_complete
from presentation.{table} as periods
left join named on named.state = periods.state and named.city = periods.city
group by named.state, named.city, periods.{column}
order by 1, 2, 3
""".strip()
    return Question(sql, fields, table)


def _top_listings(ranks: int) -> Question:
    fields = _fields(
        "currency:text",
        "week_start:day",
        "listing_rank",
        "apartment_id:text",
        "title:text",
        "city:text",
        "bookings_count",
        "confirmed_revenue:money",
        "is_complete:flag",
    )
    sql = (
        "select currency, week_start, listing_rank, cast(apartment_id as varchar(20)) as apartment_id,"
        f" case when length(title) > {_TITLE} then substring(title, 1, {_TITLE - 1}) || '…' else title end as title,"
        " city, bookings_count, confirmed_revenue, is_complete"
        f" from presentation.top_listings_weekly where listing_rank <= {ranks}"
        " order by currency, week_start, listing_rank, presentation.top_listings_weekly.apartment_id"
    )
    return Question(sql, fields, "top_listings_weekly")


def _bookings() -> Question:
    """Bookings add up over users; users, who are the table's rows, do not add up over weeks."""
    fields = _fields(
        "week_start:day", "bookings_count", "confirmed_count", "canceled_count", "users_count", "is_complete:flag"
    )
    sql = (
        "select week_start, cast(sum(bookings_count) as bigint) as bookings_count,"
        " cast(sum(confirmed_count) as bigint) as confirmed_count, cast(sum(canceled_count) as bigint) as canceled_count,"
        " count(*) as users_count, min(case when is_complete then 1 else 0 end) as is_complete"
        " from presentation.bookings_per_user_weekly group by week_start order by week_start"
    )
    return Question(sql, fields, "bookings_per_user_weekly")
