/* Which share of the customers of the last 30 days booked more than once in them? */
/* grain: one row per as_of_date, without a gap from the first confirmed booking day to as_of */
/* reads: intermediate.confirmed_bookings, intermediate.data_range */
/* nulls: repeat_customer_rate is null on a day whose 30 days hold no confirmed booking */
WITH bookings AS (
  SELECT
    booking_day,
    LAG(booking_day) OVER (PARTITION BY user_id ORDER BY booking_day NULLS LAST) AS previous_day,
    LEAD(booking_day) OVER (PARTITION BY user_id ORDER BY booking_day NULLS LAST) AS next_day
  FROM intermediate_confirmed_bookings AS confirmed_bookings
  WHERE
    booking_day >= CAST('1900-01-01' AS DATE) - INTERVAL '29' DAY
    AND booking_day <= LEAST(CAST('9000-12-31' AS DATE), CAST('2024-06-30' AS DATE))
), intervals /* From its day until the user's next one, a booking is the last of its user: it makes a customer for 30 days, and a repeat customer as long as */ /* the booking before it is within the 30 days too. */ AS (
  SELECT
    booking_day,
    LEAST(COALESCE(next_day, CAST('9999-12-31' AS DATE)), booking_day + 30) AS customer_until,
    GREATEST(
      booking_day,
      LEAST(COALESCE(next_day, CAST('9999-12-31' AS DATE)), previous_day + 30)
    ) AS repeat_until,
    CASE WHEN previous_day IS NULL THEN 0 ELSE 1 END AS repeats
  FROM bookings
), days AS (
  SELECT
    EXPLODE(
      SEQUENCE(CAST(first_booking_day AS DATE), CAST('2024-06-30' AS DATE), INTERVAL '1' DAY)
    ) AS as_of_date
  FROM intermediate_data_range AS data_range
  WHERE
    first_booking_day <= CAST('2024-06-30' AS DATE)
), events AS (
  SELECT
    booking_day AS as_of_date,
    COUNT(*) AS customers,
    SUM(repeats) AS repeat_customers
  FROM intervals
  GROUP BY
    booking_day
  UNION ALL
  SELECT
    customer_until AS as_of_date,
    -COUNT(*) AS customers,
    0 AS repeat_customers
  FROM intervals
  GROUP BY
    customer_until
  UNION ALL
  SELECT
    repeat_until AS as_of_date,
    0 AS customers,
    -COUNT(*) AS repeat_customers
  FROM intervals
  WHERE
    repeats = 1
  GROUP BY
    repeat_until
  UNION ALL
  SELECT
    CAST(as_of_date AS DATE) AS as_of_date,
    0 AS customers,
    0 AS repeat_customers
  FROM days
), changes AS (
  SELECT
    as_of_date,
    SUM(customers) AS customers,
    SUM(repeat_customers) AS repeat_customers
  FROM events
  GROUP BY
    as_of_date
), counts AS (
  SELECT
    as_of_date,
    CAST(SUM(customers) OVER (ORDER BY as_of_date NULLS LAST) AS BIGINT) AS customers_count,
    CAST(SUM(repeat_customers) OVER (ORDER BY as_of_date NULLS LAST) AS BIGINT) AS repeat_customers_count
  FROM changes
)
SELECT
  counts.as_of_date,
  counts.customers_count,
  counts.repeat_customers_count,
  CAST(CAST((
    2000000 * counts.repeat_customers_count + counts.customers_count
  ) DIV NULLIF(2 * counts.customers_count, 0) AS DECIMAL(18, 0)) * 0.000001 AS DECIMAL(7, 6)) AS repeat_customer_rate,
  counts.as_of_date >= data_range.first_booking_day + INTERVAL '29' DAY AS is_complete
FROM counts
CROSS JOIN intermediate_data_range AS data_range
WHERE
  counts.as_of_date BETWEEN data_range.first_booking_day AND CAST('2024-06-30' AS DATE)
  AND counts.as_of_date BETWEEN CAST('1900-01-01' AS DATE) AND CAST('9000-12-31' AS DATE)
