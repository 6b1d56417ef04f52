"""What a competent user would write with PySpark alone: typed Parquet to month-partitioned curated Parquet and the twelve metric tables.

    python benchmarks/peer_spark.py LAKE OUT AS_OF MEMORY

Reads the landed Parquet below LAKE/raw/; writes OUT/curated/<table>/ and OUT/metrics/<table>/. One full delivery, no history between runs, no row accounting:
bad rows are filtered away. The metrics follow SPEC section 3.
"""

import sys
from typing import Any

from pyspark.sql import SparkSession

CONFIRMED = "('confirmed', 'completed')"
NEXT_MONTH = "add_months(month_start, 1)"

PREPARE = {
    "apartment_history": """
        select * except (place) from (
            select *, row_number() over (partition by id, modified_at order by file, position desc) as place from (
                select *, greatest(coalesce(last_modified_timestamp, listing_created_on), listing_created_on) as modified_at
                from landed_apartments where _error is null
            )
        ) where place = 1""",
    "apartments": """
        select id, max_by(title, modified_at) as title, cast(max_by(listing_created_on, modified_at) as date) as created_day
        from apartment_history group by id""",
    "attributes": """
        select * except (place) from (
            select *, row_number() over (partition by id order by file desc, position desc) as place
            from landed_apartment_attributes where _error is null
        ) where place = 1""",
    "bookings": """
        select * except (place) from (
            select *, row_number() over (partition by booking_id order by file desc, position desc) as place
            from landed_bookings where _error is null
        ) where place = 1""",
    "views": "select * from landed_user_viewing where _error is null",
    "places": """
        select id as apartment_id, coalesce(state, 'unknown') as state, coalesce(cityname, 'unknown') as city from attributes""",
}

DERIVED = {
    "confirmed": f"""
        select apartment_id, user_id, cast(booking_date as date) as booking_day, checkin_date, checkout_date, total_price, currency
        from bookings where booking_status in {CONFIRMED}""",
    "live": """
        with versions as (
            select id, cast(modified_at as date) as day, price, currency, is_active,
                lead(cast(modified_at as date), 1, date '9999-12-31') over (partition by id order by modified_at) as next_day,
                row_number() over (partition by id order by modified_at) = 1 as is_first
            from apartment_history
        ),
        states as (
            select versions.id as apartment_id, price, currency,
                greatest(created_day, case when is_first then created_day else day end) as starts,
                case when is_first and not is_active then day else next_day end as ends
            from versions join apartments on apartments.id = versions.id
            where is_active or is_first
        )
        select * from states where ends > starts""",
    "horizon": """
        select last_day(greatest({as_of}, max(checkout_date) - interval 1 day)) as last_day from confirmed""",
    "booked": """
        select distinct apartment_id, night from (
            select apartment_id, explode(sequence(checkin_date, date_sub(checkout_date, 1))) as night from confirmed)""",
    "free": """
        with months as (
            select apartment_id, currency, starts, ends, last_day, explode(sequence(
                cast(date_trunc('month', starts) as date), cast(date_trunc('month', least(date_sub(ends, 1), last_day)) as date),
                interval 1 month)) as month_start
            from live cross join horizon where starts <= last_day
        ),
        live_days as (
            select apartment_id, currency, month_start,
                datediff(least(ends, add_months(month_start, 1)), greatest(starts, month_start)) as nights
            from months
        ),
        live_booked as (
            select live.apartment_id, live.currency, cast(date_trunc('month', night) as date) as month_start, -count(*) as nights
            from booked join live on live.apartment_id = booked.apartment_id and night >= starts and night < ends
            group by all
        )
        select month_start, coalesce(state, 'unknown') as state, coalesce(city, 'unknown') as city, currency,
            sum(nights) as free_nights
        from (select * from live_days union all select apartment_id, currency, month_start, nights from live_booked) as changes
        left join places on places.apartment_id = changes.apartment_id
        group by all""",
    "nights": """
        select month_start, state, city, sum(booked) as booked_nights, sum(booked + free) as available_nights from (
            select cast(date_trunc('month', night) as date) as month_start, coalesce(state, 'unknown') as state,
                coalesce(city, 'unknown') as city, count(*) as booked, 0 as free
            from booked left join places on places.apartment_id = booked.apartment_id group by all
            union all
            select month_start, state, city, 0, sum(free_nights) from free group by all
        ) group by all""",
}

