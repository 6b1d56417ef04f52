-- Which listings have two confirmed stays that share a night, among those that end in or after the periods to be computed?
-- grain: one row per listing with such stays
-- reads: intermediate.confirmed_bookings
-- nulls: no column is null
-- In the order of arrival two stays that follow each other share a night wherever any two do. So sorting once tells which few listings need a closer look.
with stays as (
    select
        apartment_id,
        checkout_date,
        lead(checkin_date) over (partition by apartment_id order by checkin_date) as next_checkin_date
    from intermediate.confirmed_bookings
    where checkout_date > date '1900-01-01'
)

select distinct apartment_id
from stays
where next_checkin_date < checkout_date
