-- What does a live listing cost on average at the end of each week?
-- grain: one row per (week_start, currency) with a live listing, up to the week of as_of
-- reads: intermediate.daily_rates, intermediate.listing_states
-- nulls: no column is null; with a reporting currency a listing without a rate on the price day is left out
with first_day as (
    select min(valid_from) as day
    from intermediate.listing_states
),

weeks as (
    select unnest(generate_series(cast(date_trunc('week', day) as date), $as_of, interval 7 day)) as week_start
    from first_day
    where day <= $as_of
),

price_days as (
    select
        cast(week_start as date) as week_start,
        least(cast(week_start + interval 6 day as date), $as_of) as price_day
    from weeks
    where cast(week_start as date) between $period_from and $period_to
),

prices as (
    select
        price_days.week_start,
        coalesce($reporting_currency, states.currency) as currency,
        case
            when $reporting_currency is null or states.currency = $reporting_currency then states.price
            else round(states.price * daily_rates.rate, 2)
        end as price
    from price_days
    inner join intermediate.listing_states as states
        on states.valid_from <= price_days.price_day
        and price_days.price_day < states.valid_to
    left join intermediate.daily_rates as daily_rates
        on daily_rates.currency = states.currency
        and daily_rates.rate_day = price_days.price_day
    where $reporting_currency is null or states.currency = $reporting_currency or daily_rates.rate is not null
),

totals as (
    select week_start, currency, count(*) as listings_count, cast(sum(price) as decimal(38, 2)) as total_price
    from prices
    group by week_start, currency
),

-- whole units and cents apart, so that no sum in cents leaves 64 bits
parts as (
    select
        week_start,
        currency,
        listings_count,
        total_price,
        cast(floor(total_price) as bigint) as units,
        cast((total_price - floor(total_price)) * 100 as bigint) as cents
    from totals
)

select
    week_start,
    currency,
    cast(listings_count as bigint) as listings_count,
    total_price,
    cast(
        cast(
            (units // listings_count) * 100
            + (2 * ((units % listings_count) * 100 + cents) + listings_count) // (2 * listings_count)
            as decimal(20, 0)
        ) * 0.01 as decimal(38, 2)
    ) as average_price,
    week_start + interval 6 day <= $as_of as is_complete
from parts
