/* In which cities were which shares of the available nights booked in each month? */
/* grain: one row per (month_start, state, city) with an available night */
/* reads: intermediate.nights_monthly, intermediate.places */
/* nulls: no column is null; a missing state or city is the text `unknown` */
WITH counts AS (
  SELECT
    month_start,
    place_id,
    CAST(SUM(booked_nights + free_nights) AS BIGINT) AS available_nights,
    CAST(SUM(booked_nights) AS BIGINT) AS booked_nights
  FROM intermediate_nights_monthly AS nights_monthly
  WHERE
    month_start BETWEEN CAST('1900-01-01' AS DATE) AND CAST('9000-12-31' AS DATE)
  GROUP BY
    month_start,
    place_id
)
SELECT
  counts.month_start,
  places.state,
  places.city,
  counts.available_nights,
  counts.booked_nights,
  CAST(CAST((
    2000000 * counts.booked_nights + counts.available_nights
  ) DIV (
    2 * counts.available_nights
  ) AS DECIMAL(18, 0)) * 0.000001 AS DECIMAL(7, 6)) AS occupancy_rate,
  counts.month_start + INTERVAL '1' MONTH <= CAST('2024-06-30' AS DATE) + INTERVAL '1' DAY AS is_complete
FROM counts
INNER JOIN intermediate_places AS places
  ON places.place_id = counts.place_id
WHERE
  counts.available_nights > 0
