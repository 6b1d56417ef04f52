/* Which cities were booked most in each week? */
/* grain: one row per (week_start, state, city) with a confirmed booking */
/* reads: intermediate.confirmed_bookings, intermediate.listing_places, intermediate.places */
/* nulls: no column is null; a missing state or city is the text `unknown` */
WITH bookings AS (
  SELECT
    TRUNC(CAST(booking_day AS DATE), 'WEEK') AS week_start,
    apartment_id,
    DATEDIFF(DAY, checkin_date, checkout_date) AS stay_nights
  FROM intermediate_confirmed_bookings AS confirmed_bookings
  WHERE
    booking_day >= CAST('1900-01-01' AS DATE)
    AND booking_day < CAST('9000-12-31' AS DATE) + INTERVAL '7' DAY
), counts AS (
  SELECT
    bookings.week_start,
    listing_places.place_id,
    COUNT(*) AS bookings_count,
    SUM(bookings.stay_nights) AS nights_count
  FROM bookings
  LEFT JOIN intermediate_listing_places AS listing_places
    ON listing_places.apartment_id = bookings.apartment_id
  GROUP BY
    bookings.week_start,
    listing_places.place_id
)
SELECT
  counts.week_start,
  places.state,
  places.city,
  counts.bookings_count,
  CAST(counts.nights_count AS BIGINT) AS nights_count,
  CAST(RANK() OVER (PARTITION BY counts.week_start ORDER BY counts.bookings_count DESC) AS BIGINT) AS location_rank,
  counts.week_start + INTERVAL '6' DAY <= CAST('2024-06-30' AS DATE) AS is_complete
FROM counts
INNER JOIN intermediate_places AS places
  ON places.place_id = COALESCE(counts.place_id, 1)
WHERE
  counts.week_start BETWEEN CAST('1900-01-01' AS DATE) AND CAST('9000-12-31' AS DATE)
