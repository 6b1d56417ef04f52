"""What a competent user would write with DuckDB alone: four CSV files to month-partitioned Parquet and the twelve metric tables.

    python benchmarks/peer_duckdb.py SOURCE OUT AS_OF

Reads SOURCE/*.csv once; writes OUT/curated/<table>/ and OUT/metrics.duckdb. One full delivery, no history between runs, no quarantine: bad
rows are filtered away. The metrics follow SPEC section 3; nights are added up from the days on which a stay or a listing begins and
ends, never enumerated one by one.
"""

import sys
from pathlib import Path

import duckdb

READ = """
create or replace temp view delivered_apartments as
select * from read_csv('{source}/apartments.csv', header = true, columns = {{
    'id': 'bigint', 'title': 'varchar', 'source': 'varchar', 'price': 'decimal(18,2)', 'currency': 'varchar',
    'listing_created_on': 'timestamp', 'is_active': 'boolean', 'last_modified_timestamp': 'timestamp'}});

create temp table apartment_history as
with effective as (
    select *, greatest(coalesce(last_modified_timestamp, listing_created_on), listing_created_on) as modified_at,
        row_number() over () as line
    from delivered_apartments
    where id is not null and price > 0 and regexp_matches(upper(currency), '^[A-Z]{{3}}$')
)
select * exclude (line) replace (upper(currency) as currency)
from effective
qualify row_number() over (partition by id, modified_at order by line desc) = 1;

create temp table apartments as
select id, arg_max(title, modified_at) as title, arg_max(listing_created_on, modified_at)::date as created_day
from apartment_history group by id;

create temp table attributes as
select distinct on (id) *
from read_csv('{source}/apartment_attributes.csv', header = true, columns = {{
    'id': 'bigint', 'category': 'varchar', 'body': 'varchar', 'amenities': 'varchar', 'bathrooms': 'decimal(5,1)',
    'bedrooms': 'decimal(5,1)', 'fee': 'decimal(18,2)', 'has_photo': 'varchar', 'pets_allowed': 'varchar',
    'price_display': 'varchar', 'price_type': 'varchar', 'square_feet': 'bigint', 'address': 'varchar', 'cityname': 'varchar',
    'state': 'varchar', 'latitude': 'double', 'longitude': 'double'}});

create temp table delivered_bookings as
select * replace (upper(currency) as currency, lower(booking_status) as booking_status)
from read_csv('{source}/bookings.csv', header = true, columns = {{
    'booking_id': 'bigint', 'user_id': 'bigint', 'apartment_id': 'bigint', 'booking_date': 'timestamp', 'checkin_date': 'date',
    'checkout_date': 'date', 'total_price': 'decimal(18,2)', 'currency': 'varchar', 'booking_status': 'varchar',
    'payment_status': 'varchar', 'num_guests': 'bigint'}})
where booking_id is not null and checkout_date > checkin_date and total_price >= 0;

create temp table bookings as
select * exclude (position) from (select *, rowid as position from delivered_bookings)
qualify row_number() over (partition by booking_id order by position desc) = 1;
drop table delivered_bookings;

create temp table views as
select * from read_csv('{source}/user_viewing.csv', header = true, columns = {{
    'user_id': 'bigint', 'apartment_id': 'bigint', 'viewed_at': 'timestamp', 'is_wishlisted': 'boolean',
    'call_to_action': 'varchar'}});
"""

WRITE = """
copy (select *, strftime(booking_date, '%Y-%m') as month from bookings)
    to '{out}/curated/bookings' (format parquet, compression zstd, partition_by (month), overwrite_or_ignore);
copy (select *, strftime(viewed_at, '%Y-%m') as month from views)
    to '{out}/curated/user_viewing' (format parquet, compression zstd, partition_by (month), overwrite_or_ignore);
copy apartment_history to '{out}/curated/apartment_history.parquet' (format parquet, compression zstd);
copy attributes to '{out}/curated/apartment_attributes.parquet' (format parquet, compression zstd);
"""

