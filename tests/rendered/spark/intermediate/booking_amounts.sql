/* What is each confirmed booking worth, and in which currency? */
/* grain: one row per confirmed booking that can be stated in the reporting currency; without one, every confirmed booking in its own */
/* reads: intermediate.confirmed_bookings, intermediate.daily_rates */
/* nulls: no column is null; a booking without a rate on or before its day is left out, as is one whose amount there has more digits than money has */
WITH amounts AS (
  SELECT
    bookings.apartment_id,
    bookings.booking_day,
    bookings.checkin_date,
    bookings.checkout_date,
    COALESCE(CAST(NULL AS STRING), bookings.currency) AS currency,
    CASE
      WHEN CAST(NULL AS STRING) IS NULL OR bookings.currency = CAST(NULL AS STRING)
      THEN bookings.total_price
      ELSE TRY_CAST(ROUND(CAST(bookings.total_price AS DECIMAL(19, 2)) * daily_rates.rate, 2) AS DECIMAL(18, 2))
    END AS amount
  FROM intermediate_confirmed_bookings AS bookings
  LEFT JOIN intermediate_daily_rates AS daily_rates
    ON daily_rates.currency = bookings.currency
    AND daily_rates.rate_day = bookings.booking_day
)
SELECT
  apartment_id,
  booking_day,
  checkin_date,
  checkout_date,
  currency,
  amount
FROM amounts
WHERE
  NOT amount IS NULL
