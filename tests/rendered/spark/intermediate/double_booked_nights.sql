/* Which nights of confirmed stays does another stay of the same listing already cover? */
/* grain: one interval [night_from, night_to) per stay that begins before earlier stays of its listing have ended */
/* reads: intermediate.confirmed_bookings, intermediate.double_booked_listings */
/* nulls: no column is null */
/* A night that n stays cover appears n - 1 times, so nights sold less these are the distinct booked nights. */
WITH stays AS (
  SELECT
    bookings.apartment_id,
    bookings.checkin_date,
    bookings.checkout_date
  FROM intermediate_confirmed_bookings AS bookings
  SEMI JOIN intermediate_double_booked_listings AS listings
    ON listings.apartment_id = bookings.apartment_id
  WHERE
    bookings.checkin_date < CAST(CAST('9000-12-31' AS DATE) + INTERVAL '1' MONTH AS DATE)
    AND bookings.checkout_date > CAST('1900-01-01' AS DATE)
), covered AS (
  SELECT
    apartment_id,
    checkin_date,
    checkout_date,
    MAX(checkout_date) OVER (
      PARTITION BY apartment_id
      ORDER BY checkin_date NULLS LAST
      rows BETWEEN UNBOUNDED preceding AND 1 preceding
    ) AS covered_until
  FROM stays
)
SELECT
  apartment_id,
  checkin_date AS night_from,
  LEAST(checkout_date, covered_until) AS night_to
FROM covered
WHERE
  covered_until > checkin_date