MONTH_COMPLETE = f"{NEXT_MONTH} <= date_add({{as_of}}, 1) as is_complete"
WEEK_COMPLETE = "date_add(week_start, 6) <= {as_of} as is_complete"
TABLES = {
    "average_listing_price_weekly": f"""
        with weeks as (
            select explode(sequence(cast(date_trunc('week', min(starts)) as date), {{as_of}}, interval 7 day)) as week_start from live
        ),
        totals as (
            select week_start, currency, count(*) as listings_count, cast(sum(price) as decimal(38,2)) as total_price
            from weeks join live on starts <= least(date_add(week_start, 6), {{as_of}}) and ends > least(date_add(week_start, 6), {{as_of}})
            group by all
        )
        select *, cast(total_price / listings_count as decimal(38,2)) as average_price, {WEEK_COMPLETE} from totals""",
    "occupancy_rate_monthly": f"""
        with months as (
            select month_start, sum(available_nights) as available_nights, sum(booked_nights) as booked_nights from nights group by month_start
        )
        select *, cast(cast(booked_nights as decimal(20,0)) / available_nights as decimal(7,6)) as occupancy_rate, {MONTH_COMPLETE}
        from months""",
    "occupancy_rate_monthly_by_city": f"""
        select month_start, state, city, available_nights, booked_nights,
            cast(cast(booked_nights as decimal(20,0)) / available_nights as decimal(7,6)) as occupancy_rate, {MONTH_COMPLETE}
        from nights where available_nights > 0""",
    "repeat_customer_rate_daily": """
        with neighbours as (
            select booking_day, lag(booking_day) over (partition by user_id order by booking_day) as previous_day,
                lead(booking_day, 1, date '9999-12-31') over (partition by user_id order by booking_day) as next_day
            from confirmed
        ),
        events as (
            select booking_day as day, count(*) as customers,
                count(*) filter (where date_add(previous_day, 30) > booking_day) as repeated
            from neighbours group by 1
            union all
            select least(next_day, date_add(booking_day, 30)), -count(*), 0 from neighbours group by 1
            union all
            select least(next_day, date_add(previous_day, 30)), 0, -count(*) from neighbours
            where date_add(previous_day, 30) > booking_day group by 1
        ),
        days as (select explode(sequence(min(booking_day), {as_of})) as day, min(booking_day) as first_day from confirmed),
        counts as (
            select days.day, first_day, sum(sum(coalesce(customers, 0))) over (order by days.day) as customers_count,
                sum(sum(coalesce(repeated, 0))) over (order by days.day) as repeat_customers_count
            from days left join events on events.day = days.day group by days.day, first_day
        )
        select day as as_of_date, customers_count, repeat_customers_count,
            cast(cast(repeat_customers_count as decimal(20,0)) / nullif(customers_count, 0) as decimal(7,6)) as repeat_customer_rate,
            day >= date_add(first_day, 29) as is_complete
        from counts""",
    "popular_locations_weekly": f"""
        with counts as (
            select cast(date_trunc('week', booking_day) as date) as week_start, coalesce(state, 'unknown') as state,
                coalesce(city, 'unknown') as city, count(*) as bookings_count, sum(datediff(checkout_date, checkin_date)) as nights_count
            from confirmed left join places on places.apartment_id = confirmed.apartment_id group by all
        )
        select *, rank() over (partition by week_start order by bookings_count desc) as location_rank, {WEEK_COMPLETE} from counts""",
    "top_listings_weekly": f"""
        with totals as (
            select cast(date_trunc('week', booking_day) as date) as week_start, currency, apartment_id, count(*) as bookings_count,
                cast(sum(total_price) as decimal(38,2)) as confirmed_revenue
            from confirmed group by all
        ),
        ranked as (select *, rank() over (partition by week_start, currency order by confirmed_revenue desc) as listing_rank from totals)
        select week_start, currency, ranked.apartment_id, title, coalesce(city, 'unknown') as city, bookings_count, confirmed_revenue,
            listing_rank, {WEEK_COMPLETE}
        from ranked left join apartments on id = ranked.apartment_id left join places on places.apartment_id = ranked.apartment_id
        where listing_rank <= 10""",
    "bookings_per_user_weekly": f"""
        select cast(date_trunc('week', booking_date) as date) as week_start, user_id, count(*) as bookings_count,
            count(*) filter (where booking_status in {CONFIRMED}) as confirmed_count,
            count(*) filter (where booking_status = 'canceled') as canceled_count,
            date_add(cast(date_trunc('week', booking_date) as date), 6) <= {{as_of}} as is_complete
        from bookings group by 1, 2""",
    "average_booking_duration_monthly": f"""
        with months as (
            select cast(date_trunc('month', checkin_date) as date) as month_start, count(*) as stays_count,
                sum(datediff(checkout_date, checkin_date)) as nights_count
            from confirmed group by 1
        )
        select *, cast(cast(nights_count as decimal(20,0)) / stays_count as decimal(18,2)) as average_nights, {MONTH_COMPLETE} from months""",
    "revenue_monthly": f"""
        with split as (
            select currency, cast(total_price * 100 as bigint) as cents, datediff(checkout_date, checkin_date) as n, checkin_date,
                explode(sequence(cast(date_trunc('month', checkin_date) as date),
                    cast(date_trunc('month', date_sub(checkout_date, 1)) as date), interval 1 month)) as month_start
            from confirmed
        ),
        parts as (
            select currency, month_start, cents, n, greatest(datediff(month_start, checkin_date), 0) as nights_before,
                least(datediff({NEXT_MONTH}, checkin_date), n) as nights_until
            from split
        ),
        sold as (
            select month_start, currency, sum(nights_until - nights_before) as nights_sold,
                sum((2 * cents * nights_until + n) div (2 * n) - (2 * cents * nights_before + n) div (2 * n)) as cents
            from parts group by all
        ),
        available as (
            select month_start, currency, sum(nights) as available_nights from (
                select cast(date_trunc('month', night) as date) as month_start, currency, count(*) as nights from (
                    select distinct apartment_id, currency, explode(sequence(checkin_date, date_sub(checkout_date, 1))) as night from confirmed
                ) group by all
                union all
                select month_start, currency, sum(free_nights) from free group by all
            ) group by all
        )
        select available.month_start, available.currency, coalesce(nights_sold, 0) as nights_sold,
            cast(coalesce(cents, 0) * 0.01 as decimal(38,2)) as room_revenue,
            cast(cast(cents * 0.01 as decimal(30,2)) / nights_sold as decimal(38,2)) as adr, available_nights,
            cast(cast(coalesce(cents, 0) * 0.01 as decimal(30,2)) / available_nights as decimal(38,2)) as revpar,
            add_months(available.month_start, 1) <= date_add({{as_of}}, 1) as is_complete
        from available left join sold on sold.month_start = available.month_start and sold.currency = available.currency
        where available_nights > 0""",
    "cancellation_rate_monthly": f"""
        with months as (
            select cast(date_trunc('month', booking_date) as date) as month_start, count(*) as bookings_count,
                count(*) filter (where booking_status = 'canceled') as canceled_count
            from bookings group by 1
        )
        select *, cast(cast(canceled_count as decimal(20,0)) / bookings_count as decimal(7,6)) as cancellation_rate, {MONTH_COMPLETE}
        from months""",
    "booking_lead_time_monthly": f"""
        with months as (
            select cast(date_trunc('month', booking_day) as date) as month_start, count(*) as bookings_count,
                sum(datediff(checkin_date, booking_day)) as lead_days_count
            from confirmed where checkin_date >= booking_day group by 1
        )
        select *, cast(cast(lead_days_count as decimal(20,0)) / bookings_count as decimal(18,2)) as average_lead_days, {MONTH_COMPLETE}
        from months""",
    "view_conversion_weekly": """
        with pairs as (
            select cast(date_trunc('week', viewed_at) as date) as week_start, user_id, apartment_id,
                cast(min(viewed_at) as date) as first_day, count(*) as views, count(*) filter (where is_wishlisted) as wishlisted
            from views group by all
        ),
        converted as (
            select week_start, count(*) as converted from pairs
            left semi join confirmed on confirmed.user_id = pairs.user_id and confirmed.apartment_id = pairs.apartment_id
                and confirmed.booking_day between first_day and date_add(first_day, 29)
            group by 1
        ),
        weeks as (
            select week_start, sum(views) as views_count, count(distinct user_id) as viewers_count,
                sum(wishlisted) as wishlisted_count, count(*) as pairs_count
            from pairs group by 1
        )
        select weeks.*, coalesce(converted, 0) as converted_pairs_count,
            cast(cast(coalesce(converted, 0) as decimal(20,0)) / pairs_count as decimal(7,6)) as conversion_rate,
            date_add(weeks.week_start, 35) <= {as_of} as is_complete
        from weeks left join converted on converted.week_start = weeks.week_start""",
}


