-- How often did each user book in each week, and what became of it?
-- grain: one row per (week_start, user_id) with a booking of any status
-- reads: curated.bookings
-- nulls: no column is null
with bookings as (
    select cast(date_trunc('week', booking_date) as date) as week_start, user_id, booking_status
    from curated.bookings
    where booking_date >= $period_from
        and booking_date < $period_to + interval 7 day
)

select
    week_start,
    user_id,
    cast(count(*) as bigint) as bookings_count,
    cast(count(*) filter (where booking_status in ($confirmed_statuses)) as bigint) as confirmed_count,
    cast(count(*) filter (where booking_status in ($canceled_statuses)) as bigint) as canceled_count,
    week_start + interval 6 day <= $as_of as is_complete
from bookings
group by week_start, user_id
