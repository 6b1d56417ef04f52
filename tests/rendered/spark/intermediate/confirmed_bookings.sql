/* Which bookings are confirmed, among those that the periods to be computed can need? */
/* grain: one row per confirmed booking made, or with a night, near the periods */
/* reads: curated.bookings */
/* nulls: no column is null */
/* Made up to 29 days before a period it can still be counted in it (30 days of customers), up to 35 days after it can still answer a view of it. */
SELECT
  user_id,
  apartment_id,
  CAST(booking_date AS DATE) AS booking_day,
  checkin_date,
  checkout_date,
  total_price,
  currency
FROM curated_bookings AS bookings
WHERE
  booking_status IN ('confirmed', 'completed')
  AND (
    (
      booking_date >= CAST('1900-01-01' AS DATE) - INTERVAL '29' DAY
      AND booking_date < CAST('9000-12-31' AS DATE) + INTERVAL '36' DAY
    )
    OR (
      checkout_date > CAST('1900-01-01' AS DATE)
      AND checkin_date < CAST('9000-12-31' AS DATE) + INTERVAL '36' DAY
    )
  )
