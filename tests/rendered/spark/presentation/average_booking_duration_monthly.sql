/* How many nights does a confirmed stay last, by the month of its arrival? */
/* grain: one row per month_start with a confirmed stay */
/* reads: intermediate.confirmed_bookings */
/* nulls: no column is null */
WITH days AS (
  SELECT
    checkin_date,
    COUNT(*) AS stays_count,
    SUM(DATEDIFF(DAY, checkin_date, checkout_date)) AS nights_count
  FROM intermediate_confirmed_bookings AS confirmed_bookings
  WHERE
    checkin_date >= CAST('1900-01-01' AS DATE)
    AND checkin_date < CAST(CAST('9000-12-31' AS DATE) + INTERVAL '1' MONTH AS DATE)
  GROUP BY
    checkin_date
), months AS (
  SELECT
    TRUNC(CAST(checkin_date AS DATE), 'MONTH') AS month_start,
    CAST(SUM(stays_count) AS BIGINT) AS stays_count,
    CAST(SUM(nights_count) AS BIGINT) AS nights_count
  FROM days
  GROUP BY
    month_start
)
SELECT
  month_start,
  stays_count,
  nights_count,
  CAST(CAST((
    200 * nights_count + stays_count
  ) DIV (
    2 * stays_count
  ) AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2)) AS average_nights,
  month_start + INTERVAL '1' MONTH <= CAST('2024-06-30' AS DATE) + INTERVAL '1' DAY AS is_complete
FROM months
WHERE
  month_start BETWEEN CAST('1900-01-01' AS DATE) AND CAST('9000-12-31' AS DATE)
