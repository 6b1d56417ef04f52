/* From when to when is a listing live, at what price? */
/* grain: one interval [valid_from, valid_to) in which a listing is live under one version; the intervals of a listing never overlap */
/* reads: curated.apartment_history, curated.apartments */
/* nulls: no column is null; a version without an end is valid until 9999-12-31 */
WITH versions AS (
  SELECT
    id AS apartment_id,
    CAST(effective_modified_at AS DATE) AS version_day,
    LEAD(CAST(effective_modified_at AS DATE)) OVER (PARTITION BY id ORDER BY effective_modified_at NULLS LAST) AS next_version_day,
    ROW_NUMBER() OVER (PARTITION BY id ORDER BY effective_modified_at NULLS LAST) AS version_number,
    price,
    currency,
    is_active
  FROM curated_apartment_history AS apartment_history
), in_force /* a version replaced on its own day leaves an empty interval, which the last filter drops */ AS (
  SELECT
    apartment_id,
    CASE WHEN version_number = 1 THEN CAST('0001-01-01' AS DATE) ELSE version_day END AS state_from,
    COALESCE(next_version_day, CAST('9999-12-31' AS DATE)) AS state_to,
    price,
    currency
  FROM versions
  WHERE
    is_active
  UNION ALL
  /* before its first known version a listing counts as active at that version's price */
  SELECT
    apartment_id,
    CAST('0001-01-01' AS DATE) AS state_from,
    version_day AS state_to,
    price,
    currency
  FROM versions
  WHERE
    version_number = 1 AND NOT is_active
), existing AS (
  SELECT
    id AS apartment_id,
    CAST(listing_created_on AS DATE) AS created_day,
    COALESCE(deleted_on, CAST('9999-12-31' AS DATE)) AS deleted_day
  FROM curated_apartments AS apartments
), live AS (
  SELECT
    in_force.apartment_id,
    GREATEST(in_force.state_from, existing.created_day) AS valid_from,
    LEAST(in_force.state_to, existing.deleted_day) AS valid_to,
    in_force.price,
    in_force.currency
  FROM in_force
  INNER JOIN existing
    ON existing.apartment_id = in_force.apartment_id
)
SELECT
  apartment_id,
  valid_from,
  valid_to,
  price,
  currency
FROM live
WHERE
  valid_from < valid_to
