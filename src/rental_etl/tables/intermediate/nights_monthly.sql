-- How many nights of a month were booked, and how many live ones stayed free, by place and currency?
-- grain: one row per (month_start, place_id, currency); booked nights are in the rows without a currency
-- reads: curated.bookings, intermediate.double_booked_nights, intermediate.listing_places, intermediate.listing_states, intermediate.data_range
-- nulls: currency is that of the listing on a free night, null for booked nights
-- Every interval counts with a weight, which makes the distinct nights a sum: booked = stays - double bookings, free = live - (live and booked).
-- Nights are not enumerated: months share an interval's nights by its ends' day numbers, added up before the months are told apart.
with booked as (
    select apartment_id, checkin_date as night_from, checkout_date as night_to, 1 as weight
    from curated.bookings
    where booking_status in ($confirmed_statuses)
        and checkin_date < cast($period_to + interval 1 month as date)
        and checkout_date > $period_from
    union all
    select apartment_id, night_from, night_to, -1 as weight
    from intermediate.double_booked_nights
),

horizon as (
    select
        cast(date_trunc('month', greatest($as_of, coalesce(last_booked_night, $as_of))) + interval 1 month as date) as ends_before
    from intermediate.data_range
),

live as (
    select
        states.apartment_id,
        coalesce(listing_places.place_id, 1) as place_id,
        states.currency,
        states.valid_from as night_from,
        least(states.valid_to, horizon.ends_before) as night_to
    from intermediate.listing_states as states
    cross join horizon
    left join intermediate.listing_places as listing_places on listing_places.apartment_id = states.apartment_id
    where states.valid_from < horizon.ends_before
        and states.valid_from < cast($period_to + interval 1 month as date)
        and states.valid_to > $period_from
),

intervals as (
    select coalesce(listing_places.place_id, 1) as place_id, cast(null as varchar) as currency, night_from, night_to, weight
    from booked
    left join intermediate.listing_places as listing_places on listing_places.apartment_id = booked.apartment_id
    union all
    select place_id, currency, night_from, night_to, 1 as weight
    from live
    union all
    select
        live.place_id,
        live.currency,
        greatest(live.night_from, booked.night_from) as night_from,
        least(live.night_to, booked.night_to) as night_to,
        -booked.weight as weight
    from booked
    inner join live
        on live.apartment_id = booked.apartment_id
        and live.night_from < booked.night_to
        and booked.night_from < live.night_to
),

spans as (
    select
        place_id,
        currency,
        night_from - cast(day(night_from) - 1 as integer) as first_month,
        night_to - cast(day(night_to - 1) as integer) as last_month,
        sum(weight) as intervals_count,
        sum(weight * date_diff('day', date '2000-01-01', night_from)) as first_days,
        sum(weight * date_diff('day', date '2000-01-01', night_to)) as end_days
    from intervals
    group by place_id, currency, first_month, last_month
),

months as (
    select
        place_id,
        currency,
        first_month,
        last_month,
        intervals_count,
        first_days,
        end_days,
        unnest(generate_series(first_month, last_month, interval 1 month)) as month_start
    from spans
),

shares as (
    select
        place_id,
        currency,
        cast(month_start as date) as month_start,
        case
            when month_start = last_month then end_days
            else intervals_count * date_diff('day', date '2000-01-01', cast(month_start + interval 1 month as date))
        end
        - case
            when month_start = first_month then first_days
            else intervals_count * date_diff('day', date '2000-01-01', cast(month_start as date))
        end as nights
    from months
)

select
    month_start,
    place_id,
    currency,
    cast(coalesce(sum(nights) filter (where currency is null), 0) as bigint) as booked_nights,
    cast(coalesce(sum(nights) filter (where currency is not null), 0) as bigint) as free_nights
from shares
where month_start between $period_from and $period_to
group by month_start, place_id, currency
