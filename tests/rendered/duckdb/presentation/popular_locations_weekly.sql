-- Which cities were booked most in each week?
-- grain: one row per (week_start, state, city) with a confirmed booking
-- reads: intermediate.confirmed_bookings, intermediate.listing_places, intermediate.places
-- nulls: no column is null; a missing state or city is the text `unknown`
with bookings as (
    select
        cast(date_trunc('week', booking_day) as date) as week_start,
        apartment_id,
        date_diff('day', checkin_date, checkout_date) as stay_nights
    from intermediate.confirmed_bookings
    where booking_day >= date '1900-01-01'
        and booking_day < date '9000-12-31' + interval 7 day
),

counts as (
    select
        bookings.week_start,
        listing_places.place_id,
        count(*) as bookings_count,
        sum(bookings.stay_nights) as nights_count
    from bookings
    left join intermediate.listing_places as listing_places on listing_places.apartment_id = bookings.apartment_id
    group by bookings.week_start, listing_places.place_id
)

select
    counts.week_start,
    places.state,
    places.city,
    counts.bookings_count,
    cast(counts.nights_count as bigint) as nights_count,
    cast(rank() over (partition by counts.week_start order by counts.bookings_count desc) as bigint) as location_rank,
    counts.week_start + interval 6 day <= date '2024-06-30' as is_complete
from counts
inner join intermediate.places as places on places.place_id = coalesce(counts.place_id, 1)
where counts.week_start between date '1900-01-01' and date '9000-12-31'
