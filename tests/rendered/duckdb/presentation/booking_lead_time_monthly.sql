-- How long before arrival do guests book?
-- grain: one row per month_start with a confirmed booking made on or before its check-in date
-- reads: intermediate.confirmed_bookings
-- nulls: no column is null
with days as (
    select
        booking_day,
        count(*) as bookings_count,
        sum(date_diff('day', booking_day, checkin_date)) as lead_days_count
    from intermediate.confirmed_bookings
    where checkin_date >= booking_day
        and booking_day >= date '1900-01-01'
        and booking_day < date '9000-12-31' + interval 1 month
    group by booking_day
),

months as (
    select
        cast(date_trunc('month', booking_day) as date) as month_start,
        cast(sum(bookings_count) as bigint) as bookings_count,
        cast(sum(lead_days_count) as bigint) as lead_days_count
    from days
    group by month_start
)

select
    month_start,
    bookings_count,
    lead_days_count,
    cast(
        cast((200 * lead_days_count + bookings_count) // (2 * bookings_count) as decimal(18, 0)) * 0.01
        as decimal(18, 2)
    ) as average_lead_days,
    month_start + interval 1 month <= date '2024-06-30' + interval 1 day as is_complete
from months
where month_start between date '1900-01-01' and date '9000-12-31'
