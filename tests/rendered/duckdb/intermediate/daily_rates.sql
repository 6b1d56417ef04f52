-- What was a currency worth on a day, in the reporting currency?
-- grain: one row per (currency, day) from the currency's first rate to the last day that needs one; empty without a reporting currency
-- reads: curated.bookings, curated.fx_rates
-- nulls: no column is null; a day before the first rate has no row; rate_units are hundred-millionths
with rates as (
    select
        currency,
        rate_date,
        rate,
        lead(rate_date) over (partition by currency order by rate_date) as next_rate_date
    from curated.fx_rates
    where cast(null as varchar) is not null
),

horizon as (
    select greatest(date '2024-06-30', coalesce(max(cast(booking_date as date)), date '2024-06-30')) as last_day
    from curated.bookings
    where cast(null as varchar) is not null
),

in_force as (
    select
        rates.currency,
        rates.rate,
        rates.rate_date as first_day,
        cast(coalesce(rates.next_rate_date - interval 1 day, horizon.last_day) as date) as last_day
    from rates
    cross join horizon
    where rates.rate_date <= horizon.last_day
),

days as (
    select currency, rate, unnest(generate_series(first_day, last_day, interval 1 day)) as rate_day
    from in_force
)

select
    currency,
    cast(rate_day as date) as rate_day,
    rate,
    cast(cast(rate as decimal(20, 8)) * 100000000 as bigint) as rate_units
from days
