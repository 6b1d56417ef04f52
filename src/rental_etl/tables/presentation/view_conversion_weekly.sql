-- Which share of what users looked at in a week did they book within 30 days?
-- grain: one row per week_start with a view
-- reads: curated.bookings, curated.user_viewing
-- nulls: no column is null
with views as (
    select
        cast(date_trunc('week', viewed_at) as date) as week_start,
        user_id,
        apartment_id,
        cast(viewed_at as date) as view_day,
        is_wishlisted
    from curated.user_viewing
    where viewed_at >= $period_from
        and viewed_at < $period_to + interval 7 day
),

pairs as (
    select
        week_start,
        user_id,
        apartment_id,
        min(view_day) as first_view_day,
        count(*) as views_count,
        count(*) filter (where is_wishlisted) as wishlisted_count
    from views
    where week_start between $period_from and $period_to
    group by week_start, user_id, apartment_id
),

bookings as (
    select user_id, apartment_id, cast(booking_date as date) as booking_day
    from curated.bookings
    where booking_status in ($confirmed_statuses)
        and booking_date >= $period_from
        and booking_date < $period_to + interval 36 day
),

converted as (
    select pairs.week_start, count(*) as converted_pairs_count
    from pairs
    semi join bookings
        on bookings.user_id = pairs.user_id
        and bookings.apartment_id = pairs.apartment_id
        and bookings.booking_day >= pairs.first_view_day
        and bookings.booking_day <= pairs.first_view_day + 29
    group by pairs.week_start
),

viewers as (
    select
        week_start,
        user_id,
        count(*) as pairs_count,
        sum(views_count) as views_count,
        sum(wishlisted_count) as wishlisted_count
    from pairs
    group by week_start, user_id
),

weeks as (
    select
        week_start,
        cast(sum(views_count) as bigint) as views_count,
        cast(count(*) as bigint) as viewers_count,
        cast(sum(wishlisted_count) as bigint) as wishlisted_count,
        cast(sum(pairs_count) as bigint) as pairs_count
    from viewers
    group by week_start
),

counts as (
    select
        weeks.week_start,
        weeks.views_count,
        weeks.viewers_count,
        weeks.wishlisted_count,
        weeks.pairs_count,
        cast(coalesce(converted.converted_pairs_count, 0) as bigint) as converted_pairs_count
    from weeks
    left join converted on converted.week_start = weeks.week_start
)

select
    week_start,
    views_count,
    viewers_count,
    wishlisted_count,
    pairs_count,
    converted_pairs_count,
    cast(
        cast((2000000 * converted_pairs_count + pairs_count) // (2 * pairs_count) as decimal(18, 0)) * 0.000001
        as decimal(7, 6)
    ) as conversion_rate,
    week_start + interval 35 day <= $as_of as is_complete
from counts
