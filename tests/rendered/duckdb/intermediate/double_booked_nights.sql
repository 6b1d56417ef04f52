-- Which nights of confirmed stays does another stay of the same listing already cover?
-- grain: one interval [night_from, night_to) per stay that begins before earlier stays of its listing have ended
-- reads: intermediate.confirmed_bookings, intermediate.double_booked_listings
-- nulls: no column is null
-- A night that n stays cover appears n - 1 times, so nights sold less these are the distinct booked nights.
with stays as (
    select bookings.apartment_id, bookings.checkin_date, bookings.checkout_date
    from intermediate.confirmed_bookings as bookings
    semi join intermediate.double_booked_listings as listings on listings.apartment_id = bookings.apartment_id
    where bookings.checkin_date < cast(date '9000-12-31' + interval 1 month as date)
        and bookings.checkout_date > date '1900-01-01'
),

covered as (
    select
        apartment_id,
        checkin_date,
        checkout_date,
        max(checkout_date) over (
            partition by apartment_id order by checkin_date rows between unbounded preceding and 1 preceding
        ) as covered_until
    from stays
)

select
    apartment_id,
    checkin_date as night_from,
    least(checkout_date, covered_until) as night_to
from covered
where covered_until > checkin_date
