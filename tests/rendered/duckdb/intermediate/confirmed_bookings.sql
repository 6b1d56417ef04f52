-- Which bookings are confirmed, among those that the periods to be computed can need, and what is each worth?
-- grain: one row per confirmed booking made, or with a night, near the periods
-- reads: curated.bookings, intermediate.daily_rates
-- nulls: amount is null where a booking has no rate on or before its day, or its amount there has more digits than money has
-- Made up to 29 days before a period it can still be counted in it (30 days of customers), up to 35 days after it can still answer a view of it.
select
    bookings.user_id,
    bookings.apartment_id,
    cast(bookings.booking_date as date) as booking_day,
    bookings.checkin_date,
    bookings.checkout_date,
    coalesce(cast(null as varchar), bookings.currency) as currency,
    case
        when cast(null as varchar) is null or bookings.currency = cast(null as varchar) then bookings.total_price
        -- what fits 64 bits is converted by integers, which is several times faster
        when bookings.total_price < 10000000 and daily_rates.rate_units < 9000000000
            then cast(
                cast((cast(bookings.total_price * 100 as bigint) * daily_rates.rate_units + 50000000) // 100000000 as decimal(18, 0))
                * 0.01 as decimal(18, 2)
            )
        else try_cast(round(cast(bookings.total_price as decimal(19, 2)) * daily_rates.rate, 2) as decimal(18, 2))
    end as amount
from curated.bookings as bookings
left join intermediate.daily_rates as daily_rates
    on daily_rates.currency = bookings.currency
    and daily_rates.rate_day = cast(bookings.booking_date as date)
where bookings.booking_status in ('confirmed', 'completed')
    and (
        (bookings.booking_date >= date '1900-01-01' - interval 29 day and bookings.booking_date < date '9000-12-31' + interval 36 day)
        or (bookings.checkout_date > date '1900-01-01' and bookings.checkin_date < date '9000-12-31' + interval 36 day)
    )