PREPARE = """
create temp table places as
select id as apartment_id, coalesce(state, 'unknown') as state, coalesce(cityname, 'unknown') as city from attributes;

create temp table confirmed as
select apartment_id, user_id, booking_date::date as booking_day, checkin_date, checkout_date, total_price, currency
from bookings where booking_status in ('confirmed', 'completed');

-- intervals in which a listing is live under one version; before its first version it counts as active
create temp table live as
with versions as (
    select id, modified_at::date as day, price, currency, is_active,
        lead(modified_at::date, 1, date '9999-12-31') over (partition by id order by modified_at) as next_day,
        row_number() over (partition by id order by modified_at) = 1 as is_first
    from apartment_history
)
select id as apartment_id, price, currency,
    greatest(created_day, case when is_first then created_day else day end) as starts,
    case when is_first and not is_active then day else next_day end as ends
from versions join apartments using (id)
where (is_active or is_first) and ends > starts;

-- of each confirmed stay, the nights no earlier stay of the listing covers: together, every booked night once
create temp table booked as
select apartment_id, currency, checkin_date, checkout_date,
    greatest(checkin_date, coalesce(max(checkout_date) over (
        partition by apartment_id order by checkin_date, checkout_date rows between unbounded preceding and 1 preceding
    ), checkin_date)) as starts, checkout_date as ends
from confirmed;

create temp table horizon as
select date_trunc('month', least((select min(starts) from live), (select min(checkin_date) from confirmed)))::date as first_day,
    (date_trunc('month', greatest({as_of}, (select max(checkout_date) - 1 from confirmed)))
        + interval 1 month - interval 1 day)::date as last_day;

create temp table days as
select unnest(generate_series(first_day, last_day, interval 1 day))::date as day from horizon;

-- how many listings are live, booked, or both on each day, from the days on which that changes
create temp table nights as
with events as (
    select apartment_id, currency, starts as day, 1 as live, 0 as booked, 0 as live_booked from live
    union all by name
    select apartment_id, currency, ends as day, -1 as live, 0 as booked, 0 as live_booked from live
    union all by name
    select apartment_id, null as currency, unnest([starts, ends]) as day, 0 as live, unnest([1, -1]) as booked, 0 as live_booked
    from booked where starts < ends
    union all by name
    select apartment_id, live.currency, unnest([greatest(live.starts, booked.starts), least(live.ends, booked.ends)]) as day,
        0 as live, 0 as booked, unnest([1, -1]) as live_booked
    from booked join live using (apartment_id)
    where booked.starts < booked.ends and live.starts < booked.ends and booked.starts < live.ends
),
changes as (
    select coalesce(state, 'unknown') as state, coalesce(city, 'unknown') as city, currency, day,
        sum(live) as live, sum(booked) as booked, sum(live_booked) as live_booked
    from events left join places using (apartment_id)
    group by all
),
daily as (
    select groups.*, days.day, coalesce(live, 0) as live, coalesce(booked, 0) as booked, coalesce(live_booked, 0) as live_booked
    from (select distinct state, city, currency from changes) as groups
    cross join days
    left join changes on changes.state = groups.state and changes.city = groups.city
        and changes.currency is not distinct from groups.currency and changes.day = days.day
),
counted as (
    select state, city, currency, day, sum(live) over running as live, sum(booked) over running as booked,
        sum(live_booked) over running as live_booked
    from daily
    window running as (partition by state, city, currency order by day)
)
select date_trunc('month', day)::date as month_start, state, city, currency,
    sum(booked)::bigint as booked_nights, sum(live - live_booked)::bigint as free_nights
from counted group by all;
"""

RATIO = "((2 * {a}::hugeint * {scale} + {b}) // nullif(2 * {b}, 0))::decimal(38,0)"
WEEK_COMPLETE = "week_start + 6 <= {as_of} as is_complete"
MONTH_COMPLETE = "(month_start + interval 1 month)::date - 1 <= {as_of} as is_complete"


def _ratio(numerator: str, denominator: str, digits: int) -> str:
    """`numerator / denominator` (integers) rounded half away from zero."""
    number = RATIO.format(a=numerator, b=denominator, scale=10**digits)
    return f"({number} * {10**-digits:.{digits}f}::decimal(7,{digits}))"


