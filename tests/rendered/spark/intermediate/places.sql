/* Which places are there? */
/* grain: one row per (state, city), numbered from 1; number 1 is always (unknown, unknown) */
/* reads: curated.apartment_attributes */
/* nulls: a missing state or city is the text `unknown` */
WITH named AS (
  SELECT
    COALESCE(state, 'unknown') AS state,
    COALESCE(cityname, 'unknown') AS city
  FROM curated_apartment_attributes AS apartment_attributes
  UNION
  SELECT
    'unknown' AS state,
    'unknown' AS city
)
SELECT
  CAST(ROW_NUMBER() OVER (
    ORDER BY CASE WHEN state = 'unknown' AND city = 'unknown' THEN 0 ELSE 1 END NULLS LAST, state NULLS LAST, city NULLS LAST
  ) AS INT) AS place_id,
  state,
  city
FROM named
