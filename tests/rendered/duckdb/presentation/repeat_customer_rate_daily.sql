-- Which share of the customers of the last 30 days booked more than once in them?
-- grain: one row per as_of_date, without a gap from the first confirmed booking day to as_of
-- reads: intermediate.confirmed_bookings, intermediate.data_range
-- nulls: repeat_customer_rate is null on a day whose 30 days hold no confirmed booking
with bookings as (
    select
        booking_day,
        lag(booking_day) over (partition by user_id order by booking_day) as previous_day,
        lead(booking_day) over (partition by user_id order by booking_day) as next_day
    from intermediate.confirmed_bookings
    where booking_day >= date '1900-01-01' - interval 29 day
        and booking_day <= least(date '9000-12-31', date '2024-06-30')
),

-- From its day until the user's next one, a booking is the last of its user: it makes a customer for 30 days, and a repeat customer as long as
-- the booking before it is within the 30 days too.
intervals as (
    select
        booking_day,
        least(coalesce(next_day, date '9999-12-31'), booking_day + 30) as customer_until,
        greatest(booking_day, least(coalesce(next_day, date '9999-12-31'), previous_day + 30)) as repeat_until,
        case when previous_day is null then 0 else 1 end as repeats
    from bookings
),

days as (
    select unnest(generate_series(first_booking_day, date '2024-06-30', interval 1 day)) as as_of_date
    from intermediate.data_range
    where first_booking_day <= date '2024-06-30'
),

events as (
    select booking_day as as_of_date, count(*) as customers, sum(repeats) as repeat_customers
    from intervals
    group by booking_day
    union all
    select customer_until as as_of_date, -count(*) as customers, 0 as repeat_customers
    from intervals
    group by customer_until
    union all
    select repeat_until as as_of_date, 0 as customers, -count(*) as repeat_customers
    from intervals
    where repeats = 1
    group by repeat_until
    union all
    select cast(as_of_date as date) as as_of_date, 0 as customers, 0 as repeat_customers
    from days
),

changes as (
    select as_of_date, sum(customers) as customers, sum(repeat_customers) as repeat_customers
    from events
    group by as_of_date
),

counts as (
    select
        as_of_date,
        cast(sum(customers) over (order by as_of_date) as bigint) as customers_count,
        cast(sum(repeat_customers) over (order by as_of_date) as bigint) as repeat_customers_count
    from changes
)

select
    counts.as_of_date,
    counts.customers_count,
    counts.repeat_customers_count,
    cast(
        cast(
            (2000000 * counts.repeat_customers_count + counts.customers_count) // nullif(2 * counts.customers_count, 0)
            as decimal(18, 0)
        ) * 0.000001 as decimal(7, 6)
    ) as repeat_customer_rate,
    counts.as_of_date >= data_range.first_booking_day + interval 29 day as is_complete
from counts
cross join intermediate.data_range as data_range
where counts.as_of_date between data_range.first_booking_day and date '2024-06-30'
    and counts.as_of_date between date '1900-01-01' and date '9000-12-31'
