-- How many nights of a month were booked, and how many live ones stayed free, by place and currency?
-- grain: one row per (month_start, place_id, currency) with a night; booked nights are in the rows without a currency
-- reads: intermediate.confirmed_bookings, intermediate.data_range, intermediate.double_booked_nights, intermediate.listing_places, intermediate.listing_states
-- nulls: currency is that of the listing on a free night, null for booked nights
-- Every interval of nights counts with a weight, which makes the distinct nights a sum: booked = stays - double bookings, free = live - (live and booked).
-- Nights are not enumerated: intervals are added up by the months of their ends, and what they hold of the months between follows.
with booked as (
    select
        apartment_id,
        greatest(checkin_date, $period_from) as night_from,
        least(checkout_date, cast($period_to + interval 1 month as date)) as night_to,
        1 as weight
    from intermediate.confirmed_bookings
    where checkin_date < cast($period_to + interval 1 month as date)
        and checkout_date > $period_from
    union all
    select
        apartment_id,
        greatest(night_from, $period_from) as night_from,
        least(night_to, cast($period_to + interval 1 month as date)) as night_to,
        -1 as weight
    from intermediate.double_booked_nights
    where night_from < cast($period_to + interval 1 month as date)
        and night_to > $period_from
),

horizon as (
    select
        least(
            cast(date_trunc('month', last_night) + interval 1 month as date),
            cast($period_to + interval 1 month as date)
        ) as ends_before
    from intermediate.data_range
),

states as (
    select
        states.apartment_id,
        states.currency,
        greatest(states.valid_from, $period_from) as valid_from,
        least(states.valid_to, horizon.ends_before) as valid_to,
        lag(states.valid_to) over (partition by states.apartment_id order by states.valid_from) as previous_to,
        lag(states.currency) over (partition by states.apartment_id order by states.valid_from) as previous_currency
    from intermediate.listing_states as states
    cross join horizon
    where states.valid_from < horizon.ends_before
        and states.valid_to > $period_from
),

-- a new price alone does not begin another interval
numbered as (
    select
        apartment_id,
        currency,
        valid_from,
        valid_to,
        sum(case when previous_to = valid_from and previous_currency = currency then 0 else 1 end) over (
            partition by apartment_id order by valid_from
        ) as interval_number
    from states
),

live as (
    select
        numbered.apartment_id,
        numbered.currency,
        coalesce(listing_places.place_id, 1) as place_id,
        min(numbered.valid_from) as night_from,
        max(numbered.valid_to) as night_to
    from numbered
    left join intermediate.listing_places as listing_places on listing_places.apartment_id = numbered.apartment_id
    group by numbered.apartment_id, numbered.currency, coalesce(listing_places.place_id, 1), numbered.interval_number
),

-- most stays lie within one interval of their listing: they are booked nights of its place, and as many live ones of its currency
placed as (
    select
        booked.apartment_id,
        booked.night_from,
        booked.night_to,
        booked.weight,
        live.place_id,
        live.currency
    from booked
    left join live
        on live.apartment_id = booked.apartment_id
        and live.night_from <= booked.night_from
        and booked.night_to <= live.night_to
),

others as (
    select apartment_id, night_from, night_to, weight
    from placed
    where place_id is null
),

-- months by their first day, found by arithmetic, which is faster than date_trunc
within as (
    select
        place_id,
        currency,
        night_from - cast(day(night_from) - 1 as integer) as first_month,
        night_to - cast(day(night_to) - 1 as integer) as end_month,
        sum(weight) as intervals_count,
        sum(weight * (day(night_from) - 1)) as first_days,
        sum(weight * (day(night_to) - 1)) as end_days
    from placed
    where place_id is not null
    group by place_id, currency, first_month, end_month
),

intervals as (
    select place_id, currency, night_from, night_to, 1 as weight
    from live
    union all
    select coalesce(listing_places.place_id, 1) as place_id, cast(null as varchar) as currency, night_from, night_to, weight
    from others
    left join intermediate.listing_places as listing_places on listing_places.apartment_id = others.apartment_id
    union all
    select
        live.place_id,
        live.currency,
        greatest(live.night_from, others.night_from) as night_from,
        least(live.night_to, others.night_to) as night_to,
        -others.weight as weight
    from others
    inner join live
        on live.apartment_id = others.apartment_id
        and live.night_from < others.night_to
        and others.night_from < live.night_to
),

spans as (
    select place_id, cast(null as varchar) as currency, first_month, end_month, intervals_count, first_days, end_days
    from within
    union all
    select
        place_id,
        currency,
        first_month,
        end_month,
        -intervals_count as intervals_count,
        -first_days as first_days,
        -end_days as end_days
    from within
    union all
    select
        place_id,
        currency,
        night_from - cast(day(night_from) - 1 as integer) as first_month,
        night_to - cast(day(night_to) - 1 as integer) as end_month,
        sum(weight) as intervals_count,
        sum(weight * (day(night_from) - 1)) as first_days,
        sum(weight * (day(night_to) - 1)) as end_days
    from intervals
    group by place_id, currency, first_month, end_month
),

-- what begins (and ends, negative) in a month, and how many of the month's nights lie before
events as (
    select place_id, currency, first_month as month_start, intervals_count, first_days as days_before
    from spans
    union all
    select place_id, currency, end_month as month_start, -intervals_count as intervals_count, -end_days as days_before
    from spans
),

changes as (
    select place_id, currency, month_start, sum(intervals_count) as intervals_count, sum(days_before) as days_before
    from events
    group by place_id, currency, month_start
),

running as (
    select
        place_id,
        currency,
        month_start,
        days_before,
        sum(intervals_count) over (partition by place_id, currency order by month_start) as intervals_count,
        lead(month_start) over (partition by place_id, currency order by month_start) as next_month_start
    from changes
),

-- an interval holds all nights of its months but those before its first night, less those of its last month from its end on
months as (
    select
        place_id,
        currency,
        month_start as change_month,
        intervals_count,
        days_before,
        unnest(
            generate_series(month_start, coalesce(cast(next_month_start - interval 1 month as date), month_start), interval 1 month)
        ) as month_start
    from running
),

nights as (
    select
        place_id,
        currency,
        cast(month_start as date) as month_start,
        intervals_count * date_diff('day', cast(month_start as date), cast(month_start + interval 1 month as date))
        - case when month_start = change_month then days_before else 0 end as nights_count
    from months
)

select
    month_start,
    place_id,
    currency,
    cast(case when currency is null then nights_count else 0 end as bigint) as booked_nights,
    cast(case when currency is null then 0 else nights_count end as bigint) as free_nights
from nights
where month_start between $period_from and $period_to
    and nights_count <> 0