TABLES = {
    "average_listing_price_weekly": f"""
        with events as (
            select currency, starts as day, count(*) as listings, sum(price) as price from live group by all
            union all
            select currency, ends, -count(*), -sum(price) from live where ends <= {{as_of}} group by all
        ),
        changes as (select currency, day, sum(listings) as listings, sum(price) as price from events group by all),
        totals as (
            select currency, day, sum(listings) over running as listings, sum(price) over running as price
            from changes window running as (partition by currency order by day)
        ),
        weeks as (
            select week::date as week_start, least(week::date + 6, {{as_of}}) as price_day
            from (select unnest(generate_series(date_trunc('week', min(starts)), {{as_of}}, interval 7 day)) as week from live)
        ),
        found as (
            select week_start, currencies.currency, totals.listings, totals.price
            from weeks cross join (select distinct currency from live) as currencies
            asof join totals on totals.currency = currencies.currency and totals.day <= weeks.price_day
        )
        select week_start, currency, listings::bigint as listings_count, price::decimal(38,2) as total_price,
            {_ratio("(price * 100)", "listings", 0)} * 0.01 as average_price, {WEEK_COMPLETE}
        from found where listings > 0""",
    "occupancy_rate_monthly": f"""
        with months as (
            select month_start, sum(booked_nights + free_nights)::bigint as available_nights, sum(booked_nights)::bigint as booked_nights
            from nights group by month_start
        )
        select month_start, available_nights, booked_nights, {_ratio("booked_nights", "available_nights", 6)} as occupancy_rate,
            {MONTH_COMPLETE}
        from months""",
    "occupancy_rate_monthly_by_city": f"""
        with months as (
            select month_start, state, city,
                sum(booked_nights + free_nights)::bigint as available_nights, sum(booked_nights)::bigint as booked_nights
            from nights group by month_start, state, city
        )
        select month_start, state, city, available_nights, booked_nights,
            {_ratio("booked_nights", "available_nights", 6)} as occupancy_rate, {MONTH_COMPLETE}
        from months where available_nights > 0""",
    "repeat_customer_rate_daily": f"""
        with neighbours as (
            select booking_day, lag(booking_day) over by_user as previous_day,
                lead(booking_day, 1, date '9999-12-31') over by_user as next_day
            from confirmed window by_user as (partition by user_id order by booking_day)
        ),
        -- a booking speaks for its user until the next one or for 30 days, and for a returning one while the one before is within them
        events as (
            select booking_day as day, count(*) as customers, count(*) filter (previous_day + 30 > booking_day) as repeated
            from neighbours group by 1
            union all
            select least(next_day, booking_day + 30), -count(*), 0 from neighbours group by 1
            union all
            select least(next_day, previous_day + 30), 0, -count(*) from neighbours where previous_day + 30 > booking_day group by 1
        ),
        counts as (
            select days.day, sum(sum(coalesce(customers, 0))) over (order by days.day) as customers,
                sum(sum(coalesce(repeated, 0))) over (order by days.day) as repeated
            from days left join events on events.day = days.day
            group by days.day
        )
        select day as as_of_date, customers::bigint as customers_count, repeated::bigint as repeat_customers_count,
            {_ratio("repeated", "customers", 6)} as repeat_customer_rate, day >= first_day + 29 as is_complete
        from counts cross join (select min(booking_day) as first_day from confirmed)
        where day between first_day and {{as_of}}""",
    "popular_locations_weekly": f"""
        with counts as (
            select date_trunc('week', booking_day)::date as week_start, coalesce(state, 'unknown') as state,
                coalesce(city, 'unknown') as city, count(*) as bookings_count, sum(checkout_date - checkin_date)::bigint as nights_count
            from confirmed left join places using (apartment_id)
            group by all
        )
        select *, rank() over (partition by week_start order by bookings_count desc) as location_rank, {WEEK_COMPLETE}
        from counts""",
    "top_listings_weekly": f"""
        with totals as (
            select date_trunc('week', booking_day)::date as week_start, currency, apartment_id, count(*) as bookings_count,
                sum(total_price)::decimal(38,2) as confirmed_revenue
            from confirmed group by all
        ),
        ranked as (
            select *, rank() over (partition by week_start, currency order by confirmed_revenue desc) as listing_rank from totals
            qualify listing_rank <= 10
        )
        select week_start, currency, apartment_id, title, coalesce(city, 'unknown') as city, bookings_count, confirmed_revenue,
            listing_rank, {WEEK_COMPLETE}
        from ranked left join apartments on id = apartment_id left join places using (apartment_id)""",
    "bookings_per_user_weekly": f"""
        select date_trunc('week', booking_date)::date as week_start, user_id, count(*) as bookings_count,
            count(*) filter (booking_status in ('confirmed', 'completed')) as confirmed_count,
            count(*) filter (booking_status in ('canceled', 'cancelled')) as canceled_count, {WEEK_COMPLETE}
        from bookings group by week_start, user_id""",
    "average_booking_duration_monthly": f"""
        with months as (
            select date_trunc('month', checkin_date)::date as month_start, count(*) as stays_count,
                sum(checkout_date - checkin_date)::bigint as nights_count
            from confirmed group by 1
        )
        select *, {_ratio("nights_count", "stays_count", 2)} as average_nights, {MONTH_COMPLETE} from months""",
    "revenue_monthly": f"""
        with stays as (
            select currency, checkin_date, checkout_date, (total_price * 100)::bigint as cents, checkout_date - checkin_date as n,
                date_trunc('month', checkin_date)::date as first_month, date_trunc('month', checkout_date - 1)::date as last_month
            from confirmed
        ),
        split as (
            select currency, cents, n, month::date as month_start,
                greatest(month::date - checkin_date, 0) as nights_before,
                least((month + interval 1 month)::date - checkin_date, n) as nights_until
            from (select *, unnest(generate_series(first_month, last_month, interval 1 month)) as month from stays
                where first_month < last_month)
        ),
        -- a night that two stays of a listing in one currency share is available once
        shared as (
            select apartment_id, currency, checkin_date, checkout_date, max(checkout_date) over (
                partition by apartment_id, currency order by checkin_date, checkout_date
                rows between unbounded preceding and 1 preceding) as covered_until
            from confirmed where apartment_id in (select apartment_id from booked where starts > checkin_date)
        ),
        parts as (
            select first_month as month_start, currency, sum(n) as sold, sum(cents) as cents, sum(n) as available
            from stays where first_month = last_month group by all
            union all
            -- the first k of n nights carry round(cents * k / n)
            select month_start, currency, sum(nights_until - nights_before), sum(
                (2 * cents * nights_until + n) // (2 * n) - (2 * cents * nights_before + n) // (2 * n)
            ), sum(nights_until - nights_before)
            from split group by all
            union all
            select date_trunc('month', night)::date, currency, 0, 0, -count(*)
            from (select currency, unnest(generate_series(checkin_date, least(checkout_date, covered_until) - 1, interval 1 day)) as night
                from shared where covered_until > checkin_date) group by all
            union all
            select month_start, currency, 0, 0, sum(free_nights) from nights where currency is not null group by all
        ),
        months as (
            select month_start, currency, sum(sold)::bigint as nights_sold, sum(cents) as cents, sum(available)::bigint as available_nights
            from parts group by all
        )
        select month_start, currency, nights_sold, (cents::decimal(38,0) * 0.01)::decimal(38,2) as room_revenue,
            {_ratio("cents", "nights_sold", 0)} * 0.01 as adr, available_nights,
            {_ratio("cents", "available_nights", 0)} * 0.01 as revpar, {MONTH_COMPLETE}
        from months where nights_sold > 0 or available_nights > 0""",
    "cancellation_rate_monthly": f"""
        with months as (
            select date_trunc('month', booking_date)::date as month_start, count(*) as bookings_count,
                count(*) filter (booking_status in ('canceled', 'cancelled')) as canceled_count
            from bookings group by 1
        )
        select *, {_ratio("canceled_count", "bookings_count", 6)} as cancellation_rate, {MONTH_COMPLETE} from months""",
    "booking_lead_time_monthly": f"""
        with months as (
            select date_trunc('month', booking_day)::date as month_start, count(*) as bookings_count,
                sum(checkin_date - booking_day)::bigint as lead_days_count
            from confirmed where checkin_date >= booking_day group by 1
        )
        select *, {_ratio("lead_days_count", "bookings_count", 2)} as average_lead_days, {MONTH_COMPLETE} from months""",
    "view_conversion_weekly": f"""
        with pairs as (
            select date_trunc('week', viewed_at)::date as week_start, user_id, apartment_id, min(viewed_at)::date as first_day,
                count(*) as views, count(*) filter (is_wishlisted) as wishlisted
            from views group by all
        ),
        converted as (
            select week_start, count(*) as converted from pairs
            semi join confirmed on confirmed.user_id = pairs.user_id and confirmed.apartment_id = pairs.apartment_id
                and confirmed.booking_day between first_day and first_day + 29
            group by 1
        ),
        weeks as (
            select week_start, sum(views)::bigint as views_count, count(distinct user_id) as viewers_count,
                sum(wishlisted)::bigint as wishlisted_count, count(*) as pairs_count
            from pairs group by 1
        )
        select weeks.*, coalesce(converted, 0) as converted_pairs_count,
            {_ratio("coalesce(converted, 0)", "pairs_count", 6)} as conversion_rate, week_start + 35 <= {{as_of}} as is_complete
        from weeks left join converted using (week_start)""",
}


def main() -> None:
    """Read, write, compute."""
    source, out, as_of = sys.argv[1], Path(sys.argv[2]), f"date '{sys.argv[3]}'"
    (out / "curated").mkdir(parents=True, exist_ok=True)
    (out / "metrics.duckdb").unlink(missing_ok=True)
    with duckdb.connect(str(out / "metrics.duckdb")) as database:
        database.execute(READ.format(source=source))
        database.execute(WRITE.format(out=out))
        database.execute(PREPARE.format(as_of=as_of))
        for table, query in TABLES.items():
            database.execute(f"create table {table} as {query.format(as_of=as_of)}")


if __name__ == "__main__":
    main()
