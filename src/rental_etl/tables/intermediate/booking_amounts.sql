-- What is each confirmed booking worth, and in which currency?
-- grain: one row per confirmed booking that can be stated in the reporting currency; without one, every confirmed booking in its own
-- reads: curated.bookings, intermediate.daily_rates
-- nulls: no column is null; a booking without a rate on or before its day is left out
select
    bookings.apartment_id,
    bookings.booking_date,
    bookings.checkin_date,
    bookings.checkout_date,
    coalesce($reporting_currency, bookings.currency) as currency,
    cast(
        case
            when $reporting_currency is null or bookings.currency = $reporting_currency then bookings.total_price
            else round(bookings.total_price * daily_rates.rate, 2)
        end as decimal(38, 2)
    ) as amount
from curated.bookings as bookings
left join intermediate.daily_rates as daily_rates
    on daily_rates.currency = bookings.currency
    and daily_rates.rate_day = cast(bookings.booking_date as date)
where bookings.booking_status in ($confirmed_statuses)
    and ($reporting_currency is null or bookings.currency = $reporting_currency or daily_rates.rate is not null)
