/* What did the nights of each month earn, per sold and per available night? */
/* grain: one row per (month_start, currency) with a night sold or available */
/* reads: intermediate.confirmed_bookings, intermediate.double_booked_nights, intermediate.nights_monthly */
/* nulls: adr is null without a night sold, revpar without an available one */
WITH stays AS (
  SELECT
    checkin_date,
    checkout_date,
    checkin_date - CAST(DAY(checkin_date) - 1 AS INT) AS first_month,
    checkout_date - CAST(DAY(checkout_date - 1) AS INT) AS last_month,
    currency,
    amount
  FROM intermediate_confirmed_bookings AS confirmed_bookings
  WHERE
    NOT amount IS NULL
    AND checkin_date < CAST(CAST('9000-12-31' AS DATE) + INTERVAL '1' MONTH AS DATE)
    AND checkout_date > CAST('1900-01-01' AS DATE)
), within_a_month AS (
  SELECT
    first_month AS month_start,
    currency,
    SUM(DATEDIFF(DAY, checkin_date, checkout_date)) AS nights_sold,
    CAST(SUM(amount) AS DECIMAL(38, 2)) AS room_revenue
  FROM stays
  WHERE
    first_month = last_month
  GROUP BY
    first_month,
    currency
), across_months AS (
  SELECT
    checkin_date,
    currency,
    CAST(CAST(amount AS DECIMAL(19, 2)) * 100 AS BIGINT) AS cents,
    DATEDIFF(DAY, checkin_date, checkout_date) AS stay_nights,
    checkout_date,
    first_month,
    EXPLODE(
      SEQUENCE(
        0,
        12 * (
          YEAR(last_month) - YEAR(first_month)
        ) + MONTH(last_month) - MONTH(first_month)
      )
    ) AS months_later /* numbers, for a series of days takes several times as long */
  FROM stays
  WHERE
    first_month < last_month
), months AS (
  SELECT
    *,
    CAST(first_month + months_later * INTERVAL '1' MONTH AS DATE) AS month_start
  FROM across_months
), parts AS (
  SELECT
    month_start,
    currency,
    cents DIV stay_nights AS night_cents,
    cents % stay_nights AS spare_cents,
    stay_nights,
    DATEDIFF(DAY, checkin_date, GREATEST(checkin_date, month_start)) AS nights_before,
    DATEDIFF(
      DAY,
      checkin_date,
      LEAST(checkout_date, CAST(month_start + INTERVAL '1' MONTH AS DATE))
    ) AS nights_until
  FROM months
), shares /* the first k of n nights carry round(cents * k / n): a month has what they carry at its last night less what they carried before its first */ AS (
  SELECT
    month_start,
    currency,
    SUM(nights_until - nights_before) AS nights_sold,
    CAST(SUM(
      CAST(night_cents * (
        nights_until - nights_before
      ) + (
        2 * spare_cents * nights_until + stay_nights
      ) DIV (
        2 * stay_nights
      ) - (
        2 * spare_cents * nights_before + stay_nights
      ) DIV (
        2 * stay_nights
      ) AS DECIMAL(18, 0))
    ) AS DECIMAL(36, 0)) * 0.01 AS room_revenue
  FROM parts
  GROUP BY
    month_start,
    currency
), double_booked /* a night that two stays of a listing share is available once, but twice when they are in two currencies */ AS (
  SELECT
    amounts.checkin_date,
    amounts.checkout_date,
    amounts.currency,
    MAX(amounts.checkout_date) OVER (
      PARTITION BY amounts.apartment_id, amounts.currency
      ORDER BY amounts.checkin_date NULLS LAST
      rows BETWEEN UNBOUNDED preceding AND 1 preceding
    ) AS covered_until
  FROM intermediate_confirmed_bookings AS amounts
  SEMI JOIN intermediate_double_booked_nights AS nights
    ON nights.apartment_id = amounts.apartment_id
  WHERE
    CAST(NULL AS STRING) IS NULL
    AND amounts.checkin_date < CAST(CAST('9000-12-31' AS DATE) + INTERVAL '1' MONTH AS DATE)
    AND amounts.checkout_date > CAST('1900-01-01' AS DATE)
), repeated AS (
  SELECT
    currency,
    checkin_date AS night_from,
    LEAST(checkout_date, covered_until) AS night_to,
    EXPLODE(
      SEQUENCE(
        checkin_date - CAST(DAY(checkin_date) - 1 AS INT),
        LEAST(checkout_date, covered_until) - 1,
        INTERVAL '1' MONTH
      )
    ) AS month_start
  FROM double_booked
  WHERE
    covered_until > checkin_date
), nights /* Without a reporting currency the nights sold are available in their own, less those that are so twice, besides the free ones in the listing's; the */ /* reporting currency has every available night. */ AS (
  SELECT
    month_start,
    currency,
    nights_sold,
    room_revenue,
    0 AS other_nights
  FROM within_a_month
  UNION ALL
  SELECT
    month_start,
    currency,
    nights_sold,
    room_revenue,
    0 AS other_nights
  FROM shares
  UNION ALL
  SELECT
    CAST(month_start AS DATE) AS month_start,
    currency,
    0 AS nights_sold,
    0 AS room_revenue,
    -DATEDIFF(
      DAY,
      GREATEST(night_from, CAST(month_start AS DATE)),
      LEAST(night_to, CAST(month_start + INTERVAL '1' MONTH AS DATE))
    ) AS other_nights
  FROM repeated
  UNION ALL
  SELECT
    month_start,
    COALESCE(CAST(NULL AS STRING), currency) AS currency,
    0 AS nights_sold,
    0 AS room_revenue,
    CASE
      WHEN CAST(NULL AS STRING) IS NULL
      THEN free_nights
      ELSE booked_nights + free_nights
    END AS other_nights
  FROM intermediate_nights_monthly AS nights_monthly
  WHERE
    NOT currency IS NULL OR NOT CAST(NULL AS STRING) IS NULL
), totals AS (
  SELECT
    month_start,
    currency,
    CAST(SUM(nights_sold) AS BIGINT) AS nights_sold,
    CAST(SUM(room_revenue) AS DECIMAL(38, 2)) AS room_revenue,
    CAST(SUM(other_nights) + CASE WHEN CAST(NULL AS STRING) IS NULL THEN SUM(nights_sold) ELSE 0 END AS BIGINT) AS available_nights
  FROM nights
  GROUP BY
    month_start,
    currency
)
SELECT
  month_start,
  currency,
  nights_sold,
  room_revenue,
  CAST(CAST(CAST((
    (
      2 * CAST(room_revenue * 100 AS DECIMAL(38, 0)) + nights_sold
    ) - (
      2 * CAST(room_revenue * 100 AS DECIMAL(38, 0)) + nights_sold
    ) % NULLIF(2 * nights_sold, 0)
  ) / NULLIF(2 * nights_sold, 0) AS DECIMAL(38, 0)) AS DECIMAL(20, 0)) * 0.01 AS DECIMAL(38, 2)) AS adr,
  available_nights,
  CAST(CAST(CAST((
    (
      2 * CAST(room_revenue * 100 AS DECIMAL(38, 0)) + available_nights
    ) - (
      2 * CAST(room_revenue * 100 AS DECIMAL(38, 0)) + available_nights
    ) % (
      2 * available_nights
    )
  ) / (
    2 * available_nights
  ) AS DECIMAL(38, 0)) AS DECIMAL(20, 0)) * 0.01 AS DECIMAL(38, 2)) AS revpar,
  month_start + INTERVAL '1' MONTH <= CAST('2024-06-30' AS DATE) + INTERVAL '1' DAY AS is_complete
FROM totals
WHERE
  month_start BETWEEN CAST('1900-01-01' AS DATE) AND CAST('9000-12-31' AS DATE)
  AND available_nights > 0
