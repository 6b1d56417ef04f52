/* Which share of what users looked at in a week did they book within 30 days? */
/* grain: one row per week_start with a view */
/* reads: curated.user_viewing, intermediate.confirmed_bookings */
/* nulls: no column is null */
WITH views AS (
  SELECT
    TRUNC(CAST(viewed_at AS DATE), 'WEEK') AS week_start,
    user_id,
    apartment_id,
    CAST(viewed_at AS DATE) AS view_day,
    is_wishlisted
  FROM curated_user_viewing AS user_viewing
  WHERE
    viewed_at >= CAST('1900-01-01' AS DATE)
    AND viewed_at < CAST('9000-12-31' AS DATE) + INTERVAL '7' DAY
), bookings AS (
  SELECT
    user_id,
    apartment_id,
    booking_day
  FROM intermediate_confirmed_bookings AS confirmed_bookings
  WHERE
    booking_day >= CAST('1900-01-01' AS DATE)
    AND booking_day < CAST('9000-12-31' AS DATE) + INTERVAL '36' DAY
), totals AS (
  SELECT
    week_start,
    COUNT(*) AS views_count,
    COUNT(*) FILTER(WHERE
      is_wishlisted) AS wishlisted_count
  FROM views
  GROUP BY
    week_start
), pairs AS (
  SELECT
    week_start,
    user_id,
    apartment_id
  FROM views
  GROUP BY
    week_start,
    user_id,
    apartment_id
), viewers AS (
  SELECT
    week_start,
    user_id,
    COUNT(*) AS pairs_count
  FROM pairs
  GROUP BY
    week_start,
    user_id
), seen AS (
  SELECT
    week_start,
    COUNT(*) AS viewers_count,
    SUM(pairs_count) AS pairs_count
  FROM viewers
  GROUP BY
    week_start
), booked_pairs /* only pairs with a booking at any time need their first view day */ AS (
  SELECT
    views.week_start,
    views.user_id,
    views.apartment_id,
    MIN(views.view_day) AS first_view_day
  FROM views
  SEMI JOIN bookings
    ON bookings.user_id = views.user_id AND bookings.apartment_id = views.apartment_id
  GROUP BY
    views.week_start,
    views.user_id,
    views.apartment_id
), converted AS (
  SELECT
    pairs.week_start,
    COUNT(*) AS converted_pairs_count
  FROM booked_pairs AS pairs
  SEMI JOIN bookings
    ON bookings.user_id = pairs.user_id
    AND bookings.apartment_id = pairs.apartment_id
    AND bookings.booking_day >= pairs.first_view_day
    AND bookings.booking_day <= pairs.first_view_day + 29
  GROUP BY
    pairs.week_start
), counts AS (
  SELECT
    totals.week_start,
    totals.views_count,
    totals.wishlisted_count,
    seen.viewers_count,
    CAST(seen.pairs_count AS BIGINT) AS pairs_count,
    COALESCE(converted.converted_pairs_count, 0) AS converted_pairs_count
  FROM totals
  INNER JOIN seen
    ON seen.week_start = totals.week_start
  LEFT JOIN converted
    ON converted.week_start = totals.week_start
)
SELECT
  week_start,
  views_count,
  viewers_count,
  wishlisted_count,
  pairs_count,
  converted_pairs_count,
  CAST(CAST((
    2000000 * converted_pairs_count + pairs_count
  ) DIV (
    2 * pairs_count
  ) AS DECIMAL(18, 0)) * 0.000001 AS DECIMAL(7, 6)) AS conversion_rate,
  week_start + INTERVAL '35' DAY <= CAST('2024-06-30' AS DATE) AS is_complete
FROM counts
