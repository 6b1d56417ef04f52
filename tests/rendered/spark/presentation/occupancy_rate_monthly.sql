/* Which share of the nights that could be booked was booked in each month? */
/* grain: one row per month_start, without a gap from the first available night's month to the later of as_of's and the last booked night's */
/* reads: intermediate.data_range, intermediate.nights_monthly */
/* nulls: occupancy_rate is null in a month without an available night */
WITH bounds AS (
  SELECT
    TRUNC(CAST(first_available_night AS DATE), 'MONTH') AS first_month,
    TRUNC(CAST(last_night AS DATE), 'MONTH') AS last_month
  FROM intermediate_data_range AS data_range
), months AS (
  SELECT
    EXPLODE(SEQUENCE(first_month, last_month, INTERVAL '1' MONTH)) AS month_start
  FROM bounds
  WHERE
    first_month <= last_month
), nights AS (
  SELECT
    month_start,
    CAST(SUM(booked_nights + free_nights) AS BIGINT) AS available_nights,
    CAST(SUM(booked_nights) AS BIGINT) AS booked_nights
  FROM intermediate_nights_monthly AS nights_monthly
  GROUP BY
    month_start
), counts AS (
  SELECT
    CAST(months.month_start AS DATE) AS month_start,
    COALESCE(nights.available_nights, 0) AS available_nights,
    COALESCE(nights.booked_nights, 0) AS booked_nights
  FROM months
  LEFT JOIN nights
    ON nights.month_start = CAST(months.month_start AS DATE)
)
SELECT
  month_start,
  available_nights,
  booked_nights,
  CAST(CAST((
    2000000 * booked_nights + available_nights
  ) DIV NULLIF(2 * available_nights, 0) AS DECIMAL(18, 0)) * 0.000001 AS DECIMAL(7, 6)) AS occupancy_rate,
  month_start + INTERVAL '1' MONTH <= CAST('2024-06-30' AS DATE) + INTERVAL '1' DAY AS is_complete
FROM counts
WHERE
  month_start BETWEEN CAST('1900-01-01' AS DATE) AND CAST('9000-12-31' AS DATE)
