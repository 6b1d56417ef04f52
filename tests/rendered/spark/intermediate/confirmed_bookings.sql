/* Which bookings are confirmed, among those that the periods to be computed can need, and what is each worth? */
/* grain: one row per confirmed booking made, or with a night, near the periods */
/* reads: curated.bookings, intermediate.daily_rates */
/* nulls: amount is null where a booking has no rate on or before its day, or its amount there has more digits than money has */
/* Made up to 29 days before a period it can still be counted in it (30 days of customers), up to 35 days after it can still answer a view of it. */
SELECT
  bookings.user_id,
  bookings.apartment_id,
  CAST(bookings.booking_date AS DATE) AS booking_day,
  bookings.checkin_date,
  bookings.checkout_date,
  COALESCE(CAST(NULL AS STRING), bookings.currency) AS currency,
  CASE
    WHEN CAST(NULL AS STRING) IS NULL OR bookings.currency = CAST(NULL AS STRING)
    THEN bookings.total_price
    WHEN bookings.total_price < 10000000 AND daily_rates.rate_units < 9000000000
    THEN CAST(CAST((
      CAST(bookings.total_price * 100 AS BIGINT) * daily_rates.rate_units + 50000000
    ) DIV 100000000 AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2))
    ELSE TRY_CAST(ROUND(CAST(bookings.total_price AS DECIMAL(19, 2)) * daily_rates.rate, 2) AS DECIMAL(18, 2))
  END AS amount
FROM curated_bookings AS bookings
LEFT JOIN intermediate_daily_rates AS daily_rates
  ON daily_rates.currency = bookings.currency
  AND daily_rates.rate_day = CAST(bookings.booking_date AS DATE)
WHERE
  bookings.booking_status IN ('confirmed', 'completed')
  AND (
    (
      bookings.booking_date >= CAST('1900-01-01' AS DATE) - INTERVAL '29' DAY
      AND bookings.booking_date < CAST('9000-12-31' AS DATE) + INTERVAL '36' DAY
    )
    OR (
      bookings.checkout_date > CAST('1900-01-01' AS DATE)
      AND bookings.checkin_date < CAST('9000-12-31' AS DATE) + INTERVAL '36' DAY
    )
  )
