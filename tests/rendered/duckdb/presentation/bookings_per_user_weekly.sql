-- How often did each user book in each week, and what became of it?
-- grain: one row per (week_start, user_id) with a booking of any status
-- reads: curated.bookings
-- nulls: no column is null
with bookings as (
    select cast(date_trunc('week', booking_date) as date) as week_start, user_id, booking_status
    from curated.bookings
    where booking_date >= date '1900-01-01'
        and booking_date < date '9000-12-31' + interval 7 day
)

select
    week_start,
    user_id,
    cast(count(*) as bigint) as bookings_count,
    cast(count(*) filter (where booking_status in ('confirmed', 'completed')) as bigint) as confirmed_count,
    cast(count(*) filter (where booking_status in ('canceled')) as bigint) as canceled_count,
    week_start + interval 6 day <= date '2024-06-30' as is_complete
from bookings
group by week_start, user_id
