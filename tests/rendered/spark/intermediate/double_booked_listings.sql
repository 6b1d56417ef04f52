/* Which listings have two confirmed stays that share a night, among those that end in or after the periods to be computed? */
/* grain: one row per listing with such stays */
/* reads: intermediate.confirmed_bookings */
/* nulls: no column is null */
/* In the order of arrival two stays that follow each other share a night wherever any two do. So sorting once tells which few listings need a closer look. */
WITH stays AS (
  SELECT
    apartment_id,
    checkout_date,
    LEAD(checkin_date) OVER (PARTITION BY apartment_id ORDER BY checkin_date NULLS LAST) AS next_checkin_date
  FROM intermediate_confirmed_bookings AS confirmed_bookings
  WHERE
    checkout_date > CAST('1900-01-01' AS DATE)
)
SELECT DISTINCT
  apartment_id
FROM stays
WHERE
  next_checkin_date < checkout_date
