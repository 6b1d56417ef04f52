-- From when to when is a listing live, at what price?
-- grain: one interval [valid_from, valid_to) in which a listing is live under one version; the intervals of a listing never overlap
-- reads: curated.apartment_history, curated.apartments
-- nulls: no column is null; a version without an end is valid until 9999-12-31
with versions as (
    select
        id as apartment_id,
        cast(effective_modified_at as date) as version_day,
        lead(cast(effective_modified_at as date)) over (partition by id order by effective_modified_at) as next_version_day,
        row_number() over (partition by id order by effective_modified_at) as version_number,
        price,
        currency,
        is_active
    from curated.apartment_history
),

-- a version replaced on its own day leaves an empty interval, which the last filter drops
in_force as (
    select
        apartment_id,
        case when version_number = 1 then date '0001-01-01' else version_day end as state_from,
        coalesce(next_version_day, date '9999-12-31') as state_to,
        price,
        currency
    from versions
    where is_active
    union all
    -- before its first known version a listing counts as active at that version's price
    select apartment_id, date '0001-01-01' as state_from, version_day as state_to, price, currency
    from versions
    where version_number = 1 and not is_active
),

existing as (
    select
        id as apartment_id,
        cast(listing_created_on as date) as created_day,
        coalesce(deleted_on, date '9999-12-31') as deleted_day
    from curated.apartments
),

live as (
    select
        in_force.apartment_id,
        greatest(in_force.state_from, existing.created_day) as valid_from,
        least(in_force.state_to, existing.deleted_day) as valid_to,
        in_force.price,
        in_force.currency
    from in_force
    inner join existing on existing.apartment_id = in_force.apartment_id
)

select apartment_id, valid_from, valid_to, price, currency
from live
where valid_from < valid_to
