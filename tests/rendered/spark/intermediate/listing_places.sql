/* Where is a listing? */
/* grain: one row per listing with a known place; every other listing is in place 1 (unknown, unknown) */
/* reads: curated.apartment_attributes, intermediate.places */
/* nulls: no column is null */
SELECT
  attributes.id AS apartment_id,
  places.place_id
FROM curated_apartment_attributes AS attributes
INNER JOIN intermediate_places AS places
  ON places.state = COALESCE(attributes.state, 'unknown')
  AND places.city = COALESCE(attributes.cityname, 'unknown')
WHERE
  places.place_id <> 1
