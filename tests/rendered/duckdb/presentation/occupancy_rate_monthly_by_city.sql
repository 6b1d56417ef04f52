-- In which cities were which shares of the available nights booked in each month?
-- grain: one row per (month_start, state, city) with an available night
-- reads: intermediate.nights_monthly, intermediate.places
-- nulls: no column is null; a missing state or city is the text `unknown`
with counts as (
    select
        month_start,
        place_id,
        cast(sum(booked_nights + free_nights) as bigint) as available_nights,
        cast(sum(booked_nights) as bigint) as booked_nights
    from intermediate.nights_monthly
    where month_start between date '1900-01-01' and date '9000-12-31'
    group by month_start, place_id
)

select
    counts.month_start,
    places.state,
    places.city,
    counts.available_nights,
    counts.booked_nights,
    cast(
        cast((2000000 * counts.booked_nights + counts.available_nights) // (2 * counts.available_nights) as decimal(18, 0))
        * 0.000001
        as decimal(7, 6)
    ) as occupancy_rate,
    counts.month_start + interval 1 month <= date '2024-06-30' + interval 1 day as is_complete
from counts
inner join intermediate.places as places on places.place_id = counts.place_id
where counts.available_nights > 0
