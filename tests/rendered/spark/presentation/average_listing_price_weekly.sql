/* What does a live listing cost on average at the end of each week? */
/* grain: one row per (week_start, currency) with a live listing, up to the week of as_of */
/* reads: intermediate.daily_rates, intermediate.listing_states */
/* nulls: no column is null; with a reporting currency a listing without a rate on the price day is left out */
/* Listings are not counted week by week: what comes and goes in a week is added up, and its running sum is what is live. Prices to be converted are */
/* kept apart by amount, since each is rounded alone. */
WITH states AS (
  SELECT
    currency,
    price,
    NOT CAST(NULL AS STRING) IS NULL
    AND currency <> COALESCE(CAST(NULL AS STRING), currency) AS converts,
    TRUNC(CAST(valid_from AS DATE), 'WEEK') AS first_week,
    CASE
      WHEN valid_to <= CAST('2024-06-30' AS DATE)
      THEN TRUNC(CAST(valid_to AS DATE), 'WEEK')
    END AS end_week /* a week's price day is its last day or as_of: the week that holds valid_to does not see the state any more, unless as_of comes before it */
  FROM intermediate_listing_states AS listing_states
  WHERE
    valid_from <= CAST('2024-06-30' AS DATE)
), events AS (
  SELECT
    first_week AS week_start,
    currency,
    CASE WHEN converts THEN price ELSE 0 END AS foreign_price,
    COUNT(*) AS listings_count,
    CAST(SUM(price) AS DECIMAL(38, 2)) AS total_price
  FROM states
  GROUP BY
    first_week,
    currency,
    CASE WHEN converts THEN price ELSE 0 END
  UNION ALL
  SELECT
    end_week AS week_start,
    currency,
    CASE WHEN converts THEN price ELSE 0 END AS foreign_price,
    -COUNT(*) AS listings_count,
    -CAST(SUM(price) AS DECIMAL(38, 2)) AS total_price
  FROM states
  WHERE
    NOT end_week IS NULL
  GROUP BY
    end_week,
    currency,
    CASE WHEN converts THEN price ELSE 0 END
), changes AS (
  SELECT
    week_start,
    currency,
    foreign_price,
    SUM(listings_count) AS listings_count,
    CAST(SUM(total_price) AS DECIMAL(38, 2)) AS total_price
  FROM events
  GROUP BY
    week_start,
    currency,
    foreign_price
), running AS (
  SELECT
    currency,
    foreign_price,
    week_start,
    LEAD(week_start) OVER (PARTITION BY currency, foreign_price ORDER BY week_start NULLS LAST) AS next_week_start,
    CAST(SUM(listings_count) OVER (PARTITION BY currency, foreign_price ORDER BY week_start NULLS LAST) AS BIGINT) AS listings_count,
    CAST(SUM(total_price) OVER (PARTITION BY currency, foreign_price ORDER BY week_start NULLS LAST) AS DECIMAL(38, 2)) AS total_price
  FROM changes
), spans AS (
  SELECT
    currency,
    foreign_price,
    listings_count,
    total_price,
    GREATEST(week_start, CAST('1900-01-01' AS DATE)) AS first_week,
    LEAST(
      CAST(COALESCE(next_week_start - INTERVAL '7' DAY, TRUNC(CAST('2024-06-30' AS DATE), 'WEEK')) AS DATE),
      CAST('9000-12-31' AS DATE)
    ) AS last_week
  FROM running
  WHERE
    listings_count > 0
), weeks AS (
  SELECT
    currency,
    foreign_price,
    listings_count,
    total_price,
    EXPLODE(SEQUENCE(first_week, last_week, INTERVAL '7' DAY)) AS week_start
  FROM spans
  WHERE
    first_week <= last_week
), prices AS (
  SELECT
    CAST(weeks.week_start AS DATE) AS week_start,
    COALESCE(CAST(NULL AS STRING), weeks.currency) AS currency,
    weeks.listings_count,
    CASE
      WHEN weeks.foreign_price = 0
      THEN weeks.total_price
      WHEN weeks.foreign_price < 10000000 AND daily_rates.rate_units < 9000000000
      THEN CAST(weeks.listings_count AS DECIMAL(9, 0)) * CAST((
        CAST(weeks.foreign_price * 100 AS BIGINT) * daily_rates.rate_units + 50000000
      ) DIV 100000000 AS DECIMAL(18, 0)) * 0.01
      ELSE CAST(weeks.listings_count AS DECIMAL(9, 0)) * ROUND(CAST(weeks.foreign_price AS DECIMAL(19, 2)) * daily_rates.rate, 2)
    END AS total_price
  FROM weeks
  LEFT JOIN intermediate_daily_rates AS daily_rates
    ON daily_rates.currency = weeks.currency
    AND daily_rates.rate_day = LEAST(CAST(weeks.week_start + INTERVAL '6' DAY AS DATE), CAST('2024-06-30' AS DATE))
  WHERE
    weeks.foreign_price = 0 OR NOT daily_rates.rate IS NULL
), totals AS (
  SELECT
    week_start,
    currency,
    CAST(SUM(listings_count) AS BIGINT) AS listings_count,
    CAST(SUM(total_price) AS DECIMAL(38, 2)) AS total_price
  FROM prices
  GROUP BY
    week_start,
    currency
)
SELECT
  week_start,
  currency,
  listings_count,
  total_price,
  CAST(CAST(CAST((
    (
      2 * CAST(total_price * 100 AS DECIMAL(38, 0)) + listings_count
    ) - (
      2 * CAST(total_price * 100 AS DECIMAL(38, 0)) + listings_count
    ) % (
      2 * listings_count
    )
  ) / (
    2 * listings_count
  ) AS DECIMAL(38, 0)) AS DECIMAL(30, 0)) * 0.01 AS DECIMAL(38, 2)) AS average_price,
  week_start + INTERVAL '6' DAY <= CAST('2024-06-30' AS DATE) AS is_complete
FROM totals
