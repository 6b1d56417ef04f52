/* What was a currency worth on a day, in the reporting currency? */
/* grain: one row per (currency, day) from the currency's first rate to the last day that needs one; empty without a reporting currency */
/* reads: curated.bookings, curated.fx_rates */
/* nulls: no column is null; a day before the first rate has no row; rate_units are hundred-millionths */
WITH rates AS (
  SELECT
    currency,
    rate_date,
    rate,
    LEAD(rate_date) OVER (PARTITION BY currency ORDER BY rate_date NULLS LAST) AS next_rate_date
  FROM curated_fx_rates AS fx_rates
  WHERE
    NOT CAST(NULL AS STRING) IS NULL
), horizon AS (
  SELECT
    GREATEST(
      CAST('2024-06-30' AS DATE),
      COALESCE(MAX(CAST(booking_date AS DATE)), CAST('2024-06-30' AS DATE))
    ) AS last_day
  FROM curated_bookings AS bookings
  WHERE
    NOT CAST(NULL AS STRING) IS NULL
), in_force AS (
  SELECT
    rates.currency,
    rates.rate,
    rates.rate_date AS first_day,
    CAST(COALESCE(rates.next_rate_date - INTERVAL '1' DAY, horizon.last_day) AS DATE) AS last_day
  FROM rates
  CROSS JOIN horizon
  WHERE
    rates.rate_date <= horizon.last_day
), days AS (
  SELECT
    currency,
    rate,
    EXPLODE(SEQUENCE(first_day, last_day, INTERVAL '1' DAY)) AS rate_day
  FROM in_force
)
SELECT
  currency,
  CAST(rate_day AS DATE) AS rate_day,
  rate,
  CAST(CAST(rate AS DECIMAL(20, 8)) * 100000000 AS BIGINT) AS rate_units
FROM days
