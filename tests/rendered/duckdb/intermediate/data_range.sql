-- From when to when is there something to count?
-- grain: exactly one row
-- reads: curated.bookings, intermediate.listing_states
-- nulls: a day is null when nothing of its kind exists
with booked as (
    select
        min(cast(booking_date as date)) as first_booking_day,
        min(checkin_date) as first_booked_night,
        max(checkout_date) as last_checkout_day
    from curated.bookings
    where booking_status in ('confirmed', 'completed')
),

listed as (
    select min(valid_from) as first_live_day
    from intermediate.listing_states
),

first_available as (
    select first_booked_night as night from booked
    union all
    select first_live_day as night from listed
)

select
    booked.first_booking_day,
    listed.first_live_day,
    (select min(night) from first_available) as first_available_night,
    cast(booked.last_checkout_day - interval 1 day as date) as last_booked_night
from booked
cross join listed
