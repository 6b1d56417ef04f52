/* How long before arrival do guests book? */
/* grain: one row per month_start with a confirmed booking made on or before its check-in date */
/* reads: intermediate.confirmed_bookings */
/* nulls: no column is null */
WITH days AS (
  SELECT
    booking_day,
    COUNT(*) AS bookings_count,
    SUM(DATEDIFF(DAY, booking_day, checkin_date)) AS lead_days_count
  FROM intermediate_confirmed_bookings AS confirmed_bookings
  WHERE
    checkin_date >= booking_day
    AND booking_day >= CAST('1900-01-01' AS DATE)
    AND booking_day < CAST('9000-12-31' AS DATE) + INTERVAL '1' MONTH
  GROUP BY
    booking_day
), months AS (
  SELECT
    TRUNC(CAST(booking_day AS DATE), 'MONTH') AS month_start,
    CAST(SUM(bookings_count) AS BIGINT) AS bookings_count,
    CAST(SUM(lead_days_count) AS BIGINT) AS lead_days_count
  FROM days
  GROUP BY
    month_start
)
SELECT
  month_start,
  bookings_count,
  lead_days_count,
  CAST(CAST((
    200 * lead_days_count + bookings_count
  ) DIV (
    2 * bookings_count
  ) AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2)) AS average_lead_days,
  month_start + INTERVAL '1' MONTH <= CAST('2024-06-30' AS DATE) + INTERVAL '1' DAY AS is_complete
FROM months
WHERE
  month_start BETWEEN CAST('1900-01-01' AS DATE) AND CAST('9000-12-31' AS DATE)
