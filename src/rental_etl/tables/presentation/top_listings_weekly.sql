-- Which listings earned most in each week?
-- grain: one row per (week_start, currency, apartment_id) with rank <= top_n; ties share a rank and all of them stay
-- reads: curated.apartment_attributes, curated.apartments, intermediate.confirmed_bookings
-- nulls: title is null for an unknown listing or one without a title; a missing city is the text `unknown`
with totals as (
    select
        cast(date_trunc('week', booking_day) as date) as week_start,
        currency,
        apartment_id,
        count(*) as bookings_count,
        cast(sum(amount) as decimal(38, 2)) as confirmed_revenue
    from intermediate.confirmed_bookings
    where amount is not null
        and booking_day >= $period_from
        and booking_day < $period_to + interval 7 day
    group by week_start, currency, apartment_id
),

-- Ranking only what can reach the top spares sorting every listing of every week: when listings are dealt into groups, none of the top n can be below
-- the n-th best of the groups' best. The prime keeps the groups even where ids are spaced.
best_of_groups as (
    select week_start, currency, apartment_id % 1009 % (8 * $top_n) as group_number, max(confirmed_revenue) as best_revenue
    from totals
    group by week_start, currency, group_number
),

positions as (
    select
        week_start,
        currency,
        best_revenue,
        row_number() over (partition by week_start, currency order by best_revenue desc) as position
    from best_of_groups
),

thresholds as (
    select
        week_start,
        currency,
        case when count(*) = $top_n then min(best_revenue) else 0 end as least_revenue
    from positions
    where position <= $top_n
    group by week_start, currency
),

top_listings as (
    select
        totals.week_start,
        totals.currency,
        totals.apartment_id,
        totals.bookings_count,
        totals.confirmed_revenue,
        rank() over (partition by totals.week_start, totals.currency order by totals.confirmed_revenue desc) as listing_rank
    from totals
    inner join thresholds
        on thresholds.week_start = totals.week_start
        and thresholds.currency = totals.currency
        and thresholds.least_revenue <= totals.confirmed_revenue
)

select
    top_listings.week_start,
    top_listings.currency,
    top_listings.apartment_id,
    apartments.title,
    coalesce(attributes.cityname, 'unknown') as city,
    top_listings.bookings_count,
    top_listings.confirmed_revenue,
    cast(top_listings.listing_rank as bigint) as listing_rank,
    top_listings.week_start + interval 6 day <= $as_of as is_complete
from top_listings
left join curated.apartments as apartments on apartments.id = top_listings.apartment_id
left join curated.apartment_attributes as attributes on attributes.id = top_listings.apartment_id
where top_listings.listing_rank <= $top_n
    and top_listings.week_start between $period_from and $period_to
