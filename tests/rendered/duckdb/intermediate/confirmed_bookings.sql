-- Which bookings are confirmed, among those that the periods to be computed can need?
-- grain: one row per confirmed booking made, or with a night, near the periods
-- reads: curated.bookings
-- nulls: no column is null
-- Made up to 29 days before a period it can still be counted in it (30 days of customers), up to 35 days after it can still answer a view of it.
select
    user_id,
    apartment_id,
    cast(booking_date as date) as booking_day,
    checkin_date,
    checkout_date,
    total_price,
    currency
from curated.bookings
where booking_status in ('confirmed', 'completed')
    and (
        (booking_date >= date '1900-01-01' - interval 29 day and booking_date < date '9000-12-31' + interval 36 day)
        or (checkout_date > date '1900-01-01' and checkin_date < date '9000-12-31' + interval 36 day)
    )
