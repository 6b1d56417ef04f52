/* How often did each user book in each week, and what became of it? */
/* grain: one row per (week_start, user_id) with a booking of any status */
/* reads: curated.bookings */
/* nulls: no column is null */
WITH bookings AS (
  SELECT
    TRUNC(CAST(booking_date AS DATE), 'WEEK') AS week_start,
    user_id,
    booking_status
  FROM curated_bookings AS bookings
  WHERE
    booking_date >= CAST('1900-01-01' AS DATE)
    AND booking_date < CAST('9000-12-31' AS DATE) + INTERVAL '7' DAY
)
SELECT
  week_start,
  user_id,
  CAST(COUNT(*) AS BIGINT) AS bookings_count,
  CAST(COUNT(*) FILTER(WHERE
    booking_status IN ('confirmed', 'completed')) AS BIGINT) AS confirmed_count,
  CAST(COUNT(*) FILTER(WHERE
    booking_status IN ('canceled')) AS BIGINT) AS canceled_count,
  week_start + INTERVAL '6' DAY <= CAST('2024-06-30' AS DATE) AS is_complete
FROM bookings
GROUP BY
  week_start,
  user_id
