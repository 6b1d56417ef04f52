-- Which share of the bookings made in each month was canceled?
-- grain: one row per month_start with a booking of any status
-- reads: curated.bookings
-- nulls: no column is null
with days as (
    select
        cast(booking_date as date) as booking_day,
        count(*) as bookings_count,
        count(*) filter (where booking_status in ('canceled')) as canceled_count
    from curated.bookings
    where booking_date >= date '1900-01-01'
        and booking_date < date '9000-12-31' + interval 1 month
    group by booking_day
),

months as (
    select
        cast(date_trunc('month', booking_day) as date) as month_start,
        cast(sum(bookings_count) as bigint) as bookings_count,
        cast(sum(canceled_count) as bigint) as canceled_count
    from days
    group by month_start
)

select
    month_start,
    bookings_count,
    canceled_count,
    cast(
        cast((2000000 * canceled_count + bookings_count) // (2 * bookings_count) as decimal(18, 0)) * 0.000001
        as decimal(7, 6)
    ) as cancellation_rate,
    month_start + interval 1 month <= date '2024-06-30' + interval 1 day as is_complete
from months
where month_start between date '1900-01-01' and date '9000-12-31'
