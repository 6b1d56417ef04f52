-- What did the nights of each month earn, per sold and per available night?
-- grain: one row per (month_start, currency) with a night sold or available
-- reads: intermediate.confirmed_bookings, intermediate.double_booked_nights, intermediate.nights_monthly
-- nulls: adr is null without a night sold, revpar without an available one
with stays as (
    select
        checkin_date,
        checkout_date,
        checkin_date - cast(day(checkin_date) - 1 as integer) as first_month,
        checkout_date - cast(day(checkout_date - 1) as integer) as last_month,
        currency,
        amount
    from intermediate.confirmed_bookings
    where amount is not null
        and checkin_date < cast(date '9000-12-31' + interval 1 month as date)
        and checkout_date > date '1900-01-01'
),

within_a_month as (
    select
        first_month as month_start,
        currency,
        sum(date_diff('day', checkin_date, checkout_date)) as nights_sold,
        cast(sum(amount) as decimal(38, 2)) as room_revenue
    from stays
    where first_month = last_month
    group by first_month, currency
),

across_months as (
    select
        checkin_date,
        currency,
        cast(cast(amount as decimal(19, 2)) * 100 as bigint) as cents,
        date_diff('day', checkin_date, checkout_date) as stay_nights,
        checkout_date,
        first_month,
        -- numbers, for a series of days takes several times as long
        unnest(
            generate_series(0, 12 * (year(last_month) - year(first_month)) + month(last_month) - month(first_month))
        ) as months_later
    from stays
    where first_month < last_month
),

months as (
    select *, cast(first_month + months_later * interval 1 month as date) as month_start
    from across_months
),

parts as (
    select
        month_start,
        currency,
        cents // stay_nights as night_cents,
        cents % stay_nights as spare_cents,
        stay_nights,
        date_diff('day', checkin_date, greatest(checkin_date, month_start)) as nights_before,
        date_diff('day', checkin_date, least(checkout_date, cast(month_start + interval 1 month as date))) as nights_until
    from months
),

-- the first k of n nights carry round(cents * k / n): a month has what they carry at its last night less what they carried before its first
shares as (
    select
        month_start,
        currency,
        sum(nights_until - nights_before) as nights_sold,
        cast(
            sum(
                cast(
                    night_cents * (nights_until - nights_before)
                    + (2 * spare_cents * nights_until + stay_nights) // (2 * stay_nights)
                    - (2 * spare_cents * nights_before + stay_nights) // (2 * stay_nights)
                    as decimal(18, 0)
                )
            ) as decimal(36, 0)
        ) * 0.01 as room_revenue
    from parts
    group by month_start, currency
),

-- a night that two stays of a listing share is available once, but twice when they are in two currencies
double_booked as (
    select
        amounts.checkin_date,
        amounts.checkout_date,
        amounts.currency,
        max(amounts.checkout_date) over (
            partition by amounts.apartment_id, amounts.currency
            order by amounts.checkin_date
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from intermediate.confirmed_bookings as amounts
    semi join intermediate.double_booked_nights as nights on nights.apartment_id = amounts.apartment_id
    where cast(null as varchar) is null
        and amounts.checkin_date < cast(date '9000-12-31' + interval 1 month as date)
        and amounts.checkout_date > date '1900-01-01'
),

repeated as (
    select
        currency,
        checkin_date as night_from,
        least(checkout_date, covered_until) as night_to,
        unnest(
            generate_series(
                checkin_date - cast(day(checkin_date) - 1 as integer),
                least(checkout_date, covered_until) - 1,
                interval 1 month
            )
        ) as month_start
    from double_booked
    where covered_until > checkin_date
),

-- Without a reporting currency the nights sold are available in their own, less those that are so twice, besides the free ones in the listing's; the
-- reporting currency has every available night.
nights as (
    select month_start, currency, nights_sold, room_revenue, 0 as other_nights
    from within_a_month
    union all
    select month_start, currency, nights_sold, room_revenue, 0 as other_nights
    from shares
    union all
    select
        cast(month_start as date) as month_start,
        currency,
        0 as nights_sold,
        0 as room_revenue,
        -date_diff(
            'day', greatest(night_from, cast(month_start as date)), least(night_to, cast(month_start + interval 1 month as date))
        ) as other_nights
    from repeated
    union all
    select
        month_start,
        coalesce(cast(null as varchar), currency) as currency,
        0 as nights_sold,
        0 as room_revenue,
        case when cast(null as varchar) is null then free_nights else booked_nights + free_nights end as other_nights
    from intermediate.nights_monthly
    where currency is not null or cast(null as varchar) is not null
),

totals as (
    select
        month_start,
        currency,
        cast(sum(nights_sold) as bigint) as nights_sold,
        cast(sum(room_revenue) as decimal(38, 2)) as room_revenue,
        cast(sum(other_nights) + case when cast(null as varchar) is null then sum(nights_sold) else 0 end as bigint)
            as available_nights
    from nights
    group by month_start, currency
)

select
    month_start,
    currency,
    nights_sold,
    room_revenue,
    cast(
        cast((2 * cast(room_revenue * 100 as hugeint) + nights_sold) // nullif(2 * nights_sold, 0) as decimal(20, 0)) * 0.01
        as decimal(38, 2)
    ) as adr,
    available_nights,
    cast(
        cast((2 * cast(room_revenue * 100 as hugeint) + available_nights) // (2 * available_nights) as decimal(20, 0)) * 0.01
        as decimal(38, 2)
    ) as revpar,
    month_start + interval 1 month <= date '2024-06-30' + interval 1 day as is_complete
from totals
where month_start between date '1900-01-01' and date '9000-12-31'
    and available_nights > 0
