-- How many nights does a confirmed stay last, by the month of its arrival?
-- grain: one row per month_start with a confirmed stay
-- reads: intermediate.confirmed_bookings
-- nulls: no column is null
with days as (
    select
        checkin_date,
        count(*) as stays_count,
        sum(date_diff('day', checkin_date, checkout_date)) as nights_count
    from intermediate.confirmed_bookings
    where checkin_date >= date '1900-01-01'
        and checkin_date < cast(date '9000-12-31' + interval 1 month as date)
    group by checkin_date
),

months as (
    select
        cast(date_trunc('month', checkin_date) as date) as month_start,
        cast(sum(stays_count) as bigint) as stays_count,
        cast(sum(nights_count) as bigint) as nights_count
    from days
    group by month_start
)

select
    month_start,
    stays_count,
    nights_count,
    cast(cast((200 * nights_count + stays_count) // (2 * stays_count) as decimal(18, 0)) * 0.01 as decimal(18, 2)) as average_nights,
    month_start + interval 1 month <= date '2024-06-30' + interval 1 day as is_complete
from months
where month_start between date '1900-01-01' and date '9000-12-31'
