-- Which share of the nights that could be booked was booked in each month?
-- grain: one row per month_start, without a gap from the first available night's month to the later of as_of's and the last booked night's
-- reads: intermediate.data_range, intermediate.nights_monthly
-- nulls: occupancy_rate is null in a month without an available night
with bounds as (
    select
        cast(date_trunc('month', first_available_night) as date) as first_month,
        cast(date_trunc('month', last_night) as date) as last_month
    from intermediate.data_range
),

months as (
    select unnest(generate_series(first_month, last_month, interval 1 month)) as month_start
    from bounds
    where first_month <= last_month
),

nights as (
    select
        month_start,
        cast(sum(booked_nights + free_nights) as bigint) as available_nights,
        cast(sum(booked_nights) as bigint) as booked_nights
    from intermediate.nights_monthly
    group by month_start
),

counts as (
    select
        cast(months.month_start as date) as month_start,
        coalesce(nights.available_nights, 0) as available_nights,
        coalesce(nights.booked_nights, 0) as booked_nights
    from months
    left join nights on nights.month_start = cast(months.month_start as date)
)

select
    month_start,
    available_nights,
    booked_nights,
    cast(
        cast((2000000 * booked_nights + available_nights) // nullif(2 * available_nights, 0) as decimal(18, 0)) * 0.000001
        as decimal(7, 6)
    ) as occupancy_rate,
    month_start + interval 1 month <= date '2024-06-30' + interval 1 day as is_complete
from counts
where month_start between date '1900-01-01' and date '9000-12-31'
