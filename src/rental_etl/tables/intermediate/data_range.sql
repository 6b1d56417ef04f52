-- From when to when is there something to count?
-- grain: exactly one row
-- reads: curated.bookings, intermediate.listing_states
-- nulls: a first day is null when nothing of its kind exists; last_night, the later of as_of and the last booked night, never is
with booked as (
    select
        min(cast(booking_date as date)) as first_booking_day,
        min(checkin_date) as first_booked_night,
        cast(max(checkout_date) - interval 1 day as date) as last_booked_night
    from curated.bookings
    where booking_status in ($confirmed_statuses)
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
    (select min(night) from first_available) as first_available_night,
    greatest($as_of, coalesce(booked.last_booked_night, $as_of)) as last_night
from booked
cross join listed
