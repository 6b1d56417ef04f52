-- Where is a listing?
-- grain: one row per listing with a known place; every other listing is in place 1 (unknown, unknown)
-- reads: curated.apartment_attributes, intermediate.places
-- nulls: no column is null
select attributes.id as apartment_id, places.place_id
from curated.apartment_attributes as attributes
inner join intermediate.places as places
    on places.state = coalesce(attributes.state, 'unknown')
    and places.city = coalesce(attributes.cityname, 'unknown')
where places.place_id <> 1
