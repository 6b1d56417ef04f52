-- Which places are there?
-- grain: one row per (state, city), numbered from 1; number 1 is always (unknown, unknown)
-- reads: curated.apartment_attributes
-- nulls: a missing state or city is the text `unknown`
with named as (
    select coalesce(state, 'unknown') as state, coalesce(cityname, 'unknown') as city
    from curated.apartment_attributes
    union
    select 'unknown' as state, 'unknown' as city
)

select
    cast(
        row_number() over (order by case when state = 'unknown' and city = 'unknown' then 0 else 1 end, state, city) as integer
    ) as place_id,
    state,
    city
from named