def main() -> None:
    """Read, write, compute."""
    lake, out, as_of, memory = sys.argv[1], sys.argv[2], f"date '{sys.argv[3]}'", sys.argv[4]
    builder: Any = SparkSession.builder
    spark = (
        builder.master("local[2]")
        .config("spark.driver.memory", memory)
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.ui.enabled", "false")
        .config("spark.local.dir", f"{out}/temp")
        .config("spark.sql.parquet.compression.codec", "zstd")
        .getOrCreate()
    )
    for table in ("apartments", "apartment_attributes", "bookings", "user_viewing"):
        landed = spark.read.option("recursiveFileLookup", "true").option("pathGlobFilter", "part-*.parquet")
        frame = landed.parquet(f"{lake}/raw/{table}")
        frame.selectExpr("*", "_metadata.file_path as file", "_metadata.row_index as position").createOrReplaceTempView(
            f"landed_{table}"
        )
    for name, query in PREPARE.items():
        spark.sql(query).createOrReplaceTempView(name)
    for name, when in (("bookings", "booking_date"), ("views", "viewed_at")):
        frame = spark.table(name).drop("file", "position").selectExpr("*", f"date_format({when}, 'yyyy-MM') as month")
        frame.repartition("month").write.mode("overwrite").partitionBy("month").parquet(f"{out}/curated/{name}")
        spark.read.parquet(f"{out}/curated/{name}").createOrReplaceTempView(name)
    for name in ("apartment_history", "attributes"):
        spark.table(name).write.mode("overwrite").parquet(f"{out}/curated/{name}")
        spark.read.parquet(f"{out}/curated/{name}").createOrReplaceTempView(name)
    for name in ("apartments", "places"):
        spark.sql(PREPARE[name]).createOrReplaceTempView(name)
    for name, query in DERIVED.items():
        frame = spark.sql(query.format(as_of=as_of))
        # Read more than once by what follows.
        (frame.cache() if name in ("confirmed", "live", "booked", "free") else frame).createOrReplaceTempView(name)
    for table, query in TABLES.items():
        spark.sql(query.format(as_of=as_of)).write.mode("overwrite").parquet(f"{out}/metrics/{table}")
    spark.stop()


if __name__ == "__main__":
    main()
