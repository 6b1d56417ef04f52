-- What is each confirmed booking worth, and in which currency?
-- grain: one row per confirmed booking that can be stated in the reporting currency; without one, every confirmed booking in its own
-- reads: intermediate.confirmed_bookings, intermediate.daily_rates
-- nulls: no column is null; a booking without a rate on or before its day is left out, as is one whose amount there has more digits than money has
with amounts as (
    select
        bookings.apartment_id,
        bookings.booking_day,
        bookings.checkin_date,
        bookings.checkout_date,
        coalesce(cast(null as varchar), bookings.currency) as currency,
        case
            when cast(null as varchar) is null or bookings.currency = cast(null as varchar) then bookings.total_price
            else try_cast(round(cast(bookings.total_price as decimal(19, 2)) * daily_rates.rate, 2) as decimal(18, 2))
        end as amount
    from intermediate.confirmed_bookings as bookings
    left join intermediate.daily_rates as daily_rates
        on daily_rates.currency = bookings.currency
        and daily_rates.rate_day = bookings.booking_day
)

select apartment_id, booking_day, checkin_date, checkout_date, currency, amount
from amounts
where amount is not null
