/* Which listings earned most in each week? */
/* grain: one row per (week_start, currency, apartment_id) with rank <= top_n; ties share a rank and all of them stay */
/* reads: curated.apartment_attributes, curated.apartments, intermediate.confirmed_bookings */
/* nulls: title is null for an unknown listing or one without a title; a missing city is the text `unknown` */
WITH totals AS (
  SELECT
    TRUNC(CAST(booking_day AS DATE), 'WEEK') AS week_start,
    currency,
    apartment_id,
    COUNT(*) AS bookings_count,
    CAST(SUM(amount) AS DECIMAL(38, 2)) AS confirmed_revenue
  FROM intermediate_confirmed_bookings AS confirmed_bookings
  WHERE
    NOT amount IS NULL
    AND booking_day >= CAST('1900-01-01' AS DATE)
    AND booking_day < CAST('9000-12-31' AS DATE) + INTERVAL '7' DAY
  GROUP BY
    week_start,
    currency,
    apartment_id
), best_of_groups /* Ranking only what can reach the top spares sorting every listing of every week: when listings are dealt into groups, none of the top n can be below */ /* the n-th best of the groups' best. The prime keeps the groups even where ids are spaced. */ AS (
  SELECT
    week_start,
    currency,
    apartment_id % 1009 % (
      8 * 10
    ) AS group_number,
    MAX(confirmed_revenue) AS best_revenue
  FROM totals
  GROUP BY
    week_start,
    currency,
    group_number
), positions AS (
  SELECT
    week_start,
    currency,
    best_revenue,
    ROW_NUMBER() OVER (PARTITION BY week_start, currency ORDER BY best_revenue DESC) AS position
  FROM best_of_groups
), thresholds AS (
  SELECT
    week_start,
    currency,
    CASE WHEN COUNT(*) = 10 THEN MIN(best_revenue) ELSE 0 END AS least_revenue
  FROM positions
  WHERE
    position <= 10
  GROUP BY
    week_start,
    currency
), top_listings AS (
  SELECT
    totals.week_start,
    totals.currency,
    totals.apartment_id,
    totals.bookings_count,
    totals.confirmed_revenue,
    RANK() OVER (
      PARTITION BY totals.week_start, totals.currency
      ORDER BY totals.confirmed_revenue DESC
    ) AS listing_rank
  FROM totals
  INNER JOIN thresholds
    ON thresholds.week_start = totals.week_start
    AND thresholds.currency = totals.currency
    AND thresholds.least_revenue <= totals.confirmed_revenue
)
SELECT
  top_listings.week_start,
  top_listings.currency,
  top_listings.apartment_id,
  apartments.title,
  COALESCE(attributes.cityname, 'unknown') AS city,
  top_listings.bookings_count,
  top_listings.confirmed_revenue,
  CAST(top_listings.listing_rank AS BIGINT) AS listing_rank,
  top_listings.week_start + INTERVAL '6' DAY <= CAST('2024-06-30' AS DATE) AS is_complete
FROM top_listings
LEFT JOIN curated_apartments AS apartments
  ON apartments.id = top_listings.apartment_id
LEFT JOIN curated_apartment_attributes AS attributes
  ON attributes.id = top_listings.apartment_id
WHERE
  top_listings.listing_rank <= 10
  AND top_listings.week_start BETWEEN CAST('1900-01-01' AS DATE) AND CAST('9000-12-31' AS DATE)
