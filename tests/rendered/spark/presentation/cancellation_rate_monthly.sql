/* Which share of the bookings made in each month was canceled? */
/* grain: one row per month_start with a booking of any status */
/* reads: curated.bookings */
/* nulls: no column is null */
WITH days AS (
  SELECT
    CAST(booking_date AS DATE) AS booking_day,
    COUNT(*) AS bookings_count,
    COUNT(*) FILTER(WHERE
      booking_status IN ('canceled')) AS canceled_count
  FROM curated_bookings AS bookings
  WHERE
    booking_date >= CAST('1900-01-01' AS DATE)
    AND booking_date < CAST('9000-12-31' AS DATE) + INTERVAL '1' MONTH
  GROUP BY
    booking_day
), months AS (
  SELECT
    TRUNC(CAST(booking_day AS DATE), 'MONTH') AS month_start,
    CAST(SUM(bookings_count) AS BIGINT) AS bookings_count,
    CAST(SUM(canceled_count) AS BIGINT) AS canceled_count
  FROM days
  GROUP BY
    month_start
)
SELECT
  month_start,
  bookings_count,
  canceled_count,
  CAST(CAST((
    2000000 * canceled_count + bookings_count
  ) DIV (
    2 * bookings_count
  ) AS DECIMAL(18, 0)) * 0.000001 AS DECIMAL(7, 6)) AS cancellation_rate,
  month_start + INTERVAL '1' MONTH <= CAST('2024-06-30' AS DATE) + INTERVAL '1' DAY AS is_complete
FROM months
WHERE
  month_start BETWEEN CAST('1900-01-01' AS DATE) AND CAST('9000-12-31' AS DATE)
