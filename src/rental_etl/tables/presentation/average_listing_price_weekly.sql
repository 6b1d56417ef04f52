-- What does a live listing cost on average at the end of each week?
-- grain: one row per (week_start, currency) with a live listing, up to the week of as_of
-- reads: intermediate.daily_rates, intermediate.listing_states
-- nulls: no column is null; with a reporting currency a listing without a rate on the price day is left out
-- Listings are not counted week by week: what comes and goes in a week is added up, and its running sum is what is live. Prices to be converted are
-- kept apart by amount, since each is rounded alone.
with states as (
    select
        currency,
        price,
        $reporting_currency is not null and currency <> coalesce($reporting_currency, currency) as converts,
        cast(date_trunc('week', valid_from) as date) as first_week,
        -- a week's price day is its last day or as_of: the week that holds valid_to does not see the state any more, unless as_of comes before it
        case when valid_to <= $as_of then cast(date_trunc('week', valid_to) as date) end as end_week
    from intermediate.listing_states
    where valid_from <= $as_of
),

events as (
    select
        first_week as week_start,
        currency,
        case when converts then price else 0 end as foreign_price,
        count(*) as listings_count,
        cast(sum(price) as decimal(38, 2)) as total_price
    from states
    group by first_week, currency, case when converts then price else 0 end
    union all
    select
        end_week as week_start,
        currency,
        case when converts then price else 0 end as foreign_price,
        -count(*) as listings_count,
        -cast(sum(price) as decimal(38, 2)) as total_price
    from states
    where end_week is not null
    group by end_week, currency, case when converts then price else 0 end
),

changes as (
    select
        week_start,
        currency,
        foreign_price,
        sum(listings_count) as listings_count,
        cast(sum(total_price) as decimal(38, 2)) as total_price
    from events
    group by week_start, currency, foreign_price
),

running as (
    select
        currency,
        foreign_price,
        week_start,
        lead(week_start) over (partition by currency, foreign_price order by week_start) as next_week_start,
        cast(sum(listings_count) over (partition by currency, foreign_price order by week_start) as bigint) as listings_count,
        cast(sum(total_price) over (partition by currency, foreign_price order by week_start) as decimal(38, 2)) as total_price
    from changes
),

spans as (
    select
        currency,
        foreign_price,
        listings_count,
        total_price,
        greatest(week_start, $period_from) as first_week,
        least(cast(coalesce(next_week_start - interval 7 day, date_trunc('week', $as_of)) as date), $period_to) as last_week
    from running
    where listings_count > 0
),

weeks as (
    select
        currency,
        foreign_price,
        listings_count,
        total_price,
        unnest(generate_series(first_week, last_week, interval 7 day)) as week_start
    from spans
    where first_week <= last_week
),

prices as (
    select
        cast(weeks.week_start as date) as week_start,
        coalesce($reporting_currency, weeks.currency) as currency,
        weeks.listings_count,
        case
            when weeks.foreign_price = 0 then weeks.total_price
            -- what fits 64 bits is converted by integers, which is several times faster
            when weeks.foreign_price < 10000000 and daily_rates.rate_units < 9000000000
                then cast(weeks.listings_count as decimal(9, 0))
                    * cast((cast(weeks.foreign_price * 100 as bigint) * daily_rates.rate_units + 50000000) // 100000000 as decimal(18, 0))
                    * 0.01
            else cast(weeks.listings_count as decimal(9, 0)) * round(cast(weeks.foreign_price as decimal(19, 2)) * daily_rates.rate, 2)
        end as total_price
    from weeks
    left join intermediate.daily_rates as daily_rates
        on daily_rates.currency = weeks.currency
        and daily_rates.rate_day = least(cast(weeks.week_start + interval 6 day as date), $as_of)
    where weeks.foreign_price = 0 or daily_rates.rate is not null
),

totals as (
    select
        week_start,
        currency,
        cast(sum(listings_count) as bigint) as listings_count,
        cast(sum(total_price) as decimal(38, 2)) as total_price
    from prices
    group by week_start, currency
)

select
    week_start,
    currency,
    listings_count,
    total_price,
    cast(
        cast((2 * cast(total_price * 100 as hugeint) + listings_count) // (2 * listings_count) as decimal(30, 0)) * 0.01
        as decimal(38, 2)
    ) as average_price,
    week_start + interval 6 day <= $as_of as is_complete
from totals
