-- Which share of what users looked at in a week did they book within 30 days?
-- grain: one row per week_start with a view
-- reads: curated.user_viewing, intermediate.confirmed_bookings
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

bookings as (
    select user_id, apartment_id, booking_day
    from intermediate.confirmed_bookings
    where booking_day >= $period_from
        and booking_day < $period_to + interval 36 day
),

totals as (
    select
        week_start,
        count(*) as views_count,
        count(*) filter (where is_wishlisted) as wishlisted_count
    from views
    group by week_start
),

pairs as (
    select week_start, user_id, apartment_id
    from views
    group by week_start, user_id, apartment_id
),

viewers as (
    select week_start, user_id, count(*) as pairs_count
    from pairs
    group by week_start, user_id
),

seen as (
    select week_start, count(*) as viewers_count, sum(pairs_count) as pairs_count
    from viewers
    group by week_start
),

-- only pairs with a booking at any time need their first view day
booked_pairs as (
    select
        views.week_start,
        views.user_id,
        views.apartment_id,
        min(views.view_day) as first_view_day
    from views
    semi join bookings
        on bookings.user_id = views.user_id
        and bookings.apartment_id = views.apartment_id
    group by views.week_start, views.user_id, views.apartment_id
),

converted as (
    select pairs.week_start, count(*) as converted_pairs_count
    from booked_pairs as pairs
    semi join bookings
        on bookings.user_id = pairs.user_id
        and bookings.apartment_id = pairs.apartment_id
        and bookings.booking_day >= pairs.first_view_day
        and bookings.booking_day <= pairs.first_view_day + 29
    group by pairs.week_start
),

counts as (
    select
        totals.week_start,
        totals.views_count,
        totals.wishlisted_count,
        seen.viewers_count,
        cast(seen.pairs_count as bigint) as pairs_count,
        coalesce(converted.converted_pairs_count, 0) as converted_pairs_count
    from totals
    inner join seen on seen.week_start = totals.week_start
    left join converted on converted.week_start = totals.week_start
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
