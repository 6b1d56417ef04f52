/* From when to when is there something to count? */
/* grain: exactly one row */
/* reads: curated.bookings, intermediate.listing_states */
/* nulls: a day is null when nothing of its kind exists */
WITH booked AS (
  SELECT
    MIN(CAST(booking_date AS DATE)) AS first_booking_day,
    MIN(checkin_date) AS first_booked_night,
    MAX(checkout_date) AS last_checkout_day
  FROM curated_bookings AS bookings
  WHERE
    booking_status IN ('confirmed', 'completed')
), listed AS (
  SELECT
    MIN(valid_from) AS first_live_day
  FROM intermediate_listing_states AS listing_states
), first_available AS (
  SELECT
    first_booked_night AS night
  FROM booked
  UNION ALL
  SELECT
    first_live_day AS night
  FROM listed
)
SELECT
  booked.first_booking_day,
  listed.first_live_day,
  (
    SELECT
      MIN(night)
    FROM first_available
  ) AS first_available_night,
  CAST(booked.last_checkout_day - INTERVAL '1' DAY AS DATE) AS last_booked_night
FROM booked
CROSS JOIN listed
